//! What a running source tells about itself: counters, rates' raw material, lag, windows, memory,
//! latencies, and a line for every actor.
//!
//! [`Progress`] is a snapshot; its JSON keys are stable. `Meter` is what the actors write to: one
//! for each source, without a lock on the data path but the histograms' own, taken once a batch.

mod retention;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use dashmap::DashMap;
use hdrhistogram::Histogram;
use serde::Serialize;
use shardmill_engine::budget::Budget;
use shardmill_engine::ports::{Delivery, Extent, Stream};
use shardmill_engine::preview::Preview;
use shardmill_engine::types::{Counts, KinesisShardId, TimestampMs};

pub(crate) use self::retention::RetentionCounters;
pub use self::retention::RetentionProgress;

/// A snapshot of a source at work.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Progress {
    /// The name of the source.
    pub source: String,
    /// `starting`, `waiting` (for the first data), `running`, `stalled`, `stopping`, `stopped` or
    /// `failed`.
    pub state: String,
    /// What a source that runs is stalled by: its schema registry.
    pub stalled: Option<String>,
    /// The process's generation on the source; 0 before it has one.
    pub generation: u64,
    /// Milliseconds since the source was started.
    pub uptime_ms: u64,
    /// How far files, or a raw copy, have been read; `null` for a stream.
    pub files: Option<Extent>,
    /// What has been fetched since the start, with what was fetched again after a fault.
    pub read: ReadProgress,
    /// What has been decoded since the start.
    pub decoded: Counts,
    /// What this process has committed since the start.
    pub committed: CommittedProgress,
    /// The greatest MillisBehindLatest of all Kinesis shards; `null` before the first answer.
    pub lag_ms: Option<i64>,
    /// Windows that are open in any lane.
    pub windows_open: u64,
    /// Bytes of the memory budget.
    pub memory: MemoryProgress,
    /// Faults that ended a lane's claim and were recovered from.
    pub lane_restarts: u64,
    /// Calls that were made again: throttled, failed or unanswered.
    pub retries: RetryProgress,
    /// What statistics hold, and what they had to give up.
    pub statistics: StatisticsProgress,
    /// What is expired, and what was deleted for that.
    pub retention: RetentionProgress,
    /// Kinesis shards that are read, by id.
    pub shards: BTreeMap<String, ShardProgress>,
    /// Latencies by stage.
    pub latencies: Latencies,
    /// Outputs, by name.
    pub outputs: BTreeMap<String, OutputProgress>,
    /// Every actor with its state and queue.
    pub actors: BTreeMap<String, ActorProgress>,
}

/// What came from Kinesis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReadProgress {
    /// `polling`, `fan_out` or `files`.
    pub mode: &'static str,
    /// Answers of GetRecords, or events of subscriptions.
    pub fetches: u64,
    /// Kinesis records.
    pub records: u64,
    /// Bytes of their data.
    pub bytes: u64,
}

/// What became visible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CommittedProgress {
    /// Records, payloads, bytes, rows, rejects and empty payloads in commits.
    #[serde(flatten)]
    pub counts: Counts,
    /// Commits put.
    pub commits: u64,
    /// Commits with files among them: each is a window of a lane, or the part of one that a stop
    /// commits.
    pub windows: u64,
    /// Files named by them: of data, of rejects and of the raw copy.
    pub files: u64,
    /// Bytes of those files.
    pub file_bytes: u64,
}

/// The memory budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MemoryProgress {
    /// Bytes in flight.
    pub used: u64,
    /// The most that ever was.
    pub peak: u64,
    /// The budget.
    pub budget: u64,
}

/// Calls made again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RetryProgress {
    /// Throttled by Kinesis.
    pub throttled: u64,
    /// Other failures of calls to Kinesis.
    pub stream: u64,
    /// Failures of calls to the target.
    pub target: u64,
    /// Failures of calls to the schema registry.
    pub registry: u64,
}

/// Statistics of the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StatisticsProgress {
    /// Whether what was committed before this process began is known, so that questions are
    /// answered.
    pub loaded: bool,
    /// Bytes that they hold of the memory budget.
    pub memory: u64,
    /// Windows that have counts only, because their statistics panicked.
    pub damaged_windows: u64,
    /// Fields of windows that were closed by this process whose sketches were given up for
    /// `max_bytes_per_window`.
    pub given_up_sketches: u64,
    /// Fields of windows that were closed by this process which were not tracked, for `max_fields`
    /// or `max_bytes_per_window`.
    pub dropped_fields: u64,
    /// Commits whose statistics were not on the target or could not be read; they are counted by
    /// their ranges.
    pub missing_panes: u64,
}

/// One Kinesis shard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ShardProgress {
    /// The lane that it belongs to.
    pub lane: u32,
    /// The last position fetched.
    pub position: String,
    /// MillisBehindLatest of the last answer.
    pub millis_behind: Option<i64>,
    /// Records fetched.
    pub records: u64,
}

/// An output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OutputProgress {
    /// `starting`, `running`, `stopped`, or `failed`: then `code` and `error` say why, and it stays
    /// so until the source is started again.
    pub state: String,
    /// Why its target did not take the last call, while it is asked again.
    pub stalled: Option<String>,
    /// The stable code of what it failed with.
    pub code: Option<String>,
    /// What it failed with.
    pub error: Option<String>,
    /// The number of the newest entry of its log.
    pub entry: u64,
    /// It has everything of windows that end at or before this time.
    pub complete_through_ms: Option<TimestampMs>,
    /// How far that is behind what all lanes of the source have closed.
    pub lag_ms: Option<i64>,
    /// Commits that this process has put.
    pub commits: u64,
    /// Files that they name.
    pub files: u64,
    /// Rows of those files.
    pub rows: u64,
    /// Bytes of those files.
    pub file_bytes: u64,
    /// Calls to its target that were made again.
    pub retries: u64,
}

/// An actor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ActorProgress {
    /// What it is doing, in a word or two.
    pub state: String,
    /// What waits in it: batches, chunks, commits or fetches.
    pub queue: u64,
}

/// Latencies in microseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Latencies {
    /// A call of GetRecords.
    pub fetch: Quantiles,
    /// Decoding a batch.
    pub decode: Quantiles,
    /// Encoding what a window had buffered.
    pub encode: Quantiles,
    /// A put to the target: an object, a part or a completion.
    pub put: Quantiles,
    /// From the arrival of a window's last record at Kinesis to its commit.
    pub arrival_to_commit: Quantiles,
    /// Taking batches into the statistics.
    pub observe: Quantiles,
    /// From the moment the engine has a batch of records until statistics show it; to the
    /// millisecond.
    pub arrival_to_statistics: Quantiles,
    /// From the arrival of a batch's last record at Kinesis until statistics show it; to the
    /// millisecond.
    pub ingest_delay: Quantiles,
}

/// Quantiles of a latency in microseconds, to three digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Quantiles {
    /// How many were measured.
    pub count: u64,
    /// The median.
    pub p50: u64,
    /// 90 of 100 took no longer.
    pub p90: u64,
    /// 99 of 100 took no longer.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

/// What a source's actors write to.
pub(crate) struct Meter {
    source: String,
    state: Mutex<State>,
    /// Whether records come by subscriptions.
    pub(crate) fan_out: AtomicBool,
    pub(crate) fetches: AtomicU64,
    pub(crate) read_records: AtomicU64,
    pub(crate) read_bytes: AtomicU64,
    pub(crate) throttled: AtomicU64,
    pub(crate) stream_retries: AtomicU64,
    pub(crate) target_retries: AtomicU64,
    pub(crate) registry_retries: AtomicU64,
    pub(crate) lane_restarts: AtomicU64,
    pub(crate) windows_open: AtomicI64,
    pub(crate) shards: DashMap<KinesisShardId, ShardProgress>,
    pub(crate) actors: DashMap<String, ActorProgress>,
    outputs: DashMap<String, OutputProgress>,
    pub(crate) fetch: Latency,
    pub(crate) decode: Latency,
    pub(crate) encode: Latency,
    pub(crate) put: Latency,
    pub(crate) arrival_to_commit: Latency,
    pub(crate) observe: Latency,
    pub(crate) arrival_to_statistics: Latency,
    pub(crate) ingest_delay: Latency,
    pub(crate) statistics: StatisticsCounters,
    pub(crate) retention: RetentionCounters,
    /// What is read, once it is open.
    pub(crate) stream: OnceLock<Arc<dyn Stream>>,
}

/// What statistics hold, and what they had to give up: see [`StatisticsProgress`].
#[derive(Default)]
pub(crate) struct StatisticsCounters {
    pub(crate) loaded: AtomicBool,
    pub(crate) memory: AtomicI64,
    pub(crate) damaged_windows: AtomicU64,
    pub(crate) given_up_sketches: AtomicU64,
    pub(crate) dropped_fields: AtomicU64,
    pub(crate) missing_panes: AtomicU64,
}

impl StatisticsCounters {
    fn snapshot(&self) -> StatisticsProgress {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StatisticsProgress {
            loaded: self.loaded.load(Ordering::Relaxed),
            memory: u64::try_from(self.memory.load(Ordering::Relaxed)).unwrap_or(0),
            damaged_windows: load(&self.damaged_windows),
            given_up_sketches: load(&self.given_up_sketches),
            dropped_fields: load(&self.dropped_fields),
            missing_panes: load(&self.missing_panes),
        }
    }
}

struct State {
    name: &'static str,
    generation: u64,
    started: TimestampMs,
    decoded: Counts,
    committed: CommittedProgress,
    preview: Option<Arc<Preview>>,
    stalled: Option<String>,
}

impl Meter {
    pub(crate) fn new(source: &str, now: TimestampMs) -> Self {
        Self {
            source: source.to_owned(),
            state: Mutex::new(State {
                name: "starting",
                generation: 0,
                started: now,
                decoded: Counts::default(),
                committed: CommittedProgress::default(),
                preview: None,
                stalled: None,
            }),
            fan_out: AtomicBool::new(false),
            fetches: AtomicU64::new(0),
            read_records: AtomicU64::new(0),
            read_bytes: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
            stream_retries: AtomicU64::new(0),
            target_retries: AtomicU64::new(0),
            registry_retries: AtomicU64::new(0),
            lane_restarts: AtomicU64::new(0),
            windows_open: AtomicI64::new(0),
            shards: DashMap::new(),
            actors: DashMap::new(),
            outputs: DashMap::new(),
            fetch: Latency::new(),
            decode: Latency::new(),
            encode: Latency::new(),
            put: Latency::new(),
            arrival_to_commit: Latency::new(),
            observe: Latency::new(),
            arrival_to_statistics: Latency::new(),
            ingest_delay: Latency::new(),
            statistics: StatisticsCounters::default(),
            retention: RetentionCounters::default(),
            stream: OnceLock::new(),
        }
    }

    fn extent(&self, state: &str) -> Option<Extent> {
        let extent = self.stream.get()?.extent()?;
        // What was read before this process began is not looked at again.
        let read = match state {
            "finished" => extent.total,
            _ => extent.read.min(extent.total),
        };
        Some(Extent { read, ..extent })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub(crate) fn set_state(&self, name: &'static str) {
        self.lock().name = name;
    }

    /// The sample that the source was decided by, until its first commit.
    pub(crate) fn set_preview(&self, preview: Option<Preview>) {
        self.lock().preview = preview.map(Arc::new);
    }

    pub(crate) fn preview(&self) -> Option<Arc<Preview>> {
        self.lock().preview.clone()
    }

    /// Why nothing goes on while the source runs; `None` once it does.
    pub(crate) fn set_stalled(&self, why: Option<String>) {
        self.lock().stalled = why;
    }

    pub(crate) fn set_generation(&self, generation: u64) {
        self.lock().generation = generation;
    }

    pub(crate) fn add_decoded(&self, counts: Counts) {
        self.lock().decoded += counts;
    }

    pub(crate) fn add_committed(&self, counts: Counts, files: u64, file_bytes: u64) {
        let committed = &mut self.lock().committed;
        committed.counts += counts;
        committed.commits += 1;
        committed.windows += u64::from(files > 0);
        committed.files += files;
        committed.file_bytes += file_bytes;
    }

    pub(crate) fn actor(&self, name: &str, state: &str, queue: usize) {
        let queue = queue as u64;
        if let Some(mut actor) = self.actors.get_mut(name) {
            if actor.state != state {
                state.clone_into(&mut actor.state);
            }
            actor.queue = queue;
            return;
        }
        self.actors.insert(
            name.to_owned(),
            ActorProgress {
                state: state.to_owned(),
                queue,
            },
        );
    }

    /// Changes what is told of an output.
    pub(crate) fn output(&self, name: &str, change: impl FnOnce(&mut OutputProgress)) {
        if let Some(mut output) = self.outputs.get_mut(name) {
            return change(&mut output);
        }
        change(&mut self.outputs.entry(name.to_owned()).or_default());
    }

    pub(crate) fn actor_gone(&self, name: &str) {
        self.actors.remove(name);
    }

    pub(crate) fn snapshot(&self, budget: &Budget, now: TimestampMs) -> Progress {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let shards: BTreeMap<String, ShardProgress> = self
            .shards
            .iter()
            .map(|entry| (entry.key().as_str().to_owned(), entry.value().clone()))
            .collect();
        let state = self.lock();
        let name = match (state.name, &state.stalled) {
            ("running", Some(_)) => "stalled",
            (name, _) => name,
        };
        Progress {
            source: self.source.clone(),
            state: name.to_owned(),
            stalled: state.stalled.clone(),
            generation: state.generation,
            uptime_ms: u64::try_from(now - state.started).unwrap_or(0),
            files: self.extent(name),
            read: ReadProgress {
                mode: match self.stream.get() {
                    Some(stream) if stream.delivery() == Delivery::Stored => "files",
                    _ if self.fan_out.load(Ordering::Relaxed) => "fan_out",
                    _ => "polling",
                },
                fetches: load(&self.fetches),
                records: load(&self.read_records),
                bytes: load(&self.read_bytes),
            },
            decoded: state.decoded,
            committed: state.committed,
            lag_ms: shards
                .values()
                .filter_map(|shard| shard.millis_behind)
                .max(),
            windows_open: u64::try_from(self.windows_open.load(Ordering::Relaxed)).unwrap_or(0),
            memory: MemoryProgress {
                used: budget.used() as u64,
                peak: budget.peak() as u64,
                budget: budget.limit() as u64,
            },
            lane_restarts: load(&self.lane_restarts),
            retries: RetryProgress {
                throttled: load(&self.throttled),
                stream: load(&self.stream_retries),
                target: load(&self.target_retries),
                registry: load(&self.registry_retries),
            },
            statistics: self.statistics.snapshot(),
            retention: self.retention.snapshot(),
            shards,
            latencies: Latencies {
                fetch: self.fetch.quantiles(),
                decode: self.decode.quantiles(),
                encode: self.encode.quantiles(),
                put: self.put.quantiles(),
                arrival_to_commit: self.arrival_to_commit.quantiles(),
                observe: self.observe.quantiles(),
                arrival_to_statistics: self.arrival_to_statistics.quantiles(),
                ingest_delay: self.ingest_delay.quantiles(),
            },
            outputs: self
                .outputs
                .iter()
                .map(|entry| (entry.key().clone(), entry.value().clone()))
                .collect(),
            actors: self
                .actors
                .iter()
                .map(|entry| (entry.key().clone(), entry.value().clone()))
                .collect(),
        }
    }
}

/// A latency, recorded in microseconds up to one day.
pub(crate) struct Latency(Mutex<Histogram<u64>>);

const DAY_MICROS: u64 = 86_400_000_000;

impl Latency {
    fn new() -> Self {
        let histogram = Histogram::new_with_bounds(1, DAY_MICROS, 3);
        Self(Mutex::new(
            histogram.expect("bounds that hdrhistogram accepts"),
        ))
    }

    pub(crate) fn record(&self, micros: u64) {
        let mut histogram = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        histogram.saturating_record(micros.clamp(1, DAY_MICROS));
    }

    fn quantiles(&self) -> Quantiles {
        let histogram = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if histogram.is_empty() {
            return Quantiles::default();
        }
        Quantiles {
            count: histogram.len(),
            p50: histogram.value_at_quantile(0.5),
            p90: histogram.value_at_quantile(0.9),
            p99: histogram.value_at_quantile(0.99),
            max: histogram.max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_shown_until_it_is_taken_away() {
        let payloads = [bytes::Bytes::from_static(b"{}")];
        let seen = shardmill_engine::preview::preview(
            &payloads,
            &Default::default(),
            Default::default(),
            &Default::default(),
        );
        let meter = Meter::new("clicks", 0);
        assert_eq!(meter.preview(), None);
        meter.set_preview(Some(seen.preview.clone()));
        assert_eq!(meter.preview().as_deref(), Some(&seen.preview));
        meter.set_preview(None);
        assert_eq!(meter.preview(), None);
    }

    #[test]
    fn a_snapshot_shows_what_was_written() {
        let meter = Meter::new("clicks", 1_000);
        meter.set_state("running");
        meter.fetch.record(250);
        meter.actor("lane 0", "reading", 3);
        let counts = Counts {
            rows: 7,
            ..Counts::default()
        };
        meter.add_committed(counts, 2, 99);
        let snapshot = meter.snapshot(&Budget::new(64), 3_000);
        assert_eq!(snapshot.uptime_ms, 2_000);
        assert_eq!(snapshot.committed.counts.rows, 7);
        assert_eq!(snapshot.latencies.fetch.count, 1);
        assert_eq!(snapshot.actors["lane 0"].queue, 3);
        assert_eq!(snapshot.lag_ms, None);
    }
}
