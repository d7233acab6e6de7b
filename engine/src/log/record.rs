//! The JSON objects of the log. FORMAT.md documents them for other readers; what is here changes
//! only together with `FORMAT_VERSION`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::schema::Schema;
use crate::types::{
    ClaimNumber, Counts, Epoch, FileKind, Generation, KinesisShardId, LaneId, Position, ProcessId,
    TimestampMs, Window, WindowLength,
};

/// The version of every object that this code writes. Newer is refused, older is read.
///
/// 1: the first. 2: commits may cut Kinesis shards, which a process that does not know of it would
/// read past.
pub const FORMAT_VERSION: u32 = 2;

/// `_source.json`: what never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// A random id of the source.
    pub id: String,
    /// The name of the source.
    pub name: String,
    /// The stream's name or ARN.
    pub stream: String,
    /// Length of windows, ms.
    pub window_length_ms: WindowLength,
    /// The resolved start: AT_TIMESTAMP of it for "now" and timestamps; `None` for "start".
    pub start_ms: Option<TimestampMs>,
    /// When it was made.
    pub time_ms: TimestampMs,
    /// The version of the software that made it.
    pub version: String,
}

/// `_generations/NUMBER.json`: one start of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationRecord {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// The number, as in the name.
    pub generation: Generation,
    /// The process's random id.
    pub process: ProcessId,
    /// The host's name.
    pub host: String,
    /// The software's version.
    pub version: String,
    /// When the process started.
    pub time_ms: TimestampMs,
}

/// `_lanes/EPOCH.json`: the lanes of an epoch, each with the whole state that it begins with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanesRecord {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// The epoch, as in the name.
    pub epoch: Epoch,
    /// The process that put it.
    pub process: ProcessId,
    /// Its generation.
    pub generation: Generation,
    /// When.
    pub time_ms: TimestampMs,
    /// The lanes; the place is the [`LaneId`](crate::types::LaneId).
    pub lanes: Vec<LaneState>,
    /// Claims of all epochs up to this one need no clean-up any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleaned_through_epoch: Option<Epoch>,
}

impl LanesRecord {
    /// The ids of its lanes.
    pub fn lane_ids(&self) -> impl Iterator<Item = LaneId> + use<> {
        let lanes = u32::try_from(self.lanes.len()).unwrap_or(u32::MAX);
        (0..lanes).map(LaneId)
    }
}

/// Everything that a lane's log says, folded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneState {
    /// The lane's Kinesis shards, the ended ones that are still remembered included.
    pub shards: BTreeMap<KinesisShardId, ShardState>,
    /// The last window that this lane has closed.
    pub closed_through: Option<Window>,
    /// Windows up to this one are expired.
    pub expired_through: Option<Window>,
    /// Of expired windows up to this one the files stay (`soft`): they are not ours any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept_through: Option<Window>,
    /// The number of the format decision in force; 0 before the first.
    pub format: u64,
    /// The schema of the files so far, remembered.
    pub schema: Arc<Schema>,
    /// What clean-up is through with for good.
    pub cleaned: Cleaned,
}

/// Up to where all claims ended long ago and were cleaned after that, so that clean-up need not
/// list what they left any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cleaned {
    /// All claims of the lane up to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<ClaimNumber>,
    /// All claims of all epochs up to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
}

impl Cleaned {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.claim.is_none() && self.epoch.is_none()
    }

    /// The further of both, member by member.
    pub fn max(self, other: Self) -> Self {
        Self {
            claim: self.claim.max(other.claim),
            epoch: self.epoch.max(other.epoch),
        }
    }
}

impl ShardState {
    /// Whether everything before `end` is in, so that nothing is to be read. No end lets all in.
    pub fn is_cut_for(&self, end: Option<TimestampMs>) -> bool {
        end.is_some_and(|end| self.cut.is_some_and(|cut| cut >= end))
    }
}

/// How far one Kinesis shard is committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardState {
    /// Everything up to here is in commits.
    pub position: Position,
    /// The current window as of `position`.
    pub current_window: Window,
    /// The parents that were known when it entered.
    pub parents: Vec<KinesisShardId>,
    /// Whether it has been read to its end.
    pub ended: bool,
    /// Arrival time of the record at `position`.
    pub arrival_at_position: Option<TimestampMs>,
    /// The newest server time at which an answer said that nothing more was there.
    pub caught_up_at: Option<TimestampMs>,
    /// The end that it was cut at: what lies after `position` arrived at this time or later.
    pub cut: Option<TimestampMs>,
}

/// `_checkpoints/EPOCH/LANE/NUMBER.json`: a lane's state after an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// The fold of all entries up to its number.
    #[serde(flatten)]
    pub folded: Folded,
}

/// What all entries of a lane's log up to a number come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folded {
    /// The number of the last entry; 0 before the first.
    pub entry: u64,
    /// The head of the last claim at or before `entry`.
    pub claim: Option<EntryHead>,
    /// What the last claim has committed in windows that are not closed yet, statistics included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_files: Vec<String>,
    /// Claims that ended and that clean-up is not through with, oldest first.
    pub ended_claims: Vec<EndedClaim>,
    /// The state.
    pub state: LaneState,
    /// Whether `entry` is the seal.
    pub sealed: bool,
}

/// A claim that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedClaim {
    /// Its number.
    pub claim: ClaimNumber,
    /// `closed_through` of the claim or seal that ended it: what it left lies after this window.
    pub closed_through: Option<Window>,
    /// Time of that entry.
    pub ended_ms: TimestampMs,
    /// What the claim did commit in windows after `closed_through`, statistics included.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub committed: Vec<String>,
}

/// Who put an entry, and under which claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryHead {
    /// The process.
    pub process: ProcessId,
    /// Its generation.
    pub generation: Generation,
    /// The claim under which it is put; a claim's own number for a claim.
    pub claim: ClaimNumber,
    /// When, by the process's clock.
    pub time_ms: TimestampMs,
}

/// `_commits/EPOCH/LANE/NUMBER.json`: one entry of a lane's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// [`FORMAT_VERSION`] of the writer.
    pub format_version: u32,
    /// Who put it.
    #[serde(flatten)]
    pub head: EntryHead,
    /// What it says.
    #[serde(flatten)]
    pub body: EntryBody,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EntryBody {
    /// The lane belongs to this process from here on.
    Claim {
        /// The lane's `closed_through` as found.
        closed_through: Option<Window>,
        /// How far clean-up is, where the claiming process knows more than the log.
        #[serde(default, skip_serializing_if = "Cleaned::is_empty")]
        cleaned: Cleaned,
    },
    /// A part of the stream is on the target.
    Commit(Box<Commit>),
    /// Windows up to `through` are gone or going.
    Expire {
        /// The last expired window.
        through: Window,
        /// The files stay; the state forgets them.
        soft: bool,
    },
    /// The end of this log.
    Seal {
        /// The lane's `closed_through` as found.
        closed_through: Option<Window>,
    },
}

/// A commit: files, ranges and what else became true with them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Data files, in the order of their parts.
    pub files: Vec<DataFile>,
    /// Files of rejects.
    pub rejects: Vec<DataFile>,
    /// Files of the raw copy; none where none was kept. Their rows are payloads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raw: Vec<DataFile>,
    /// The statistics of what the commit covers; `None` where there is nothing to say, and in
    /// commits of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statistics: Option<StatisticsObject>,
    /// For each Kinesis shard whose position moves: its range.
    pub ranges: BTreeMap<KinesisShardId, ShardRange>,
    /// Kinesis shards that enter this lane.
    pub entered: Vec<Entered>,
    /// Kinesis shards whose end is reached within this commit's ranges.
    pub ended: Vec<KinesisShardId>,
    /// Kinesis shards whose reading has come to the end that was asked for, at what is their
    /// position with this commit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cuts: Vec<Cut>,
    /// Ended Kinesis shards that need not be remembered any more.
    pub forgotten: Vec<KinesisShardId>,
    /// Kinesis shards that an answer has shown to hold nothing more at a server time.
    pub caught_up: Vec<CaughtUp>,
    /// The format decision in force from this commit on.
    pub format: u64,
    /// The remembered schema, where this commit changes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Arc<Schema>>,
    /// The last window that this lane has closed, with this commit.
    pub closed_through: Option<Window>,
    /// How far clean-up is, where that is news. Whoever appends the commit fills it in.
    #[serde(default, skip_serializing_if = "Cleaned::is_empty")]
    pub cleaned: Cleaned,
}

impl Commit {
    /// All its files, each with what it holds.
    pub fn all_files(&self) -> impl Iterator<Item = (FileKind, &DataFile)> {
        let kinds = [
            (FileKind::Data, &self.files),
            (FileKind::Rejects, &self.rejects),
            (FileKind::Raw, &self.raw),
        ];
        let kinds = kinds.into_iter();
        kinds.flat_map(|(kind, files)| files.iter().map(move |file| (kind, file)))
    }

    /// The names of all that it made true: files of every kind, statistics.
    pub fn names(&self) -> impl Iterator<Item = (FileKind, &str, Window)> {
        let files = self.all_files();
        let files = files.map(|(kind, file)| (kind, file.name.as_str(), file.window));
        let statistics = self.statistics.iter();
        let statistics = statistics.map(|object| {
            let StatisticsObject { name, window, .. } = object;
            (FileKind::Statistics, name.as_str(), *window)
        });
        files.chain(statistics)
    }

    /// What its ranges hold, all together.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for range in self.ranges.values() {
            counts += range.counts;
        }
        counts
    }

    /// The window of its files and statistics; `None` if it names nothing.
    pub fn window(&self) -> Option<Window> {
        self.names().next().map(|(_, _, window)| window)
    }
}

/// One file that a commit names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Name below the source.
    pub name: String,
    /// The window of all its rows.
    pub window: Window,
    /// Rows; payloads in a file of the raw copy.
    pub rows: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// Schema of its event fields; `None` for files that are not data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<Arc<Schema>>,
}

/// The object with the statistics of what a commit covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatisticsObject {
    /// Name below the source.
    pub name: String,
    /// The window that they are of: that of the commit's files, where it has any.
    pub window: Window,
    /// Length in bytes.
    pub bytes: u64,
}

/// What a commit covers of a Kinesis shard: (from, to].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardRange {
    /// The position before, not covered.
    pub from: Position,
    /// The last record covered.
    pub to: Position,
    /// Arrival time of the record at `to`.
    pub arrival_at_to: TimestampMs,
    /// What the range held.
    pub counts: Counts,
    /// The current window as of `to`.
    pub current_window: Window,
}

/// A Kinesis shard that enters a lane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entered {
    /// Which.
    pub shard: KinesisShardId,
    /// Its parents, as far as they are known.
    pub parents: Vec<KinesisShardId>,
    /// Where its reading begins.
    pub position: Position,
    /// The window that it starts in.
    pub current_window: Window,
}

/// A Kinesis shard that is read up to an end that was asked for (`end_read_at`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The Kinesis shard.
    pub shard: KinesisShardId,
    /// The end: the first arrival time that is out.
    pub end_ms: TimestampMs,
    /// Its current window from here on, after every one that the end lets fill.
    pub current_window: Window,
}

/// An answer without records that said nothing more is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaughtUp {
    /// The Kinesis shard.
    pub shard: KinesisShardId,
    /// The server's time of that answer.
    pub at_ms: TimestampMs,
}
