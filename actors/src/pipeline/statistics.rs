//! Statistics: one lane's statistics of its open windows.
//!
//! Does: has batches observed on the worker threads, one job at a time, and puts the object of a
//! window that closes. Does not own: what statistics say (panes do), what is committed, or when a
//! window closes. Receives: decoded batches, the order to close a window. Emits: panes to the live
//! view, a window's object as the answer to its close. Bound: the batches' credit; open panes are
//! charged to the budget. On failure: a panic while observing leaves the window its counts; an object
//! that cannot be put ends the lane's claim.

use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;
use bytes::Bytes;
use shardmill_engine::budget::Credit;
use shardmill_engine::log::{Guard, StatisticsObject, names};
use shardmill_engine::parquet::{FileChunk, FinishedFile};
use shardmill_engine::types::{ClaimRef, DecodedBatch, FileKind, Window};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

mod open;

use open::{Closed, OpenPanes};

use super::context::SourceContext;
use super::lifeline::Lifeline;
use super::uploader::FileUpload;
use crate::error::Error;

/// Batches in the order in which they arrived. Answered when they are taken over.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Observe(pub Vec<Arc<DecodedBatch>>);

/// No batch of this window will follow. Answered when its object is on the target; `None` where
/// there is nothing to say.
#[derive(Message)]
#[rtype(result = "Result<Option<StatisticsObject>, Error>")]
pub(crate) struct Close(pub Window);

/// The claim is over; whatever is unfinished is dropped.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct EndStatistics;

type Answer = oneshot::Sender<Result<Option<StatisticsObject>, Error>>;

pub(crate) struct LaneStatistics {
    context: Arc<SourceContext>,
    claim: ClaimRef,
    guard: Guard,
    name: String,
    lifeline: Lifeline,
    /// With the worker threads while they are at work.
    panes: Option<OpenPanes>,
    inbox: Vec<Arc<DecodedBatch>>,
    closing: Vec<(Window, Answer)>,
    /// The wait until what was observed becomes visible.
    publishing: Option<SpawnHandle>,
    uploads: Vec<AbortHandle>,
}

impl LaneStatistics {
    pub(crate) fn new(context: Arc<SourceContext>, claim: ClaimRef, guard: Guard) -> Self {
        let name = format!("lane {} statistics", claim.lane);
        Self {
            lifeline: Lifeline::new(name.clone(), Some(claim), context.faults.clone()),
            panes: Some(OpenPanes::new(Arc::clone(&context), claim)),
            context,
            claim,
            guard,
            name,
            inbox: Vec::new(),
            closing: Vec::new(),
            publishing: None,
            uploads: Vec::new(),
        }
    }

    /// Does what is next, unless the panes are at work.
    fn turn(&mut self, ctx: &mut Context<Self>) {
        let Some(mut panes) = self.panes.take() else {
            return;
        };
        let publish_at = panes.publish_at();
        let due = publish_at.is_some_and(|at| at <= Instant::now());
        let state = match self.inbox.is_empty() {
            true => "idle",
            false => "observing",
        };
        self.context
            .meter
            .actor(&self.name, state, self.inbox.len());
        if self.inbox.is_empty() && self.closing.is_empty() && !due {
            self.panes = Some(panes);
            return self.publish_later(publish_at, ctx);
        }
        let batches = std::mem::take(&mut self.inbox);
        // All of a window that is to be closed is among these batches or before them.
        let (windows, answers): (Vec<Window>, Vec<Answer>) = self.closing.drain(..).unzip();
        let workers = Arc::clone(&self.context.workers);
        let meter = Arc::clone(&self.context.meter);
        let work = async move {
            let work = workers.compute(move || {
                let begun = Instant::now();
                let closed = panes.work(batches, windows);
                meter.observe.record(begun.elapsed().as_micros() as u64);
                (panes, closed)
            });
            work.await
        };
        ctx.spawn(work.into_actor(self).map(|done, actor, ctx| match done {
            Some((panes, closed)) => {
                actor.panes = Some(panes);
                for (closed, answer) in closed.into_iter().zip(answers) {
                    actor.put(closed, answer, ctx);
                }
                actor.turn(ctx);
            }
            None => {
                let message = "statistics panicked; the lane starts again";
                actor
                    .lifeline
                    .report(Error::new("statistics.panic", message));
                ctx.stop();
            }
        }));
    }

    fn publish_later(&mut self, at: Option<Instant>, ctx: &mut Context<Self>) {
        if let (Some(at), None) = (at, self.publishing) {
            let wait = at.saturating_duration_since(Instant::now());
            self.publishing = Some(ctx.run_later(wait, |actor, ctx| {
                actor.publishing = None;
                actor.turn(ctx);
            }));
        }
    }

    /// Puts a window's object and answers.
    fn put(&mut self, Closed { window, object }: Closed, answer: Answer, ctx: &mut Context<Self>) {
        let Some((bytes, credit)) = object else {
            // A lane that no longer waits has ended.
            return drop(answer.send(Ok(None)));
        };
        let length = self.context.settings.window_length;
        let name = names::file(FileKind::Statistics, length, self.claim, window, 0);
        let object = StatisticsObject {
            name: name.clone(),
            window,
            bytes: bytes.len() as u64,
        };
        let upload = FileUpload {
            context: Arc::clone(&self.context),
            guard: self.guard.clone(),
            name,
        };
        let (chunks, inbox) = mpsc::unbounded_channel();
        // The other end is in the next line.
        let _ = chunks.send(whole(bytes, credit));
        let uploaded = tokio::spawn(upload.run(inbox));
        self.uploads.retain(|upload| !upload.is_finished());
        self.uploads.push(uploaded.abort_handle());
        let put = async move {
            let uploaded = uploaded.await.unwrap_or_else(|error| {
                let message = format!("the uploader of window {window} died: {error}");
                Err(Error::new("engine.actor_died", message))
            });
            let _ = answer.send(uploaded.map(|_| Some(object)));
        };
        ctx.spawn(put.into_actor(self).map(|(), _, _| ()));
    }
}

/// An object as the one chunk of its file.
fn whole(bytes: Bytes, credit: Credit) -> FileChunk {
    let finished = FinishedFile {
        rows: 0,
        bytes: bytes.len() as u64,
        schema: None,
    };
    FileChunk {
        kind: FileKind::Statistics,
        part: 0,
        bytes,
        credit,
        finished: Some(finished),
    }
}

impl Actor for LaneStatistics {
    type Context = Context<Self>;

    fn stopped(&mut self, _ctx: &mut Self::Context) {
        self.lifeline.cut();
        self.context.meter.actor_gone(&self.name);
        self.uploads.iter().for_each(AbortHandle::abort);
    }
}

impl Handler<Observe> for LaneStatistics {
    type Result = ();

    fn handle(&mut self, Observe(batches): Observe, ctx: &mut Self::Context) {
        self.inbox.extend(batches);
        self.turn(ctx);
    }
}

impl Handler<Close> for LaneStatistics {
    type Result = ResponseFuture<Result<Option<StatisticsObject>, Error>>;

    fn handle(&mut self, Close(window): Close, ctx: &mut Self::Context) -> Self::Result {
        let (answer, answered) = oneshot::channel();
        self.closing.push((window, answer));
        self.turn(ctx);
        Box::pin(async move {
            answered.await.unwrap_or_else(|_| {
                let message =
                    format!("the statistics of window {window} died before they answered");
                Err(Error::new("engine.actor_died", message))
            })
        })
    }
}

impl Handler<EndStatistics> for LaneStatistics {
    type Result = ();

    fn handle(&mut self, _: EndStatistics, ctx: &mut Self::Context) {
        self.lifeline.cut();
        ctx.stop();
    }
}
