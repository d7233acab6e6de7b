//! The committer: the one owner of a lane's log.
//!
//! Does: appends commits in the order in which they come and puts checkpoints. Does not own: what a
//! commit says. Receives: commits, marks of retention, the order to give the log back. Emits: an
//! answer to each. Bound: one entry at a time; the lane sends the next commit only after the answer.
//! On failure: an unanswered put is made again inside the log until it is answered; any other error
//! is the answer, and ends the claim.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use actix::prelude::*;
use shardmill_engine::log::{Cleaned, Commit, LaneLog, LogError};
use shardmill_engine::types::{ClaimRef, Window};
use tokio::sync::oneshot;

use super::context::SourceContext;
use super::lifeline::Lifeline;
use crate::error::Error;

/// Append this commit. Answered with the number of its entry.
#[derive(Message)]
#[rtype(result = "Result<u64, Error>")]
pub(crate) struct Append(pub Arc<Commit>);

/// Record that windows are expired. Answered when the entry is on the target.
#[derive(Message)]
#[rtype(result = "Result<(), Error>")]
pub(crate) struct Expire {
    /// The last of them.
    pub through: Window,
    /// Their files stay.
    pub soft: bool,
}

/// The next entry shall record how far clean-up is through.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct NoteCleaned(pub Cleaned);

/// Give the log back and end.
#[derive(Message)]
#[rtype(result = "Option<Box<LaneLog>>")]
pub(crate) struct GiveBack;

enum Command {
    Append(Arc<Commit>, oneshot::Sender<Result<u64, Error>>),
    Expire(Expire, oneshot::Sender<Result<(), Error>>),
    GiveBack(oneshot::Sender<Option<Box<LaneLog>>>),
}

pub(crate) struct Committer {
    context: Arc<SourceContext>,
    claim: ClaimRef,
    name: String,
    lifeline: Lifeline,
    /// Away while a call to the log is under way.
    log: Option<Box<LaneLog>>,
    queue: VecDeque<Command>,
    cleaned: Option<Cleaned>,
}

impl Committer {
    pub(crate) fn new(context: Arc<SourceContext>, log: Box<LaneLog>) -> Self {
        let claim = log.claim();
        let name = format!("lane {} committer", claim.lane);
        Self {
            claim,
            lifeline: Lifeline::new(name.clone(), Some(claim), context.faults.clone()),
            name,
            log: Some(log),
            queue: VecDeque::new(),
            cleaned: None,
            context,
        }
    }

    fn turn(&mut self, ctx: &mut Context<Self>) {
        let Some(mut log) = self.log.take() else {
            return;
        };
        let Some(command) = self.queue.pop_front() else {
            self.context.meter.actor(&self.name, "idle", 0);
            self.log = Some(log);
            return;
        };
        self.context
            .meter
            .actor(&self.name, "putting", self.queue.len() + 1);
        if let Some(cleaned) = self.cleaned.take() {
            log.note_cleaned(cleaned);
        }
        let context = Arc::clone(&self.context);
        let work = async move {
            match command {
                Command::Append(commit, answer) => {
                    let begun = Instant::now();
                    let appended = log.append(Commit::clone(&commit)).await;
                    context.meter.put.record(begun.elapsed().as_micros() as u64);
                    let put = appended.is_ok();
                    let appended = appended.map(|()| log.folded().entry);
                    // A lane that has ended asks no more.
                    let _ = answer.send(appended.map_err(|error| public(&error)));
                    if put {
                        checkpoint(&context, &mut log).await;
                    }
                    Some(log)
                }
                Command::Expire(Expire { through, soft }, answer) => {
                    let put = log.expire(through, soft).await;
                    // Whoever asked may have ended.
                    let _ = answer.send(put.map_err(|error| public(&error)));
                    checkpoint(&context, &mut log).await;
                    Some(log)
                }
                Command::GiveBack(answer) => {
                    let _ = answer.send(Some(log));
                    None
                }
            }
        };
        ctx.spawn(work.into_actor(self).map(|log, committer, ctx| match log {
            Some(log) => {
                committer.log = Some(log);
                committer.turn(ctx);
            }
            None => {
                committer.lifeline.cut();
                ctx.stop();
            }
        }));
    }

    fn queue<T: Send + 'static>(
        &mut self,
        ctx: &mut Context<Self>,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
        on_death: impl FnOnce() -> T + Send + 'static,
    ) -> ResponseFuture<T> {
        let (answer, answered) = oneshot::channel();
        self.queue.push_back(command(answer));
        self.turn(ctx);
        Box::pin(async move { answered.await.unwrap_or_else(|_| on_death()) })
    }
}

async fn checkpoint(context: &SourceContext, log: &mut LaneLog) {
    if let Err(error) = log.checkpoint_if_due().await {
        let source = &context.settings.name;
        tracing::warn!(%source, %error, "no checkpoint; a later commit puts one");
    }
}

/// The log's error as the public one.
pub(crate) fn public(error: &LogError) -> Error {
    Error::new(error.code(), error.to_string())
}

pub(crate) fn died() -> Error {
    Error::new(
        "engine.actor_died",
        "the lane's committer has died; the lane starts again",
    )
}

impl Actor for Committer {
    type Context = Context<Self>;

    fn stopped(&mut self, _ctx: &mut Self::Context) {
        self.lifeline.cut();
        self.context.meter.actor_gone(&self.name);
        tracing::debug!(source = %self.context.settings.name, lane = %self.claim.lane, "committer ended");
    }
}

impl Handler<Append> for Committer {
    type Result = ResponseFuture<Result<u64, Error>>;

    fn handle(&mut self, Append(commit): Append, ctx: &mut Self::Context) -> Self::Result {
        self.queue(
            ctx,
            |answer| Command::Append(commit, answer),
            || Err(died()),
        )
    }
}

impl Handler<Expire> for Committer {
    type Result = ResponseFuture<Result<(), Error>>;

    fn handle(&mut self, expire: Expire, ctx: &mut Self::Context) -> Self::Result {
        self.queue(
            ctx,
            |answer| Command::Expire(expire, answer),
            || Err(died()),
        )
    }
}

impl Handler<NoteCleaned> for Committer {
    type Result = ();

    fn handle(&mut self, NoteCleaned(cleaned): NoteCleaned, _ctx: &mut Self::Context) {
        self.cleaned = Some(cleaned);
    }
}

impl Handler<GiveBack> for Committer {
    type Result = ResponseFuture<Option<Box<LaneLog>>>;

    fn handle(&mut self, _: GiveBack, ctx: &mut Self::Context) -> Self::Result {
        self.queue(ctx, Command::GiveBack, || None)
    }
}
