//! Clean-up: deletes what claims that are over have left behind.
//!
//! Does: runs the log's clean-up soon after the start, when what a process before this one had on
//! its way has landed, and then once an hour. Does not own: what may be deleted (the log decides),
//! or the first run, which comes before anything is read. Receives: claims that have ended since.
//! Emits: how far all is clean, for the lanes' next entries. Bound: one run at a time. On failure:
//! it is tried again at the next hour; nothing depends on it but disk space.

use std::sync::Arc;

use actix::prelude::*;
use shardmill_engine::log::{Cleaned, Cleanup, LaneOver, LogError, Swept};
use shardmill_engine::types::LaneId;

use super::context::SourceContext;
use super::source::Source;

/// A lane was claimed again: its claim before this one is over.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct ClaimOver(pub LaneOver);

/// The source has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct EndCleanUp;

/// How far all is clean, by lane.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct AllClean(pub Vec<(LaneId, Cleaned)>);

pub(crate) struct CleanUp {
    context: Arc<SourceContext>,
    source: Addr<Source>,
    /// Away while it runs.
    cleanup: Option<Cleanup>,
    over: Vec<LaneOver>,
}

impl CleanUp {
    pub(crate) fn new(context: Arc<SourceContext>, source: Addr<Source>, cleanup: Cleanup) -> Self {
        Self {
            context,
            source,
            cleanup: Some(cleanup),
            over: Vec::new(),
        }
    }

    fn run(&mut self, ctx: &mut Context<Self>) {
        let Some(mut cleanup) = self.cleanup.take() else {
            return;
        };
        for over in self.over.drain(..) {
            cleanup.lane_claimed(over);
        }
        let work = async move {
            let swept = cleanup.run().await;
            (cleanup, swept)
        };
        ctx.spawn(work.into_actor(self).map(|(cleanup, swept), actor, ctx| {
            actor.cleanup = Some(cleanup);
            if let Some(clean) = report(&actor.context, swept) {
                ctx.spawn(actor.source.send(clean).into_actor(actor).map(|_, _, _| ()));
            }
        }));
    }
}

/// Tells people what was swept, and the lanes how far all is clean.
pub(crate) fn report(context: &SourceContext, swept: Result<Swept, LogError>) -> Option<AllClean> {
    let source = &context.settings.name;
    match swept {
        Ok(swept) => {
            let (deleted, aborted) = (swept.deleted.len(), swept.aborted);
            tracing::info!(%source, deleted, aborted, "clean-up has run");
            Some(AllClean(swept.cleaned))
        }
        Err(error) => {
            tracing::warn!(%source, %error, "clean-up failed; it runs again in an hour");
            None
        }
    }
}

impl Actor for CleanUp {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let settings = &self.context.settings;
        ctx.run_later(settings.second_clean_up_after, Self::run);
        ctx.run_interval(settings.clean_up_interval, Self::run);
    }
}

impl Handler<ClaimOver> for CleanUp {
    type Result = ();

    fn handle(&mut self, ClaimOver(over): ClaimOver, _ctx: &mut Self::Context) {
        self.over.push(over);
    }
}

impl Handler<EndCleanUp> for CleanUp {
    type Result = ();

    fn handle(&mut self, _: EndCleanUp, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
