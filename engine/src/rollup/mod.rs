//! Hours and days of statistics, and what is found of them again.
//!
//! Each commit names the statistics of what it covers. A **roll-up** is the merge of those of an hour
//! or a day, with the stretches of the logs that it covers. It is a pure function of the commits in
//! them, in commit order, and is put if absent once its last window is complete: whoever loses that
//! put has lost nothing. So whoever asks for a range of time, or for all of it, reads days, then
//! hours, then the statistics of commits, each event once.
//!
//! This module knows the log and panes, and does the merging where it is polled: run it beside the
//! threads that must not wait.

mod check;
mod collect;
mod covers;
mod error;
mod logs;
mod plan;
mod put;
mod shelf;

use std::ops::Range;
use std::sync::Arc;

use crate::log::{EntryAt, StatisticsObject};
use crate::ports::{Host, Store};
use crate::statistics::{Pane, PaneLimits};
use crate::types::{Counts, Level, Window};

pub use check::WrongRollup;
pub use covers::{Cover, Reach, RollupRecord};
pub use error::RollupError;
pub use put::{RolledUp, Roller};

/// How much is kept in memory of what is read.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bounds of every pane.
    pub limits: PaneLimits,
    /// Of how many windows, the newest, answers keep counts window by window.
    pub keep_windows: usize,
}

/// The statistics of a source on its target.
#[derive(Clone)]
pub struct Archive {
    shelf: shelf::Shelf,
}

/// A commit that covers something, and its statistics.
#[derive(Clone, Debug)]
pub struct CommitPane {
    /// The commit.
    pub at: EntryAt,
    /// Its window.
    pub window: Window,
    /// What it covers.
    pub pane: Arc<Pane>,
}

/// What is found of a range of windows.
#[derive(Clone, Debug)]
pub struct Found {
    /// The merge of everything.
    pub pane: Pane,
    /// How far the logs were taken in.
    pub reach: Reach,
    /// Commits whose statistics were not there or were damaged: of those only counts are known.
    pub missing_panes: u64,
    /// Windows up to this one are expired and not part of it.
    pub expired_through: Option<Window>,
    /// The last window that every lane had closed.
    pub complete_through: Option<Window>,
}

impl Archive {
    /// The statistics in a source's folder.
    pub fn new(store: Arc<dyn Store>, host: Arc<dyn Host>, settings: Settings) -> Self {
        let shelf = shelf::Shelf::new(store, host, settings);
        Self { shelf }
    }

    /// Everything that is not expired, for whoever begins: days, then hours, then the statistics of
    /// the commits after them. `limit` bounds the entries of the lanes that it names: a process names
    /// its claims and adds its own commits. `None` if the target holds no source.
    ///
    /// # Errors
    /// What reading can bring. Roll-ups that cannot be read are made from what they cover.
    pub async fn load(&self, limit: &Reach) -> Result<Option<Found>, RollupError> {
        self.range(Window(i64::MIN)..Window(i64::MAX), limit).await
    }

    /// Everything of a range of windows that is not expired, read as coarsely as it goes. Otherwise
    /// as [`Archive::load`].
    ///
    /// # Errors
    /// As [`Archive::load`].
    pub async fn range(
        &self,
        windows: Range<Window>,
        limit: &Reach,
    ) -> Result<Option<Found>, RollupError> {
        collect::collect(&self.shelf, windows, limit).await
    }

    /// The statistics of a lane's commits after `after`, as far as `through`. Second: of how many
    /// they were missing.
    ///
    /// # Errors
    /// What reading can bring.
    pub async fn commits(
        &self,
        after: EntryAt,
        through: u64,
    ) -> Result<(Vec<CommitPane>, u64), RollupError> {
        let stretch = covers::Stretch {
            epoch: after.epoch,
            lane: after.lane,
            from: after.entry,
            through: Some(through),
        };
        let (counted, _) = logs::read(&self.shelf, &stretch).await?;
        let mut panes = Vec::new();
        let taken = self.shelf.each_pane(counted, None, |pane| panes.push(pane));
        let missing = taken.await?;
        Ok((panes, missing))
    }

    /// Whoever puts the roll-ups of the source.
    pub fn roller(&self) -> Roller {
        Roller::new(self.shelf.clone())
    }
}

/// A commit that covers something.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Counted {
    at: EntryAt,
    window: Window,
    statistics: Option<StatisticsObject>,
    counts: Counts,
}

impl Counted {
    /// The number of the hour or day.
    fn number(&self, level: Level) -> i64 {
        level.number_of(self.window)
    }
}

#[cfg(test)]
mod tests;
