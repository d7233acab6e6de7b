//! What `inspect` reports, as its `--json` prints it: the keys are stable.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use shardmill_engine::log::{
    Commit, Entry, EntryBody, LogError, SourceView, Walk, Walked, names, parse,
};
use shardmill_engine::ports::{Host, Store};
use shardmill_engine::preview::{Preview, kept};
use shardmill_engine::types::{TimestampMs, Window, WindowLength};

use crate::cli::Failure;

/// A source at one moment. Times are milliseconds since 1970, UTC.
#[derive(Debug, Serialize)]
pub struct Report {
    pub event: &'static str,
    pub source: String,
    pub source_id: String,
    pub stream: String,
    pub target: String,
    pub window_length_ms: i64,
    /// Where reading began; `null` for the oldest record that there was.
    pub start_ms: Option<TimestampMs>,
    /// The newest start of a process.
    pub generation: Option<GenerationReport>,
    pub epoch: Option<u64>,
    /// Every lane has closed all windows that end at or before this time.
    pub complete_through_ms: Option<TimestampMs>,
    /// Leaf columns of the remembered schema.
    pub columns: usize,
    /// The most that any open Kinesis shard may be behind; `null` if there is none that has been
    /// read.
    pub lag_ms: Option<i64>,
    pub lanes: Vec<LaneReport>,
    pub kinesis_shards: Vec<ShardReport>,
    /// The outputs that the configuration names.
    pub outputs: Vec<OutputReport>,
    /// The newest windows with files, oldest first.
    pub windows: Vec<WindowReport>,
    /// The sum of `windows`.
    pub shown: Sums,
    /// The sample that the source was decided by: a preview, until the first commit.
    pub preview: Option<Preview>,
}

#[derive(Debug, Serialize)]
pub struct GenerationReport {
    pub number: u64,
    pub process: String,
    pub host: String,
    pub version: String,
    pub started_ms: TimestampMs,
}

#[derive(Debug, Serialize)]
pub struct LaneReport {
    pub lane: u32,
    /// The number of the newest entry of its log.
    pub entry: u64,
    /// The claim in force.
    pub claim: Option<u64>,
    /// The generation and the process that hold it.
    pub generation: Option<u64>,
    pub process: Option<String>,
    pub claimed_ms: Option<TimestampMs>,
    pub closed_through_ms: Option<TimestampMs>,
    pub sealed: bool,
    pub open_kinesis_shards: usize,
    pub ended_kinesis_shards: usize,
}

#[derive(Debug, Serialize)]
pub struct ShardReport {
    pub kinesis_shard: String,
    pub lane: u32,
    pub ended: bool,
    /// The end that it was read up to (`end_read_at`), where it was.
    pub cut_ms: Option<TimestampMs>,
    /// Everything up to here is in commits: a sequence number, `start` or `horizon`.
    pub position: String,
    pub arrival_ms: Option<TimestampMs>,
    /// The newest server time at which nothing more was there.
    pub caught_up_ms: Option<TimestampMs>,
    /// The most that it may be behind.
    pub lag_ms: Option<i64>,
    pub current_window_ms: TimestampMs,
    pub parents: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct OutputReport {
    pub output: String,
    pub target: String,
    pub format: String,
    /// The number of the newest entry of its log; `null` before it is made.
    pub entry: Option<u64>,
    /// The generation that put it, and when.
    pub generation: Option<u64>,
    pub time_ms: Option<TimestampMs>,
    /// It takes windows from here on; `null` takes all.
    pub start_ms: Option<TimestampMs>,
    /// It has everything of windows that end at or before this time.
    pub complete_through_ms: Option<TimestampMs>,
    /// How far that is behind what all lanes have closed.
    pub lag_ms: Option<i64>,
    /// Windows that end at or before this time are expired in it.
    pub expired_through_ms: Option<TimestampMs>,
}

#[derive(Debug, Serialize)]
pub struct WindowReport {
    pub start_ms: TimestampMs,
    /// Whether every lane has closed it.
    pub complete: bool,
    #[serde(flatten)]
    pub sums: Sums,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Sums {
    pub files: u64,
    pub rows: u64,
    pub bytes: u64,
    pub reject_files: u64,
    pub rejects: u64,
    pub reject_bytes: u64,
    pub raw_files: u64,
    pub raw_payloads: u64,
    pub raw_bytes: u64,
}

impl Sums {
    fn add(&mut self, commit: &Commit) {
        for file in &commit.files {
            self.files += 1;
            self.rows += file.rows;
            self.bytes += file.bytes;
        }
        for file in &commit.rejects {
            self.reject_files += 1;
            self.rejects += file.rows;
            self.reject_bytes += file.bytes;
        }
        for file in &commit.raw {
            self.raw_files += 1;
            self.raw_payloads += file.rows;
            self.raw_bytes += file.bytes;
        }
    }

    fn merge(&mut self, other: Sums) {
        self.files += other.files;
        self.rows += other.rows;
        self.bytes += other.bytes;
        self.reject_files += other.reject_files;
        self.rejects += other.rejects;
        self.reject_bytes += other.reject_bytes;
        self.raw_files += other.raw_files;
        self.raw_payloads += other.raw_payloads;
        self.raw_bytes += other.raw_bytes;
    }
}

/// Windows by their number.
pub type Windows = BTreeMap<Window, Sums>;

fn note(windows: &mut Windows, entry: &Entry) {
    if let EntryBody::Commit(commit) = &entry.body
        && let Some((_, file)) = commit.all_files().next()
    {
        windows.entry(file.window).or_default().add(commit);
    }
}

/// The newest `count` windows of the newest epoch. Reads each lane's log backwards, so that a long
/// history costs nothing.
pub async fn newest_windows(
    store: &Arc<dyn Store>,
    view: &SourceView,
    count: usize,
) -> Result<Windows, Failure> {
    let mut all = Windows::new();
    for lane in &view.lanes {
        let mut windows = Windows::new();
        lane.tail
            .iter()
            .for_each(|(_, entry)| note(&mut windows, entry));
        let fold = &lane.fold;
        let mut number = lane
            .tail
            .first()
            .map_or(fold.folded.entry, |(first, _)| first - 1);
        // A window may have several commits: one more window makes the last one whole.
        while number > 0 && windows.len() <= count {
            let name = names::entry(fold.epoch, fold.lane, number);
            let body = store.get(&name).await;
            let body = body.map_err(|error| Failure::new("inspect.target", error.to_string()))?;
            // Retention has deleted what is before.
            let Some(body) = body else { break };
            let entry: Entry = parse(&name, &body).map_err(log_failure)?;
            note(&mut windows, &entry);
            number -= 1;
        }
        for (window, sums) in windows {
            all.entry(window).or_default().merge(sums);
        }
    }
    while all.len() > count {
        all.pop_first();
    }
    Ok(all)
}

/// The windows of the whole history.
pub async fn all_windows(store: &Arc<dyn Store>, host: &Arc<dyn Host>) -> Result<Windows, Failure> {
    let mut windows = Windows::new();
    let walk = Walk::begin(Arc::clone(store), Arc::clone(host)).await;
    if let Some(mut walk) = walk.map_err(log_failure)? {
        while let Some(walked) = walk.next().await.map_err(log_failure)? {
            if let Walked::Entry { entry, .. } = walked {
                note(&mut windows, &entry);
            }
        }
    }
    Ok(windows)
}

pub fn log_failure(error: LogError) -> Failure {
    Failure::new(error.code(), error.to_string())
}

/// The preview of a source that has committed nothing yet.
pub async fn preview(
    store: &Arc<dyn Store>,
    host: &Arc<dyn Host>,
    view: &SourceView,
) -> Result<Option<Preview>, Failure> {
    let lanes = view.lanes.iter().map(|lane| &lane.fold.folded.state);
    kept(store, host, lanes).await.map_err(log_failure)
}

/// Puts together what is known.
pub fn report(
    view: &SourceView,
    target: String,
    windows: Windows,
    preview: Option<Preview>,
    outputs: Vec<OutputReport>,
    now: TimestampMs,
) -> Report {
    let length = view.source.window_length_ms;
    let kinesis_shards = shards(view, length, now);
    let mut shown = Sums::default();
    windows.values().for_each(|sums| shown.merge(*sums));
    let windows = windows.into_iter().map(|(window, sums)| WindowReport {
        start_ms: length.start_of(window),
        complete: Some(window) <= view.complete_through,
        sums,
    });
    let columns = view
        .lanes
        .iter()
        .map(|lane| lane.fold.folded.state.schema.leaf_count())
        .max();
    Report {
        event: "inspect",
        source: view.source.name.clone(),
        source_id: view.source.id.clone(),
        stream: view.source.stream.clone(),
        target,
        window_length_ms: length.millis(),
        start_ms: view.source.start_ms,
        generation: view.generation.as_ref().map(|record| GenerationReport {
            number: record.generation.0,
            process: record.process.to_string(),
            host: record.host.clone(),
            version: record.version.clone(),
            started_ms: record.time_ms,
        }),
        epoch: view.lanes_record.as_ref().map(|record| record.epoch.0),
        complete_through_ms: view
            .complete_through
            .map(|window| length.start_of(window.next())),
        columns: columns.unwrap_or(0),
        lag_ms: kinesis_shards.iter().filter_map(|shard| shard.lag_ms).max(),
        lanes: lanes(view, length),
        kinesis_shards,
        outputs,
        windows: windows.collect(),
        shown,
        preview,
    }
}

fn lanes(view: &SourceView, length: WindowLength) -> Vec<LaneReport> {
    let lanes = view.lanes.iter().map(|lane| {
        let folded = &lane.fold.folded;
        let claim = folded.claim.as_ref();
        let ended = folded
            .state
            .shards
            .values()
            .filter(|shard| shard.ended)
            .count();
        LaneReport {
            lane: lane.fold.lane.0,
            entry: folded.entry,
            claim: claim.map(|head| head.claim.0),
            generation: claim.map(|head| head.generation.0),
            process: claim.map(|head| head.process.to_string()),
            claimed_ms: claim.map(|head| head.time_ms),
            closed_through_ms: folded
                .state
                .closed_through
                .map(|window| length.start_of(window.next())),
            sealed: folded.sealed,
            open_kinesis_shards: folded.state.shards.len() - ended,
            ended_kinesis_shards: ended,
        }
    });
    lanes.collect()
}

fn shards(view: &SourceView, length: WindowLength, now: TimestampMs) -> Vec<ShardReport> {
    let mut shards = Vec::new();
    for lane in &view.lanes {
        for (id, state) in &lane.fold.folded.state.shards {
            // What arrived up to then is committed; what came since may wait.
            let seen = state.arrival_at_position.max(state.caught_up_at);
            shards.push(ShardReport {
                kinesis_shard: id.to_string(),
                lane: lane.fold.lane.0,
                ended: state.ended,
                cut_ms: state.cut,
                position: state.position.to_string(),
                arrival_ms: state.arrival_at_position,
                caught_up_ms: state.caught_up_at,
                lag_ms: seen
                    .filter(|_| !state.ended && state.cut.is_none())
                    .map(|seen| (now - seen).max(0)),
                current_window_ms: length.start_of(state.current_window),
                parents: state.parents.iter().map(ToString::to_string).collect(),
            });
        }
    }
    shards.sort_by(|a, b| a.kinesis_shard.cmp(&b.kinesis_shard));
    shards
}
