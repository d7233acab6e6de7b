//! The shard-reader: one of the `shards` parallel readers.
//!
//! Does: fetches from the Kinesis shards that its lane gave it, one call at a time, whichever is
//! due (of a subscription: whichever has something to say); sends what came to the decoders and controls straight to the lane. Does not own: pacing,
//! iterators, windows (the cursors do), or content. Receives: Kinesis shards to read, the lane's
//! tip. Emits: decoded batches, watermarks and ends to its lane. Bound: it waits for credit before
//! each fetch and nowhere else. On failure: calls that fail are made again by the cursor's backoff;
//! a position that is lost ends the source with an error that names the gap.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::prelude::*;
use futures::future::{BoxFuture, FutureExt, select, select_all};
use shardmill_engine::budget::{Credit, KeptFetch, KeptPermit};
use shardmill_engine::source::{CursorOutput, CursorStep, ShardCursor};
use shardmill_engine::types::{ClaimRef, KinesisShardId, PayloadBatch, TimestampMs};
use tokio::sync::{oneshot, watch};

mod calls;
mod messages;
mod next;

pub(crate) use messages::{EndReading, Read, StopReading};

use calls::perform;
use next::Next;

use super::context::SourceContext;
use super::decoding::{NotDecoded, decode};
use super::lane::{Arrived, Control, Lane, LaneTip};
use super::lifeline::Lifeline;
use super::settings::FETCH_BYTES;
use crate::error::Error;

/// How often a reader that waits for credit asks the window writers to encode early.
const PRESSURE_EVERY: Duration = Duration::from_millis(100);

pub(crate) struct ShardReader {
    context: Arc<SourceContext>,
    lane: Addr<Lane>,
    claim: ClaimRef,
    name: String,
    lifeline: Lifeline,
    start: Option<TimestampMs>,
    tip: watch::Receiver<LaneTip>,
    kept: KeptFetch,
    /// Credit that was waited for, for the turn that it brings about. It must not be given back and
    /// asked for anew: readers that do that keep one another waiting.
    granted: Option<Credit>,
    /// Resolve when a Kinesis shard has something to say that had nothing a moment ago.
    awaited: Vec<BoxFuture<'static, ()>>,
    cursors: BTreeMap<KinesisShardId, Reading>,
    /// The call or the wait that is under way.
    turn: Option<SpawnHandle>,
    calling: bool,
    turns: u64,
    /// Batches between the fetch and the lane.
    in_flight: usize,
    stopping: Option<oneshot::Sender<()>>,
    /// Tells the batches in flight that it stops.
    stop: watch::Sender<bool>,
}

struct Reading {
    /// Away while a call for it is under way.
    cursor: Option<ShardCursor>,
    /// When it was served last, to serve in turn.
    served: u64,
}

/// A cursor after a call.
struct Called {
    shard: KinesisShardId,
    cursor: ShardCursor,
    outputs: Vec<CursorOutput>,
    kept: Option<KeptPermit>,
}

impl ShardReader {
    pub(crate) fn new(
        context: Arc<SourceContext>,
        lane: Addr<Lane>,
        claim: ClaimRef,
        number: usize,
        start: Option<TimestampMs>,
        tip: watch::Receiver<LaneTip>,
        kept: KeptFetch,
    ) -> Self {
        let name = format!("lane {} reader {number}", claim.lane);
        Self {
            lifeline: Lifeline::new(name.clone(), Some(claim), context.faults.clone()),
            context,
            lane,
            claim,
            name,
            start,
            tip,
            kept,
            granted: None,
            awaited: Vec::new(),
            cursors: BTreeMap::new(),
            turn: None,
            calling: false,
            turns: 0,
            in_flight: 0,
            stopping: None,
            stop: watch::Sender::new(false),
        }
    }

    fn turn(&mut self, ctx: &mut Context<Self>) {
        if self.calling {
            return;
        }
        if let Some(wait) = self.turn.take() {
            ctx.cancel_future(wait);
        }
        if self.stopping.is_some() {
            return self.drained(ctx);
        }
        let state;
        let next = self.next();
        // No fetch was due after all: others may have it.
        self.granted = None;
        match next {
            Next::Call {
                shard,
                step,
                credit,
                kept,
            } => {
                state = "fetching";
                self.call(shard, step, credit, kept, ctx);
            }
            Next::AwaitCredit { or_kept } => {
                state = "waiting for credit";
                self.await_credit(or_kept, ctx);
            }
            Next::AwaitTime(until) => {
                state = "waiting";
                let millis = u64::try_from(until - self.context.host.now()).unwrap_or(0);
                let sleep = self.context.host.sleep(millis);
                let tip = self.tip_changed();
                self.await_any(vec![sleep, tip], ctx);
            }
            Next::Fail(error) => {
                self.lifeline
                    .report(Error::new(error.code(), error.to_string()));
                return ctx.stop();
            }
            Next::AwaitSchemas => {
                state = "waiting for schemas";
                let schemas = self.context.schemas.not_stalled().boxed();
                let tip = self.tip_changed();
                self.await_any(vec![schemas, tip], ctx);
            }
            Next::AwaitTip => {
                state = "idle";
                let tip = self.tip_changed();
                self.await_any(vec![tip], ctx);
            }
            Next::AwaitEvents => {
                state = "waiting for events";
                let tip = self.tip_changed();
                self.await_any(vec![tip], ctx);
            }
        }
        let meter = &self.context.meter;
        meter.actor(&self.name, state, self.in_flight);
        let (decodes, encodes, computations) = self.context.workers.queued();
        meter.actor("decoders", "at work", decodes);
        meter.actor("encoders", "at work", encodes);
        meter.actor("computations", "at work", computations);
    }

    fn call(
        &mut self,
        shard: KinesisShardId,
        step: CursorStep,
        credit: Option<Credit>,
        kept: Option<KeptPermit>,
        ctx: &mut Context<Self>,
    ) {
        self.turns += 1;
        let served = self.turns;
        let Some(reading) = self.cursors.get_mut(&shard) else {
            return;
        };
        let Some(mut cursor) = reading.cursor.take() else {
            return;
        };
        reading.served = served;
        self.calling = true;
        let context = Arc::clone(&self.context);
        let tip = self.tip.clone();
        // Answers are parsed, taken apart and stamped on the runtime's threads, not on the actors'.
        let call = tokio::spawn(async move {
            let outputs = perform(&context, &mut cursor, &shard, step, &tip).await;
            drop(credit);
            Called {
                shard,
                cursor,
                outputs,
                kept,
            }
        });
        self.turn = Some(ctx.spawn(call.into_actor(self).map(|called, reader, ctx| {
            reader.calling = false;
            reader.turn = None;
            match called {
                Ok(called) => reader.called(called, ctx),
                Err(error) => {
                    let message = format!("{}: a call to Kinesis panicked: {error}", reader.name);
                    reader
                        .lifeline
                        .report(Error::new("engine.actor_died", message));
                    ctx.stop();
                }
            }
        })));
    }

    fn called(&mut self, called: Called, ctx: &mut Context<Self>) {
        let Called {
            shard,
            cursor,
            outputs,
            kept,
        } = called;
        for output in outputs {
            match output {
                CursorOutput::Batch(mut batch) => {
                    if let Some(permit) = &kept {
                        batch.credit.ride(permit.clone());
                    }
                    self.note_batch(&batch);
                    self.decode(batch, ctx);
                }
                CursorOutput::Watermark(watermark) => {
                    self.control(Control::Watermark(watermark), ctx);
                }
                CursorOutput::End(end) => self.control(Control::End(end), ctx),
                CursorOutput::Cut(cut) => self.control(Control::Cut(cut), ctx),
                CursorOutput::Lag { millis_behind } => self.note_lag(&shard, millis_behind),
            }
        }
        if let Some(reading) = self.cursors.get_mut(&shard) {
            reading.cursor = Some(cursor);
        }
        self.turn(ctx);
    }

    fn note_batch(&self, batch: &PayloadBatch) {
        let meter = &self.context.meter;
        meter
            .read_records
            .fetch_add(batch.head.records, Ordering::Relaxed);
        meter
            .read_bytes
            .fetch_add(batch.payload_bytes() as u64, Ordering::Relaxed);
        if let Some(mut shard) = meter.shards.get_mut(&batch.head.shard) {
            shard.position = batch.head.to.to_string();
            shard.records += batch.head.records;
        }
    }

    fn note_lag(&self, shard: &KinesisShardId, millis_behind: i64) {
        if let Some(mut shard) = self.context.meter.shards.get_mut(shard) {
            shard.millis_behind = Some(millis_behind);
        }
    }

    fn decode(&mut self, batch: PayloadBatch, ctx: &mut Context<Self>) {
        let context = Arc::clone(&self.context);
        let lane = self.lane.clone();
        let stop = self.stop.subscribe();
        let work = tokio::spawn(async move {
            let decoded = decode(&context, batch, stop).await?;
            context.meter.decode.record(decoded.micros);
            context.meter.add_decoded(decoded.batch.counts);
            // A lane that does not take it has ended, and has said why.
            let _ = lane.send(Arrived(decoded.batch)).await;
            Ok(())
        });
        self.in_flight += 1;
        ctx.spawn(work.into_actor(self).map(|arrived, reader, ctx| {
            reader.in_flight -= 1;
            if !matches!(arrived, Ok(Ok(()) | Err(NotDecoded::GivenUp))) {
                // The batch is lost between the fetch and the lane: read it again.
                let message = format!("{}: a batch was lost while decoding", reader.name);
                reader.lifeline.report(Error::new("decode.lost", message));
            }
            if reader.stopping.is_some() {
                reader.drained(ctx);
            }
        }));
    }

    fn control(&mut self, control: Control, ctx: &mut Context<Self>) {
        self.in_flight += 1;
        ctx.spawn(
            self.lane
                .send(control)
                .into_actor(self)
                .map(|_, reader, ctx| {
                    reader.in_flight -= 1;
                    if reader.stopping.is_some() {
                        reader.drained(ctx);
                    }
                }),
        );
    }

    fn await_credit(&mut self, or_kept: bool, ctx: &mut Context<Self>) {
        self.context.pressure.send_modify(|count| *count += 1);
        let budget = self.context.budget.clone();
        let credit = async move { Some(budget.take(FETCH_BYTES).await) };
        let mut ways = vec![
            self.tip_changed(),
            self.context.host.sleep(PRESSURE_EVERY.as_millis() as u64),
        ];
        if or_kept {
            ways.push(self.kept.released().boxed());
        }
        ways.append(&mut self.awaited);
        let other = select_all(ways).map(|_| None);
        self.go_on_after(
            select(credit.boxed(), other).map(|first| first.factor_first().0),
            ctx,
        );
    }

    fn await_any(&mut self, mut ways: Vec<BoxFuture<'static, ()>>, ctx: &mut Context<Self>) {
        ways.append(&mut self.awaited);
        self.go_on_after(select_all(ways).map(|_| None), ctx);
    }

    /// The next turn is after this wait, with the credit that it brings.
    fn go_on_after(
        &mut self,
        wait: impl Future<Output = Option<Credit>> + 'static,
        ctx: &mut Context<Self>,
    ) {
        self.turn = Some(ctx.spawn(wait.into_actor(self).map(|granted, reader, ctx| {
            reader.turn = None;
            reader.granted = granted;
            reader.turn(ctx);
        })));
    }

    fn tip_changed(&mut self) -> BoxFuture<'static, ()> {
        self.tip.mark_unchanged();
        let mut tip = self.tip.clone();
        async move {
            if tip.changed().await.is_err() {
                // The lane is gone; it ends its readers.
                std::future::pending::<()>().await;
            }
        }
        .boxed()
    }

    fn drained(&mut self, ctx: &mut Context<Self>) {
        if self.in_flight > 0 {
            return;
        }
        if let Some(stopped) = self.stopping.take() {
            // A lane that no longer waits has ended.
            let _ = stopped.send(());
            self.end(ctx);
        }
    }

    fn end(&mut self, ctx: &mut Context<Self>) {
        self.lifeline.cut();
        ctx.stop();
    }
}

impl Actor for ShardReader {
    type Context = Context<Self>;

    fn stopped(&mut self, _ctx: &mut Self::Context) {
        self.lifeline.cut();
        self.context.meter.actor_gone(&self.name);
    }
}
