//! The source: the supervisor of one data source.
//!
//! Does: opens the state on the target, claims the lanes, starts them, hands out Kinesis shards that
//! enter, starts a lane again after a fault, stops all. Does not own: any data. Receives: ends and
//! commits of its lanes, faults, listings, the order to stop. Emits: Kinesis shards to lanes, commits
//! to subscribers, the outcome. Bound: one message a commit or end. On failure: a lane's fault ends
//! that claim only, and the lane starts again with backoff; being fenced, a state that cannot be
//! right, or a lost position end the whole source with their error.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix::prelude::*;
use shardmill_engine::log::{self, Commit, DataFile, LaneLog};
use shardmill_engine::ports::ShardFilter;
use shardmill_engine::rollup::Reach;
use shardmill_engine::source::{Lineage, Offer};
use shardmill_engine::types::{
    ClaimRef, KinesisShardId, LaneId, TimestampMs, Window, WindowLength,
};
use tokio::sync::{broadcast, mpsc, watch};

mod finishing;
mod messages;

pub(crate) use messages::{Committed, EndReached, ExpireAll, HowFar, StopSource, StopSourceNow};

use super::clean_up::{ClaimOver, CleanUp, EndCleanUp};
use super::committer::public;
use super::context::SourceContext;
use super::lane::{EndClaim, Enter, Forget, Lane, LanePlan, OthersClosed};
use super::lifeline::{Fault, Lifeline};
use super::lifetime::{EndLifetime, Lifetime, MoreCommitted};
use super::opening::{self, Opened};
use super::outputs::Outputs;
use super::retention::{EndRetention, Retention};
use super::rollups::{CompleteThrough, EndRollups, Rollups};
use super::settings::Finish;
use crate::error::Error;
use crate::handle::{CommittedWindow, Outcome};
use crate::statistics::Target;

/// The first wait before a lane starts again; it doubles up to [`LONGEST_RESTART_WAIT`] and starts
/// over once the lane has committed.
const RESTART_WAIT_MS: u64 = 200;
const LONGEST_RESTART_WAIT_MS: u64 = 30_000;

struct LaneSlot {
    /// `None` while the lane starts again.
    addr: Option<Addr<Lane>>,
    claim: ClaimRef,
    /// Kinesis shards that are committed as entered and not as ended.
    open: BTreeSet<KinesisShardId>,
    /// Those among them of which nothing is read any more: everything before the end is committed.
    cut: BTreeSet<KinesisShardId>,
    closed_through: Option<Window>,
    faults_in_a_row: u32,
}

impl LaneSlot {
    fn new(log: &LaneLog, finish: Finish) -> Self {
        let state = log.state();
        let open = state.shards.iter().filter(|(_, shard)| !shard.ended);
        let cut = open
            .clone()
            .filter(|(_, shard)| shard.is_cut_for(finish.end()));
        Self {
            addr: None,
            claim: log.claim(),
            cut: cut.map(|(id, _)| id.clone()).collect(),
            open: open.map(|(id, _)| id.clone()).collect(),
            closed_through: state.closed_through,
            faults_in_a_row: 0,
        }
    }
}

pub(crate) struct Source {
    context: Arc<SourceContext>,
    lifeline: Lifeline,
    faults: Option<mpsc::UnboundedReceiver<Fault>>,
    commits: broadcast::Sender<CommittedWindow>,
    outcome: watch::Sender<Option<Outcome>>,
    start: Option<TimestampMs>,
    format: u64,
    lanes: Vec<LaneSlot>,
    lineage: Lineage,
    clean_up: Option<Addr<CleanUp>>,
    lifetime: Option<Addr<Lifetime>>,
    rollups: Option<Addr<Rollups>>,
    retention: Option<Addr<Retention>>,
    outputs: Outputs,
    listing: bool,
    list_again: bool,
    /// Whether a listing has been taken in since the lanes were claimed.
    listed: bool,
    stopping: bool,
    /// Whether it stops because nothing is left to do.
    finished: bool,
}

impl Source {
    /// A source that opens its state as soon as it is started. `faults` is the other end of the
    /// context's.
    pub(crate) fn new(
        context: Arc<SourceContext>,
        faults: mpsc::UnboundedReceiver<Fault>,
        commits: broadcast::Sender<CommittedWindow>,
        outcome: watch::Sender<Option<Outcome>>,
    ) -> Self {
        Self {
            lifeline: Lifeline::new("source".into(), None, context.faults.clone()),
            context,
            faults: Some(faults),
            commits,
            outcome,
            start: None,
            format: 0,
            lanes: Vec::new(),
            lineage: Lineage::default(),
            clean_up: None,
            lifetime: None,
            rollups: None,
            retention: None,
            outputs: Outputs::default(),
            listing: false,
            list_again: false,
            listed: false,
            stopping: false,
            finished: false,
        }
    }

    fn begin(&mut self, opened: Opened, ctx: &mut Context<Self>) {
        let Opened {
            record,
            generation,
            identity,
            logs,
            listing,
            cleanup,
            format,
        } = opened;
        self.context.meter.set_generation(generation.0);
        self.context.meter.set_state("running");
        self.start = record.start_ms;
        self.format = format;
        let states: Vec<_> = logs.iter().map(|log| log.state().clone()).collect();
        self.lineage = Lineage::new(&states);
        let finish = self.context.settings.finish;
        self.lanes = logs.iter().map(|log| LaneSlot::new(log, finish)).collect();
        tracing::info!(
            source = %self.context.settings.name,
            generation = generation.0,
            lanes = logs.len(),
            kinesis_shards = listing.shards.len(),
            "every lane is claimed; reading begins"
        );
        let claims = logs.iter().map(LaneLog::claim);
        // A claim's number is that of its entry.
        let limit = claims.map(|claim| (claim.epoch, claim.lane, claim.claim.0));
        let limit = Reach::new(limit);
        let retention = log::Retention::new(&logs);
        for (place, log) in logs.into_iter().enumerate() {
            self.start_lane(place, Box::new(log), ctx);
        }
        self.start_statistics(record.window_length_ms, limit);
        self.retention = retention.zip(self.lifetime.clone()).map(|(log, lifetime)| {
            let context = Arc::clone(&self.context);
            Retention::new(context, ctx.address(), lifetime, log).start()
        });
        self.outputs = Outputs::start(&self.context, &identity, generation);
        self.outputs.committed(self.complete_through());
        self.clean_up = cleanup
            .map(|cleanup| CleanUp::new(Arc::clone(&self.context), ctx.address(), cleanup).start());
        let every = self.context.settings.list_shards_interval;
        ctx.run_interval(every, |source, ctx| source.list_shards(ctx));
        // The listing of the start is older than the claims: until then another process may have
        // read, ended and forgotten Kinesis shards.
        self.list_shards(ctx);
    }

    /// Has what was committed before read, and hours and days put.
    fn start_statistics(&mut self, window_length: WindowLength, limit: Reach) {
        let context = &self.context;
        let (store, host) = (Arc::clone(&context.store), Arc::clone(&context.host));
        let limits = context.settings.statistics.clone();
        let target = Target::new(store, host, limits, window_length);
        // A source begins once.
        let _ = context.live.target.set(target.clone());
        let lifetime = Lifetime::new(Arc::clone(context), target.clone(), limit);
        self.lifetime = Some(lifetime.start());
        self.rollups = Some(Rollups::new(Arc::clone(context), target).start());
    }

    /// Tells those who keep statistics of what is committed.
    fn tell_statistics(&self, ctx: &mut Context<Self>) {
        if let Some(lifetime) = &self.lifetime {
            self.deliver(lifetime.send(MoreCommitted), ctx);
        }
        if let (Some(rollups), Some(complete)) = (&self.rollups, self.complete_through()) {
            self.deliver(rollups.send(CompleteThrough(complete)), ctx);
        }
    }

    /// The last window that every lane has closed.
    fn complete_through(&self) -> Option<Window> {
        let closed = self.lanes.iter().map(|slot| slot.closed_through);
        closed.min().flatten()
    }

    fn start_lane(&mut self, place: usize, log: Box<LaneLog>, ctx: &mut Context<Self>) {
        let lanes = self.lanes.len();
        let shards = self.context.settings.shards;
        // Readers are dealt out to the lanes in turn; with one shard there is one lane.
        let readers = (shards / lanes + usize::from(place < shards % lanes)).max(1);
        let context = Arc::clone(&self.context);
        let plan = LanePlan {
            start: self.start,
            readers,
            format: self.format,
        };
        let lane = Lane::new(context, ctx.address(), log, plan);
        if let Some(slot) = self.lanes.get_mut(place) {
            slot.addr = Some(lane.start());
        }
    }

    fn lane_addr(&self, lane: LaneId) -> Option<Addr<Lane>> {
        self.lanes.get(lane.0 as usize)?.addr.clone()
    }

    /// Sends to a lane; one that is gone has reported why.
    fn deliver<T: 'static>(
        &self,
        sent: impl Future<Output = T> + 'static,
        ctx: &mut Context<Self>,
    ) {
        ctx.spawn(sent.into_actor(self).map(|_, _, _| ()));
    }

    /// Gives the lanes what the lineage has decided.
    fn hand_out(&mut self, ctx: &mut Context<Self>) {
        if self.stopping {
            return;
        }
        for Offer { lane, entered } in self.lineage.offers() {
            if let Some(addr) = self.lane_addr(lane) {
                self.deliver(addr.send(Enter(entered)), ctx);
            }
        }
        for (lane, shard) in self.lineage.forgettable() {
            if let Some(addr) = self.lane_addr(lane) {
                self.deliver(addr.send(Forget(shard)), ctx);
            }
        }
    }

    /// Lanes without open Kinesis shards close what all the others have closed.
    fn close_idle_lanes(&mut self, ctx: &mut Context<Self>) {
        let busy = self.lanes.iter().filter(|slot| !slot.open.is_empty());
        // `None` sorts first: a lane that has closed nothing holds all of them.
        let Some(Some(closed)) = busy.map(|slot| slot.closed_through).min() else {
            return;
        };
        for slot in self.lanes.iter().filter(|slot| slot.open.is_empty()) {
            if let Some(addr) = &slot.addr {
                self.deliver(addr.send(OthersClosed(closed)), ctx);
            }
        }
    }

    fn list_shards(&mut self, ctx: &mut Context<Self>) {
        if self.listing || self.stopping {
            self.list_again = self.listing;
            return;
        }
        self.listing = true;
        let token = self.lineage.listing_begins();
        let stream = Arc::clone(&self.context.stream);
        let call = async move { stream.list_shards(ShardFilter::All).await };
        ctx.spawn(call.into_actor(self).map(move |list, source, ctx| {
            source.listing = false;
            match list {
                Ok(list) => {
                    source.lineage.listed(token, &list);
                    source.listed = true;
                    source.hand_out(ctx);
                    source.finish_if_read(ctx);
                }
                Err(error) => {
                    source
                        .context
                        .meter
                        .stream_retries
                        .fetch_add(1, Ordering::Relaxed);
                    let name = &source.context.settings.name;
                    tracing::warn!(source = %name, %error, "ListShards failed; trying again later");
                }
            }
            if std::mem::take(&mut source.list_again) {
                source.list_shards(ctx);
            }
        }));
    }

    fn fault(&mut self, fault: Fault, ctx: &mut Context<Self>) {
        let Some(claim) = fault.claim else {
            return self.fail(fault.error, ctx);
        };
        let place = claim.lane.0 as usize;
        let current = self.lanes.get(place).filter(|slot| slot.claim == claim);
        let Some(addr) = current.and_then(|slot| slot.addr.clone()) else {
            return;
        };
        if ends_source(&fault.error) {
            return self.fail(fault.error, ctx);
        }
        if self.stopping {
            // A graceful stop waits for this lane; let it go. It is read again at the next start.
            tracing::warn!(
                source = %self.context.settings.name,
                lane = claim.lane.0,
                error = %fault.error,
                "a lane could not commit its last part before the stop; the next start reads it again"
            );
            return self.deliver(addr.send(EndClaim), ctx);
        }
        self.context
            .meter
            .lane_restarts
            .fetch_add(1, Ordering::Relaxed);
        let slot = &mut self.lanes[place];
        slot.addr = None;
        let wait = LONGEST_RESTART_WAIT_MS.min(RESTART_WAIT_MS << slot.faults_in_a_row.min(10));
        slot.faults_in_a_row += 1;
        tracing::error!(
            source = %self.context.settings.name,
            lane = claim.lane.0,
            claim = claim.claim.0,
            error = %fault.error,
            wait_ms = wait,
            "a fault ended the lane's claim; it starts again from its last commit"
        );
        let sleep = self
            .context
            .host
            .sleep(wait / 2 + self.context.host.random() % (wait / 2 + 1));
        let again = async move {
            let log = addr.send(EndClaim).await.ok().flatten();
            sleep.await;
            match log {
                Some(log) => (*log).reclaim().await.map_err(|error| public(&error)),
                None => Err(fault.error),
            }
        };
        ctx.spawn(
            again
                .into_actor(self)
                .map(move |log, source, ctx| match log {
                    Ok(log) => source.restart_lane(place, log, ctx),
                    Err(error) => source.fail(error, ctx),
                }),
        );
    }

    fn restart_lane(&mut self, place: usize, log: LaneLog, ctx: &mut Context<Self>) {
        if self.stopping {
            return;
        }
        let faults_in_a_row = self.lanes[place].faults_in_a_row;
        self.lanes[place] = LaneSlot {
            faults_in_a_row,
            ..LaneSlot::new(&log, self.context.settings.finish)
        };
        self.lineage.lane_restarted(log.claim().lane, log.state());
        if let Some(clean_up) = &self.clean_up {
            self.deliver(clean_up.send(ClaimOver(log.over())), ctx);
        }
        self.start_lane(place, Box::new(log), ctx);
        self.hand_out(ctx);
        self.close_idle_lanes(ctx);
    }

    /// The whole source ends with an error.
    fn fail(&mut self, error: Error, ctx: &mut Context<Self>) {
        tracing::error!(source = %self.context.settings.name, %error, "the source stops");
        self.finish(Err(error), ctx);
    }

    fn finish(&mut self, outcome: Outcome, ctx: &mut Context<Self>) {
        self.context.live.ended(outcome.as_ref().err());
        let state = match &outcome {
            Ok(()) if self.finished => "finished",
            Ok(()) => "stopped",
            Err(_) => "failed",
        };
        self.context.meter.set_state(state);
        self.outcome.send_if_modified(|known| {
            let first = known.is_none();
            known.get_or_insert(outcome);
            first
        });
        self.stopping = true;
        // Whatever still runs drops what it holds; a lane that has stopped has nothing to end.
        for slot in &mut self.lanes {
            if let Some(addr) = slot.addr.take() {
                actix::spawn(async move {
                    let _ = addr.send(EndClaim).await;
                });
            }
        }
        if let Some(clean_up) = self.clean_up.take() {
            // One that is gone has ended.
            actix::spawn(async move {
                let _ = clean_up.send(EndCleanUp).await;
            });
        }
        if let Some(retention) = self.retention.take() {
            actix::spawn(async move {
                let _ = retention.send(EndRetention).await;
            });
        }
        if let Some(lifetime) = self.lifetime.take() {
            actix::spawn(async move {
                let _ = lifetime.send(EndLifetime).await;
            });
        }
        if let Some(rollups) = self.rollups.take() {
            actix::spawn(async move {
                let _ = rollups.send(EndRollups).await;
            });
        }
        self.outputs.end();
        self.lifeline.cut();
        ctx.stop();
    }

    fn note_commit(&self, commit: &Commit) {
        self.context.meter.set_preview(None);
        let files = commit.all_files();
        let (files, bytes) = files.fold((0, 0), |(files, bytes), (_, file)| {
            (files + 1, bytes + file.bytes)
        });
        let meter = &self.context.meter;
        meter.add_committed(commit.counts(), files, bytes);
        let newest = commit
            .ranges
            .values()
            .map(|range| range.arrival_at_to)
            .max();
        if let Some(newest) = newest {
            let millis = u64::try_from(self.context.host.now() - newest).unwrap_or(0);
            self.context
                .meter
                .arrival_to_commit
                .record(millis.saturating_mul(1_000));
        }
    }

    fn tell_subscribers(&self, committed: &Committed) {
        let Committed { claim, commit } = committed;
        let length = self.context.settings.window_length;
        let rows = commit.files.iter().map(|file| file.rows).sum();
        let names = |files: &[DataFile]| files.iter().map(|file| file.name.clone()).collect();
        let told = CommittedWindow {
            source: self.context.settings.name.clone(),
            lane: claim.lane.0,
            epoch: claim.epoch.0,
            closed_through_ms: commit
                .closed_through
                .map(|window| length.start_of(window.next())),
            rows,
            files: names(&commit.files),
            rejects: names(&commit.rejects),
            raw: names(&commit.raw),
        };
        // Nobody may have subscribed.
        let _ = self.commits.send(told);
    }
}

/// Errors after which no lane may go on: another process has the source, or what a lane needs is
/// gone.
fn ends_source(error: &Error) -> bool {
    let of_files = error.code().starts_with("files.");
    of_files
        || matches!(
            error.code(),
            "log.fenced"
                | "log.broken"
                | "log.damaged"
                | "log.lanes"
                | "log.missing"
                | "log.newer_format"
                | "log.source_mismatch"
                | "source.position_lost"
                | "source.shard_gone"
                | "target.foreign_object"
        )
}

impl Actor for Source {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(faults) = self.faults.take() {
            ctx.add_stream(futures::stream::unfold(faults, |mut faults| async {
                let fault = faults.recv().await?;
                Some((fault, faults))
            }));
        }
        let opening = opening::open(Arc::clone(&self.context));
        ctx.spawn(
            opening
                .into_actor(self)
                .map(|opened, source, ctx| match opened {
                    Ok(_) if source.stopping => source.finish(Ok(()), ctx),
                    Ok(Some(opened)) => source.begin(opened, ctx),
                    Ok(None) => {
                        source.finished = true;
                        source.finish(Ok(()), ctx);
                    }
                    Err(error) => source.fail(error, ctx),
                }),
        );
    }

    fn stopped(&mut self, _ctx: &mut Self::Context) {
        self.lifeline.cut();
    }
}
