//! A writer in the background: numbered records in every form, at a steady pace, while splits and
//! merges go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::JoinHandle;

use crate::events::{Events, Record};
use crate::kinesis::TestStream;
use crate::ledger::Ledger;

/// How often records are put.
const INTERVAL: Duration = Duration::from_millis(100);

/// Payloads that may wait to be read. A writer that never waits for a reader that is killed all the
/// time puts more than can be read in the end.
const MOST_UNREAD: usize = 20_000;

/// A running writer.
pub struct Traffic {
    stream: TestStream,
    /// Held while records are put, so what it shows is what the stream has.
    ledger: Arc<Mutex<Ledger>>,
    random: StdRng,
    signs: Arc<Signs>,
    writing: Option<JoinHandle<()>>,
}

impl Traffic {
    /// Begins to put `batch` records ten times a second.
    pub fn start(stream: TestStream, batch: usize, seed: u64) -> Self {
        let ledger = Arc::new(Mutex::new(Ledger::new()));
        let signs = Arc::new(Signs::default());
        let writer = Writer::new(batch, seed);
        let writing = writer.run(stream.clone(), Arc::clone(&ledger), Arc::clone(&signs));
        Self {
            stream,
            ledger,
            random: StdRng::seed_from_u64(seed),
            signs,
            writing: Some(tokio::spawn(writing)),
        }
    }

    /// What the stream has taken. Nothing is put while the guard lives.
    pub async fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().await
    }

    /// Tells the writer how many payloads have been read so far.
    pub fn has_read(&self, payloads: usize) {
        self.signs.read.store(payloads, Ordering::Relaxed);
    }

    /// Splits a Kinesis shard or merges two, so that `least` to `most` are open. Says which.
    pub async fn reshard(&mut self, least: usize, most: usize) -> String {
        // Between two puts: servers refuse records for a Kinesis shard that is just being closed.
        let _pause = self.ledger.lock().await;
        let open = self.stream.open_shards().await;
        let split = open.len() <= least || (open.len() < most && self.random.random_bool(0.5));
        if split {
            let shard = &open[self.random.random_range(0..open.len())];
            self.stream.split(shard).await;
            format!("split {}", shard.shard_id())
        } else {
            let left = self.random.random_range(0..open.len() - 1);
            let (left, right) = (&open[left], &open[left + 1]);
            self.stream.merge(left, right).await;
            format!("merged {} and {}", left.shard_id(), right.shard_id())
        }
    }

    /// Stops writing; gives all that the stream has taken.
    ///
    /// # Panics
    /// When the writer has panicked: the server refused a put.
    pub async fn stop(mut self) -> Ledger {
        self.signs.stop.store(true, Ordering::Relaxed);
        let writing = self.writing.take().expect("it is stopped once");
        writing.await.expect("the writer goes on to its end");
        std::mem::take(&mut *self.ledger.lock().await)
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.signs.stop.store(true, Ordering::Relaxed);
    }
}

/// What the writer is told.
#[derive(Default)]
struct Signs {
    stop: AtomicBool,
    /// Payloads that have been read.
    read: AtomicUsize,
}

struct Writer {
    events: Events,
    /// Made beforehand: their maker is a program of its own.
    aggregates: Vec<Record>,
    batch: usize,
}

impl Writer {
    fn new(batch: usize, seed: u64) -> Self {
        let mut events = Events::new(seed);
        let sizes: Vec<usize> = (0..400).map(|number| 1 + number % 9).collect();
        let aggregates = events.aggregates(&sizes, Events::mixed);
        Self {
            events,
            aggregates,
            batch,
        }
    }

    async fn run(mut self, stream: TestStream, ledger: Arc<Mutex<Ledger>>, signs: Arc<Signs>) {
        let mut tick = tokio::time::interval(INTERVAL);
        while !signs.stop.load(Ordering::Relaxed) {
            tick.tick().await;
            let unread = ledger.lock().await.len() - signs.read.load(Ordering::Relaxed);
            if unread > MOST_UNREAD {
                continue;
            }
            let mut records = self.events.mixed(self.batch);
            records.extend(self.aggregates.pop());
            let mut ledger = ledger.lock().await;
            stream.put(records, &mut ledger).await;
        }
    }
}
