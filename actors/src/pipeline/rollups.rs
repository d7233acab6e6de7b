//! Roll-ups: puts the statistics of hours and days once they are complete.
//!
//! Does: runs the engine's roller, which reads commits and puts what is due, beside the actors'
//! thread. Does not own: what is due or what a roll-up says. Receives: how far all lanes are
//! complete. Emits: nothing. Bound: one run at a time. On failure: it is tried again later; whoever
//! asks meanwhile reads what the roll-up would have said.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use shardmill_engine::rollup::Roller;
use shardmill_engine::types::{Level, Window};

use super::context::SourceContext;
use crate::statistics::Target;

/// How long to wait before a run that failed is made again.
const RUN_AGAIN: Duration = Duration::from_secs(60);

/// Every lane has closed this window.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct CompleteThrough(pub Window);

/// The source has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct EndRollups;

pub(crate) struct Rollups {
    context: Arc<SourceContext>,
    target: Target,
    /// Away while it runs.
    roller: Option<Roller>,
    /// The hour that is not complete, when the last run began.
    hour: Option<i64>,
    again: bool,
}

impl Rollups {
    pub(crate) fn new(context: Arc<SourceContext>, target: Target) -> Self {
        Self {
            context,
            roller: Some(target.roller()),
            target,
            hour: None,
            again: false,
        }
    }

    fn run(&mut self, ctx: &mut Context<Self>) {
        let Some(roller) = self.roller.take() else {
            self.again = true;
            return;
        };
        let target = self.target.clone();
        let work = async move { target.roll_up(roller).await };
        ctx.spawn(work.into_actor(self).map(|done, actor, ctx| {
            let source = &actor.context.settings.name;
            match done {
                Ok((roller, done)) => {
                    if done.hours + done.days > 0 {
                        tracing::info!(%source, hours = done.hours, days = done.days, "statistics are rolled up");
                    }
                    if done.missing_panes > 0 {
                        tracing::warn!(%source, missing = done.missing_panes, "of some commits only counts are rolled up");
                    }
                    actor.roller = Some(roller);
                }
                Err(error) => {
                    tracing::warn!(%source, %error, "statistics could not be rolled up; trying again later");
                    actor.roller = Some(actor.target.roller());
                    ctx.run_later(RUN_AGAIN, Self::run);
                }
            }
            if std::mem::take(&mut actor.again) {
                actor.run(ctx);
            }
        }));
    }
}

impl Actor for Rollups {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // What the process before this one left undone.
        self.run(ctx);
    }
}

impl Handler<CompleteThrough> for Rollups {
    type Result = ();

    fn handle(&mut self, CompleteThrough(window): CompleteThrough, ctx: &mut Self::Context) {
        let hour = Some(Level::Hour.number_of(window.next()));
        if self.hour < hour {
            self.hour = hour;
            self.run(ctx);
        }
    }
}

impl Handler<EndRollups> for Rollups {
    type Result = ();

    fn handle(&mut self, _: EndRollups, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
