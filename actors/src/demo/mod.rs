//! The demonstration: a Kinesis endpoint in this process, events put on it, and the real engine
//! reading them through the AWS SDK into a local folder.
//!
//! [`endpoint`] serves, [`events`] makes, [`producer`] puts, [`folder`] keeps other people's files
//! safe. The engine knows nothing of any of them.

pub mod endpoint;
pub mod events;
pub mod folder;
pub mod producer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shardmill_engine::ports::Store;

use crate::adapters::{KinesisStream, LocalStore, StreamId};
use crate::config::{ContentFormat, DataSource, StartFrom};
use crate::engine::Shardmill;
use crate::error::Error;
use crate::handle::{Handle, News};
use crate::progress::Progress;

/// The stream's name, and the source's.
pub const STREAM: &str = "clickstream";
/// Kinesis shards of the stream; as many readers.
pub const KINESIS_SHARDS: u32 = 4;
/// Lanes: files per minute.
pub const LANES: u32 = 2;

/// What the demonstration shall do.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// The folder; emptied only if a demonstration made it.
    pub folder: PathBuf,
    /// How long events are put.
    pub duration: Duration,
    /// Events a second.
    pub rate: u64,
}

/// A demonstration under way.
pub struct Demo {
    handle: Handle,
    endpoint: endpoint::Endpoint,
    producer: producer::Producer,
    options: DemoOptions,
    files: Arc<std::sync::Mutex<Vec<String>>>,
    begun: Instant,
}

/// How a demonstration ended.
#[derive(Clone, Debug)]
pub struct DemoSummary {
    /// Events put on the stream.
    pub sent: u64,
    /// The engine's totals.
    pub progress: Progress,
    /// Names of the committed data files, in the order of their commits.
    pub files: Vec<String>,
}

impl Demo {
    /// Prepares the folder, starts the endpoint and the engine, and begins to put events.
    ///
    /// # Errors
    /// `demo.folder_in_use` for a folder that is not a demonstration's, `demo.endpoint` when the
    /// endpoint cannot be started, and what starting the engine brings.
    pub fn start(options: DemoOptions) -> Result<Self, Error> {
        folder::prepare(&options.folder)?;
        let endpoint = endpoint::Endpoint::start(STREAM, KINESIS_SHARDS)?;
        folder::write_source(&options.folder, endpoint.url())?;
        let source = source(&options)?;
        let store = LocalStore::new(options.folder.join(STREAM))
            .map_err(|error| Error::new("target.refused", error.to_string()))?;
        let stream = KinesisStream::new(endpoint.sdk(), StreamId::Name(STREAM.to_owned()));
        let memory = usize::try_from(source.engine().memory.budget).unwrap_or(usize::MAX);
        let engine = Shardmill::new(memory, source.engine().threads)?;
        let store: Arc<dyn Store> = Arc::new(store);
        let handle = engine.add_with_ports(&source, Arc::new(stream), store);
        let files = collect_files(&handle)?;
        let producer = endpoint.produce(options.rate, options.duration);
        Ok(Self {
            handle,
            endpoint,
            producer,
            options,
            files,
            begun: Instant::now(),
        })
    }

    /// The engine's handle.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Events put so far.
    pub fn sent(&self) -> u64 {
        self.producer.sent()
    }

    /// How long it has run, and how long it shall.
    pub fn elapsed(&self) -> (Duration, Duration) {
        (self.begun.elapsed(), self.options.duration)
    }

    /// Puts no more events; those on the stream are still read.
    pub fn stop_producing(&self) {
        self.producer.stop();
    }

    /// Whether all events are put, and all of them have been read and decoded.
    pub fn caught_up(&self) -> bool {
        let progress = self.handle.progress();
        let arrived = progress.decoded.payloads;
        self.producer.is_finished() && arrived >= self.producer.sent()
    }

    /// Stops the engine gracefully, waits for its last commit and tells what there is.
    ///
    /// # Errors
    /// What ended the engine, or the error that kept events from being put.
    pub fn finish(self) -> Result<DemoSummary, Error> {
        self.producer.stop();
        self.handle.stop();
        let progress = self.handle.wait()?;
        let sent = self.producer.finish()?;
        drop(self.endpoint);
        let files = self
            .files
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .clone();
        Ok(DemoSummary {
            sent,
            progress,
            files,
        })
    }
}

/// The settings of the demonstration's source, as its `source.toml` has them.
fn source(options: &DemoOptions) -> Result<DataSource, Error> {
    DataSource::builder(STREAM)
        .stream(STREAM)
        .region(endpoint::REGION)
        .read_from(StartFrom::Start)
        .content_format(ContentFormat::Json)
        .shards(KINESIS_SHARDS)
        .target_folder(&options.folder)
        .execution_parallelism(LANES)
        .build()
        .map_err(|error| Error::new(error.code(), error.to_string()))
}

/// Collects the names of committed files as news of them comes.
fn collect_files(handle: &Handle) -> Result<Arc<std::sync::Mutex<Vec<String>>>, Error> {
    let mut news = handle.subscribe();
    let files = Arc::new(std::sync::Mutex::new(Vec::new()));
    let collected = Arc::clone(&files);
    let collector = std::thread::Builder::new().name("shardmill-demo-news".into());
    let spawned = collector.spawn(move || {
        while let Some(news) = news.next_blocking() {
            if let News::Committed(commit) = news {
                let mut files = collected
                    .lock()
                    .unwrap_or_else(|poisoned| poisoned.into_inner());
                files.extend(commit.files);
            }
        }
    });
    match spawned {
        Ok(_) => Ok(files),
        Err(error) => Err(Error::new("engine.threads", error.to_string())),
    }
}
