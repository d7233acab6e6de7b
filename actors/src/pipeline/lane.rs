//! The lane: one of `execution_parallelism` independent paths.
//!
//! Does: routes decoded batches to the writer of their window and to its statistics, closes windows
//! in order, sends the committer one commit at a time. Does not own: when a window may close or what
//! a commit says (the lane's flow does), the log, or Kinesis. Receives: decoded batches, controls,
//! Kinesis shards that enter or may be forgotten. Emits: batches to window writers and statistics,
//! commits to the committer, ends and commits to the source, its tip to its readers. Bound: the
//! batches' credit, and `max_open_windows` through the tip. On failure: it reports the fault, which
//! ends its claim.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix::prelude::*;
use shardmill_engine::budget::KeptFetch;
use shardmill_engine::log::{Commit, Guard, LaneLog, StatisticsObject};
use shardmill_engine::schema::Schema;
use shardmill_engine::types::{ClaimRef, KinesisShardId, ReadFrom, TimestampMs, Window};
use shardmill_engine::window::{LaneFault, LaneFlow, LaneLimits};
use tokio::sync::{oneshot, watch};

mod messages;
mod stop;
mod writing;

pub(crate) use messages::{
    Arrived, Control, EndClaim, Enter, Forget, LaneClean, OthersClosed, StopLane,
};

use messages::Pressure;
use stop::StopPhase;
use writing::{StatisticsSlot, WriterSlot};

use super::committer::{Append, Committer};
use super::context::SourceContext;
use super::lifeline::Lifeline;
use super::settings::{FETCH_BYTES, Finish};
use super::shard_reader::{EndReading, Read, ShardReader};
use super::source::{Committed, EndReached, Source};
use super::statistics::{EndStatistics, LaneStatistics};
use super::window_writer::{Abandon, EncodeEarly};
use crate::error::Error;
use crate::progress::ShardProgress;

/// What readers need to know of their lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LaneTip {
    /// The last window that a payload may be sent for.
    pub window_limit: Window,
    /// The Kinesis shard that holds the lane's watermark: the kept fetch is for it.
    pub watermark_shard: Option<KinesisShardId>,
}

/// What the source gives a lane to work by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LanePlan {
    /// The source's resolved start.
    pub start: Option<TimestampMs>,
    /// Readers of this lane.
    pub readers: usize,
    /// The number of the format decision in force.
    pub format: u64,
}

struct Reader {
    addr: Addr<ShardReader>,
    shards: usize,
}

pub(crate) struct Lane {
    context: Arc<SourceContext>,
    claim: ClaimRef,
    name: String,
    lifeline: Lifeline,
    source: Addr<Source>,
    committer: Addr<Committer>,
    guard: Guard,
    flow: LaneFlow,
    plan: LanePlan,
    schema: Arc<Schema>,
    reader_slots: Vec<Reader>,
    kept: KeptFetch,
    writers: BTreeMap<Window, WriterSlot>,
    statistics: StatisticsSlot,
    closing: VecDeque<Window>,
    committing: bool,
    /// Ends that the source has not answered yet.
    ends_told: usize,
    /// Commits that the source has not taken yet.
    commits_told: usize,
    tip: watch::Sender<LaneTip>,
    stop: StopPhase,
    stopped: Option<oneshot::Sender<()>>,
}

impl Lane {
    /// A lane that goes on from its log's state.
    pub(crate) fn new(
        context: Arc<SourceContext>,
        source: Addr<Source>,
        log: Box<LaneLog>,
        plan: LanePlan,
    ) -> Self {
        let claim = log.claim();
        let name = format!("lane {}", claim.lane);
        let limits = LaneLimits {
            max_open_windows: context.settings.max_open_windows,
            raw_copy: context.settings.decode.raw_copy,
            end: context.settings.finish.end(),
        };
        let flow = LaneFlow::new(claim, log.state(), limits);
        let schema = Arc::clone(&log.state().schema);
        let tip = watch::Sender::new(LaneTip {
            window_limit: flow.window_limit(),
            watermark_shard: flow.watermark_shard(),
        });
        let guard = log.guard_handle();
        context.live.claimed(claim, log.folded().entry, log.state());
        let statistics = LaneStatistics::new(Arc::clone(&context), claim, guard.clone());
        Self {
            lifeline: Lifeline::new(name.clone(), Some(claim), context.faults.clone()),
            guard,
            committer: Committer::new(Arc::clone(&context), log).start(),
            kept: context.budget.keep(FETCH_BYTES),
            context,
            claim,
            name,
            source,
            flow,
            plan,
            schema,
            reader_slots: Vec::new(),
            writers: BTreeMap::new(),
            statistics: StatisticsSlot::new(statistics.start()),
            closing: VecDeque::new(),
            committing: false,
            ends_told: 0,
            commits_told: 0,
            tip,
            stop: StopPhase::Running,
            stopped: None,
        }
    }

    fn start_readers(&mut self, ctx: &mut Context<Self>) {
        for number in 0..self.plan.readers {
            let reader = ShardReader::new(
                Arc::clone(&self.context),
                ctx.address(),
                self.claim,
                number,
                self.plan.start,
                self.tip.subscribe(),
                self.kept.clone(),
            );
            self.reader_slots.push(Reader {
                addr: reader.start(),
                shards: 0,
            });
        }
        for from in self.flow.reading() {
            self.read(from, ctx);
        }
    }

    /// Gives a Kinesis shard to the reader that has the fewest.
    fn read(&mut self, from: ReadFrom, ctx: &mut Context<Self>) {
        let progress = ShardProgress {
            lane: self.claim.lane.0,
            position: from.position.to_string(),
            ..ShardProgress::default()
        };
        self.context
            .meter
            .shards
            .insert(from.shard.clone(), progress);
        if let Some(reader) = self
            .reader_slots
            .iter_mut()
            .min_by_key(|reader| reader.shards)
        {
            reader.shards += 1;
            let sent = reader.addr.send(Read(from));
            self.deliver(sent, ctx);
        }
    }

    /// Sends to an actor of this lane; that it is gone is reported by its own lifeline.
    fn deliver<T: 'static>(
        &self,
        sent: impl Future<Output = T> + 'static,
        ctx: &mut Context<Self>,
    ) {
        ctx.spawn(sent.into_actor(self).map(|_, _, _| ()));
    }

    /// Does whatever has become possible: close, commit, tell.
    fn advance(&mut self, ctx: &mut Context<Self>) {
        for end in self.flow.ends_reached() {
            self.ends_told += 1;
            let sent = self.source.send(EndReached { end });
            ctx.spawn(sent.into_actor(self).map(|_, lane, ctx| {
                lane.ends_told -= 1;
                lane.advance(ctx);
            }));
        }
        // Children that enter because of an end go on in the window in which it was reached, so
        // nothing is closed before the source has answered.
        while self.ends_told == 0
            && let Some(window) = self.flow.next_closing()
        {
            self.closing.push_back(window);
            self.finish(window, ctx);
        }
        self.commit_next(ctx);
        if self.context.settings.finish != Finish::Never && self.flow.is_read() {
            // The source waits for what this lane has to say last.
            self.progress(ctx);
        }
        self.publish();
        if matches!(self.stop, StopPhase::Closing | StopPhase::Part(_)) {
            self.stop_on(ctx);
        }
    }

    fn publish(&mut self) {
        let tip = LaneTip {
            window_limit: self.flow.window_limit(),
            watermark_shard: self.flow.watermark_shard(),
        };
        self.tip.send_if_modified(|old| {
            let changed = *old != tip;
            *old = tip;
            changed
        });
        self.context
            .meter
            .actor(&self.name, "at work", self.closing.len());
    }

    fn commit_next(&mut self, ctx: &mut Context<Self>) {
        if self.committing {
            return;
        }
        let Some(window) = self.closing.front().copied() else {
            return;
        };
        let Some((files, statistics)) = self.take_files(window) else {
            return;
        };
        self.closing.pop_front();
        match self.flow.commit(window, files) {
            Ok(commit) => self.append_window(window, commit, statistics, ctx),
            Err(fault) => self.fault(&fault, ctx),
        }
    }

    /// Appends the commit of a window with its statistics.
    fn append_window(
        &mut self,
        window: Window,
        mut commit: Commit,
        statistics: Option<StatisticsObject>,
        ctx: &mut Context<Self>,
    ) {
        commit.statistics = statistics;
        let commit = Arc::new(commit);
        self.context.live.committing(self.claim, window, &commit);
        self.append(commit, ctx);
    }

    fn append(&mut self, commit: Arc<Commit>, ctx: &mut Context<Self>) {
        self.committing = true;
        let sent = self.committer.send(Append(Arc::clone(&commit)));
        ctx.spawn(sent.into_actor(self).map(move |answer, lane, ctx| {
            lane.committing = false;
            match answer {
                Ok(Ok(entry)) => lane.committed(commit, entry, ctx),
                Ok(Err(error)) => lane.fail(error, ctx),
                Err(_) => {
                    let message = "the lane's committer has died; the lane starts again";
                    lane.fail(Error::new("engine.actor_died", message), ctx);
                }
            }
        }));
    }

    fn committed(&mut self, commit: Arc<Commit>, entry: u64, ctx: &mut Context<Self>) {
        self.flow.committed(&commit);
        self.context.live.committed(self.claim, entry);
        // actix drops a message whose sender has gone, so the lane lives until the source has it.
        self.commits_told += 1;
        let told = Committed {
            claim: self.claim,
            commit,
        };
        let sent = self.source.send(told);
        ctx.spawn(sent.into_actor(self).map(|_, lane, ctx| {
            lane.commits_told -= 1;
            if matches!(lane.stop, StopPhase::Last) {
                lane.stop_done(ctx);
            } else {
                lane.advance(ctx);
            }
        }));
        if !matches!(self.stop, StopPhase::Last) {
            self.advance(ctx);
        }
    }

    /// A commit without files: what moved without data.
    fn progress(&mut self, ctx: &mut Context<Self>) {
        let quiet = matches!(self.stop, StopPhase::Running | StopPhase::Draining);
        let idle = !self.committing && self.closing.is_empty() && self.ends_told == 0;
        if quiet
            && idle
            && let Some(commit) = self.flow.progress()
        {
            self.append(Arc::new(commit), ctx);
        }
    }

    /// Credit is low: the window that holds most is encoded now.
    fn encode_early(&mut self, ctx: &mut Context<Self>) {
        if self.context.budget.free() >= FETCH_BYTES {
            return;
        }
        let open = self.writers.values_mut().filter(|slot| slot.held > 0);
        if let Some(slot) = open.max_by_key(|slot| slot.held) {
            slot.held = 0;
            let sent = slot.writer.send(EncodeEarly);
            self.deliver(sent, ctx);
        }
    }

    fn fault(&mut self, fault: &LaneFault, ctx: &mut Context<Self>) {
        self.fail(Error::new(fault.code(), fault.to_string()), ctx);
    }

    fn fail(&mut self, error: Error, _ctx: &mut Context<Self>) {
        // The source answers with EndClaim, which ends the lane and takes the log.
        self.lifeline.report(error);
    }

    fn end(&mut self, ctx: &mut Context<Self>) {
        self.lifeline.cut();
        for reader in std::mem::take(&mut self.reader_slots) {
            send_and_forget(reader.addr.send(EndReading));
        }
        send_and_forget(self.statistics.actor.send(EndStatistics));
        let writers = std::mem::take(&mut self.writers);
        self.context
            .meter
            .windows_open
            .fetch_sub(writers.len() as i64, Ordering::Relaxed);
        for slot in writers.into_values() {
            send_and_forget(slot.writer.send(Abandon));
        }
        ctx.stop();
    }
}

/// Sends and waits for an answer that nobody needs, outliving the sender.
fn send_and_forget<T>(sent: impl Future<Output = T> + 'static) {
    actix::spawn(async move {
        sent.await;
    });
}

impl Actor for Lane {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.start_readers(ctx);
        ctx.run_interval(self.context.settings.progress_interval, Lane::progress);
        let pressure = self.context.pressure.subscribe();
        ctx.add_stream(futures::stream::unfold(pressure, |mut pressure| async {
            pressure.changed().await.ok()?;
            Some((Pressure, pressure))
        }));
        self.advance(ctx);
    }

    fn stopped(&mut self, _ctx: &mut Self::Context) {
        self.lifeline.cut();
        self.context.meter.actor_gone(&self.name);
    }
}
