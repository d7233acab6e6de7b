//! Which hours are due, and what each covers.

use std::collections::{BTreeMap, VecDeque};

use super::Counted;
use super::covers::{Cover, Reach};
use crate::types::{Epoch, LaneId, Level, Window};

/// What is not rolled up yet: the commits after a reach, lane by lane, as far as they are read.
#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    /// All lanes of the epochs from the first that is not over.
    pub lanes: BTreeMap<(Epoch, LaneId), VecDeque<Counted>>,
}

/// An hour that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hour {
    /// Its number; negative before 1970: such hours have no object.
    pub number: i64,
    pub covers: Vec<Cover>,
    /// In commit order.
    pub commits: Vec<Counted>,
}

impl Pending {
    /// Takes out the next hour that is due after `reach`, where windows up to `complete` are. Nothing
    /// comes any more into a complete window, so all its commits are here.
    ///
    /// In a lane commits are in window order, so those of an hour are a run. A commit that still
    /// belongs to an hour before `floor` is counted to the next one: what is put stays as it is.
    pub(super) fn next_hour(
        &mut self,
        reach: &Reach,
        floor: Option<i64>,
        complete: Window,
    ) -> Option<Hour> {
        self.forget_epochs();
        let hour = |commit: &Counted| Some(commit.number(Level::Hour)).max(floor);
        let first = self.lanes.values().filter_map(|commits| commits.front());
        let number = first.filter_map(hour).min()?;
        if Level::Hour.last(number) > complete {
            return None;
        }
        let (mut covers, mut of_hour) = (Vec::new(), Vec::new());
        for (&(epoch, lane), commits) in &mut self.lanes {
            let from = reach.of(epoch, lane).unwrap_or(0);
            let mut through = from;
            while commits
                .front()
                .and_then(hour)
                .is_some_and(|of| of <= number)
            {
                let commit = commits.pop_front().into_iter();
                of_hour.extend(commit.inspect(|commit| through = commit.at.entry));
            }
            covers.push(Cover {
                epoch,
                lane,
                from,
                through,
            });
        }
        Some(Hour {
            number,
            covers,
            commits: of_hour,
        })
    }

    /// Epochs before the newest have ended: those without a commit left are done with.
    fn forget_epochs(&mut self) {
        let newest = self.lanes.keys().next_back().map(|(epoch, _)| *epoch);
        while let Some((&(first, _), _)) = self.lanes.first_key_value() {
            let of_first = self
                .lanes
                .iter()
                .take_while(|((epoch, _), _)| *epoch == first);
            let left = of_first.map(|(_, commits)| commits.len()).sum::<usize>();
            if Some(first) == newest || left > 0 {
                break;
            }
            self.lanes.retain(|(epoch, _), _| *epoch != first);
        }
    }

    /// Drops what is at or before a reach, and lanes of epochs before it.
    pub(super) fn skip_to(&mut self, reach: &Reach) {
        let first = reach.lowest_epoch();
        self.lanes.retain(|(epoch, _), _| *epoch >= first);
        for ((epoch, lane), commits) in &mut self.lanes {
            let through = reach.of(*epoch, *lane).unwrap_or(0);
            commits.retain(|commit| commit.at.entry > through);
        }
    }
}
