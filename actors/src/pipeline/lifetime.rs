//! Lifetime: the statistics of everything that is committed, as one pane.
//!
//! Does: has what was committed before this process began read from the target while reading
//! begins, and committed windows merged in, both beside the actors' thread. Does not own: what is
//! committed (the lanes tell the live view), or roll-ups. Receives: news of commits and of windows
//! that expired: then all is read anew. Emits: the merged pane to the live view. Bound: one merge at a time, at most one a second, of all that is
//! there; what waits for it is charged to the budget. On failure: what cannot be read is read again
//! later; a merge that panics leaves its windows their counts. Data does not depend on it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix::prelude::*;
use shardmill_engine::rollup::Reach;
use shardmill_engine::statistics::Pane;

use super::context::SourceContext;
use crate::error::Error;
use crate::statistics::{Committed, Held, KEEP_WINDOWS, PaneMemory, Target};

/// How long to wait before what could not be read is read again.
const READ_AGAIN: Duration = Duration::from_secs(10);

/// Each merge copies what it changes of the whole pane.
const MERGE_EVERY: Duration = Duration::from_secs(1);

/// A window has been committed.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct MoreCommitted;

/// Windows have expired, and what is kept of them is gone.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Expired;

/// The source has ended.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct EndLifetime;

pub(crate) struct Lifetime {
    context: Arc<SourceContext>,
    target: Target,
    /// The claims of this process: what lies behind them is told by its lanes.
    limit: Reach,
    /// What was committed before, until it is merged in.
    before: Option<Pane>,
    merging: bool,
    /// Soon after a merge.
    resting: bool,
    again: bool,
    /// Expired windows are still part of what is shown.
    expired: bool,
}

impl Lifetime {
    pub(crate) fn new(context: Arc<SourceContext>, target: Target, limit: Reach) -> Self {
        Self {
            context,
            target,
            limit,
            before: None,
            merging: false,
            resting: false,
            again: false,
            expired: false,
        }
    }

    fn load(&mut self, ctx: &mut Context<Self>) {
        let (target, limit) = (self.target.clone(), self.limit.clone());
        let work = async move { target.load(limit).await };
        ctx.spawn(work.into_actor(self).map(|found, actor, ctx| {
            let source = &actor.context.settings.name;
            match found {
                Ok(found) => {
                    let missing = found.as_ref().map_or(0, |found| found.missing_panes);
                    tracing::info!(%source, missing, "the statistics of what is committed are read");
                    let counters = &actor.context.meter.statistics;
                    counters.missing_panes.fetch_add(missing, Ordering::Relaxed);
                    let empty = || Pane::new(actor.context.settings.statistics.clone());
                    actor.before = Some(found.map_or_else(empty, |found| found.pane));
                    actor.merge(ctx);
                }
                Err(error) => {
                    tracing::warn!(%source, %error, "the statistics on the target cannot be read; trying again later");
                    actor.context.live.not_loaded(&error);
                    ctx.run_later(READ_AGAIN, Self::load);
                }
            }
        }));
    }

    /// Merges what waits.
    fn merge(&mut self, ctx: &mut Context<Self>) {
        // What was there before is waited for by whoever asks.
        if self.merging || (self.resting && self.before.is_none()) {
            self.again = true;
            return;
        }
        let snapshot = self.context.live.snapshot();
        let committed = Arc::clone(snapshot.committed());
        let before = self.before.take();
        if before.is_none() && committed.recent.is_empty() {
            return;
        }
        self.merging = true;
        let loaded = before.is_some();
        let merged = committed.recent.len();
        let context = Arc::clone(&self.context);
        let work = async move {
            let ours = Arc::clone(&committed);
            let whole = before.clone();
            let pane = context
                .workers
                .compute(move || merge(whole, &ours, Pane::clone));
            let pane = match pane.await {
                Some(pane) => Some(pane),
                None => {
                    let counters = &context.meter.statistics;
                    counters
                        .damaged_windows
                        .fetch_add(merged as u64, Ordering::Relaxed);
                    tracing::error!(
                        source = %context.settings.name,
                        windows = merged,
                        "merging statistics panicked; of these windows there are counts only"
                    );
                    let merge = move || merge(before, &committed, Pane::counts_only);
                    context.workers.compute(merge).await
                }
            };
            pane.map(|pane| hold(&context, pane))
        };
        ctx.spawn(work.into_actor(self).map(move |held, actor, ctx| {
            if let Some(held) = held {
                actor.context.live.merged(merged, &held, loaded);
                let counters = &actor.context.meter.statistics;
                counters.loaded.fetch_or(loaded, Ordering::Relaxed);
            } else if loaded {
                let message = "merging the statistics on the target panicked; please report it";
                let error = Error::new("statistics.panic", message);
                actor.context.live.not_loaded(&error);
            }
            actor.merged(ctx);
        }));
    }

    /// A merge is over; what waited for it begins.
    fn merged(&mut self, ctx: &mut Context<Self>) {
        self.merging = false;
        self.resting = true;
        ctx.run_later(MERGE_EVERY, |actor, ctx| {
            actor.resting = false;
            if std::mem::take(&mut actor.again) {
                actor.merge(ctx);
            }
        });
        if self.before.is_some() {
            self.merge(ctx);
        } else if self.expired {
            self.read_anew(ctx);
        }
    }

    /// Reads everything that is committed and not expired anew, in place of what is shown: what was
    /// merged cannot be taken out again.
    fn read_anew(&mut self, ctx: &mut Context<Self>) {
        let snapshot = self.context.live.snapshot();
        self.expired = true;
        if self.merging || self.before.is_some() || snapshot.check().is_err() {
            return;
        }
        self.merging = true;
        self.expired = false;
        let (target, reach) = (self.target.clone(), snapshot.reach());
        let recent = snapshot.committed().recent.len();
        let work = async move { target.load(reach).await };
        ctx.spawn(work.into_actor(self).map(move |found, actor, ctx| {
            match found {
                Ok(found) => {
                    let empty = || Pane::new(actor.context.settings.statistics.clone());
                    let pane = found.map_or_else(empty, |found| found.pane);
                    let held = hold(&actor.context, pane);
                    actor.context.live.merged(recent, &held, false);
                }
                Err(error) => {
                    let source = &actor.context.settings.name;
                    tracing::warn!(%source, %error, "expired windows stay in the statistics of all time; trying again later");
                    ctx.run_later(READ_AGAIN, Self::read_anew);
                }
            }
            actor.merged(ctx);
        }));
    }
}

fn hold(context: &SourceContext, pane: Pane) -> Held {
    let bytes = pane.memory_size();
    let memory = PaneMemory::charge(&context.budget, &context.meter, bytes);
    Held {
        pane: Arc::new(pane),
        _memory: Some(Arc::new(memory)),
    }
}

/// All of it as one. `part` is what is taken of each recent window.
fn merge(before: Option<Pane>, committed: &Committed, part: impl Fn(&Pane) -> Pane) -> Pane {
    let lifetime = &*committed.lifetime.pane;
    let mut whole = match before {
        Some(mut before) => {
            before.merge(lifetime);
            before
        }
        None => lifetime.clone(),
    };
    for held in &committed.recent {
        whole.merge(&part(&held.pane));
    }
    whole.keep_windows(KEEP_WINDOWS);
    whole
}

impl Actor for Lifetime {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.load(ctx);
    }
}

impl Handler<MoreCommitted> for Lifetime {
    type Result = ();

    fn handle(&mut self, _: MoreCommitted, ctx: &mut Self::Context) {
        self.merge(ctx);
    }
}

impl Handler<Expired> for Lifetime {
    type Result = ();

    fn handle(&mut self, _: Expired, ctx: &mut Self::Context) {
        self.read_anew(ctx);
    }
}

impl Handler<EndLifetime> for Lifetime {
    type Result = ();

    fn handle(&mut self, _: EndLifetime, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
