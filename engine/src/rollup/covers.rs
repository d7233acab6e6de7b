//! Which entries of the logs a roll-up covers, and how roll-ups join.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::types::{Epoch, LaneId, Level};

/// Where a roll-up's object keeps its record.
pub(super) const COVERS_KEY: &str = "shardmill.covers";

/// What a roll-up covers, in its footer under `shardmill.covers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollupRecord {
    /// [`FORMAT_VERSION`](crate::log::FORMAT_VERSION) of the writer.
    pub format_version: u32,
    /// Hour or day.
    pub level: Level,
    /// Its number, as in its name.
    pub number: u64,
    /// Commits whose statistics were not there or were damaged when it was made: of those it has
    /// only counts.
    #[serde(default)]
    pub missing_panes: u64,
    /// The entries: all lanes of the epochs that are not over, in order, those without a commit in
    /// it included. All commits of earlier epochs are in earlier roll-ups.
    pub covers: Vec<Cover>,
}

/// The entries of a lane's log that a roll-up covers: (from, through].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cover {
    /// The epoch.
    pub epoch: Epoch,
    /// The lane.
    pub lane: LaneId,
    /// The entry before, not covered: `through` of the roll-up before.
    pub from: u64,
    /// The last entry covered.
    pub through: u64,
}

/// Entries of a lane's log: (from, through].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub epoch: Epoch,
    pub lane: LaneId,
    pub from: u64,
    /// `None`: to the end of the log.
    pub through: Option<u64>,
}

/// How far each log is taken in: everything up to an entry, and everything of the epochs below those
/// that are here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach(BTreeMap<(Epoch, LaneId), u64>);

impl Reach {
    /// Of these lanes up to these entries.
    pub fn new(lanes: impl IntoIterator<Item = (Epoch, LaneId, u64)>) -> Self {
        let lanes = lanes.into_iter();
        Self(lanes.map(|(e, lane, entry)| ((e, lane), entry)).collect())
    }

    /// The last entry of a lane that is taken in; `None` where nothing is said of it.
    pub fn of(&self, epoch: Epoch, lane: LaneId) -> Option<u64> {
        self.0.get(&(epoch, lane)).copied()
    }

    /// All that it says, in order.
    pub fn lanes(&self) -> impl Iterator<Item = (Epoch, LaneId, u64)> {
        self.0.iter().map(|(&(e, lane), &entry)| (e, lane, entry))
    }

    pub(super) fn set(&mut self, epoch: Epoch, lane: LaneId, entry: u64) {
        self.0.insert((epoch, lane), entry);
    }

    /// Everything below this epoch is taken in.
    pub(super) fn lowest_epoch(&self) -> Epoch {
        let first = self.0.keys().next();
        first.map_or(Epoch(1), |(epoch, _)| *epoch)
    }

    /// Stands where a roll-up begins.
    pub(super) fn to_begin_of(covers: &[Cover]) -> Self {
        Self::new(covers.iter().map(|c| (c.epoch, c.lane, c.from)))
    }

    /// Stands where a roll-up ends.
    pub(super) fn to_end_of(covers: &[Cover]) -> Self {
        Self::new(covers.iter().map(|c| (c.epoch, c.lane, c.through)))
    }

    /// Whether a roll-up covers an entry that this does not allow.
    pub(super) fn is_passed_by(&self, covers: &[Cover]) -> bool {
        let limit = |cover: &Cover| self.of(cover.epoch, cover.lane);
        covers
            .iter()
            .any(|cover| limit(cover).is_some_and(|limit| cover.through > limit))
    }

    /// What lies between here and where a roll-up begins; `None` if it does not lie ahead of here.
    pub(super) fn gap_before(&self, covers: &[Cover]) -> Option<Gap> {
        let first = covers.iter().map(|cover| cover.epoch).min()?;
        let begin = Self::to_begin_of(covers);
        let mut gap = Gap::default();
        for (epoch, lane, from) in self.lanes() {
            if epoch < first {
                gap.stretches.push(Stretch {
                    epoch,
                    lane,
                    from,
                    through: None,
                });
            } else {
                begin.of(epoch, lane)?;
            }
        }
        let next = self.0.keys().next_back();
        let next = next.map_or(1, |(last, _)| last.0 + 1);
        gap.epochs = (next..first.0).map(Epoch).collect();
        for (epoch, lane, to) in begin.lanes() {
            let from = self.of(epoch, lane).unwrap_or(0);
            if from > to {
                return None;
            }
            if from < to {
                gap.stretches.push(Stretch {
                    epoch,
                    lane,
                    from,
                    through: Some(to),
                });
            }
        }
        Some(gap)
    }
}

/// What no roll-up covers between two places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Gap {
    pub stretches: Vec<Stretch>,
    /// Whole epochs.
    pub epochs: Vec<Epoch>,
}

impl Gap {
    pub(super) fn is_empty(&self) -> bool {
        self.stretches.is_empty() && self.epochs.is_empty()
    }
}
