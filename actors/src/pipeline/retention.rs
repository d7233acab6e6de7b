//! Retention: windows that are older than the source keeps expire.
//!
//! Does: finds what is due, has every lane put the mark, then deletes what it covers, beside the
//! actors' thread. Does not own: what is due, what may be deleted (the log decides), or the logs:
//! their committers put the marks. Receives: the end of the source. Emits: marks to the source,
//! news of them to the lifetime statistics. Bound: one run at a time. On failure: the next run goes
//! on where it stopped; nothing depends on it but disk space.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::prelude::*;
use shardmill_engine::log::{Forgotten, Retention as Log, older_than};
use shardmill_engine::types::Window;

use super::committer::public;
use super::context::SourceContext;
use super::lifetime::{Expired, Lifetime};
use super::settings::RetentionSettings;
use super::source::{ExpireAll, HowFar, Source};
use crate::error::Error;

/// How long after the start the first run comes at the latest.
const FIRST_AFTER: Duration = Duration::from_secs(60);

/// The source has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct EndRetention;

pub(crate) struct Retention {
    context: Arc<SourceContext>,
    source: Addr<Source>,
    lifetime: Addr<Lifetime>,
    /// Away while it runs.
    log: Option<Log>,
}

impl Retention {
    pub(crate) fn new(
        context: Arc<SourceContext>,
        source: Addr<Source>,
        lifetime: Addr<Lifetime>,
        log: Log,
    ) -> Self {
        Self {
            context,
            source,
            lifetime,
            log: Some(log),
        }
    }

    fn run(&mut self, ctx: &mut Context<Self>) {
        let Some(mut log) = self.log.take() else {
            return;
        };
        let (context, source) = (Arc::clone(&self.context), self.source.clone());
        let work = async move {
            let done = turn(&context, &source, &mut log).await;
            (log, done)
        };
        ctx.spawn(work.into_actor(self).map(|(log, done), actor, ctx| {
            actor.report(&log, &done);
            actor.log = Some(log);
            if matches!(done, Ok((_, true))) {
                let told = actor.lifetime.send(Expired);
                ctx.spawn(told.into_actor(actor).map(|_, _, _| ()));
            }
        }));
    }

    fn report(&self, log: &Log, done: &Result<(Forgotten, bool), Error>) {
        let source = &self.context.settings.name;
        let counters = &self.context.meter.retention;
        if let Some(through) = log.marks().through {
            let length = self.context.settings.window_length;
            counters.expired_before(length.start_of(through.next()));
        }
        match done {
            Ok((gone, _)) if gone.is_empty() => {}
            Ok((gone, _)) => {
                counters.add(gone);
                let Forgotten { files, bytes, .. } = gone;
                tracing::info!(%source, files, bytes, "expired windows are deleted");
            }
            Err(error) => {
                counters.failed_runs.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%source, %error, "retention failed; the next run goes on from here");
            }
        }
    }
}

/// Expires what is due; what was deleted, and whether more windows are expired than before.
async fn turn(
    context: &SourceContext,
    source: &Addr<Source>,
    log: &mut Log,
) -> Result<(Forgotten, bool), Error> {
    let mut gone = Forgotten::default();
    // What expired before goes first: it may have expired in another way.
    if !log.is_settled() {
        gone = log.run().await.map_err(|error| public(&error))?;
    }
    let due = match &context.settings.retention {
        Some(retention) => due(context, source, retention).await?,
        None => None,
    };
    let due = due.filter(|due| Some(*due) > log.marks().through);
    if let (Some(through), Some(retention)) = (due, &context.settings.retention) {
        let soft = retention.soft;
        let asked = source.send(ExpireAll { through, soft }).await;
        asked.unwrap_or_else(|_| Err(ended()))?;
        log.expired(through, soft);
    }
    // Also where nothing is due: what was long on its way may have come.
    if log.marks().through.is_some() {
        gone += log.run().await.map_err(|error| public(&error))?;
    }
    Ok((gone, due.is_some()))
}

async fn due(
    context: &SourceContext,
    source: &Addr<Source>,
    retention: &RetentionSettings,
) -> Result<Option<Window>, Error> {
    let complete = source.send(HowFar).await.map_err(|_| ended())?;
    let length = context.settings.window_length;
    let age = i64::try_from(retention.keep.as_millis()).unwrap_or(i64::MAX);
    let now = context.host.now();
    // Outputs that are behind hold it back, as long as they may.
    let held = context.holds.first_held(now, age, length);
    Ok(complete.map(|complete| older_than(length, age, now, complete, held)))
}

fn ended() -> Error {
    Error::new("engine.actor_died", "the source has ended")
}

impl Actor for Retention {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let every = self.context.settings.retention_interval;
        ctx.run_later(every.min(FIRST_AFTER), Self::run);
        ctx.run_interval(every, Self::run);
    }
}

impl Handler<EndRetention> for Retention {
    type Result = ();

    fn handle(&mut self, _: EndRetention, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
