//! An output at work.

use std::sync::Arc;

use super::OutputError;
use super::begin::{first_window, place_before};
use super::definition::OutputPlan;
use super::expire::Expiry;
use super::feed::{Feed, Run};
use super::gap;
use super::log::{OutputLog, check_record, put_record, read_record};
use super::produce::Producer;
use super::record::{Body, State};
use super::sweep;
use super::transform::RowTransform;
use super::view::OutputStatus;
use crate::budget::Budget;
use crate::log::{Identity, LogError, Objects, SourceView, read_state};
use crate::ports::{Compute, Host, Store};
use crate::types::{Generation, TimestampMs, Window};

/// How many windows a position may move before it is put although there are no files to name.
const IDLE_WINDOWS: i64 = 10;

/// The world of an output.
#[derive(Clone)]
pub struct World {
    /// The source's target.
    pub source: Arc<dyn Store>,
    /// The output's target, rooted at the output.
    pub target: Arc<dyn Store>,
    /// The clock and the dice.
    pub host: Arc<dyn Host>,
    /// The memory that its work is charged to.
    pub budget: Budget,
    /// Where its work is computed.
    pub threads: Arc<dyn Compute>,
    /// Who runs it.
    pub identity: Identity,
    /// The process's generation on the source.
    pub generation: Generation,
}

/// Which commits of the source a step takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// Those of windows that all lanes have closed, and others once they have waited for a window's
    /// length: so that the lanes' rows of a window come into one file.
    Complete,
    /// All of them.
    All,
}

/// What a step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stepped {
    /// Whether a commit of the output was put: then there may be more to do at once.
    pub committed: bool,
    /// Files that it names.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether commits of the source wait for other lanes.
    pub waiting: bool,
}

/// A claimed output.
pub struct Output {
    world: World,
    plan: OutputPlan,
    transform: Arc<dyn RowTransform>,
    source: Objects,
    log: OutputLog,
    feed: Feed,
    expiry: Expiry,
    /// A step was begun and did not end: what is on the target is not known.
    midway: bool,
}

impl Output {
    /// Opens an output and claims it; makes it, if it is new. The source is there and claimed.
    ///
    /// # Errors
    /// `output.mismatch`, `output.fenced`, and what reading and putting can bring.
    pub async fn open(
        world: World,
        plan: OutputPlan,
        transform: Arc<dyn RowTransform>,
    ) -> Result<Self, OutputError> {
        let (store, host) = (Arc::clone(&world.source), Arc::clone(&world.host));
        let source = Objects::starting(store, host).running();
        let (store, host) = (Arc::clone(&world.target), Arc::clone(&world.host));
        let target = Objects::starting(store, host).running();
        let view = view(&world).await?;
        let record = match read_record(&target).await? {
            Some(record) => record,
            None => {
                let start = first_window(plan.begin, &view, view.source.window_length_ms);
                let version = &world.identity.version;
                put_record(&target, &plan, &view.source, start, version).await?
            }
        };
        check_record(&record, &plan, &view.source)?;
        let first = place_before(&source, &view, record.start).await?;
        let (identity, generation) = (&world.identity, world.generation);
        let record = Arc::new(record);
        let definition = &plan.definition;
        let log = OutputLog::claim(&target, identity, generation, record, definition, first);
        let log = log.await?;
        let feed = Feed::after(&source, log.state()).await?;
        Ok(Self {
            world,
            plan,
            transform,
            source,
            log,
            feed,
            expiry: Expiry::default(),
            midway: false,
        })
    }

    /// Takes what the source has committed, in one commit of the output at most.
    ///
    /// # Errors
    /// Those of [`OutputError`]. After one that [is passing](OutputError::is_passing), and after a
    /// step that was dropped midway, the next step claims the output again.
    pub async fn step(&mut self, take: Take) -> Result<Stepped, OutputError> {
        if std::mem::replace(&mut self.midway, true) {
            self.claim_again().await?;
        }
        let stepped = self.take_one(take).await?;
        self.midway = false;
        Ok(stepped)
    }

    async fn claim_again(&mut self) -> Result<(), OutputError> {
        self.log = self.log.reclaim(&self.plan.definition).await?;
        self.feed = Feed::after(&self.source, self.log.state()).await?;
        Ok(())
    }

    async fn take_one(&mut self, take: Take) -> Result<Stepped, OutputError> {
        self.feed.poll().await?;
        let now = self.world.host.now();
        let length = self.log.record().window_length_ms.millis();
        let waited = match take {
            Take::Complete => now.saturating_sub(length),
            Take::All => TimestampMs::MAX,
        };
        let Some(run) = self.feed.take(waited) else {
            return Ok(self.nothing());
        };
        let start = self.log.record().start;
        let has_rows = run
            .commits
            .iter()
            .any(|commit| commit.window.is_some() && commit.window >= start);
        let doubtful = self.feed.take_doubt();
        let made = self.produce(&run).await;
        if doubtful || matches!(made, Err(OutputError::SourceFile { .. })) {
            // Before what was read counts: was it all there?
            let (store, host) = (&self.world.source, &self.world.host);
            gap::check(store, host, self.log.state(), start).await?;
        }
        let made = made?;
        let state = State {
            epoch: run.epoch,
            lanes: run.lanes,
            ..self.log.state().clone()
        };
        let idle_ms = IDLE_WINDOWS.saturating_mul(length);
        let since = now - self.log.last_put();
        let is_due = has_rows || take == Take::All || !(0..idle_ms).contains(&since);
        if !is_due {
            // The feed keeps it in mind, and the next commit says it.
            return Ok(self.nothing());
        }
        let rows = made.files.iter().map(|file| file.rows).sum();
        let bytes = made.files.iter().map(|file| file.bytes).sum();
        let stepped = Stepped {
            committed: true,
            files: made.files.len() as u64,
            rows,
            bytes,
            waiting: self.feed.is_waiting(),
        };
        let body = Body::Commit {
            files: made.files,
            source_rows: made.source_rows,
        };
        self.log.append(body, state).await?;
        Ok(stepped)
    }

    fn nothing(&self) -> Stepped {
        Stepped {
            waiting: self.feed.is_waiting(),
            ..Stepped::default()
        }
    }

    async fn produce(&self, run: &Run) -> Result<super::produce::Produced, OutputError> {
        let producer = Producer {
            source: &self.source,
            log: &self.log,
            format: &self.plan.format,
            transform: &self.transform,
            budget: &self.world.budget,
            threads: &*self.world.threads,
        };
        producer.run(&run.commits, self.log.record().start).await
    }

    /// Deletes what claims that are over have left, and what is older than the output's retention.
    /// To be run after [`Output::open`] and then hourly.
    ///
    /// # Errors
    /// As [`Output::step`].
    pub async fn clean_up(&mut self) -> Result<u64, OutputError> {
        if self.midway {
            return Ok(0);
        }
        sweep::run(&mut self.log).await
    }

    /// Deletes windows that are older than the output's retention; how many objects.
    ///
    /// # Errors
    /// As [`Output::step`].
    pub async fn expire(&mut self) -> Result<u64, OutputError> {
        let Some(retention) = self.plan.retention_ms else {
            return Ok(0);
        };
        if std::mem::replace(&mut self.midway, true) {
            self.claim_again().await?;
        }
        let deleted = self.expiry.run(&mut self.log, retention).await?;
        self.midway = false;
        Ok(deleted)
    }

    /// The first window of the source that it has still to take; the source's retention waits for
    /// it. `None` for the very first.
    pub fn needed(&self) -> Option<Window> {
        self.log.state().needed(self.log.record().start)
    }

    /// Where it stands.
    pub fn status(&self) -> OutputStatus {
        OutputStatus::of(self.log.record(), self.log.head(), self.log.state())
    }
}

async fn view(world: &World) -> Result<SourceView, LogError> {
    let (store, host) = (Arc::clone(&world.source), Arc::clone(&world.host));
    let view = read_state(store, host).await?;
    view.ok_or_else(|| LogError::Missing {
        name: crate::log::names::SOURCE.to_owned(),
    })
}
