//! A process that has lost its lane puts no data object, however late it wakes up (I4).

use std::sync::atomic::AtomicI64;

use futures::future::BoxFuture;
use shardmill_engine::budget::Budget;
use shardmill_engine::log::{
    self, Identity, LaneLog, LaneState, LogError, SourceOptions, claim_lanes, take_generation,
};
use shardmill_engine::ports::{Host, Store};
use shardmill_engine::types::{FileKind, ProcessId, TimestampMs, WindowLength};
use tokio::sync::mpsc;

use super::*;
use crate::adapters::LocalStore;

const NAME: &str = "data/date=2026-11-22/hour=10/file.parquet";

/// A clock that moves when the test says so.
struct Clock(AtomicI64);

impl Host for Clock {
    fn now(&self) -> TimestampMs {
        self.0.load(Ordering::Relaxed)
    }

    fn sleep(&self, _millis: u64) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn random(&self) -> u64 {
        7
    }
}

struct Scene {
    _folder: tempfile::TempDir,
    store: Arc<dyn Store>,
    clock: Arc<Clock>,
    host: Arc<dyn Host>,
    budget: Budget,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(LocalStore::new(folder.path()).unwrap());
        let clock = Arc::new(Clock(AtomicI64::new(1_795_000_000_000)));
        let host: Arc<dyn Host> = clock.clone();
        let options = SourceOptions {
            name: "clicks".into(),
            stream: "clicks".into(),
            window_length: WindowLength::MINUTE,
            start: None,
            version: "0".into(),
        };
        log::open_source(&store, &host, options).await.unwrap();
        let budget = Budget::new(64 << 20);
        Self {
            _folder: folder,
            store,
            clock,
            host,
            budget,
        }
    }

    async fn claim(&self, process: &str) -> LaneLog {
        let identity = Identity {
            process: ProcessId::new(process),
            host: "here".into(),
            version: "0".into(),
        };
        let generation = take_generation(&self.store, &self.host, &identity)
            .await
            .unwrap();
        let first = || async { Ok::<_, LogError>(vec![LaneState::default()]) };
        let lanes = claim_lanes(&self.store, &self.host, &identity, generation, 1, first).await;
        lanes.unwrap().pop().unwrap()
    }

    /// Another process claims the lane, and the first one notices nothing for over a minute.
    async fn lose_the_lane(&self) {
        self.claim("second").await;
        self.clock.0.fetch_add(61_000, Ordering::Relaxed);
    }

    fn upload(&self, guard: Guard) -> FileUpload {
        let (store, host) = (Arc::clone(&self.store), Arc::clone(&self.host));
        let context = SourceContext::quiet(store, host, &self.budget);
        FileUpload {
            context: Arc::new(context),
            guard,
            name: NAME.into(),
        }
    }

    fn chunk(&self, len: usize, finished: Option<u64>) -> FileChunk {
        FileChunk {
            kind: FileKind::Data,
            part: 0,
            bytes: Bytes::from(vec![7; len]),
            credit: self.budget.charge(len),
            finished: finished.map(|bytes| FinishedFile {
                rows: 1,
                bytes,
                schema: None,
            }),
        }
    }
}

#[tokio::test]
async fn i4_a_small_file_is_not_put_by_who_lost_the_lane() {
    let scene = Scene::new().await;
    let upload = scene.upload(scene.claim("first").await.guard_handle());
    scene.lose_the_lane().await;
    let (chunks, inbox) = mpsc::unbounded_channel();
    chunks.send(scene.chunk(10, Some(10))).unwrap();
    assert!(upload.run(inbox).await.unwrap_err().is_fenced());
    assert_eq!(scene.store.head(NAME).await.unwrap(), None);
}

#[tokio::test]
async fn i4_a_file_in_parts_is_not_completed_by_who_lost_the_lane() {
    let scene = Scene::new().await;
    let upload = scene.upload(scene.claim("first").await.guard_handle());
    let (chunks, inbox) = mpsc::unbounded_channel();
    let part = scene.store.part_size();
    chunks.send(scene.chunk(part, None)).unwrap();
    let running = tokio::spawn(upload.run(inbox));
    // The credit comes back when the part is sent.
    while scene.budget.used() > 0 {
        tokio::task::yield_now().await;
    }
    scene.lose_the_lane().await;
    // Nothing is left to send: only the completion is to come.
    chunks.send(scene.chunk(0, Some(part as u64))).unwrap();
    assert!(running.await.unwrap().unwrap_err().is_fenced());
    assert_eq!(scene.store.head(NAME).await.unwrap(), None);
}

#[tokio::test]
async fn whoever_has_the_lane_puts_both() {
    let scene = Scene::new().await;
    let log = scene.claim("first").await;
    scene.clock.0.fetch_add(61_000, Ordering::Relaxed);
    let upload = scene.upload(log.guard_handle());
    let (chunks, inbox) = mpsc::unbounded_channel();
    chunks.send(scene.chunk(10, Some(10))).unwrap();
    assert_eq!(upload.run(inbox).await.unwrap().unwrap().name, NAME);
    assert_eq!(scene.store.head(NAME).await.unwrap(), Some(10));
}
