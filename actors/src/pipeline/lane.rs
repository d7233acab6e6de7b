//! The lane: one of `execution_parallelism` independent paths.
//!
//! Does: routes decoded batches to the writer of their window, closes windows in order, sends the
//! committer one commit at a time. Does not own: when a window may close or what a commit says (the
//! lane's flow does), the log, or Kinesis. Receives: decoded batches, controls, Kinesis shards that
//! enter or may be forgotten. Emits: batches to window writers, commits to the committer, ends and
//! commits to the source, its tip to its readers. Bound: the batches' credit, and
//! `max_open_windows` through the tip. On failure: it reports the fault, which ends its claim.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix::prelude::*;
use shardmill_engine::budget::KeptFetch;
use shardmill_engine::log::{Commit, Guard, LaneLog};
use shardmill_engine::schema::Schema;
use shardmill_engine::types::{
    ClaimRef, DecodedBatch, KinesisShardId, ReadFrom, TimestampMs, Window,
};
use shardmill_engine::window::{CommitFiles, LaneFault, LaneFlow, LaneLimits};
use tokio::sync::{oneshot, watch};

mod messages;
mod stop;

pub(crate) use messages::{
    Arrived, Control, EndClaim, Enter, Forget, LaneClean, OthersClosed, StopLane,
};

use messages::Pressure;
use stop::StopPhase;

use super::committer::{Append, Committer};
use super::context::SourceContext;
use super::lifeline::Lifeline;
use super::settings::FETCH_BYTES;
use super::shard_reader::{EndReading, Read, ShardReader};
use super::source::{Committed, EndReached, Source};
use super::window_writer::{Abandon, Add, EncodeEarly, Finish, WindowFiles, WindowWriter};
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

struct WriterSlot {
    writer: Addr<WindowWriter>,
    outbox: Vec<DecodedBatch>,
    sending: bool,
    /// Bytes that the writer held unencoded when it answered last.
    held: usize,
    finish: FinishState,
}

enum FinishState {
    Open,
    Wanted,
    Asked,
    Done(WindowFiles),
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
        let max_open_windows = context.settings.max_open_windows;
        let flow = LaneFlow::new(claim, log.state(), LaneLimits { max_open_windows });
        let schema = Arc::clone(&log.state().schema);
        let tip = watch::Sender::new(LaneTip {
            window_limit: flow.window_limit(),
            watermark_shard: flow.watermark_shard(),
        });
        Self {
            lifeline: Lifeline::new(name.clone(), Some(claim), context.faults.clone()),
            guard: log.guard_handle(),
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

    fn arrived(&mut self, batch: DecodedBatch, ctx: &mut Context<Self>) {
        match self.flow.batch(batch) {
            Ok(batches) => {
                for batch in batches {
                    self.route(batch, ctx);
                }
                self.advance(ctx);
            }
            Err(fault) => self.fault(&fault, ctx),
        }
    }

    fn route(&mut self, batch: DecodedBatch, ctx: &mut Context<Self>) {
        if batch.rows.is_empty() && batch.rejects.is_empty() {
            return;
        }
        let window = batch.head.window;
        if !self.writers.contains_key(&window) {
            let writer = WindowWriter::new(
                Arc::clone(&self.context),
                self.claim,
                window,
                Arc::clone(&self.schema),
                self.guard.clone(),
            );
            let slot = WriterSlot {
                writer: writer.start(),
                outbox: Vec::new(),
                sending: false,
                held: 0,
                finish: FinishState::Open,
            };
            self.context
                .meter
                .windows_open
                .fetch_add(1, Ordering::Relaxed);
            self.writers.insert(window, slot);
        }
        if let Some(slot) = self.writers.get_mut(&window) {
            slot.outbox.push(batch);
        }
        self.feed(window, ctx);
    }

    /// Sends a writer what waits for it, one message at a time; then the order to finish.
    fn feed(&mut self, window: Window, ctx: &mut Context<Self>) {
        let Some(slot) = self.writers.get_mut(&window) else {
            return;
        };
        if slot.sending {
            return;
        }
        if !slot.outbox.is_empty() {
            slot.sending = true;
            let sent = slot.writer.send(Add(std::mem::take(&mut slot.outbox)));
            ctx.spawn(sent.into_actor(self).map(move |held, lane, ctx| {
                if let Some(slot) = lane.writers.get_mut(&window) {
                    slot.sending = false;
                    slot.held = held.unwrap_or(0);
                }
                lane.feed(window, ctx);
            }));
        } else if matches!(slot.finish, FinishState::Wanted) {
            slot.finish = FinishState::Asked;
            let sent = slot.writer.send(Finish);
            ctx.spawn(sent.into_actor(self).map(move |files, lane, ctx| {
                let files = files.unwrap_or_else(|_| {
                    let message = format!("the writer of window {window} has died");
                    Err(Error::new("engine.actor_died", message))
                });
                match files {
                    Ok(files) => {
                        if let Some(slot) = lane.writers.get_mut(&window) {
                            slot.finish = FinishState::Done(files);
                        }
                        lane.advance(ctx);
                    }
                    Err(error) => lane.fail(error, ctx),
                }
            }));
        }
    }

    fn finish(&mut self, window: Window, ctx: &mut Context<Self>) {
        if let Some(slot) = self.writers.get_mut(&window) {
            slot.finish = FinishState::Wanted;
        }
        self.feed(window, ctx);
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
        let Some(files) = self.take_files(window) else {
            return;
        };
        self.closing.pop_front();
        match self.flow.commit(window, files) {
            Ok(commit) => self.append(commit, ctx),
            Err(fault) => self.fault(&fault, ctx),
        }
    }

    /// The files of a window that is finished, or of one that never had a row.
    fn take_files(&mut self, window: Window) -> Option<CommitFiles> {
        let files = match self.writers.get(&window) {
            None => WindowFiles {
                schema: Arc::clone(&self.schema),
                ..WindowFiles::default()
            },
            Some(WriterSlot {
                finish: FinishState::Done(_),
                ..
            }) => {
                let slot = self.writers.remove(&window)?;
                self.context
                    .meter
                    .windows_open
                    .fetch_sub(1, Ordering::Relaxed);
                match slot.finish {
                    FinishState::Done(files) => files,
                    _ => return None,
                }
            }
            Some(_) => return None,
        };
        let schema = self.schema.merge(&files.schema);
        let changed = schema != *self.schema;
        if changed {
            self.schema = Arc::new(schema);
        }
        Some(CommitFiles {
            files: files.files,
            rejects: files.rejects,
            schema: changed.then(|| Arc::clone(&self.schema)),
            format: self.plan.format,
        })
    }

    fn append(&mut self, commit: Commit, ctx: &mut Context<Self>) {
        self.committing = true;
        let sent = self.committer.send(Append(Box::new(commit.clone())));
        ctx.spawn(sent.into_actor(self).map(move |answer, lane, ctx| {
            lane.committing = false;
            match answer {
                Ok(Ok(())) => lane.committed(commit, ctx),
                Ok(Err(error)) => lane.fail(error, ctx),
                Err(_) => {
                    let message = "the lane's committer has died; the lane starts again";
                    lane.fail(Error::new("engine.actor_died", message), ctx);
                }
            }
        }));
    }

    fn committed(&mut self, commit: Commit, ctx: &mut Context<Self>) {
        self.flow.committed(&commit);
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
            self.append(commit, ctx);
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
