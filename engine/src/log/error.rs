//! What can go wrong with the log, with stable codes.

use crate::ports::StoreError;
use crate::types::{
    ClaimNumber, Epoch, Generation, KinesisShardId, LaneId, Position, ProcessId, TimestampMs,
    Window,
};

/// An entry of a lane's log, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {entry} of lane {lane} (epoch {epoch})")]
pub struct EntryAt {
    /// The epoch.
    pub epoch: Epoch,
    /// The lane.
    pub lane: LaneId,
    /// The number of the entry.
    pub entry: u64,
}

/// The process that took a source over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherProcess {
    /// Its random id.
    pub process: ProcessId,
    /// Its generation.
    pub generation: Generation,
    /// Its host and the time of its start, where its generation record could be read.
    pub record: Option<(String, TimestampMs)>,
}

impl std::fmt::Display for OtherProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "process {} (generation {}",
            self.process, self.generation
        )?;
        if let Some((host, started)) = &self.record {
            write!(f, ", host {host}, started at {started} ms since 1970")?;
        }
        f.write_str(")")
    }
}

/// Why an entry cannot follow the state before it (I3).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryFault {
    /// A range does not begin where the last one ended.
    #[error("the range of Kinesis shard {shard} begins after {from}, but {position} is committed")]
    RangeGap {
        /// The Kinesis shard.
        shard: KinesisShardId,
        /// Where the range begins.
        from: Position,
        /// Where it would have to begin.
        position: Position,
    },
    /// A range is empty or goes back.
    #[error("the range of Kinesis shard {shard} goes from {from} to {to}")]
    RangeBackwards {
        /// The Kinesis shard.
        shard: KinesisShardId,
        /// Where it begins.
        from: Position,
        /// Where it ends.
        to: Position,
    },
    /// A Kinesis shard that the lane does not hold.
    #[error("Kinesis shard {shard} is not in this lane")]
    UnknownShard {
        /// The Kinesis shard.
        shard: KinesisShardId,
    },
    /// A range or an end of a Kinesis shard that has been read to its end.
    #[error("Kinesis shard {shard} was read to its end before")]
    ShardEnded {
        /// The Kinesis shard.
        shard: KinesisShardId,
    },
    /// A Kinesis shard enters that is there already, or at a position that cannot be a first one.
    #[error("Kinesis shard {shard} cannot enter this lane: {why}")]
    CannotEnter {
        /// The Kinesis shard.
        shard: KinesisShardId,
        /// Why not.
        why: &'static str,
    },
    /// A Kinesis shard is to be forgotten whose end is not committed.
    #[error("Kinesis shard {shard} cannot be forgotten before its end is committed")]
    CannotForget {
        /// The Kinesis shard.
        shard: KinesisShardId,
    },
    /// A window that is closed, or `closed_through` goes back, or files of several windows.
    #[error("{what} is window {found}, but {limit} is closed through")]
    WindowOrder {
        /// What is out of order.
        what: &'static str,
        /// The window that it names.
        found: Window,
        /// The window that it would have to be above, or at least.
        limit: Window,
    },
    /// A commit names files of more than one window.
    #[error("a commit names files of windows {first} and {second}")]
    TwoWindows {
        /// One of them.
        first: Window,
        /// Another.
        second: Window,
    },
    /// The current window of a Kinesis shard is not above the closed ones, or goes back.
    #[error(
        "the current window of Kinesis shard {shard} would be {found}; it must be at least {least}"
    )]
    CurrentWindow {
        /// The Kinesis shard.
        shard: KinesisShardId,
        /// The window that the entry says.
        found: Window,
        /// The least that it may be.
        least: Window,
    },
    /// The files do not hold what the ranges count.
    #[error("the {what} of the files are {files}, those of the ranges {ranges}")]
    Counts {
        /// Rows, rejects or payloads.
        what: &'static str,
        /// As the files say.
        files: u64,
        /// As the ranges say.
        ranges: u64,
    },
    /// A file whose name does not belong to this claim, kind or window, or stands there twice.
    #[error("`{name}` is not a name for a file of this commit")]
    ForeignFile {
        /// The name.
        name: String,
    },
    /// A format decision or an expired mark that goes back.
    #[error("{what} goes back from {before} to {found}")]
    GoesBack {
        /// What goes back.
        what: &'static str,
        /// As it was.
        before: i128,
        /// As it would be.
        found: i128,
    },
    /// An entry after the seal.
    #[error("the log is sealed")]
    Sealed,
    /// An entry under a claim that is not the last one, or with the wrong number.
    #[error("it is put under claim {found}, but the claim in force is {in_force}")]
    ForeignClaim {
        /// The claim that the entry names.
        found: ClaimNumber,
        /// The claim in force; 0 for none.
        in_force: ClaimNumber,
    },
}

impl EntryFault {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            EntryFault::RangeGap { .. } => "log.range_gap",
            EntryFault::RangeBackwards { .. } => "log.range_backwards",
            EntryFault::UnknownShard { .. } => "log.unknown_shard",
            EntryFault::ShardEnded { .. } => "log.shard_ended",
            EntryFault::CannotEnter { .. } => "log.cannot_enter",
            EntryFault::CannotForget { .. } => "log.cannot_forget",
            EntryFault::WindowOrder { .. } | EntryFault::TwoWindows { .. } => "log.window_order",
            EntryFault::CurrentWindow { .. } => "log.current_window",
            EntryFault::Counts { .. } => "log.counts",
            EntryFault::ForeignFile { .. } => "log.foreign_file",
            EntryFault::GoesBack { .. } => "log.goes_back",
            EntryFault::Sealed => "log.sealed",
            EntryFault::ForeignClaim { .. } => "log.foreign_claim",
        }
    }
}

/// What can go wrong with the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Another process took the source over. Never retried: the whole source stops.
    #[error(
        "{other} has taken this source over: {at} is its claim. This process has changed nothing \
         since then and stops; let only one process run a source"
    )]
    Fenced {
        /// Where it shows.
        at: EntryAt,
        /// Who it is.
        other: OtherProcess,
    },
    /// A later claim of this same process is there: only this incarnation of the lane ends.
    #[error("{at} is a later claim of this process: this incarnation of the lane ends")]
    Superseded {
        /// The later claim.
        at: EntryAt,
    },
    /// An entry of this very claim is there, and it is not what is being put: an earlier append was
    /// given up midway. The lane must be claimed again.
    #[error("{at} is of this claim but says something else: claim the lane again")]
    LostTrack {
        /// The entry.
        at: EntryAt,
    },
    /// An entry that cannot follow the state; refused before the put.
    #[error(
        "{at} is refused and nothing was written: {fault}. The lane must start again from its last commit"
    )]
    Refused {
        /// The entry that it would have been.
        at: EntryAt,
        /// What is wrong with it.
        fault: EntryFault,
    },
    /// An entry on the target does not follow from those before it.
    #[error(
        "{at} on the target cannot follow what is before it: {fault}. Something else than Shardmill has changed the log; run `verify`"
    )]
    Broken {
        /// The entry.
        at: EntryAt,
        /// What is wrong with it.
        fault: EntryFault,
    },
    /// An object cannot be read.
    #[error(
        "`{name}` is damaged or not of Shardmill: {detail}. Restore it from a copy of the target"
    )]
    Damaged {
        /// The object.
        name: String,
        /// What is wrong with it.
        detail: String,
    },
    /// An object that must be there is not.
    #[error(
        "`{name}` is missing. Restore it from a copy of the target, or start the source under a new prefix"
    )]
    Missing {
        /// The object.
        name: String,
    },
    /// An object that a newer version wrote.
    #[error(
        "`{name}` has format version {found}, and this version reads up to {known}: run the newer Shardmill that wrote it"
    )]
    NewerFormat {
        /// The object.
        name: String,
        /// Its version.
        found: u32,
        /// The newest that this code reads.
        known: u32,
    },
    /// The target holds another source, or the same one with options that may never change.
    #[error(
        "the target holds a source whose {option} is {stored}, not {wanted}: give the new source another target, or set {option} back"
    )]
    SourceMismatch {
        /// Which option.
        option: &'static str,
        /// As it is stored.
        stored: String,
        /// As it is asked for.
        wanted: String,
    },
    /// The source is being deleted, or was.
    #[error(
        "this source was deleted at {time_ms} ms since 1970: `shardmill delete` says what is left of it. Give a new source another name, or delete this one to its end"
    )]
    Deleted {
        /// When.
        time_ms: TimestampMs,
    },
    /// A number of lanes that cannot be.
    #[error("{found} lanes were made where {wanted} were asked for; there must be at least one")]
    Lanes {
        /// Lanes asked for.
        wanted: usize,
        /// Lanes made.
        found: usize,
    },
    /// The target refuses while nothing is running yet.
    #[error(
        "{0}. Give this process the permission (`shardmill check` shows which) and start again"
    )]
    Target(StoreError),
}

impl LogError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            LogError::Fenced { .. } => "log.fenced",
            LogError::Superseded { .. } => "log.superseded",
            LogError::LostTrack { .. } => "log.lost_track",
            LogError::Refused { fault, .. } => fault.code(),
            LogError::Broken { .. } => "log.broken",
            LogError::Damaged { .. } => "log.damaged",
            LogError::Missing { .. } => "log.missing",
            LogError::NewerFormat { .. } => "log.newer_format",
            LogError::SourceMismatch { .. } => "log.source_mismatch",
            LogError::Deleted { .. } => "log.deleted",
            LogError::Lanes { .. } => "log.lanes",
            LogError::Target(_) => "log.target_refused",
        }
    }

    /// Whether the whole source must stop, with an exit code of its own: another process won.
    pub fn is_fenced(&self) -> bool {
        matches!(self, LogError::Fenced { .. })
    }

    /// Whether a new claim of the same lane may go on; otherwise the source stops with the error.
    pub fn is_lane_fault(&self) -> bool {
        matches!(
            self,
            LogError::Superseded { .. } | LogError::LostTrack { .. } | LogError::Refused { .. }
        )
    }
}
