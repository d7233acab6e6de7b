//! I8 in the simulation: statistics that are put before their commits, rolled up and found again are
//! those of a fresh look at what the commits name.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{ArrayRef, Int32Array, Int64Array, StringArray, TimestampMillisecondArray};
use bytes::Bytes;
use shardmill_engine::log::names;
use shardmill_engine::log::{
    Entry, EntryBody, ExpiredMarks, LaneLog, LogError, StatisticsObject, read_state,
};
use shardmill_engine::rollup::{Archive, Reach, Roller, Settings};
use shardmill_engine::schema::{DataType, Field, Schema};
use shardmill_engine::statistics::{Pane, PaneLimits};
use shardmill_engine::types::{Counts, FileKind, KinesisShardId, Rows, Window, WindowLength};

use crate::executor::World;
use crate::store::{Objects, Target};

use super::books::Identity;
use super::lane::LaneEnd;
use super::process::{Exit, Process};

fn settings() -> Settings {
    Settings {
        limits: PaneLimits::default(),
        keep_windows: usize::MAX,
    }
}

/// The pane of what a commit covers.
pub fn observe(
    window: Window,
    length: WindowLength,
    counts: Counts,
    rows: &[Identity],
    rejects: &[Identity],
) -> Pane {
    let mut pane = Pane::new(settings().limits);
    pane.observe_counts(window, counts);
    pane.observe_rejects(rejects.iter().map(|_| "json.syntax"));
    let mut shards: BTreeMap<&KinesisShardId, Vec<&Identity>> = BTreeMap::new();
    for row in rows {
        shards.entry(&row.shard).or_default().push(row);
    }
    for (shard, rows) in shards {
        pane.observe_rows(shard, &table(&rows, length.start_of(window)));
    }
    pane
}

fn table(rows: &[&Identity], arrival: i64) -> Rows {
    let integers = |of: fn(&Identity) -> u64| -> ArrayRef {
        let values = rows
            .iter()
            .map(|row| i64::try_from(of(row)).expect("small"));
        Arc::new(Int64Array::from_iter_values(values))
    };
    let texts = |of: fn(&Identity) -> String| -> ArrayRef {
        let values: Vec<String> = rows.iter().map(|row| of(row)).collect();
        Arc::new(StringArray::from(values))
    };
    let field = |name: &str, data_type| Field {
        name: name.into(),
        data_type,
    };
    let fields = [
        field("number", DataType::Int64),
        field("kind", DataType::Utf8),
    ];
    let schema = Schema {
        fields: fields.into(),
    };
    let arrivals = vec![arrival; rows.len()];
    let arrivals = TimestampMillisecondArray::from(arrivals).with_timezone("UTC");
    Rows {
        len: rows.len(),
        schema: Arc::new(schema),
        columns: vec![
            integers(|row| row.number as u64),
            texts(|row| format!("kind {}", row.number % 7)),
        ],
        sequence: texts(|row| row.number.to_string()),
        subsequence: integers(|row| row.subsequence),
        partition_key: texts(|_| "key".to_owned()),
        arrival: Arc::new(arrivals),
        index: Arc::new(Int32Array::from(vec![0; rows.len()])),
    }
}

/// What statistics must say of a range of windows: every commit there is, its files read anew.
pub fn truth(objects: &Objects, length: WindowLength, windows: &Range<Window>) -> Pane {
    let mut truth = Pane::new(settings().limits);
    let entries = objects.range("_commits/".to_owned().."_commits0".to_owned());
    for (name, body) in entries {
        let entry: Entry = serde_json::from_slice(body).expect("an entry");
        let EntryBody::Commit(commit) = entry.body else {
            continue;
        };
        let counts = commit.counts();
        let window = commit.window().or(commit.closed_through);
        let window = window.filter(|_| counts != Counts::default());
        if let Some(window) = window.filter(|window| windows.contains(window)) {
            let read = |kind| -> Vec<Identity> {
                let files = commit.names().filter(|(of, ..)| *of == kind);
                let bodies = files.map(|(_, file, _)| {
                    let body = objects.get(file);
                    body.unwrap_or_else(|| panic!("{file} of {name} is gone"))
                });
                let read = bodies.map(|body| serde_json::from_slice(body).expect("identities"));
                read.flat_map(|identities: Vec<Identity>| identities)
                    .collect()
            };
            let (rows, rejects) = (read(FileKind::Data), read(FileKind::Rejects));
            truth.merge(&observe(window, length, counts, &rows, &rejects));
        }
    }
    truth
}

impl Process {
    pub fn archive(&self) -> Archive {
        Archive::new(Arc::clone(&self.store), Arc::clone(&self.host), settings())
    }

    /// Puts the statistics of what a commit is about to cover.
    pub async fn put_statistics(
        &self,
        log: &LaneLog,
        window: Window,
        pane: &Pane,
    ) -> Result<Option<StatisticsObject>, LaneEnd> {
        if pane.is_empty() {
            return Ok(None);
        }
        let length = self.habits.window_length;
        let name = names::file(FileKind::Statistics, length, log.claim(), window, 0);
        let body = Bytes::from(pane.encode(&[]).expect("a pane is encoded"));
        let bytes = body.len() as u64;
        self.put_one(log, &name, body).await?;
        Ok(Some(StatisticsObject {
            name,
            window,
            bytes,
        }))
    }

    /// Puts roll-ups as windows become complete, and loses itself now and then.
    pub async fn roll_now_and_then(&self) -> Result<Exit, LogError> {
        let mut roller: Option<Roller> = None;
        loop {
            self.rest(60_000).await;
            let mut running = roller.take().unwrap_or_else(|| self.archive().roller());
            if let Err(error) = running.run().await {
                panic!("p{} cannot roll up: {error}", self.number.0);
            }
            roller = (!self.chance(4)).then_some(running);
        }
    }

    /// Asks again and again: no answer counts an event twice, or falls below what was committed.
    pub async fn ask_now_and_then(&self) -> Result<Exit, LogError> {
        loop {
            self.rest(120_000).await;
            let before = self.committed_rows();
            let found = match self.archive().load(&Reach::default()).await {
                Ok(Some(found)) => found,
                Ok(None) => panic!("the source is gone"),
                Err(error) => panic!("p{} gets no answer: {error}", self.number.0),
            };
            let (rows, after) = (found.pane.counts().rows, self.committed_rows());
            assert!(
                rows <= after,
                "I8: {rows} rows of {after} that are committed"
            );
            let whole = found.expired_through.is_none();
            assert!(
                !whole || rows >= before,
                "I8: {rows} rows of {before} that were committed"
            );
        }
    }

    /// At rest: everything, and ranges of it, against a fresh look at what the commits name.
    pub async fn check_statistics(&self, target: &Target) {
        let length = self.habits.window_length;
        let mut roller = self.archive().roller();
        roller.run().await.expect("it is rolled up");
        let (store, host) = (Arc::clone(&self.store), Arc::clone(&self.host));
        let view = read_state(store, host).await.expect("it can be read");
        let view = view.expect("there is a source");
        let states = view.lanes.iter().map(|lane| &lane.fold.folded.state);
        let expired = ExpiredMarks::of(states).through;
        let begin = expired.map_or(Window(i64::MIN), Window::next);
        let all = begin..Window(i64::MAX);
        self.check_range(target, length, all).await;
        let first = length.window_of(crate::START_MS);
        for _ in 0..3 {
            let (from, to) = self.world.random(|random| {
                let from = random.between(-100, 400);
                (from, from + random.between(0, 300))
            });
            let from = Window(first.0 + from).max(begin);
            let to = Window(first.0 + to).max(from);
            self.check_range(target, length, from..to).await;
        }
    }

    async fn check_range(&self, target: &Target, length: WindowLength, windows: Range<Window>) {
        let archive = self.archive();
        let found = archive.range(windows.clone(), &Reach::default()).await;
        let found = found.expect("an answer").expect("there is a source");
        let truth = target.with_objects(|objects| truth(objects, length, &windows));
        assert_eq!(found.pane.difference(&truth), None, "I8: {windows:?}");
        assert_eq!(found.pane.windows(), truth.windows(), "I8: {windows:?}");
        assert_eq!(found.missing_panes, 0, "I8: {windows:?}");
    }
}

/// Checks everything as a process that nothing disturbs; whether it is through.
pub fn check(world: &World, process: Process, target: Target) -> Arc<AtomicBool> {
    let done = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&done);
    world.begin_process(process.number);
    let number = process.number;
    let check = async move {
        process.check_statistics(&target).await;
        tell.store(true, Ordering::Relaxed);
    };
    world.spawn(number, Box::pin(check));
    done
}
