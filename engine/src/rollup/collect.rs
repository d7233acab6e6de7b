//! What is found of a range of windows: days, hours between them, commits between those.

use std::ops::Range;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::covers::{Cover, Gap, Reach, Stretch};
use super::shelf::Shelf;
use super::{Found, RollupError, logs};
use crate::log::{SourceView, marks_since, read_lanes, read_state};
use crate::statistics::Pane;
use crate::types::{Epoch, Level, Window};

/// What a roll-up is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// It is the last one before the range: what follows it joins.
    Before,
    /// It is in the range.
    Within,
    /// It is the first one behind the range.
    Behind,
}

/// What came of taking in what lies before a roll-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filled {
    /// The roll-up follows now.
    Up,
    /// The range ends before it.
    Over,
    /// Some of what it covers is taken in already: it must not be.
    Beyond,
}

struct Collector<'s> {
    shelf: &'s Shelf,
    limit: &'s Reach,
    /// What is wanted, and not expired.
    windows: Range<Window>,
    expired: Option<Window>,
    pane: Pane,
    reach: Reach,
    missing: u64,
    /// What lies behind the range has been reached.
    over: bool,
}

/// See [`Archive::range`](super::Archive::range).
pub(super) async fn collect(
    shelf: &Shelf,
    windows: Range<Window>,
    limit: &Reach,
) -> Result<Option<Found>, RollupError> {
    loop {
        let (store, host) = (Arc::clone(&shelf.store), Arc::clone(&shelf.host));
        let Some(view) = read_state(store, host).await? else {
            return Ok(None);
        };
        let found = collect_as_of(shelf, &view, windows.clone(), limit).await?;
        // What has expired meanwhile may be gone: some of it was found and some was not.
        let expired = marks_since(&shelf.objects, &view).await?.through;
        if expired == found.expired_through || expired < Some(windows.start) {
            return Ok(Some(found));
        }
    }
}

async fn collect_as_of(
    shelf: &Shelf,
    view: &SourceView,
    windows: Range<Window>,
    limit: &Reach,
) -> Result<Found, RollupError> {
    let expired = view.expired_through();
    let first = expired.map_or(windows.start, |expired| windows.start.max(expired.next()));
    let mut collector = Collector {
        shelf,
        limit,
        windows: first..windows.end,
        expired,
        pane: shelf.empty(),
        reach: Reach::default(),
        missing: 0,
        over: false,
    };
    let all = Window(i64::MIN)..Window(i64::MAX);
    let after_days = collector.level(Level::Day, all.clone()).await?;
    if !collector.over {
        collector.level(Level::Hour, after_days..all.end).await?;
    }
    if !collector.over {
        collector.read_to_end(view).await?;
    }
    Ok(Found {
        pane: collector.pane,
        reach: collector.reach,
        missing_panes: collector.missing,
        expired_through: expired,
        complete_through: view.complete_through,
    })
}

impl Collector<'_> {
    /// Goes along the roll-ups of a level within a span, and takes in more finely what lies between
    /// them. Gives the window after the last of them.
    async fn level(&mut self, level: Level, span: Range<Window>) -> Result<Window, RollupError> {
        let mut passed = span.start;
        let (from, to) = (level.number_of(span.start), level.number_of(span.end));
        let numbers = self.shelf.numbers(level, from, to).await?;
        for (number, role) in self.roles(level, &numbers) {
            let Some((pane, record)) = self.shelf.rollup(level, number).await? else {
                continue;
            };
            if self.limit.is_passed_by(&record.covers) {
                break;
            }
            let (first, last) = stretch(level, number);
            let Some(gap) = self.reach.gap_before(&record.covers) else {
                tracing::warn!(
                    ?level,
                    number,
                    "a roll-up does not follow the one before it"
                );
                continue;
            };
            if role != Role::Before && !gap.is_empty() {
                let filled = self.fill(level, gap, passed..first, &record.covers);
                match filled.await? {
                    Filled::Up => {}
                    Filled::Over => break,
                    Filled::Beyond => continue,
                }
            }
            passed = last.next();
            match role {
                Role::Before => {}
                Role::Within => {
                    self.take(&pane);
                    self.missing += record.missing_panes;
                }
                Role::Behind => {
                    self.reach = Reach::to_begin_of(&record.covers);
                    self.over = true;
                    break;
                }
            }
            self.reach = Reach::to_end_of(&record.covers);
        }
        Ok(passed)
    }

    /// Which roll-ups to read, and what for.
    fn roles(&self, level: Level, numbers: &[u64]) -> Vec<(u64, Role)> {
        let mut roles = Vec::new();
        for &number in numbers {
            let (first, last) = stretch(level, number);
            if last < self.windows.start {
                roles.clear();
                roles.push((number, Role::Before));
            } else if first >= self.windows.end {
                roles.push((number, Role::Behind));
                break;
            } else if first >= self.windows.start && last < self.windows.end {
                roles.push((number, Role::Within));
            }
        }
        roles
    }

    /// Takes in what roll-ups of a level leave out before one of them.
    fn fill<'f>(
        &'f mut self,
        level: Level,
        mut gap: Gap,
        between: Range<Window>,
        next: &'f [Cover],
    ) -> BoxFuture<'f, Result<Filled, RollupError>> {
        Box::pin(async move {
            if level == Level::Day {
                self.level(Level::Hour, between).await?;
                if self.over {
                    return Ok(Filled::Over);
                }
                match self.reach.gap_before(next) {
                    Some(left) => gap = left,
                    None => return Ok(Filled::Beyond),
                }
            }
            let mut stretches = gap.stretches;
            for epoch in gap.epochs {
                stretches.extend(self.whole_epoch(epoch).await?);
            }
            for stretch in stretches {
                self.commits(&stretch).await?;
            }
            Ok(Filled::Up)
        })
    }

    /// Takes in the commits after the last roll-up.
    async fn read_to_end(&mut self, view: &SourceView) -> Result<(), RollupError> {
        let Some(newest) = &view.lanes_record else {
            return Ok(());
        };
        let first = self.reach.lowest_epoch();
        for epoch in (first.0..=newest.epoch.0).map(Epoch) {
            for whole in self.whole_epoch(epoch).await? {
                let Stretch { epoch, lane, .. } = whole;
                let from = self.reach.of(epoch, lane).unwrap_or(0);
                let through = self.limit.of(epoch, lane);
                let stretch = Stretch {
                    from,
                    through,
                    ..whole
                };
                let last = self.commits(&stretch).await?;
                self.reach.set(epoch, lane, last);
            }
        }
        Ok(())
    }

    async fn whole_epoch(&self, epoch: Epoch) -> Result<Vec<Stretch>, RollupError> {
        let record = read_lanes(&self.shelf.objects, epoch).await?;
        let lanes = record.lane_ids().map(|lane| Stretch {
            epoch,
            lane,
            from: 0,
            through: None,
        });
        Ok(lanes.collect())
    }

    /// Takes in the commits of a stretch that are in the range; the last entry there.
    async fn commits(&mut self, stretch: &Stretch) -> Result<u64, RollupError> {
        let (mut counted, last) = logs::read(self.shelf, stretch).await?;
        counted.retain(|commit| self.windows.contains(&commit.window));
        let (pane, keep) = (&mut self.pane, self.shelf.settings.keep_windows);
        let merge = self.shelf.each_pane(counted, self.expired, |commit| {
            pane.merge(&commit.pane);
            pane.keep_windows(keep);
        });
        self.missing += merge.await?;
        Ok(last)
    }

    fn take(&mut self, pane: &Pane) {
        self.pane.merge(pane);
        self.pane.keep_windows(self.shelf.settings.keep_windows);
    }
}

/// The first and the last window of a roll-up.
fn stretch(level: Level, number: u64) -> (Window, Window) {
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    (level.first(number), level.last(number))
}
