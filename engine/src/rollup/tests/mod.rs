//! Roll-ups over a real log, on a target in memory.

mod history;
mod plan;
mod retention;
mod whole;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::TimestampMillisecondArray;
use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, StringArray};
use bytes::Bytes;
use futures::FutureExt;

use super::*;
use crate::log::memory::Memory;
use crate::log::{
    Commit, DataFile, Identity, LaneLog, LaneState, LogError, ShardRange, ShardState,
    SourceOptions, claim_lanes, names, open_source, take_generation,
};
use crate::schema::{DataType, Field, Schema};
use crate::types::{
    ClaimRef, Epoch, FileKind, KinesisShardId, LaneId, Position, ProcessId, Rows, SequenceNumber,
    WindowLength,
};

/// The first window of a day.
const FIRST: Window = Window(20_779 * 1_440);

/// Runs what is ready at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    let answer = future.now_or_never();
    answer.expect("every call of the memory is ready at once")
}

fn settings() -> Settings {
    Settings {
        limits: PaneLimits::default(),
        keep_windows: usize::MAX,
    }
}

/// A source whose commits are put by the real log, and what each of them covered.
struct Lake {
    memory: Arc<Memory>,
    lanes: Vec<LaneLog>,
    /// By lane of the newest epoch: the Kinesis shards.
    starts: u64,
    committed: Vec<(EntryAt, Window, Pane)>,
}

impl Lake {
    fn new(lanes: usize) -> Self {
        let mut lake = Self {
            memory: Memory::new(0),
            lanes: Vec::new(),
            starts: 0,
            committed: Vec::new(),
        };
        lake.start(lanes);
        lake
    }

    /// Another process takes over with so many lanes.
    fn start(&mut self, lanes: usize) {
        self.starts += 1;
        let (store, host) = (self.memory.store(), self.memory.host());
        let options = SourceOptions {
            name: "clicks".into(),
            stream: "clickstream".into(),
            window_length: WindowLength::MINUTE,
            start: Some(0),
            version: "test".into(),
        };
        let identity = Identity {
            process: ProcessId::new(format!("process-{}", self.starts)),
            host: "test".into(),
            version: "test".into(),
        };
        let shard = |number: usize| {
            let state = ShardState {
                position: Position::Start,
                current_window: FIRST,
                parents: Vec::new(),
                ended: false,
                arrival_at_position: None,
                caught_up_at: None,
                cut: None,
            };
            (KinesisShardId::new(format!("shard-{number}")), state)
        };
        let first = || async move {
            let lane = |lane: usize| LaneState {
                // Each lane of any later epoch has some.
                shards: (0..4).map(|at| shard(lane * 4 + at)).collect(),
                ..LaneState::default()
            };
            Ok::<_, LogError>((0..lanes).map(lane).collect())
        };
        self.lanes = now(async {
            open_source(&store, &host, options).await?;
            let generation = take_generation(&store, &host, &identity).await?;
            claim_lanes(&store, &host, &identity, generation, lanes, first).await
        })
        .unwrap();
    }

    fn archive(&self) -> Archive {
        Archive::new(self.memory.store(), self.memory.host(), settings())
    }

    /// Commits so many rows of a lane in a window, and closes it.
    fn commit(&mut self, lane: usize, window: Window, rows: u64) {
        let commit = self.put_commit(lane, window, rows);
        self.append(lane, commit);
    }

    /// Puts what a commit names.
    fn put_commit(&mut self, lane: usize, window: Window, rows: u64) -> (Commit, Pane) {
        let log = &self.lanes[lane];
        let state = log.state();
        let (shard, at) = state.shards.iter().next().expect("a lane has some");
        let read = at.position.sequence();
        let read = read.map_or(0, |read| read.as_str().parse::<u64>().unwrap());
        let to = SequenceNumber::new(&(read + rows.max(1)).to_string()).unwrap();
        let counts = Counts {
            records: rows.max(1),
            payloads: rows.max(1),
            bytes: rows * 7,
            rows,
            rejects: 0,
            empty: u64::from(rows == 0),
        };
        let mut pane = Pane::new(settings().limits);
        pane.observe_counts(window, counts);
        pane.observe_rows(shard, &table(read + 1..read + 1 + rows, window));
        let range = ShardRange {
            from: at.position.clone(),
            to: Position::At(to),
            arrival_at_to: WindowLength::MINUTE.start_of(window),
            counts,
            current_window: window.next(),
        };
        let name = |kind| names::file(kind, WindowLength::MINUTE, log.claim(), window, 0);
        let object = StatisticsObject {
            name: name(FileKind::Statistics),
            window,
            bytes: 1,
        };
        let file = DataFile {
            name: name(FileKind::Data),
            window,
            rows,
            bytes: 1,
            schema: None,
        };
        let body = Bytes::from(pane.encode(&[]).unwrap());
        self.memory.objects().insert(object.name.clone(), body);
        let commit = Commit {
            files: (rows > 0).then_some(file).into_iter().collect(),
            statistics: Some(object),
            ranges: BTreeMap::from([(shard.clone(), range)]),
            closed_through: Some(window),
            ..Commit::default()
        };
        (commit, pane)
    }

    fn append(&mut self, lane: usize, (commit, pane): (Commit, Pane)) {
        let window = commit.window().or(commit.closed_through).unwrap();
        now(self.lanes[lane].append(commit)).unwrap();
        now(self.lanes[lane].checkpoint_if_due()).unwrap();
        let ClaimRef {
            epoch, lane: id, ..
        } = self.lanes[lane].claim();
        let entry = self.lanes[lane].folded().entry;
        let at = EntryAt {
            epoch,
            lane: id,
            entry,
        };
        self.committed.push((at, window, pane));
    }

    /// Every lane closes a window without data.
    fn close(&mut self, window: Window) {
        for lane in &mut self.lanes {
            if lane.state().closed_through < Some(window) {
                let commit = Commit {
                    closed_through: Some(window),
                    ..Commit::default()
                };
                now(lane.append(commit)).unwrap();
            }
        }
    }

    /// What an answer over a range of windows must say.
    fn truth(&self, windows: Range<Window>) -> Pane {
        let mut truth = Pane::new(settings().limits);
        for (_, window, pane) in &self.committed {
            if windows.contains(window) {
                truth.merge(pane);
            }
        }
        truth
    }

    fn roll(&self) -> RolledUp {
        now(self.archive().roller().run()).unwrap()
    }

    fn rollups(&self) -> Vec<String> {
        let objects = self.memory.objects();
        let names = objects.keys().filter(|name| name.starts_with("_rollups/"));
        names.cloned().collect()
    }

    #[track_caller]
    fn assert_range(&self, windows: Range<Window>) -> Found {
        let found = now(self.archive().range(windows.clone(), &Reach::default()));
        let found = found.unwrap().expect("there is a source");
        let truth = self.truth(windows.clone());
        assert_eq!(found.pane.difference(&truth), None, "{windows:?}");
        assert_eq!(found.pane.windows(), truth.windows(), "{windows:?}");
        found
    }

    #[track_caller]
    fn assert_whole(&self) -> Found {
        let found = now(self.archive().load(&Reach::default()))
            .unwrap()
            .unwrap();
        let expired = found.expired_through;
        let begin = expired.map_or(Window(i64::MIN), Window::next);
        let truth = self.truth(begin..Window(i64::MAX));
        assert_eq!(found.pane.difference(&truth), None);
        assert_eq!(found.pane.windows(), truth.windows());
        for (at, window, _) in &self.committed {
            let reach = found.reach.of(at.epoch, at.lane);
            let taken = at.epoch < found.reach.lowest_epoch() || reach >= Some(at.entry);
            assert!(taken || Some(*window) <= expired, "{at} is not reached");
        }
        found
    }
}

/// Rows that say which they are.
fn table(numbers: Range<u64>, window: Window) -> Rows {
    let arrival = WindowLength::MINUTE.start_of(window);
    let each = || numbers.clone();
    let text = |of: fn(u64) -> String| -> ArrayRef {
        Arc::new(StringArray::from(each().map(of).collect::<Vec<String>>()))
    };
    let schema = Schema {
        fields: [
            ("number", DataType::Int64),
            ("half", DataType::Float64),
            ("name", DataType::Utf8),
        ]
        .map(|(name, data_type)| Field {
            name: name.into(),
            data_type,
        })
        .into(),
    };
    let signed = |number: u64| i64::try_from(number).unwrap();
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(each().map(signed)));
    let halves: ArrayRef = Arc::new(Float64Array::from_iter_values(
        each().map(|n| n as f64 / 2.0),
    ));
    let arrivals = TimestampMillisecondArray::from_iter_values(each().map(|_| arrival));
    Rows {
        len: each().count(),
        schema: Arc::new(schema),
        columns: vec![
            numbers,
            halves,
            text(|number| format!("name {}", number % 5)),
        ],
        sequence: text(|number| number.to_string()),
        subsequence: Arc::new(Int64Array::from_iter_values(each().map(|_| 0))),
        partition_key: text(|_| "key".to_owned()),
        arrival: Arc::new(arrivals.with_timezone("UTC")),
        index: Arc::new(Int32Array::from_iter_values(each().map(|_| 0))),
    }
}

/// The window so many minutes after the first.
fn minute(number: i64) -> Window {
    Window(FIRST.0 + number)
}
