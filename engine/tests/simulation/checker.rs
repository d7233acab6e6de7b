//! Watches every change of the target and holds it against the invariants, by its own books.
//!
//! - I2: what a commit names exists when it is named, and is never written again nor deleted but
//!   by retention; clean-up touches nothing of a claim that is not over.
//! - I3: the ranges of each Kinesis shard join, across lanes and epochs, and cover no record twice.
//! - I4: entries are numbered without holes; one is put only under the last claim, by its process;
//!   generations of claims never go down; an epoch follows only a sealed one.
//! - Checkpoints equal folds; the two newest stay; claims, seals and epochs are never deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use shardmill_engine::log::names::{self, FileName};
use shardmill_engine::log::{
    Checkpoint, Commit, Entry, EntryBody, ExpiredMarks, Folded, LaneFold, LaneState, LanesRecord,
};
use shardmill_engine::types::{
    ClaimRef, Epoch, FileKind, KinesisShardId, LaneId, Level, Position, Window, WindowLength,
};

use crate::model_stream::read_records;
use crate::store::{Change, Objects};

/// The books. Any violation panics with what happened.
pub struct Checker {
    window_length: WindowLength,
    live: BTreeSet<String>,
    generation: u64,
    epochs: BTreeMap<Epoch, Vec<LaneBooks>>,
    /// How far each Kinesis shard is committed, whichever lane it is in.
    positions: BTreeMap<KinesisShardId, Position>,
    /// Kinesis shards that have entered, ended ones too.
    entered: BTreeSet<KinesisShardId>,
    /// Everything that a commit names.
    named: BTreeMap<String, Named>,
    complete_through: Option<Window>,
    /// Windows whose files may be deleted: after the first, up to the second.
    deletable: Vec<(Option<Window>, Window)>,
    /// Entries that came back after retention had deleted them.
    revived: BTreeSet<String>,
    commits: Vec<(u64, u32, u64)>,
    /// Figures for the report.
    pub seen: Seen,
}

struct Named {
    window: Window,
    kind: FileKind,
}

struct LaneBooks {
    fold: LaneFold,
    /// Every entry there ever was.
    entries: BTreeMap<u64, Bytes>,
    /// The fold after each of the last entries.
    folds: BTreeMap<u64, Folded>,
    void_claims: BTreeSet<u64>,
}

/// What a history held, to see that the seeds reach what they should.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub claims: u64,
    pub commits: u64,
    pub partial_commits: u64,
    pub seals: u64,
    pub epochs: u64,
    pub checkpoints: u64,
    pub void_claims: u64,
    pub entered: u64,
    pub ended: u64,
    pub forgotten: u64,
    pub files: u64,
    pub cleaned: u64,
    pub late_files: u64,
    pub expired_entries: u64,
    pub expired_files: u64,
    pub expired_rollups: u64,
}

impl Seen {
    pub fn add(&mut self, other: &Self) {
        self.claims += other.claims;
        self.commits += other.commits;
        self.partial_commits += other.partial_commits;
        self.seals += other.seals;
        self.epochs += other.epochs;
        self.checkpoints += other.checkpoints;
        self.void_claims += other.void_claims;
        self.entered += other.entered;
        self.ended += other.ended;
        self.forgotten += other.forgotten;
        self.files += other.files;
        self.cleaned += other.cleaned;
        self.late_files += other.late_files;
        self.expired_entries += other.expired_entries;
        self.expired_files += other.expired_files;
        self.expired_rollups += other.expired_rollups;
    }
}

impl Checker {
    pub fn new(window_length: WindowLength) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            window_length,
            live: BTreeSet::new(),
            generation: 0,
            epochs: BTreeMap::new(),
            positions: BTreeMap::new(),
            entered: BTreeSet::new(),
            named: BTreeMap::new(),
            complete_through: None,
            deletable: Vec::new(),
            revived: BTreeSet::new(),
            commits: Vec::new(),
            seen: Seen::default(),
        }))
    }

    /// Takes a change in.
    pub fn on(&mut self, change: Change<'_>, objects: &Objects) {
        match change {
            Change::Put { name, body } => {
                let new = self.live.insert(name.to_owned());
                assert!(new, "I2: `{name}` was written again");
                self.on_put(name, body, objects);
            }
            Change::Deleted { name } => {
                self.live.remove(name);
                self.on_deleted(name, objects);
            }
        }
        self.check_complete();
    }

    fn on_put(&mut self, name: &str, body: &Bytes, objects: &Objects) {
        let folder = name.split('/').next().unwrap_or_default();
        match folder {
            "_source.json" => {}
            "_generations" => {
                self.generation += 1;
                assert_eq!(names::number(name), Some(self.generation), "a hole: {name}");
            }
            "_lanes" => self.on_epoch(&parse(name, body)),
            "_commits" => self.on_entry(name, body, objects),
            "_checkpoints" => self.on_checkpoint(name, &parse(name, body)),
            "_rollups" => {}
            _ => self.on_file(name),
        }
    }

    fn on_epoch(&mut self, record: &LanesRecord) {
        self.seen.epochs += 1;
        let epoch = record.epoch;
        let next = self
            .epochs
            .last_key_value()
            .map_or(1, |(last, _)| last.0 + 1);
        assert_eq!(
            epoch.0, next,
            "I4: epoch {epoch} does not follow the last one"
        );
        match self.epochs.get(&Epoch(epoch.0 - 1)) {
            None => self.begin(record),
            Some(before) => {
                assert!(
                    before.iter().all(|lane| lane.fold.folded.sealed),
                    "I4: epoch {epoch} was made before all lanes were sealed"
                );
                let before: Vec<&LaneState> = before.iter().map(LaneBooks::state).collect();
                check_carried_on(&before, &record.lanes);
            }
        }
        let lanes = record.lane_ids().map(|lane| {
            let fold = LaneFold::begin(record, lane).expect("a lane of the record");
            LaneBooks {
                fold,
                entries: BTreeMap::new(),
                folds: BTreeMap::new(),
                void_claims: BTreeSet::new(),
            }
        });
        self.epochs.insert(epoch, lanes.collect());
    }

    fn begin(&mut self, record: &LanesRecord) {
        for (id, state) in record.lanes.iter().flat_map(|lane| &lane.shards) {
            self.positions.insert(id.clone(), state.position.clone());
            assert!(self.entered.insert(id.clone()), "{id} is in two lanes");
        }
    }

    fn on_entry(&mut self, name: &str, body: &Bytes, objects: &Objects) {
        let (epoch, lane, number) = place(name);
        let newest = self.epochs.last_key_value().map(|(newest, _)| *newest);
        let entry: Entry = parse(name, body);
        let claim = ClaimRef {
            epoch,
            lane,
            claim: entry.head.claim,
        };
        let books = self.books(epoch, lane);
        let head = books.fold.folded.entry;
        if number <= head {
            return self.on_entry_in_hole(name, number, &entry, body, objects);
        }
        assert_eq!(number, head + 1, "I4: `{name}` leaves a hole after {head}");
        assert_eq!(
            newest,
            Some(epoch),
            "I4: `{name}` was put after its epoch was over"
        );
        let last = books.fold.folded.claim.clone();
        match &entry.body {
            EntryBody::Claim { .. } => {
                let before = last.map(|last| last.generation);
                assert!(
                    before <= Some(entry.head.generation),
                    "I4: `{name}` is of an older generation"
                );
            }
            _ => {
                let last = last.map(|last| (last.process, last.claim));
                let own = (entry.head.process.clone(), entry.head.claim);
                assert_eq!(last, Some(own), "I4: `{name}` is not of the lane's owner");
            }
        }
        self.count(&entry);
        match &entry.body {
            EntryBody::Commit(commit) => {
                self.commits.push((epoch.0, lane.0, number));
                self.check_ranges(name, commit);
                self.check_files(name, claim, commit, objects);
            }
            EntryBody::Expire { through, soft } => {
                assert!(
                    Some(*through) <= self.complete_through,
                    "`{name}` expires what is not complete"
                );
                if !soft {
                    self.deletable.push((self.marks().kept_through, *through));
                }
            }
            _ => {}
        }
        let window_length = self.window_length;
        let books = self.books(epoch, lane);
        if let Err(error) = books.fold.read(&entry, window_length) {
            panic!("I3: {error}");
        }
        books.entries.insert(number, body.clone());
        let folded = books.fold.folded.clone();
        books.folds.insert(number, folded);
        if books.folds.len() > 200 {
            books.folds.pop_first();
        }
    }

    /// Retention has deleted what stood at this number. Only a claim of a process that did not know
    /// (it is void), or a late try of the very same put, may go there.
    fn on_entry_in_hole(
        &mut self,
        name: &str,
        number: u64,
        entry: &Entry,
        body: &Bytes,
        objects: &Objects,
    ) {
        let (epoch, lane, _) = place(name);
        let covered = checkpoints(objects, epoch, lane).last() >= Some(&number);
        let books = self.books(epoch, lane);
        if books.entries.get(&number) == Some(body) {
            self.revived.insert(name.to_owned());
            return;
        }
        let is_claim = matches!(entry.body, EntryBody::Claim { .. });
        assert!(is_claim && covered, "I4: `{name}` was put into a hole");
        books.void_claims.insert(number);
        self.seen.void_claims += 1;
    }

    /// The ranges of a Kinesis shard join whatever lane they are in (I3).
    fn check_ranges(&mut self, name: &str, commit: &Commit) {
        for entered in &commit.entered {
            let shard = &entered.shard;
            assert!(
                self.entered.insert(shard.clone()),
                "I7: {shard} entered twice, in `{name}`"
            );
            self.positions
                .insert(shard.clone(), entered.position.clone());
        }
        for (shard, range) in &commit.ranges {
            let position = self.positions.get_mut(shard).expect("it has entered");
            assert_eq!(*position, range.from, "I3: {shard} in `{name}`");
            assert!(range.to > range.from, "I3: {shard} goes back in `{name}`");
            let records = read_records(&range.to) - read_records(&range.from);
            assert_eq!(
                range.counts.records, records as u64,
                "I1: {shard} in `{name}`"
            );
            *position = range.to.clone();
        }
    }

    fn check_files(&mut self, name: &str, claim: ClaimRef, commit: &Commit, objects: &Objects) {
        let files = commit.all_files().map(|(_, file)| file.bytes);
        let statistics = commit.statistics.iter().map(|object| object.bytes);
        for ((kind, file, window), bytes) in commit.names().zip(files.chain(statistics)) {
            let there = objects.get(file).map(|body| body.len() as u64);
            assert_eq!(there, Some(bytes), "I2: `{name}` names `{file}`");
            let parsed = FileName::parse(file).expect("a name of ours");
            assert_eq!((parsed.claim, parsed.window), (claim, window), "{name}");
            let before = self.named.insert(file.to_owned(), Named { window, kind });
            assert!(before.is_none(), "I2: `{file}` is named twice");
        }
    }

    fn on_checkpoint(&mut self, name: &str, checkpoint: &Checkpoint) {
        self.seen.checkpoints += 1;
        let (epoch, lane, number) = place(name);
        let books = self.books(epoch, lane);
        assert!(
            number <= books.fold.folded.entry,
            "`{name}` is ahead of its log"
        );
        if let Some(folded) = books.folds.get(&number) {
            assert_eq!(
                checkpoint.folded, *folded,
                "`{name}` is not the fold of its log"
            );
        }
    }

    fn on_file(&mut self, name: &str) {
        self.seen.files += 1;
        let file = FileName::parse(name).unwrap_or_else(|| panic!("a stray object: {name}"));
        let ClaimRef { epoch, lane, claim } = file.claim;
        let books = self.books(epoch, lane);
        assert!(
            !books.void_claims.contains(&claim.0),
            "I4: `{name}` is of a void claim"
        );
        let body = books.entries.get(&claim.0);
        let body = body.unwrap_or_else(|| panic!("I4: `{name}` is of no claim"));
        let entry: Entry = parse(name, body);
        assert!(matches!(entry.body, EntryBody::Claim { .. }), "{name}");
        if self.is_over(file.claim) {
            self.seen.late_files += 1;
        }
    }

    fn on_deleted(&mut self, name: &str, objects: &Objects) {
        match name.split('/').next().unwrap_or_default() {
            "_checkpoints" => {
                let (epoch, lane, number) = place(name);
                let newer = checkpoints(objects, epoch, lane);
                let newer = newer.iter().filter(|newer| **newer > number);
                assert!(newer.count() >= 2, "`{name}` was one of the newest two");
            }
            "_commits" => self.on_entry_deleted(name, objects),
            "_statistics" => self.on_file_deleted(name),
            "_rollups" => {
                self.seen.expired_rollups += 1;
                let level = match name.contains("/hour/") {
                    true => Level::Hour,
                    false => Level::Day,
                };
                let number = names::rollup_number(name).and_then(|n| i64::try_from(n).ok());
                let last = level.last(number.expect("a roll-up's name"));
                assert!(
                    Some(last) <= self.marks().through,
                    "`{name}` was deleted and is not expired"
                );
            }
            folder if folder.starts_with('_') => panic!("`{name}` was deleted"),
            _ => self.on_file_deleted(name),
        }
    }

    /// Up to where windows are expired, as the newest epoch says.
    fn marks(&self) -> ExpiredMarks {
        ExpiredMarks::of(self.last_folds().map(|fold| &fold.folded.state))
    }

    fn on_entry_deleted(&mut self, name: &str, objects: &Objects) {
        self.seen.expired_entries += 1;
        self.revived.remove(name);
        let (epoch, lane, number) = place(name);
        let expired = self.marks().through;
        let covered = checkpoints(objects, epoch, lane).last() >= Some(&number);
        assert!(covered, "`{name}` was deleted and no checkpoint covers it");
        let books = self.books(epoch, lane);
        let entry: Entry = parse(name, &books.entries[&number]);
        let may_go = !matches!(entry.body, EntryBody::Claim { .. } | EntryBody::Seal { .. });
        assert!(may_go, "`{name}` is a claim or a seal and was deleted");
        if let EntryBody::Commit(commit) = &entry.body {
            let mut windows = commit.names().map(|(_, _, window)| Some(window));
            let all = windows.all(|window| window <= expired);
            assert!(
                all && commit.closed_through <= expired,
                "`{name}` was deleted and is not expired"
            );
        }
    }

    fn on_file_deleted(&mut self, name: &str) {
        match self.named.get(name) {
            Some(&Named { window, kind }) => {
                self.seen.expired_files += 1;
                let hard = |(after, through): &(Option<Window>, Window)| {
                    Some(window) > *after && window <= *through
                };
                let gone = match kind {
                    FileKind::Statistics => Some(window) <= self.marks().through,
                    _ => self.deletable.iter().any(hard),
                };
                assert!(gone, "I2: `{name}` is committed and was deleted");
            }
            None => {
                let file = FileName::parse(name).expect("it was put under such a name");
                assert!(
                    self.is_over(file.claim),
                    "I2: `{name}` is of a claim that is not over"
                );
                self.seen.cleaned += 1;
            }
        }
    }

    fn is_over(&self, claim: ClaimRef) -> bool {
        let lane = usize::try_from(claim.lane.0).expect("few lanes");
        let books = &self.epochs[&claim.epoch][lane];
        let last = books.fold.folded.claim.as_ref().map(|last| last.claim);
        books.fold.folded.sealed || last > Some(claim.claim)
    }

    /// What is complete stays complete.
    fn check_complete(&mut self) {
        let Some((_, lanes)) = self.epochs.last_key_value() else {
            return;
        };
        let closed = lanes.iter().map(|lane| lane.state().closed_through);
        let complete = closed.min().flatten();
        assert!(
            complete >= self.complete_through,
            "a complete window is open again"
        );
        self.complete_through = complete;
    }

    fn count(&mut self, entry: &Entry) {
        let seen = &mut self.seen;
        match &entry.body {
            EntryBody::Claim { .. } => seen.claims += 1,
            EntryBody::Seal { .. } => seen.seals += 1,
            EntryBody::Expire { .. } => {}
            EntryBody::Commit(commit) => {
                seen.commits += 1;
                let partial = commit.files.first().map(|file| Some(file.window));
                seen.partial_commits += u64::from(partial > Some(commit.closed_through));
                seen.entered += commit.entered.len() as u64;
                seen.ended += commit.ended.len() as u64;
                seen.forgotten += commit.forgotten.len() as u64;
            }
        }
    }

    /// Objects that nobody may leave there for good: files that no commit names, files of expired
    /// windows, and their commits.
    pub fn left_behind(&self, objects: &Objects) -> Vec<String> {
        let ExpiredMarks {
            through,
            kept_through,
        } = self.marks();
        let is_left = |name: &&String| {
            FileName::parse(name).is_some_and(|file| {
                let kept = Some(kept_through).filter(|_| file.kind != FileKind::Statistics);
                let expired = Some(file.window) <= through && Some(file.window) > kept.flatten();
                expired || !self.named.contains_key(*name)
            })
        };
        let files = objects.keys().filter(is_left).cloned();
        files.chain(self.expired_commits(objects)).collect()
    }

    /// Commits of expired windows that had to go. They go in order: behind one that stays nothing
    /// does, in its lane and in later epochs.
    fn expired_commits(&self, objects: &Objects) -> Vec<String> {
        let through = self.marks().through;
        let mut stays: Option<(Epoch, LaneId)> = None;
        let mut expired = Vec::new();
        let entries = objects.range("_commits/".to_owned().."_commits0".to_owned());
        for (name, body) in entries {
            let (epoch, lane, number) = place(name);
            let entry: Entry = parse(name, body);
            let EntryBody::Commit(commit) = &entry.body else {
                continue;
            };
            if stays.is_some_and(|stays| stays.0 < epoch || stays == (epoch, lane)) {
                continue;
            }
            let mut windows = commit.names().map(|(_, _, window)| Some(window));
            let goes = checkpoints(objects, epoch, lane).last() >= Some(&number)
                && windows.all(|window| window <= through)
                && commit.closed_through <= through;
            match goes {
                false => stays = Some((epoch, lane)),
                true if self.revived.contains(name) => {}
                true => expired.push(name.clone()),
            }
        }
        expired
    }

    /// Files of windows that are not expired, or that soft expiry keeps, and that are not there.
    pub fn lost(&self, objects: &Objects) -> Vec<String> {
        let ExpiredMarks { through, .. } = self.marks();
        let kept = self
            .named
            .iter()
            .filter(|(_, named)| Some(named.window) > through);
        let kept = kept.map(|(name, _)| name);
        kept.filter(|name| !objects.contains_key(*name))
            .cloned()
            .collect()
    }

    /// How far each Kinesis shard is committed.
    pub fn positions(&self) -> &BTreeMap<KinesisShardId, Position> {
        &self.positions
    }

    /// The lanes of the newest epoch.
    pub fn last_folds(&self) -> impl Iterator<Item = &LaneFold> {
        let newest = self.epochs.last_key_value();
        newest
            .into_iter()
            .flat_map(|(_, lanes)| lanes.iter().map(|lane| &lane.fold))
    }

    /// Every commit there ever was: epoch, lane and number.
    pub fn commits(&self) -> Vec<(u64, u32, u64)> {
        self.commits.clone()
    }

    /// The last window that every lane has closed.
    pub fn complete_through(&self) -> Option<Window> {
        self.complete_through
    }

    fn books(&mut self, epoch: Epoch, lane: LaneId) -> &mut LaneBooks {
        let lanes = self.epochs.get_mut(&epoch);
        let lanes = lanes.unwrap_or_else(|| panic!("epoch {epoch} is not there"));
        let place = usize::try_from(lane.0).expect("few lanes");
        lanes
            .get_mut(place)
            .unwrap_or_else(|| panic!("no lane {lane} in epoch {epoch}"))
    }
}

impl LaneBooks {
    fn state(&self) -> &LaneState {
        &self.fold.folded.state
    }
}

/// An epoch holds what the sealed lanes held, and has closed nothing more.
fn check_carried_on(before: &[&LaneState], next: &[LaneState]) {
    let mut left = BTreeMap::new();
    for lane in before {
        for (id, state) in &lane.shards {
            left.insert(id, (state, lane.closed_through));
        }
    }
    for lane in next {
        for (id, state) in &lane.shards {
            let (was, closed) = left.remove(id).unwrap_or_else(|| panic!("{id} is new"));
            assert_eq!(was, state, "I3: {id} changed between epochs");
            assert!(
                lane.closed_through <= closed,
                "{id} came from a lane that had closed less"
            );
        }
        let mark = before
            .iter()
            .map(|lane| lane.expired_through)
            .max()
            .flatten();
        assert_eq!(
            lane.expired_through, mark,
            "the expired mark is the highest of all"
        );
    }
    assert!(left.is_empty(), "I3: lost between epochs: {left:?}");
}

fn place(name: &str) -> (Epoch, LaneId, u64) {
    let mut parts = name.split('/').skip(1);
    let mut number = || parts.next().and_then(|part| part.parse::<u64>().ok());
    let (epoch, lane) = (number().expect("an epoch"), number().expect("a lane"));
    let lane = u32::try_from(lane).expect("few lanes");
    (
        Epoch(epoch),
        LaneId(lane),
        names::number(name).expect("a number"),
    )
}

fn checkpoints(objects: &Objects, epoch: Epoch, lane: LaneId) -> Vec<u64> {
    let folder = names::checkpoint_folder(epoch, lane);
    let there = objects.range(folder.clone()..);
    there
        .take_while(|(name, _)| name.starts_with(&folder))
        .filter_map(|(name, _)| names::number(name))
        .collect()
}

fn parse<T: serde::de::DeserializeOwned>(name: &str, body: &[u8]) -> T {
    serde_json::from_slice(body).unwrap_or_else(|error| panic!("`{name}`: {error}"))
}
