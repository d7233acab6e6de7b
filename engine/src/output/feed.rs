//! What a source has committed after a position, in the order of its lanes.
//!
//! Entries are read by their number, without the state of their log: after any history a start reads
//! nothing but what is new. A number that retention has deleted is passed over, and so may be a claim
//! that was put in its place; both are noted as doubtful, and before anything is made of what came
//! after them, [`super::gap`] looks whether retention has passed the output.

use std::collections::VecDeque;
use std::sync::Arc;

use super::record::{LanePlace, State};
use crate::log::names;
use crate::log::{DataFile, Entry, EntryAt, EntryBody, LanesRecord, LogError, Objects, read_lanes};
use crate::types::{Epoch, LaneId, TimestampMs, Window};

/// Commits of a lane that are read ahead.
const READ_AHEAD: usize = 64;

/// Bytes of the source's files that one commit of the output takes at most, unless a single commit
/// of the source has more.
const RUN_BYTES: u64 = 256 << 20;

/// Commits of the source that one commit of the output takes at most.
const RUN_COMMITS: usize = 1_024;

/// How often a head that stays where it is is looked behind, in milliseconds: retention may have
/// deleted what comes next.
const LOOK_BEHIND_MS: i64 = 60_000;

/// A commit of the source.
#[derive(Clone, Debug)]
pub(super) struct SourceCommit {
    pub at: EntryAt,
    pub files: Vec<DataFile>,
    /// The window of its files.
    pub window: Option<Window>,
    /// When it was put.
    time: TimestampMs,
    place: LanePlace,
}

impl SourceCommit {
    fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Commits of the source that one commit of the output takes.
#[derive(Debug)]
pub(super) struct Run {
    /// In the order of windows, lanes and entries.
    pub commits: Vec<SourceCommit>,
    /// How far everything is taken with them.
    pub epoch: Epoch,
    pub lanes: Vec<LanePlace>,
}

/// Reads the logs of a source as they grow.
pub(super) struct Feed {
    objects: Objects,
    epoch: Arc<LanesRecord>,
    lanes: Vec<LaneFeed>,
    doubtful: bool,
}

struct LaneFeed {
    lane: LaneId,
    taken: LanePlace,
    read: LanePlace,
    waiting: VecDeque<SourceCommit>,
    looked: Option<TimestampMs>,
}

impl Feed {
    /// Goes on after the position of an output. `objects` are the source's.
    pub(super) async fn after(objects: &Objects, state: &State) -> Result<Self, LogError> {
        let epoch = read_lanes(objects, state.epoch).await?;
        if epoch.lanes.len() != state.lanes.len() {
            let detail = format!(
                "it has {} lanes, and an output has taken {}",
                epoch.lanes.len(),
                state.lanes.len()
            );
            return Err(LogError::Damaged {
                name: names::lanes(state.epoch),
                detail,
            });
        }
        let lanes = epoch.lane_ids().zip(&state.lanes);
        Ok(Self {
            objects: objects.clone(),
            lanes: lanes
                .map(|(lane, place)| LaneFeed::at(lane, *place))
                .collect(),
            epoch: Arc::new(epoch),
            doubtful: false,
        })
    }

    /// Reads on, as far as is read ahead.
    pub(super) async fn poll(&mut self) -> Result<(), LogError> {
        for lane in 0..self.lanes.len() {
            self.read_lane(lane).await?;
        }
        let over = |lane: &LaneFeed| lane.read.sealed && lane.waiting.is_empty();
        if self.lanes.iter().all(over) {
            let next = Epoch(self.epoch.epoch.0 + 1);
            if self.objects.exists(&names::lanes(next)).await? {
                self.enter(next).await?;
            }
        }
        Ok(())
    }

    async fn enter(&mut self, epoch: Epoch) -> Result<(), LogError> {
        let record = read_lanes(&self.objects, epoch).await?;
        self.lanes = record
            .lane_ids()
            .zip(first_places(&record))
            .map(|(lane, place)| LaneFeed::at(lane, place))
            .collect();
        self.epoch = Arc::new(record);
        for lane in 0..self.lanes.len() {
            self.read_lane(lane).await?;
        }
        Ok(())
    }

    async fn read_lane(&mut self, place: usize) -> Result<(), LogError> {
        let epoch = self.epoch.epoch;
        let lane = &mut self.lanes[place];
        while !lane.read.sealed && lane.waiting.len() < READ_AHEAD {
            let at = EntryAt {
                epoch,
                lane: lane.lane,
                entry: lane.read.entry + 1,
            };
            let name = names::entry(at.epoch, at.lane, at.entry);
            match self.objects.get::<Entry>(&name).await? {
                Some(entry) => {
                    // It may stand where retention has deleted a commit.
                    self.doubtful |= matches!(entry.body, EntryBody::Claim { .. });
                    lane.take_in(at, entry);
                }
                None => match lane.look_behind(&self.objects, at).await? {
                    Some(next) => {
                        self.doubtful = true;
                        lane.read.entry = next - 1;
                    }
                    None => break,
                },
            }
        }
        Ok(())
    }

    /// Takes the commits that are due: of windows that all lanes have closed, so that their rows
    /// come into one file; and whatever was put at or before `waited`. `None` if there are none and
    /// no position has moved.
    pub(super) fn take(&mut self, waited: TimestampMs) -> Option<Run> {
        let complete = self.complete();
        let mut commits = Vec::new();
        let mut bytes = 0;
        let mut moved = false;
        for lane in &mut self.lanes {
            let due = |commit: &SourceCommit| {
                commit.time <= waited || commit.window.is_none_or(|window| window <= complete)
            };
            while let Some(commit) = lane.waiting.pop_front_if(|commit| due(commit)) {
                let more = bytes + commit.bytes();
                let full = commits.len() >= RUN_COMMITS || (bytes > 0 && more > RUN_BYTES);
                if full {
                    lane.waiting.push_front(commit);
                    break;
                }
                bytes = more;
                moved = true;
                lane.taken = commit.place;
                commits.push(commit);
            }
            if lane.waiting.is_empty() && lane.taken != lane.read {
                lane.taken = lane.read;
                moved = true;
            }
        }
        commits.sort_by_key(|commit: &SourceCommit| {
            let EntryAt { lane, entry, .. } = commit.at;
            (commit.window, lane, entry)
        });
        moved.then(|| Run {
            commits,
            epoch: self.epoch.epoch,
            lanes: self.lanes.iter().map(|lane| lane.taken).collect(),
        })
    }

    /// The last window that every lane has closed, as far as has been read. Lanes that are sealed
    /// close nothing any more.
    fn complete(&self) -> Window {
        let open = self.lanes.iter().filter(|lane| !lane.read.sealed);
        let closed = open.map(|lane| lane.read.closed_through.unwrap_or(Window(i64::MIN)));
        closed.min().unwrap_or(Window(i64::MAX))
    }

    /// Whether commits wait for other lanes.
    pub(super) fn is_waiting(&self) -> bool {
        self.lanes.iter().any(|lane| !lane.waiting.is_empty())
    }

    /// Whether something was passed over, or may have been, since this was asked last.
    pub(super) fn take_doubt(&mut self) -> bool {
        std::mem::take(&mut self.doubtful)
    }
}

impl LaneFeed {
    fn at(lane: LaneId, place: LanePlace) -> Self {
        Self {
            lane,
            taken: place,
            read: place,
            waiting: VecDeque::new(),
            looked: None,
        }
    }

    fn take_in(&mut self, at: EntryAt, entry: Entry) {
        self.looked = None;
        self.read.entry = at.entry;
        match entry.body {
            EntryBody::Commit(commit) => {
                self.read.closed_through = commit.closed_through;
                let window = commit.files.first().map(|file| file.window);
                self.waiting.push_back(SourceCommit {
                    at,
                    files: commit.files,
                    window,
                    time: entry.head.time_ms,
                    place: self.read,
                });
            }
            EntryBody::Seal { .. } => self.read.sealed = true,
            EntryBody::Claim { .. } | EntryBody::Expire { .. } => {}
        }
    }

    /// The next entry that is there, where `at` is not.
    async fn look_behind(
        &mut self,
        objects: &Objects,
        at: EntryAt,
    ) -> Result<Option<u64>, LogError> {
        let now = objects.now();
        let looked = self.looked.map(|looked| now - looked);
        if looked.is_some_and(|since| (0..LOOK_BEHIND_MS).contains(&since)) {
            return Ok(None);
        }
        self.looked = Some(now);
        let name = names::entry(at.epoch, at.lane, at.entry);
        let folder = names::log_folder(at.epoch, at.lane);
        let page = objects.list_few(&folder, Some(&name), 1).await?;
        let next = page.objects.first();
        let next = next.and_then(|object| names::number(&object.name));
        match next {
            // It may have been put just now.
            Some(_) if objects.exists(&name).await? => Ok(Some(at.entry)),
            next => Ok(next),
        }
    }
}

/// Where the lanes of an epoch begin.
pub(super) fn first_places(record: &LanesRecord) -> impl Iterator<Item = LanePlace> {
    record.lanes.iter().map(|lane| LanePlace {
        entry: 0,
        closed_through: lane.closed_through,
        sealed: false,
    })
}
