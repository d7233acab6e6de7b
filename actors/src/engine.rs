//! The engine: the threads and the memory that data sources of one process share.
//!
//! It runs on threads of its own, so it needs no runtime of its host and blocks none: one thread
//! for the actors, tokio's workers for calls to AWS and the disk, and `threads` workers for decoding
//! and encoding.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use actix::prelude::*;
use shardmill_engine::budget::Budget;
use shardmill_engine::ports::{Delivery, Host, SchemaRegistry, Store, Stream};
use tokio::sync::{broadcast, mpsc, watch};

use crate::adapters;
use crate::config::DataSource;
use crate::error::Error;
use crate::handle::{CommittedWindow, Handle, Outcome, Shown, Subscription};
use crate::pipeline::{
    Fault, Finish, Holds, Schemas, Settings, Source, SourceContext, SourceKey, StopSource,
    StopSourceNow, Workers,
};
use crate::progress::Meter;
use crate::statistics::{LiveView, Target};

/// The threads and the memory that data sources share.
///
/// Dropping it stops all its sources as [`Handle::stop`] does, without waiting for them.
pub struct Shardmill {
    commands: mpsc::UnboundedSender<Command>,
    budget: Budget,
    host: Arc<dyn Host>,
    next_key: AtomicU64,
}

/// What the engine's thread is asked to do. One message a call of the API, so the queue needs no
/// bound.
pub(crate) enum Command {
    Start(Box<StartSource>),
    Stop(u64),
    StopNow(u64),
}

pub(crate) struct StartSource {
    key: u64,
    settings: Settings,
    source: Box<DataSource>,
    ports: Ports,
    meter: Arc<Meter>,
    live: Arc<LiveView>,
    commits: broadcast::Sender<CommittedWindow>,
    outcome: watch::Sender<Option<Outcome>>,
}

/// Where a source reads and writes.
enum Ports {
    /// What its configuration names.
    Configured,
    /// What the embedder gives.
    Given {
        stream: Arc<dyn Stream>,
        store: Arc<dyn Store>,
    },
}

impl Shardmill {
    /// Starts one data source on an engine of its own, with the threads and the memory that its
    /// configuration names. Works from any thread, with or without a running tokio runtime.
    ///
    /// # Errors
    /// `engine.threads` when no thread can be started. Everything else that can go wrong is told by
    /// the handle.
    pub fn start(source: DataSource) -> Result<Handle, Error> {
        let engine = Self::new(budget_of(&source), source.engine().threads)?;
        Ok(engine.add(source))
    }

    /// An engine with a memory budget in bytes and so many worker threads.
    ///
    /// # Errors
    /// `engine.threads` when no thread can be started.
    pub fn new(memory_budget: usize, threads: usize) -> Result<Self, Error> {
        let host: Arc<dyn Host> = Arc::new(adapters::SystemHost);
        let budget = Budget::new(memory_budget);
        let workers = Workers::start(threads.max(1), &budget).map_err(Error::no_thread)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name("shardmill-io")
            .enable_all()
            .build()
            .map_err(Error::no_thread)?;
        let (commands, inbox) = mpsc::unbounded_channel();
        let world = World {
            budget: budget.clone(),
            host: Arc::clone(&host),
            workers: Arc::new(workers),
            pressure: watch::Sender::new(0),
            sources: HashMap::new(),
            views: Vec::new(),
        };
        std::thread::Builder::new()
            .name("shardmill-actors".into())
            .spawn(move || {
                System::with_tokio_rt(move || runtime).block_on(world.run(inbox));
            })
            .map_err(Error::no_thread)?;
        Ok(Self {
            commands,
            budget,
            host,
            next_key: AtomicU64::new(1),
        })
    }

    /// Starts a data source on this engine.
    pub fn add(&self, source: DataSource) -> Handle {
        self.add_ports(source, Ports::Configured)
    }

    /// Starts a data source that reads `stream` and writes to `store`, which the embedder gives;
    /// the places that `source` names are not used. A schema registry is the one that it names.
    pub fn add_with_ports(
        &self,
        source: &DataSource,
        stream: Arc<dyn Stream>,
        store: Arc<dyn Store>,
    ) -> Handle {
        self.add_ports(source.clone(), Ports::Given { stream, store })
    }

    fn add_ports(&self, source: DataSource, ports: Ports) -> Handle {
        let settings = Settings::of(&source);
        let key = self.next_key.fetch_add(1, Ordering::Relaxed);
        let meter = Arc::new(Meter::new(&settings.name, self.host.now()));
        let (limits, length) = (settings.statistics.clone(), settings.window_length);
        let live = Arc::new(LiveView::new(limits, length, self.host.now()));
        let (commits, _) = broadcast::channel(Subscription::CAPACITY);
        let (outcome, ended) = watch::channel(None);
        let shown = Shown {
            meter: Arc::clone(&meter),
            live: Arc::clone(&live),
            budget: self.budget.clone(),
            host: Arc::clone(&self.host),
        };
        let handle = Handle::new(key, shown, self.commands.clone(), ended, &commits);
        let start = StartSource {
            key,
            settings,
            source: Box::new(source),
            ports,
            meter,
            live,
            commits,
            outcome,
        };
        // A thread that has died drops the outcome's sender, which the handle reports.
        let _ = self.commands.send(Command::Start(Box::new(start)));
        handle
    }
}

fn budget_of(source: &DataSource) -> usize {
    usize::try_from(source.engine().memory.budget).unwrap_or(usize::MAX)
}

impl std::fmt::Debug for Shardmill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shardmill")
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

/// What lives on the engine's thread.
struct World {
    budget: Budget,
    host: Arc<dyn Host>,
    workers: Arc<Workers>,
    pressure: watch::Sender<u64>,
    sources: HashMap<u64, Addr<Source>>,
    /// The live views of all sources that were ever started.
    views: Vec<Arc<LiveView>>,
}

impl World {
    /// Serves until every sender of commands is gone and every source has ended.
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Command>) {
        while let Some(command) = inbox.recv().await {
            match command {
                Command::Start(start) => self.start(*start).await,
                Command::Stop(key) => self.stop(key),
                Command::StopNow(key) => {
                    if let Some(source) = self.sources.remove(&key) {
                        forget(source.send(StopSourceNow));
                    }
                }
            }
        }
        let keys: Vec<u64> = self.sources.keys().copied().collect();
        keys.iter().for_each(|key| self.stop(*key));
        while self.sources.values().any(Addr::connected) || self.views.iter().any(is_read) {
            self.host.sleep(10).await;
        }
    }

    fn stop(&self, key: u64) {
        if let Some(source) = self.sources.get(&key) {
            forget(source.send(StopSource));
        }
    }

    async fn start(&mut self, start: StartSource) {
        let StartSource {
            key,
            mut settings,
            source,
            ports,
            meter,
            live,
            commits,
            outcome,
        } = start;
        // One that is over and has nothing at work begins nothing any more.
        self.views
            .retain(|view| !view.snapshot().is_over() || is_read(view));
        self.views.push(Arc::clone(&live));
        let (stream, store, registry) = match open(&source, ports).await {
            Ok(ports) => ports,
            Err(error) => {
                meter.set_state("failed");
                live.ended(Some(&error));
                outcome.send_replace(Some(Err(error)));
                return;
            }
        };
        if stream.is_bounded() && settings.finish == Finish::Never {
            settings.finish = match stream.ends_at() {
                Some(end) => Finish::AtEnd(end),
                None => Finish::WhenRead,
            };
        }
        let pushed = stream.delivery() == Delivery::Pushed;
        meter.fan_out.store(pushed, Ordering::Relaxed);
        // A source is opened once.
        let _ = meter.stream.set(Arc::clone(&stream));
        let (host, meter_of) = (Arc::clone(&self.host), Arc::clone(&meter));
        let schemas = Arc::new(Schemas::new(source.name(), registry, host, meter_of));
        let (faults, faults_inbox): (_, mpsc::UnboundedReceiver<Fault>) = mpsc::unbounded_channel();
        let context = Arc::new(SourceContext {
            key: SourceKey(key),
            settings,
            stream,
            store,
            host: Arc::clone(&self.host),
            budget: self.budget.clone(),
            workers: Arc::clone(&self.workers),
            schemas,
            meter,
            live,
            faults,
            pressure: self.pressure.clone(),
            holds: Holds::default(),
            region: adapters::stream_region(&source),
            checksums: source.target().checksums,
            decided: OnceLock::new(),
        });
        let source = Source::new(context, faults_inbox, commits, outcome);
        self.sources.insert(key, source.start());
    }
}

/// Whether somebody reads the target of a view.
fn is_read(view: &Arc<LiveView>) -> bool {
    view.target.get().is_some_and(Target::is_at_work)
}

fn forget<T>(sent: impl Future<Output = T> + 'static) {
    actix::spawn(async move {
        sent.await;
    });
}

/// Where a source reads and writes, and the registry of its schemas.
type Opened = (
    Arc<dyn Stream>,
    Arc<dyn Store>,
    Option<Arc<dyn SchemaRegistry>>,
);

async fn open(source: &DataSource, ports: Ports) -> Result<Opened, Error> {
    let (stream, store) = match ports {
        Ports::Given { stream, store } => (stream, store),
        Ports::Configured => (
            adapters::open_stream(source).await?,
            adapters::open_target(source).await?,
        ),
    };
    Ok((stream, store, adapters::open_registry(source).await?))
}
