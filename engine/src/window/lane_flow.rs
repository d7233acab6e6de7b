//! The live tip of one lane: from batches to commits.

use std::collections::{BTreeMap, BTreeSet};

use crate::log::{CaughtUp, Commit, Cut, Entered, LaneState, ShardRange};
use crate::types::{
    ClaimRef, DecodedBatch, KinesisShardId, Position, ReadFrom, ShardCut, ShardEnd, TimestampMs,
    Watermark, Window,
};

use super::pending::Pending;
use super::shard_flow::ShardFlow;
use super::{CommitFiles, LaneFault, LaneSnapshot, ShardSnapshot, WindowSnapshot};

/// Bounds of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneLimits {
    /// How many windows readers may fill at once, at least 1.
    pub max_open_windows: u32,
    /// The end of the reading (`end_read_at`): Kinesis shards that were cut there, or later, are
    /// not read.
    pub end: Option<TimestampMs>,
    /// Whether a raw copy is kept: then no commit goes without its payloads.
    pub raw_copy: bool,
}

/// A lane's live tip under one claim: what has been read and is not committed yet.
///
/// Commits must be appended to the log in the order in which they are made here. Messages of other
/// claims are dropped. A fault ends the claim: throw the flow away and begin again from the log.
#[derive(Debug)]
pub struct LaneFlow {
    claim: ClaimRef,
    limits: LaneLimits,
    /// Kinesis shards that were open when the claim began, or entered since.
    shards: BTreeMap<KinesisShardId, ShardFlow>,
    /// Ended ones that the state remembers.
    ended: BTreeSet<KinesisShardId>,
    /// What has arrived and is in no commit, by window.
    windows: BTreeMap<Window, Pending>,
    /// The last window that a commit has closed.
    closed_through: Option<Window>,
    /// The last window that was given out for closing, or closed: nothing enters at or below it.
    closing_through: Option<Window>,
    /// How far a lane without open Kinesis shards may close.
    idle_through: Option<Window>,
    /// Windows that readers could fill when a child entered below them: what is under way for them
    /// counts as open.
    granted: BTreeSet<Window>,
    /// Entries that no commit names yet.
    entered: Vec<Entered>,
    /// Ended Kinesis shards that the next commit forgets.
    forgotten: Vec<KinesisShardId>,
    ends_reached: Vec<ShardEnd>,
    format: u64,
    stopped: bool,
}

impl LaneFlow {
    /// Begins from what the log says.
    pub fn new(claim: ClaimRef, state: &LaneState, limits: LaneLimits) -> Self {
        let (ended, live): (Vec<_>, Vec<_>) =
            state.shards.iter().partition(|(_, shard)| shard.ended);
        Self {
            claim,
            limits,
            shards: live
                .into_iter()
                .map(|(id, shard)| {
                    let flow = ShardFlow::new(shard.position.clone(), shard.current_window);
                    let cut = shard.cut.filter(|_| shard.is_cut_for(limits.end));
                    let flow = match cut {
                        Some(end) => flow.cut_at(end),
                        None => flow,
                    };
                    (id.clone(), flow)
                })
                .collect(),
            ended: ended.into_iter().map(|(id, _)| id.clone()).collect(),
            windows: BTreeMap::new(),
            closed_through: state.closed_through,
            closing_through: state.closed_through,
            idle_through: None,
            granted: BTreeSet::new(),
            entered: Vec::new(),
            forgotten: Vec::new(),
            ends_reached: Vec::new(),
            format: state.format,
            stopped: false,
        }
    }

    /// The claim.
    pub fn claim(&self) -> ClaimRef {
        self.claim
    }

    /// Where the reading of each open Kinesis shard that is not cut begins, or has arrived.
    pub fn reading(&self) -> Vec<ReadFrom> {
        self.open()
            .filter(|(_, flow)| flow.is_read())
            .map(|(id, flow)| ReadFrom {
                shard: id.clone(),
                position: flow.arrived.clone(),
                current_window: flow.current_window,
            })
            .collect()
    }

    /// The last window that readers may fill, so that no more than `max_open_windows` are open. It
    /// is never below the lowest window that is not committed: what that one waits for may be read,
    /// so a child that enters below the open windows may open one more.
    pub fn window_limit(&self) -> Window {
        let mut limit = self.lowest();
        let pending = self
            .windows
            .keys()
            .filter(|window| !self.granted.contains(window));
        let others = pending
            .chain(&self.granted)
            .filter(|window| **window > limit)
            .count();
        let most = usize::try_from(self.limits.max_open_windows).unwrap_or(usize::MAX);
        let mut free = most.saturating_sub(others + 1);
        let taken = |window| self.windows.contains_key(&window) || self.granted.contains(&window);
        while free > 0 || taken(limit.next()) {
            limit = limit.next();
            free -= usize::from(!taken(limit));
        }
        limit
    }

    /// The lowest window that is not committed and may hold payloads.
    fn lowest(&self) -> Window {
        let lowest = self
            .lowest_current()
            .into_iter()
            .chain(self.first_pending())
            .min();
        lowest.unwrap_or_else(|| self.closing_through.map_or(Window(i64::MIN), Window::next))
    }

    /// The Kinesis shard that the lane's watermark waits for: its fetch must never wait for credit.
    pub fn watermark_shard(&self) -> Option<KinesisShardId> {
        self.open()
            .filter(|(_, flow)| flow.is_read())
            .min_by_key(|(_, flow)| flow.current_window)
            .map(|(id, _)| id.clone())
    }

    /// Takes a decoded batch in; gives out what is in Kinesis order now and goes to the window
    /// writers.
    pub fn batch(&mut self, batch: DecodedBatch) -> Result<Vec<DecodedBatch>, LaneFault> {
        if batch.head.claim != self.claim || self.stopped {
            return Ok(Vec::new());
        }
        let shard = batch.head.shard.clone();
        let flow = Self::open_flow(&mut self.shards, &shard)?;
        let out = flow.batch(batch)?;
        for batch in &out {
            self.windows
                .entry(batch.head.window)
                .or_default()
                .add(batch);
        }
        self.settle_end(&shard);
        Ok(out)
    }

    /// Takes a watermark in; it counts once all up to its position has arrived.
    pub fn watermark(&mut self, watermark: Watermark) -> Result<(), LaneFault> {
        if watermark.claim != self.claim || self.stopped {
            return Ok(());
        }
        match self.shards.get_mut(&watermark.shard) {
            Some(flow) => flow.watermark(watermark),
            // One that overtook nothing: its Kinesis shard has ended and the end is committed.
            None if self.ended.contains(&watermark.shard) => {}
            None => {
                return Err(LaneFault::NotRead {
                    shard: watermark.shard,
                });
            }
        }
        Ok(())
    }

    /// Takes an end in; it counts once all up to its position has arrived.
    pub fn end(&mut self, end: ShardEnd) -> Result<(), LaneFault> {
        if end.claim != self.claim || self.stopped {
            return Ok(());
        }
        let shard = end.shard.clone();
        Self::open_flow(&mut self.shards, &shard)?.end(end)?;
        self.settle_end(&shard);
        Ok(())
    }

    /// Takes a cut in; it counts once all up to its position has arrived.
    pub fn cut(&mut self, cut: ShardCut) -> Result<(), LaneFault> {
        if cut.claim != self.claim || self.stopped {
            return Ok(());
        }
        let flow = Self::open_flow(&mut self.shards, &cut.shard)?;
        flow.cut(cut)?;
        flow.settle_cut();
        Ok(())
    }

    /// Ends whose payloads have all arrived, each once. Hand them to the lineage, and what it offers
    /// to [`LaneFlow::enter`], before the next [`LaneFlow::next_closing`]: then a child goes on in
    /// the window in which its parent ended.
    pub fn ends_reached(&mut self) -> Vec<ShardEnd> {
        std::mem::take(&mut self.ends_reached)
    }

    /// Lets a Kinesis shard in. It begins above every window that is closed or being closed.
    pub fn enter(&mut self, entered: Entered) -> Result<ReadFrom, LaneFault> {
        if self.shards.contains_key(&entered.shard) || self.ended.contains(&entered.shard) {
            return Err(LaneFault::EnteredTwice {
                shard: entered.shard,
            });
        }
        let window = self
            .closing_through
            .map_or(entered.current_window, |closing| {
                entered.current_window.max(closing.next())
            });
        let read = ReadFrom {
            shard: entered.shard.clone(),
            position: entered.position.clone(),
            current_window: window,
        };
        let lowest = self.lowest();
        if window < lowest {
            let limit = self.window_limit();
            self.granted.retain(|granted| *granted > lowest);
            self.granted.extend((lowest.0..=limit.0).map(Window));
        }
        self.shards.insert(
            entered.shard.clone(),
            ShardFlow::new(entered.position.clone(), window),
        );
        self.entered.push(Entered {
            current_window: window,
            ..entered
        });
        Ok(read)
    }

    /// Lets the next commit forget an ended Kinesis shard.
    pub fn forget(&mut self, shard: KinesisShardId) {
        if self.ended.remove(&shard) {
            self.forgotten.push(shard);
        }
    }

    /// The next window that has payloads and that every open Kinesis shard is past; each once, in
    /// order. Everything of it has been delivered.
    pub fn next_closing(&mut self) -> Option<Window> {
        let after = self.closing_through.map_or(Window(i64::MIN), Window::next);
        let (window, _) = self.windows.range(after..).next()?;
        let window = *window;
        let passed = self.lowest_current().is_none_or(|current| window < current);
        passed.then(|| {
            self.closing_through = Some(window);
            window
        })
    }

    /// Makes the commit that closes `through`, which must be the oldest window given out by
    /// [`LaneFlow::next_closing`] that has no commit yet.
    pub fn commit(&mut self, through: Window, files: CommitFiles) -> Result<Commit, LaneFault> {
        let due = self.first_pending();
        let closing = self
            .closing_through
            .is_some_and(|closing| through <= closing);
        if due != Some(through) || !closing {
            return Err(LaneFault::CommitOutOfOrder {
                asked: through,
                due,
            });
        }
        self.closed_through = Some(through);
        self.commit_window(through, files)
    }

    /// A commit without files, if there is anything to say: windows without payloads that every open
    /// Kinesis shard is past, entries, ends, what is caught up.
    pub fn progress(&mut self) -> Option<Commit> {
        let closed_before = self.closed_through;
        self.close_passed();
        let commit = self.fill(Commit {
            format: self.format,
            ..Commit::default()
        });
        let says_something = self.closed_through != closed_before
            || !commit.entered.is_empty()
            || !commit.ended.is_empty()
            || !commit.cuts.is_empty()
            || !commit.forgotten.is_empty()
            || !commit.caught_up.is_empty();
        says_something.then_some(commit)
    }

    /// Ends the intake: batches, watermarks and ends from now on are dropped and read again after
    /// the next start. Gives the lane's lowest open window if it has payloads: a stop may commit
    /// them as they are. Windows from [`LaneFlow::next_closing`] must be committed before it.
    pub fn stop(&mut self) -> Option<Window> {
        self.stopped = true;
        let lowest = self.lowest_current()?;
        self.windows.contains_key(&lowest).then_some(lowest)
    }

    /// Makes the commit of a part of `window`, as [`LaneFlow::stop`] gave it. It closes all before
    /// it, and not the window itself.
    pub fn partial_commit(
        &mut self,
        window: Window,
        files: CommitFiles,
    ) -> Result<Commit, LaneFault> {
        let due = self.first_pending();
        if !self.stopped || due != Some(window) || self.lowest_current() != Some(window) {
            return Err(LaneFault::CommitOutOfOrder { asked: window, due });
        }
        self.close_passed();
        self.commit_window(window, files)
    }

    /// A commit is on the target.
    pub fn committed(&mut self, commit: &Commit) {
        for shard in &commit.ended {
            self.shards.remove(shard);
            self.ended.insert(shard.clone());
        }
    }

    /// Lets a lane without open Kinesis shards close up to `window`: every lane that has some has
    /// closed it. Takes effect with the next [`LaneFlow::progress`].
    pub fn close_idle_through(&mut self, window: Window) {
        self.idle_through = self.idle_through.max(Some(window));
    }

    /// Whether nothing is left to read: every Kinesis shard of the lane has ended or is cut.
    pub fn is_read(&self) -> bool {
        !self.open().any(|(_, flow)| flow.is_read())
    }

    /// Whether the lane has Kinesis shards that are not read to their end.
    pub fn has_open_shards(&self) -> bool {
        self.open().next().is_some()
    }

    /// The last window that a commit of this flow, or the state it began from, has closed.
    pub fn closed_through(&self) -> Option<Window> {
        self.closed_through
    }

    /// The lane at this moment.
    pub fn snapshot(&self) -> LaneSnapshot {
        LaneSnapshot {
            claim: self.claim,
            closed_through: self.closed_through,
            window_limit: self.window_limit(),
            watermark_shard: self.watermark_shard(),
            windows: self.window_snapshots(),
            shards: self.shard_snapshots(),
        }
    }

    fn open(&self) -> impl Iterator<Item = (&KinesisShardId, &ShardFlow)> {
        self.shards.iter().filter(|(_, flow)| flow.is_open())
    }

    fn open_flow<'a>(
        shards: &'a mut BTreeMap<KinesisShardId, ShardFlow>,
        shard: &KinesisShardId,
    ) -> Result<&'a mut ShardFlow, LaneFault> {
        shards
            .get_mut(shard)
            .filter(|flow| flow.is_open())
            .ok_or_else(|| LaneFault::NotRead {
                shard: shard.clone(),
            })
    }

    fn settle_end(&mut self, shard: &KinesisShardId) {
        if let Some(flow) = self.shards.get_mut(shard) {
            flow.settle_cut();
            self.ends_reached.extend(flow.take_end());
        }
    }

    /// The lowest current window of an open Kinesis shard: every window below it is complete.
    fn lowest_current(&self) -> Option<Window> {
        if self.is_read() {
            return self.after_cuts();
        }
        self.open().map(|(_, flow)| flow.current_window).min()
    }

    /// The window after all that have payloads, and after the end, where nothing is read any more
    /// and some Kinesis shard is cut. Late comers may lie in windows beyond the end.
    fn after_cuts(&self) -> Option<Window> {
        let cut = self.open().map(|(_, flow)| flow.current_window).max()?;
        let last = self.windows.keys().next_back();
        Some(last.map_or(cut, |last| cut.max(last.next())))
    }

    fn first_pending(&self) -> Option<Window> {
        self.windows.first_key_value().map(|(window, _)| *window)
    }

    /// Closes the windows without payloads that everybody is past, up to the first that has some.
    fn close_passed(&mut self) {
        let passed = match self.lowest_current() {
            Some(lowest) => Some(lowest.previous()),
            None => self.idle_through,
        };
        let before_pending = self.first_pending().map(Window::previous);
        let Some(passed) =
            passed.map(|passed| before_pending.map_or(passed, |limit| limit.min(passed)))
        else {
            return;
        };
        self.closed_through = self.closed_through.max(Some(passed));
        self.closing_through = self.closing_through.max(self.closed_through);
    }

    /// The commit of what has arrived in `window`, after `closed_through` is set.
    fn commit_window(&mut self, window: Window, files: CommitFiles) -> Result<Commit, LaneFault> {
        let pending = self.windows.remove(&window).unwrap_or_default();
        pending.check(window, &files, self.limits.raw_copy)?;
        let mut ranges = BTreeMap::new();
        for (shard, stretch) in pending.stretches {
            let Some(flow) = self.shards.get_mut(&shard) else {
                return Err(LaneFault::NotRead { shard });
            };
            let to = Position::At(stretch.to);
            let range = ShardRange {
                from: std::mem::replace(&mut flow.planned, to.clone()),
                to,
                arrival_at_to: stretch.arrival_at_to,
                counts: stretch.counts,
                current_window: above(self.closed_through, window),
            };
            ranges.insert(shard, range);
        }
        self.format = files.format;
        let commit = Commit {
            files: files.files,
            rejects: files.rejects,
            raw: files.raw,
            ranges,
            format: files.format,
            schema: files.schema,
            ..Commit::default()
        };
        Ok(self.fill(commit))
    }

    /// Adds to a commit what became true besides its ranges.
    fn fill(&mut self, mut commit: Commit) -> Commit {
        commit.closed_through = self.closed_through;
        commit.entered = std::mem::take(&mut self.entered);
        for (shard, flow) in &mut self.shards {
            // Only of what is committed up to there: what lies between may not be read yet.
            if let Some((position, _)) = &flow.caught_up
                && *position <= flow.planned
                && flow.is_open()
                && let Some((_, at_ms)) = flow.caught_up.take()
            {
                commit.caught_up.push(CaughtUp {
                    shard: shard.clone(),
                    at_ms,
                });
            }
            if flow.ended.as_ref() == Some(&flow.planned) && !flow.end_planned {
                flow.end_planned = true;
                commit.ended.push(shard.clone());
            }
            if let Some(end_ms) = flow.cut
                && flow.planned == flow.arrived
                && !flow.cut_planned
            {
                flow.cut_planned = true;
                commit.cuts.push(Cut {
                    shard: shard.clone(),
                    end_ms,
                    current_window: above(self.closed_through, flow.current_window),
                });
            }
        }
        commit.forgotten = std::mem::take(&mut self.forgotten);
        commit
    }

    fn window_snapshots(&self) -> Vec<WindowSnapshot> {
        self.windows
            .iter()
            .map(|(window, pending)| WindowSnapshot {
                window: *window,
                counts: pending.counts(),
                closing: self
                    .closing_through
                    .is_some_and(|closing| *window <= closing),
            })
            .collect()
    }

    fn shard_snapshots(&self) -> Vec<ShardSnapshot> {
        self.shards
            .iter()
            .map(|(id, flow)| ShardSnapshot {
                shard: id.clone(),
                arrived: flow.arrived.clone(),
                committed: flow.planned.clone(),
                current_window: flow.current_window,
                waiting: flow.waiting(),
                caught_up_at: flow.caught_up.as_ref().map(|(_, time)| *time),
                ended: !flow.is_open(),
            })
            .collect()
    }
}

/// A window, lifted above what is closed.
fn above(closed_through: Option<Window>, window: Window) -> Window {
    closed_through.map_or(window, |closed| window.max(closed.next()))
}

#[cfg(test)]
mod tests;
