//! Hours and days are put once they are complete.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::covers::{Cover, Reach, RollupRecord, Stretch};
use super::plan::{Hour, Pending};
use super::shelf::Shelf;
use super::{RollupError, logs};
use crate::log::{FORMAT_VERSION, Put, SourceView, read_lanes, read_state};
use crate::statistics::Pane;
use crate::types::{Epoch, Level, Window};

/// Hours of a day.
const HOURS: i64 = 24;

/// Puts the roll-ups of a source, oldest first.
///
/// Everything is read from the target, so it does not matter who runs this, how often, and whether
/// several do: each roll-up is the same whoever makes it, and the first one that is put counts.
pub struct Roller {
    shelf: Shelf,
    /// Where the last run stopped; found anew after an error.
    place: Option<Place>,
}

/// What a run has put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RolledUp {
    /// Hours.
    pub hours: u64,
    /// Days.
    pub days: u64,
    /// Roll-ups that another process had put before.
    pub found: u64,
    /// Commits whose statistics were missing or damaged: of those only counts are rolled up.
    pub missing_panes: u64,
}

/// Up to where everything is rolled up.
struct Place {
    reach: Reach,
    /// No hour below this one is made any more.
    floor: Option<i64>,
    /// Days that have hours and are not put.
    days: BTreeSet<i64>,
}

impl Roller {
    pub(super) fn new(shelf: Shelf) -> Self {
        Self { shelf, place: None }
    }

    /// Puts what is due: every hour whose last window is complete, then every day. To be called when
    /// a window is complete that ends an hour; before that it finds nothing to do. Dropping it midway
    /// does no harm.
    ///
    /// # Errors
    /// What reading and putting can bring. Nothing is lost: the next run does it again.
    pub async fn run(&mut self) -> Result<RolledUp, RollupError> {
        let mut done = RolledUp::default();
        let (store, host) = (Arc::clone(&self.shelf.store), Arc::clone(&self.shelf.host));
        let Some(view) = read_state(store, host).await? else {
            return Ok(done);
        };
        let Some(complete) = view.complete_through else {
            return Ok(done);
        };
        let mut place = match self.place.take() {
            Some(place) => place,
            None => self.find_place().await?,
        };
        let hour = Level::Hour.number_of(complete.next());
        if place.floor.is_none_or(|floor| floor < hour) {
            self.hours(&view, complete, &mut place, &mut done).await?;
            // Nothing comes any more into hours that are complete.
            place.floor = place.floor.max(Some(hour));
        }
        self.days(complete, &mut place, &mut done).await?;
        self.place = Some(place);
        Ok(done)
    }

    /// Where the newest roll-up that can be read ends.
    async fn find_place(&self) -> Result<Place, RollupError> {
        let days = self.shelf.numbers(Level::Day, 0, i64::MAX).await?;
        let after = days.last().map_or(0, |day| (signed(*day) + 1) * HOURS);
        let hours = self.shelf.numbers(Level::Hour, after, i64::MAX).await?;
        let days_left = hours.iter().map(|hour| signed(*hour).div_euclid(HOURS));
        let mut place = Place {
            reach: Reach::default(),
            floor: None,
            days: days_left.collect(),
        };
        let hours = hours.iter().rev().map(|hour| (Level::Hour, *hour));
        let days = days.iter().rev().map(|day| (Level::Day, *day));
        for (level, number) in hours.chain(days) {
            if let Some((_, record)) = self.shelf.rollup(level, number).await? {
                place.reach = Reach::to_end_of(&record.covers);
                let last = level.last(signed(number));
                place.floor = Some(Level::Hour.number_of(last.next()));
                break;
            }
        }
        Ok(place)
    }

    async fn hours(
        &self,
        view: &SourceView,
        complete: Window,
        place: &mut Place,
        done: &mut RolledUp,
    ) -> Result<(), RollupError> {
        let mut pending = self.pending(view, &place.reach).await?;
        let expired = view.expired_through();
        while let Some(hour) = pending.next_hour(&place.reach, place.floor, complete) {
            place.floor = Some(hour.number + 1);
            place.reach = Reach::to_end_of(&hour.covers);
            // Hours before 1970 have no roll-up: who reads finds their commits.
            let Ok(number) = u64::try_from(hour.number) else {
                continue;
            };
            let (record, pane) = self.hour(number, hour, expired).await?;
            done.missing_panes += record.missing_panes;
            let reach = self.put(&pane, &record, done).await?;
            done.hours += 1;
            if reach != place.reach {
                pending.skip_to(&reach);
                place.reach = reach;
            }
            place.days.insert(signed(number).div_euclid(HOURS));
        }
        Ok(())
    }

    /// The commits after a reach.
    async fn pending(&self, view: &SourceView, reach: &Reach) -> Result<Pending, RollupError> {
        let mut pending = Pending::default();
        let newest = view
            .lanes_record
            .as_ref()
            .map_or(0, |record| record.epoch.0);
        for epoch in (reach.lowest_epoch().0..=newest).map(Epoch) {
            let record = read_lanes(&self.shelf.objects, epoch).await?;
            for lane in record.lane_ids() {
                let stretch = Stretch {
                    epoch,
                    lane,
                    from: reach.of(epoch, lane).unwrap_or(0),
                    through: None,
                };
                let (counted, _) = logs::read(&self.shelf, &stretch).await?;
                pending.lanes.insert((epoch, lane), counted);
            }
        }
        Ok(pending)
    }

    async fn hour(
        &self,
        number: u64,
        hour: Hour,
        expired: Option<Window>,
    ) -> Result<(RollupRecord, Pane), RollupError> {
        let mut pane = self.shelf.empty();
        let merge = |commit: super::CommitPane| pane.merge(&commit.pane);
        let missing_panes = self.shelf.each_pane(hour.commits, expired, merge).await?;
        let record = RollupRecord {
            format_version: FORMAT_VERSION,
            level: Level::Hour,
            number,
            missing_panes,
            covers: hour.covers,
        };
        Ok((record, pane))
    }

    /// Puts a roll-up; where the one that is there ends.
    async fn put(
        &self,
        pane: &Pane,
        record: &RollupRecord,
        done: &mut RolledUp,
    ) -> Result<Reach, RollupError> {
        let ours = Reach::to_end_of(&record.covers);
        match self.shelf.put_rollup(pane, record).await? {
            Put::Done => Ok(ours),
            // The same commits; whoever made it may have seen more of entries that are none.
            Put::Exists => {
                done.found += 1;
                let there = self.shelf.rollup(record.level, record.number).await?;
                Ok(there.map_or(ours, |(_, there)| Reach::to_end_of(&there.covers)))
            }
        }
    }

    async fn days(
        &self,
        complete: Window,
        place: &mut Place,
        done: &mut RolledUp,
    ) -> Result<(), RollupError> {
        while let Some(&day) = place.days.first() {
            if Level::Day.last(day) > complete {
                break;
            }
            if let Some((record, pane)) = self.day(day).await? {
                self.put(&pane, &record, done).await?;
                done.days += 1;
            }
            place.days.remove(&day);
        }
        Ok(())
    }

    /// The merge of a day's hours; `None` unless all can be read and join.
    async fn day(&self, day: i64) -> Result<Option<(RollupRecord, Pane)>, RollupError> {
        let (from, to) = (day * HOURS, (day + 1) * HOURS);
        let mut merged: Option<(RollupRecord, Pane)> = None;
        for hour in self.shelf.numbers(Level::Hour, from, to).await? {
            let Some((pane, record)) = self.shelf.rollup(Level::Hour, hour).await? else {
                return Ok(None);
            };
            let Some((day, sum)) = &mut merged else {
                let number = hour / HOURS.unsigned_abs();
                let day = RollupRecord {
                    level: Level::Day,
                    number,
                    ..record
                };
                merged = Some((day, pane));
                continue;
            };
            let gap = Reach::to_end_of(&day.covers).gap_before(&record.covers);
            if gap.is_none_or(|gap| gap.stretches.iter().any(|gap| gap.through.is_some())) {
                tracing::warn!(
                    day = day.number,
                    hour,
                    "an hour of the day is missing: no roll-up"
                );
                return Ok(None);
            }
            sum.merge(&pane);
            day.missing_panes += record.missing_panes;
            join(&mut day.covers, &record.covers);
        }
        Ok(merged)
    }
}

/// Adds to what the hours of a day cover so far what the next one does.
fn join(day: &mut Vec<Cover>, hour: &[Cover]) {
    for cover in hour {
        let known = |of: &&mut Cover| (of.epoch, of.lane) == (cover.epoch, cover.lane);
        match day.iter_mut().find(known) {
            Some(of) => of.through = cover.through,
            None => day.push(*cover),
        }
    }
    day.sort_by_key(|cover| (cover.epoch, cover.lane));
}

/// Numbers of hours and days as they come from windows.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX / Level::Day.windows())
}
