//! Holds every commit against the stream: I1, I3, I5 and I7 by books of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use shardmill_engine::log::{Commit, Cut, DataFile, Entry, EntryBody, LanesRecord, ShardRange};
use shardmill_engine::raw_copy::{FrameReader, RawRecord, records};
use shardmill_engine::types::{
    Counts, KinesisShardId, Position, TimestampMs, Window, WindowLength,
};

use crate::store::{Change, Objects};
use crate::stream::{Committed, Kinesis, number_of};
use crate::stream_content::{Outcome, Shard, decode, payload};

/// Who a payload is, as it stands in the model's data files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    pub shard: KinesisShardId,
    pub number: usize,
    pub subsequence: u64,
}

/// What happened, to see that seeds reach what they should.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    pub commits: u64,
    pub progress: u64,
    pub partial: u64,
    pub entered: u64,
    pub ended: u64,
    pub forgotten: u64,
    pub cuts: u64,
    pub epochs: u64,
    pub claims: u64,
    pub late_comers: u64,
    pub statistics: u64,
    pub raw: u64,
    pub rollups: u64,
    pub expired: u64,
}

impl Figures {
    pub fn add(&mut self, other: Figures) {
        self.commits += other.commits;
        self.progress += other.progress;
        self.partial += other.partial;
        self.entered += other.entered;
        self.ended += other.ended;
        self.forgotten += other.forgotten;
        self.cuts += other.cuts;
        self.epochs += other.epochs;
        self.claims += other.claims;
        self.late_comers += other.late_comers;
        self.statistics += other.statistics;
        self.raw += other.raw;
        self.rollups += other.rollups;
        self.expired += other.expired;
    }
}

/// How far a Kinesis shard is committed.
#[derive(Clone)]
struct Place {
    position: Position,
    /// The window of the last payload there lies between these two; a commit without files does
    /// not say more.
    at_least: Window,
    at_most: Window,
    /// Whether it is cut: then its lane closes windows that it has not reached.
    cut: bool,
}

impl Place {
    fn new(position: &Position, window: Window) -> Self {
        Self {
            position: position.clone(),
            at_least: window,
            at_most: window,
            cut: false,
        }
    }
}

pub struct Books {
    kinesis: Kinesis,
    window_length: WindowLength,
    start: Option<TimestampMs>,
    committed: Arc<Mutex<Committed>>,
    /// How far each Kinesis shard is committed.
    positions: BTreeMap<KinesisShardId, Place>,
    /// `closed_through` of the lanes of the newest epoch.
    closed: Vec<Option<Window>>,
    /// Entries that were put: one that retention has deleted may come back, late.
    entries: BTreeSet<String>,
    /// Rows of all commits.
    pub rows: Arc<AtomicU64>,
    pub figures: Figures,
}

impl Books {
    pub fn new(
        kinesis: &Kinesis,
        window_length: WindowLength,
        start: Option<TimestampMs>,
        committed: &Arc<Mutex<Committed>>,
    ) -> Self {
        Self {
            kinesis: kinesis.clone(),
            window_length,
            start,
            committed: Arc::clone(committed),
            positions: BTreeMap::new(),
            closed: Vec::new(),
            entries: BTreeSet::new(),
            rows: Arc::default(),
            figures: Figures::default(),
        }
    }

    pub fn on(&mut self, change: &Change<'_>, objects: &Objects) {
        let Change::Put { name, body } = change else {
            return;
        };
        if name.starts_with("_lanes/") {
            self.on_epoch(&parse(name, body));
        } else if name.starts_with("_rollups/") {
            self.figures.rollups += 1;
        } else if name.starts_with("_commits/") && self.entries.insert((*name).to_owned()) {
            let entry: Entry = parse(name, body);
            match &entry.body {
                EntryBody::Claim { .. } => self.figures.claims += 1,
                EntryBody::Commit(commit) => self.on_commit(name, commit, objects),
                EntryBody::Expire { .. } => self.figures.expired += 1,
                EntryBody::Seal { .. } => {}
            }
        }
    }

    fn on_epoch(&mut self, record: &LanesRecord) {
        self.figures.epochs += 1;
        self.closed = record
            .lanes
            .iter()
            .map(|lane| lane.closed_through)
            .collect();
        let mut committed = self
            .committed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for (id, state) in record.lanes.iter().flat_map(|lane| &lane.shards) {
            let first = Place::new(&state.position, state.current_window);
            let place = self.positions.entry(id.clone()).or_insert(first);
            assert_eq!(place.position, state.position, "I3: {id} across epochs");
            committed.entered.insert(id.clone());
            if state.ended {
                committed.ended.insert(id.clone());
            }
        }
    }

    fn on_commit(&mut self, name: &str, commit: &Commit, objects: &Objects) {
        self.count(commit);
        let rows = commit.files.iter().map(|file| file.rows).sum();
        self.rows.fetch_add(rows, Ordering::Relaxed);
        let lane = name
            .split('/')
            .nth(2)
            .and_then(|lane| lane.parse::<usize>().ok());
        self.closed[lane.expect("the lane")] = commit.closed_through;
        let mut committed = self
            .committed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for entered in &commit.entered {
            let id = &entered.shard;
            assert!(
                committed.entered.insert(id.clone()),
                "I7: {id} enters twice, in {name}"
            );
            let first = Place::new(&entered.position, entered.current_window);
            self.positions.insert(id.clone(), first);
        }
        committed.ended.extend(commit.ended.iter().cloned());
        drop(committed);
        let rows = read(&commit.files, objects);
        let rejects = read(&commit.rejects, objects);
        let window = commit.all_files().map(|(_, file)| file.window).next();
        let (mut due_rows, mut due_rejects, mut due) = (Vec::new(), Vec::new(), Vec::new());
        for (id, range) in &commit.ranges {
            let stretch = self.check_range(name, id, range, window);
            due_rows.extend(stretch.0);
            due_rejects.extend(stretch.1);
            due.extend(stretch.2);
        }
        for cut in &commit.cuts {
            self.on_cut(name, commit, cut);
        }
        assert_eq!(sorted(rows), due_rows, "I1: rows of {name}");
        assert_eq!(sorted(rejects), due_rejects, "I1: rejects of {name}");
        if !commit.raw.is_empty() {
            let raw = read_raw(&commit.raw, objects);
            assert_eq!(sorted(raw), due, "I1: the raw copy of {name}");
        }
        for id in &commit.ended {
            let position = &self.positions[id].position;
            let all = self.kinesis.with_shards(|shards| shards[id].records.len());
            let read = self
                .kinesis
                .with_shards(|shards| self.read(&shards[id], position));
            assert_eq!(read, all, "I1: {id} ends before its last record, in {name}");
        }
    }

    /// What arrived at the end or later is out; what comes after a cut lies in later windows.
    fn on_cut(&mut self, name: &str, commit: &Commit, cut: &Cut) {
        let id = &cut.shard;
        if let Some(range) = commit.ranges.get(id) {
            self.kinesis.with_shards(|shards| {
                let shard = &shards[id];
                let read = self.read(shard, &range.from)..self.read(shard, &range.to);
                let latest = shard.records[read]
                    .iter()
                    .map(|record| record.arrival)
                    .max();
                assert!(
                    latest < Some(cut.end_ms),
                    "{id}: {latest:?} is in, in {name}"
                );
            });
        }
        let last = self.window_length.last_before(cut.end_ms);
        assert!(
            cut.current_window > last,
            "{id} is not past its end, in {name}"
        );
        if let Some(place) = self.positions.get_mut(id) {
            place.at_least = place.at_least.max(cut.current_window);
            place.at_most = place.at_most.max(cut.current_window);
            place.cut = true;
        }
    }

    /// The rows and rejects that a range stands for, and all its payloads.
    fn check_range(
        &mut self,
        name: &str,
        id: &KinesisShardId,
        range: &ShardRange,
        window: Option<Window>,
    ) -> (Vec<Identity>, Vec<Identity>, Vec<Identity>) {
        let before = self.positions[id].clone();
        assert_eq!(range.from, before.position, "I3: {id} in {name}");
        assert!(range.to > range.from, "I3: {id} goes back in {name}");
        let (from, to) = self.kinesis.with_shards(|shards| {
            let shard = &shards[id];
            (self.read(shard, &range.from), self.read(shard, &range.to))
        });
        let after = Place {
            position: range.to.clone(),
            at_least: window.unwrap_or(before.at_least),
            at_most: window.unwrap_or(range.current_window),
            cut: false,
        };
        let least = before.at_least;
        assert!(
            after.at_most >= least,
            "I5: {id} goes back from {least}, in {name}"
        );
        let mut highest = before.at_most;
        if before.cut {
            let closed = self.closed.iter().copied().flatten().max();
            highest = highest.max(closed.map_or(highest, Window::next));
        }
        let (mut rows, mut rejects, mut counts) = (Vec::new(), Vec::new(), Counts::default());
        let mut all = Vec::new();
        self.kinesis.with_shards(|shards| {
            let shard = &shards[id];
            for place in from..to {
                let record = &shard.records[place];
                let arrival = self.window_length.window_of(record.arrival);
                assert!(
                    arrival <= after.at_most,
                    "I5: {id} {place} is too early, in {name}"
                );
                // Only lag moves it further: nothing was there 5 s after that window.
                let lag = self.window_length.window_of(record.visible - 5_000);
                highest = highest.max(arrival).max(lag);
                assert!(
                    after.at_least <= highest,
                    "I5: {id} {place} is too late, in {name}"
                );
                self.figures.late_comers += u64::from(arrival < after.at_least);
                counts.records += 1;
                for identity in identities(shard, place) {
                    counts.payloads += 1;
                    all.push(identity.clone());
                    match outcome(&identity) {
                        Outcome::Row => rows.push(identity),
                        Outcome::Reject => rejects.push(identity),
                        Outcome::Empty => counts.empty += 1,
                    }
                }
            }
        });
        let found = &range.counts;
        let due = (
            counts.records,
            counts.payloads,
            counts.empty,
            rows.len() as u64,
        );
        let found = (found.records, found.payloads, found.empty, found.rows);
        assert_eq!(found, due, "I1: counts of {id} in {name}");
        self.positions.insert(id.clone(), after);
        (rows, rejects, all)
    }

    /// How many records are behind a position.
    fn read(&self, shard: &Shard, position: &Position) -> usize {
        match (position, self.start) {
            (Position::At(sequence), _) => number_of(sequence),
            (Position::Start, Some(start)) => shard.first_at(start),
            (Position::Start, None) | (Position::Horizon, _) => 0,
        }
    }

    /// Whether every record from the start on is in a commit, and every end too.
    pub fn all_committed(&self, now: TimestampMs) -> bool {
        let committed = self
            .committed
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.kinesis.with_shards(|shards| {
            shards
                .values()
                .all(|shard| match self.positions.get(&shard.id) {
                    Some(Place { position, .. }) => {
                        let ended = committed.ended.contains(&shard.id);
                        let before = ended && *position == Position::Start;
                        (before || self.read(shard, position) == shard.records.len())
                            && ended == shard.is_closed(now)
                    }
                    None => false,
                })
        })
    }

    /// The last window that is complete: every lane of the newest epoch has closed it.
    pub fn complete_through(&self) -> Option<Window> {
        self.closed.iter().min().copied().flatten()
    }

    /// What is not committed yet, for the report of a simulation that never comes to an end.
    pub fn missing(&self) -> Vec<String> {
        self.kinesis.with_shards(|shards| {
            let lines = shards.values().map(|shard| {
                let position = self.positions.get(&shard.id).map(|place| &place.position);
                let all = shard.records.len();
                format!(
                    "{}: {position:?} of {all}, closed {:?}",
                    shard.id, shard.closed
                )
            });
            lines.collect()
        })
    }

    fn count(&mut self, commit: &Commit) {
        let figures = &mut self.figures;
        figures.commits += 1;
        figures.statistics += u64::from(commit.statistics.is_some());
        figures.raw += u64::from(!commit.raw.is_empty());
        figures.progress += u64::from(commit.ranges.is_empty());
        let window = commit.window();
        figures.partial += u64::from(window > commit.closed_through);
        figures.entered += commit.entered.len() as u64;
        figures.ended += commit.ended.len() as u64;
        figures.forgotten += commit.forgotten.len() as u64;
        figures.cuts += commit.cuts.len() as u64;
    }
}

fn identities(shard: &Shard, place: usize) -> impl Iterator<Item = Identity> {
    let id = shard.id.clone();
    (0..shard.payloads(place)).map(move |subsequence| Identity {
        shard: id.clone(),
        number: place + 1,
        subsequence,
    })
}

fn outcome(identity: &Identity) -> Outcome {
    let data = payload(&identity.shard, identity.number, identity.subsequence);
    decode(&Bytes::from(data))
}

/// What the files hold; each Kinesis shard's part must be in Kinesis order.
fn read(files: &[DataFile], objects: &Objects) -> Vec<Identity> {
    let mut all: Vec<Identity> = Vec::new();
    for file in files {
        let body = objects.get(&file.name);
        let body = body.unwrap_or_else(|| panic!("I2: {} is not there", file.name));
        let content: Vec<Identity> = parse(&file.name, body);
        assert_eq!(content.len() as u64, file.rows, "{}", file.name);
        all.extend(content);
    }
    let mut last: BTreeMap<&KinesisShardId, &Identity> = BTreeMap::new();
    for identity in &all {
        let before = last.insert(&identity.shard, identity);
        assert!(before < Some(identity), "{identity:?} after {before:?}");
    }
    all
}

/// Who is in the raw copy; each payload must have its own bytes.
fn read_raw(files: &[DataFile], objects: &Objects) -> Vec<Identity> {
    let mut all = Vec::new();
    for file in files {
        let body = objects.get(&file.name);
        let body = body.unwrap_or_else(|| panic!("I2: {} is not there", file.name));
        let before = all.len();
        let mut frames = FrameReader::default();
        frames.push(body);
        while let Some(frame) = frames.next_frame().expect("a frame") {
            for record in records(frame) {
                let RawRecord {
                    shard,
                    payload: found,
                } = record.expect("a payload");
                let number = number_of(&found.sequence);
                let due = payload(&shard, number, found.subsequence);
                assert_eq!(found.data, due.as_bytes(), "{}", file.name);
                all.push(Identity {
                    shard,
                    number,
                    subsequence: found.subsequence,
                });
            }
        }
        frames.finish().expect("whole frames");
        assert_eq!((all.len() - before) as u64, file.rows, "{}", file.name);
    }
    all
}

fn sorted(mut identities: Vec<Identity>) -> Vec<Identity> {
    identities.sort();
    let distinct: BTreeSet<&Identity> = identities.iter().collect();
    assert_eq!(
        distinct.len(),
        identities.len(),
        "I1: an identity is twice in a commit"
    );
    identities
}

fn parse<T: serde::de::DeserializeOwned>(name: &str, body: &[u8]) -> T {
    serde_json::from_slice(body).unwrap_or_else(|error| panic!("`{name}`: {error}"))
}
