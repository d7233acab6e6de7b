//! An output: takes what its source has committed to a target of its own.
//!
//! Does: opens the output, has the engine take commits one after the other, clean up and expire,
//! beside the actors' thread. Does not own: what is taken, or what a commit says. Receives: that the
//! source has committed, the order to finish. Emits: its progress, and what it still needs of the
//! source. Bound: one step at a time; its work goes to the worker threads behind everything else.
//! On failure: a target that does not answer is asked again for as long as it takes; what cannot be
//! helped by asking again makes the output `failed`, and the source goes on.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use shardmill_engine::log::Identity;
use shardmill_engine::output::{self, Begin, OutputError, OutputPlan, Take, World};
use shardmill_engine::types::{Generation, TimestampMs, Window};
use tokio::sync::oneshot;

use super::watched::Watched;
use crate::adapters;
use crate::config::{OutputSettings, StartFrom};
use crate::error::Error;
use crate::expressions;
use crate::pipeline::context::SourceContext;

/// How long to wait before a target that could not be opened is opened again.
const OPEN_AGAIN: Duration = Duration::from_secs(30);

/// How often leftovers of ended claims are looked for.
const CLEAN_UP_EVERY_MS: i64 = 3_600_000;

/// The source has committed; all its lanes have closed `complete`.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct MoreCommitted {
    pub complete: Option<Window>,
}

/// Take everything that is committed, then answer.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct FinishOutput;

/// End at once.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct EndOutput;

pub(super) struct Output {
    context: Arc<SourceContext>,
    settings: OutputSettings,
    identity: Identity,
    generation: Generation,
    /// Away while a step runs.
    output: Option<Box<output::Output>>,
    state: State,
    again: bool,
    /// Whoever waits for everything to be taken.
    finishing: Vec<oneshot::Sender<()>>,
    complete: Option<Window>,
    cleaned: Option<TimestampMs>,
    timer: Option<SpawnHandle>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Opening,
    Open,
    Failed,
}

/// What a turn has come to.
struct Turn {
    output: Box<output::Output>,
    /// Whether commits wait for other lanes.
    waiting: bool,
    /// Whether everything that was there is taken.
    is_done: bool,
    cleaned: Option<TimestampMs>,
    outcome: Result<(), OutputError>,
}

impl Output {
    pub(super) fn new(
        context: Arc<SourceContext>,
        settings: OutputSettings,
        identity: Identity,
        generation: Generation,
    ) -> Self {
        Self {
            context,
            settings,
            identity,
            generation,
            output: None,
            state: State::Opening,
            again: false,
            finishing: Vec::new(),
            complete: None,
            cleaned: None,
            timer: None,
        }
    }

    fn plan(&self) -> OutputPlan {
        let settings = &self.settings;
        let retention = settings.retention;
        OutputPlan {
            name: settings.name.clone(),
            begin: match settings.from {
                StartFrom::Start => Begin::Start,
                StartFrom::Now => Begin::FirstSeen,
                StartFrom::At(time) => Begin::At(time),
            },
            format: settings.format.clone(),
            definition: settings.definition.clone(),
            retention_ms: retention.map(millis),
        }
    }

    fn open(&mut self, ctx: &mut Context<Self>) {
        let (context, settings) = (Arc::clone(&self.context), self.settings.clone());
        let (identity, generation, plan) = (self.identity.clone(), self.generation, self.plan());
        let work = async move {
            let target = adapters::open_output(&context.region, &settings, context.checksums);
            let target = target.await.map_err(Opening::Target)?;
            let target = Watched::new(target, Arc::clone(&context.meter), &settings.name);
            let world = World {
                source: Arc::clone(&context.store),
                target: Arc::new(target),
                host: Arc::clone(&context.host),
                budget: context.budget.clone(),
                threads: Arc::new(context.workers.background()),
                identity,
                generation,
            };
            let definition = &plan.definition;
            let transform = expressions::make(definition).map_err(|error| OutputError::Transform {
                file: String::new(),
                error,
            });
            let transform = transform.map_err(Opening::Output)?;
            let opened = output::Output::open(world, plan, transform).await;
            opened.map(Box::new).map_err(Opening::Output)
        };
        ctx.spawn(work.into_actor(self).map(|opened, actor, ctx| match opened {
            Ok(output) => {
                actor.state = State::Open;
                actor.show("running");
                actor.note(&output);
                actor.output = Some(output);
                actor.turn(ctx);
            }
            Err(Opening::Output(error)) => actor.fail(&error),
            Err(Opening::Target(error)) => {
                let (source, output) = (&actor.context.settings.name, &actor.settings.name);
                tracing::warn!(%source, %output, %error, "the output's target cannot be opened; trying again");
                let stalled = Some(error.to_string());
                actor.context.meter.output(output, |progress| progress.stalled = stalled);
                ctx.run_later(OPEN_AGAIN, Self::open);
            }
        }));
    }

    /// Takes what is there, one commit after the other.
    fn turn(&mut self, ctx: &mut Context<Self>) {
        if self.state == State::Failed {
            return self.finished();
        }
        let Some(mut output) = self.output.take() else {
            self.again = true;
            return;
        };
        if let Some(timer) = self.timer.take() {
            ctx.cancel_future(timer);
        }
        let take = match self.finishing.is_empty() {
            true => Take::Complete,
            false => Take::All,
        };
        let now = self.context.host.now();
        let cleaned = self.cleaned;
        let is_due = cleaned.is_none_or(|cleaned| now - cleaned >= CLEAN_UP_EVERY_MS);
        let (meter, name) = (Arc::clone(&self.context.meter), self.settings.name.clone());
        let work = async move {
            let mut turn = Turn {
                waiting: false,
                is_done: false,
                cleaned,
                outcome: Ok(()),
                output: {
                    if is_due && take == Take::Complete {
                        report(&name, output.clean_up().await);
                    }
                    output
                },
            };
            if is_due {
                turn.cleaned = Some(now);
            }
            match turn.output.step(take).await {
                Ok(stepped) => {
                    turn.waiting = stepped.waiting;
                    turn.is_done = !stepped.committed;
                    if stepped.committed {
                        meter.output(&name, |progress| {
                            progress.commits += 1;
                            progress.files += stepped.files;
                            progress.rows += stepped.rows;
                            progress.file_bytes += stepped.bytes;
                        });
                    }
                }
                Err(error) => turn.outcome = Err(error),
            }
            if turn.is_done && take == Take::Complete {
                report(&name, turn.output.expire().await);
            }
            turn
        };
        ctx.spawn(work.into_actor(self).map(Self::turned));
    }

    fn turned(turn: Turn, actor: &mut Self, ctx: &mut Context<Self>) {
        actor.cleaned = turn.cleaned;
        actor.note(&turn.output);
        let again = std::mem::take(&mut actor.again);
        match turn.outcome {
            Err(error) if !error.is_passing() => return actor.fail(&error),
            Err(error) => {
                let (source, output) = (&actor.context.settings.name, &actor.settings.name);
                tracing::warn!(%source, %output, %error, "the output starts again from its last commit");
            }
            Ok(()) => {}
        }
        actor.output = Some(turn.output);
        if !turn.is_done || again {
            return actor.turn(ctx);
        }
        if !actor.finishing.is_empty() {
            return actor.finished();
        }
        // Lanes that are behind may stay so; and retention goes by the clock.
        let window = actor.context.settings.window_length.millis().unsigned_abs();
        let wait = match turn.waiting {
            true => Duration::from_millis(window / 2),
            false => Duration::from_millis(2 * window),
        };
        actor.timer = Some(ctx.run_later(wait, |actor, ctx| {
            actor.timer = None;
            actor.turn(ctx);
        }));
    }

    fn finished(&mut self) {
        for waiting in self.finishing.drain(..) {
            // Who does not wait any more has given up.
            let _ = waiting.send(());
        }
    }

    /// The output stays as it is until the source is started again.
    fn fail(&mut self, error: &OutputError) {
        let (source, output) = (&self.context.settings.name, &self.settings.name);
        tracing::error!(%source, %output, code = error.code(), %error, "the output stops; its source goes on");
        self.state = State::Failed;
        self.show("failed");
        let told = Error::new(error.code(), error.to_string());
        self.context.meter.output(&self.settings.name, |progress| {
            progress.code = Some(told.code().to_owned());
            progress.error = Some(told.message().to_owned());
        });
        self.finished();
    }

    fn show(&self, state: &'static str) {
        self.context.meter.output(&self.settings.name, |progress| {
            state.clone_into(&mut progress.state)
        });
    }

    /// Tells where the output stands.
    fn note(&self, output: &output::Output) {
        let length = self.context.settings.window_length;
        let status = output.status();
        let end = |window: Window| length.start_of(window.next());
        let complete = status.complete_through.map(end);
        let ahead = self.complete.map(end);
        let start = status.start.map(|start| length.start_of(start));
        self.context
            .holds
            .needs(&self.settings.name, output.needed());
        self.context.meter.output(&self.settings.name, |progress| {
            progress.entry = status.entry;
            progress.complete_through_ms = complete;
            // Before its first window it lacks nothing.
            progress.lag_ms = ahead.map(|ahead| {
                let reached = complete.max(start).unwrap_or(ahead);
                (ahead - reached).max(0)
            });
        });
    }
}

enum Opening {
    /// The target cannot be reached as it is configured.
    Target(adapters::OpenError),
    Output(OutputError),
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// Says what tidying did; nothing depends on it.
fn report(output: &str, tidied: Result<u64, OutputError>) {
    match tidied {
        Ok(0) => {}
        Ok(deleted) => tracing::info!(%output, deleted, "an output was tidied up"),
        Err(error) => {
            tracing::warn!(%output, %error, "an output could not be tidied up; it is tried again")
        }
    }
}

impl Actor for Output {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let name = &self.settings.name;
        self.context
            .holds
            .begin(name, millis(self.settings.max_lag));
        self.show("starting");
        self.open(ctx);
    }

    fn stopped(&mut self, _ctx: &mut Self::Context) {
        if self.state != State::Failed {
            self.show("stopped");
        }
    }
}

impl Handler<MoreCommitted> for Output {
    type Result = ();

    fn handle(&mut self, MoreCommitted { complete }: MoreCommitted, ctx: &mut Self::Context) {
        self.complete = complete;
        self.turn(ctx);
    }
}

impl Handler<FinishOutput> for Output {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: FinishOutput, ctx: &mut Self::Context) -> Self::Result {
        let (done, finished) = oneshot::channel();
        self.finishing.push(done);
        self.turn(ctx);
        Box::pin(async move {
            // An output that is gone takes nothing any more.
            let _ = finished.await;
        })
    }
}

impl Handler<EndOutput> for Output {
    type Result = ();

    fn handle(&mut self, _: EndOutput, ctx: &mut Self::Context) {
        ctx.stop();
    }
}
