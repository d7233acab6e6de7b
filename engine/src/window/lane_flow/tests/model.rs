//! I1, I3, I5 of one lane against a model: random reading, delivery out of order, lag, children,
//! commits, stops with a part and crashes. The real fold and checks of the log stand behind it.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::log::{Entry, EntryBody, EntryHead, LaneFold, names};
use crate::types::{FileKind, WindowLength};

use super::*;

const LENGTH_MS: i64 = 1_000;
const MAX_OPEN: u32 = 3;

/// A reader of one Kinesis shard: the contract that cursors keep.
#[derive(Debug)]
struct Reader {
    begin: Position,
    next: usize,
    window: Window,
    ended: bool,
}

enum Control {
    Mark(Watermark),
    End(ShardEnd),
    Cut(ShardCut),
}

/// The lane, its readers, what is on the way, and what is on the target.
struct World {
    /// Arrival times of each Kinesis shard's records; the first record is number 1.
    stream: BTreeMap<KinesisShardId, Vec<i64>>,
    /// Kinesis shards that have not entered yet.
    children: Vec<KinesisShardId>,
    fold: LaneFold,
    flow: LaneFlow,
    readers: BTreeMap<KinesisShardId, Reader>,
    batches: Vec<DecodedBatch>,
    control: VecDeque<Control>,
    /// Contents of the windows that are being written.
    writers: BTreeMap<Window, Vec<(KinesisShardId, u64)>>,
    closing: VecDeque<Window>,
    part: u32,
    /// Every identity that a commit names, in commit order, with its window.
    committed: Vec<(KinesisShardId, u64, Window)>,
    /// The end of the reading.
    end: Option<i64>,
}

fn head(claim: ClaimNumber) -> EntryHead {
    EntryHead {
        process: ProcessId::new("p"),
        generation: Generation(1),
        claim,
        time_ms: 0,
    }
}

/// Row, reject or neither: by number.
fn counts(numbers: Range<usize>) -> Counts {
    let mut counts = Counts::default();
    for number in numbers {
        counts.records += 1;
        counts.payloads += 1;
        match number % 5 {
            0 => counts.empty += 1,
            1 => counts.rejects += 1,
            _ => counts.rows += 1,
        }
    }
    counts
}

impl World {
    fn new(stream: Vec<Vec<i64>>, children: usize, end: Option<i64>) -> Self {
        let stream: BTreeMap<KinesisShardId, Vec<i64>> = stream
            .into_iter()
            .enumerate()
            .map(|(number, arrivals)| (shard(&format!("s{number}")), arrivals))
            .collect();
        let names: Vec<KinesisShardId> = stream.keys().cloned().collect();
        let first = names.len() - children.min(names.len() - 1);
        let first_names: Vec<&str> = names[..first].iter().map(KinesisShardId::as_str).collect();
        let fold = fold(lane(&first_names));
        let flow = Self::flow_of(&fold, end);
        let mut world = World {
            stream,
            children: names[first..].to_vec(),
            fold,
            flow,
            readers: BTreeMap::new(),
            batches: Vec::new(),
            control: VecDeque::new(),
            writers: BTreeMap::new(),
            closing: VecDeque::new(),
            part: 0,
            committed: Vec::new(),
            end,
        };
        world.restart();
        world
    }

    fn flow_of(fold: &LaneFold, end: Option<i64>) -> LaneFlow {
        let claim = fold.claim().unwrap_or_else(claim);
        let limits = LaneLimits {
            max_open_windows: MAX_OPEN,
            end,
            raw_copy: false,
        };
        LaneFlow::new(claim, &fold.folded.state, limits)
    }

    /// A crash and a new claim: only the log is left.
    fn restart(&mut self) {
        let claim = Entry {
            format_version: 1,
            head: head(ClaimNumber(self.fold.folded.entry + 1)),
            body: EntryBody::Claim {
                closed_through: self.fold.folded.state.closed_through,
                cleaned: crate::log::Cleaned::default(),
            },
        };
        self.put(&claim);
        self.flow = Self::flow_of(&self.fold, self.end);
        self.batches.clear();
        self.control.clear();
        self.writers.clear();
        self.closing.clear();
        self.part = 0;
        self.readers = self
            .flow
            .reading()
            .into_iter()
            .map(|from| (from.shard.clone(), Reader::new(&from)))
            .collect();
    }

    fn put(&mut self, entry: &Entry) {
        let length = WindowLength::from_millis(LENGTH_MS).unwrap();
        self.fold
            .check(entry, length)
            .unwrap_or_else(|fault| panic!("{fault}: {entry:?}"));
        self.fold.apply(entry);
    }

    fn append(&mut self, commit: Commit) {
        let entry = Entry {
            format_version: 1,
            head: head(self.fold.claim().unwrap().claim),
            body: EntryBody::Commit(Box::new(commit.clone())),
        };
        self.put(&entry);
        self.flow.committed(&commit);
    }

    /// Reads the next records of a Kinesis shard, up to `count` in one window.
    fn read(&mut self, pick: usize, count: usize) {
        let claim = self.flow.claim();
        let limit = self.flow.window_limit();
        let readers = self.readers.len().max(1);
        let Some((id, reader)) = self.readers.iter_mut().nth(pick % readers) else {
            return;
        };
        let arrivals = &self.stream[id];
        if reader.ended {
            return;
        }
        if reader.next == arrivals.len() {
            reader.ended = true;
            self.control.push_back(Control::End(ShardEnd {
                claim,
                shard: id.clone(),
                position: reader.position(),
                current_window: reader.window,
                children: Vec::new(),
            }));
            return;
        }
        let is_out = |number: usize| self.end.is_some_and(|end| arrivals[number] >= end);
        if let Some(end) = self.end.filter(|_| is_out(reader.next)) {
            reader.ended = true;
            reader.window = reader.window.max(Window((end - 1) / LENGTH_MS).next());
            self.control.push_back(Control::Cut(ShardCut {
                claim,
                shard: id.clone(),
                position: reader.position(),
                end,
                window: reader.window,
            }));
            return;
        }
        let window_of = |number: usize| Window(arrivals[number] / LENGTH_MS);
        let window = reader.window.max(window_of(reader.next));
        let from = reader.position();
        reader.window = window;
        if window > limit {
            let mark = reader.mark(claim, id, 0);
            self.control.push_back(Control::Mark(mark));
            return;
        }
        let begin = reader.next;
        while reader.next < arrivals.len().min(begin + count)
            && window_of(reader.next) <= window
            && !is_out(reader.next)
        {
            reader.next += 1;
        }
        let mut batch = batch(id.as_str(), window.0, from, reader.next as u64, 0);
        batch.head.claim = claim;
        batch.counts = counts(begin + 1..reader.next + 1);
        self.batches.push(batch);
    }

    /// An answer without records, `ahead` windows past the next record's arrival.
    fn lag(&mut self, pick: usize, ahead: i64) {
        let claim = self.flow.claim();
        let readers = self.readers.len().max(1);
        let Some((id, reader)) = self.readers.iter_mut().nth(pick % readers) else {
            return;
        };
        if reader.ended {
            return;
        }
        let next = self.stream[id].get(reader.next);
        let arrival = next.copied().unwrap_or(10 * LENGTH_MS);
        reader.window = reader.window.max(Window(arrival / LENGTH_MS + ahead));
        let mark = reader.mark(claim, id, arrival);
        self.control.push_back(Control::Mark(mark));
    }

    fn deliver(&mut self, pick: usize) {
        if self.batches.is_empty() {
            return;
        }
        let batch = self.batches.swap_remove(pick % self.batches.len());
        for batch in self.flow.batch(batch).unwrap() {
            let first = batch.head.from.sequence().map_or(0, number) + 1;
            let content = self.writers.entry(batch.head.window).or_default();
            let shard = batch.head.shard.clone();
            content.extend((first..=number(&batch.head.to)).map(|number| (shard.clone(), number)));
        }
    }

    fn deliver_control(&mut self) {
        match self.control.pop_front() {
            Some(Control::Mark(mark)) => self.flow.watermark(mark).unwrap(),
            Some(Control::End(end)) => self.flow.end(end).unwrap(),
            Some(Control::Cut(cut)) => self.flow.cut(cut).unwrap(),
            None => {}
        }
    }

    fn enter(&mut self) {
        let Some(id) = self.children.pop() else {
            return;
        };
        let read = self.flow.enter(child(id.as_str(), 2)).unwrap();
        self.readers.insert(id, Reader::new(&read));
    }

    fn close(&mut self) {
        self.closing.extend(self.flow.next_closing());
    }

    fn commit(&mut self) {
        if let Some(window) = self.closing.pop_front() {
            let files = self.files(window);
            let commit = self.flow.commit(window, files).unwrap();
            self.append(commit);
        }
    }

    fn progress(&mut self) {
        if let Some(commit) = self.flow.progress() {
            self.append(commit);
        }
    }

    fn commit_closing(&mut self) {
        while let Some(window) = self.flow.next_closing() {
            self.closing.push_back(window);
        }
        while !self.closing.is_empty() {
            self.commit();
        }
    }

    /// What a stop does once its deadline has come, and the next start.
    fn stop(&mut self) {
        let part = self.flow.stop();
        self.commit_closing();
        if let Some(window) = part {
            let files = self.files(window);
            let commit = self.flow.partial_commit(window, files).unwrap();
            self.append(commit);
        }
        self.progress();
        self.restart_with_children();
    }

    /// After a restart the lineage offers again what no commit names.
    fn restart_with_children(&mut self) {
        let entered: Vec<KinesisShardId> = self.readers.keys().cloned().collect();
        self.restart();
        let state = &self.fold.folded.state;
        let lost = entered
            .into_iter()
            .filter(|id| !state.shards.contains_key(id));
        self.children.extend(lost);
    }

    fn files(&mut self, window: Window) -> CommitFiles {
        let content = self.writers.remove(&window).unwrap_or_default();
        let mut sum = Counts::default();
        for (id, number) in content {
            let index = usize::try_from(number).unwrap();
            sum += counts(index..index + 1);
            self.committed.push((id, number, window));
        }
        let length = WindowLength::from_millis(LENGTH_MS).unwrap();
        self.part += 1;
        let file = |kind, rows| DataFile {
            name: names::file(kind, length, self.flow.claim(), window, self.part),
            window,
            rows,
            bytes: 1,
            schema: None,
        };
        let some = |file: DataFile| {
            if file.rows == 0 {
                Vec::new()
            } else {
                vec![file]
            }
        };
        CommitFiles {
            files: some(file(FileKind::Data, sum.rows)),
            rejects: some(file(FileKind::Rejects, sum.rejects)),
            ..CommitFiles::default()
        }
    }

    /// One random step.
    fn step(&mut self, kind: u8, number: u16) {
        let number = usize::from(number);
        match kind {
            0..=5 => self.read(number, number / 16 % 5 + 1),
            6..=11 => self.deliver(number),
            12..=15 => self.deliver_control(),
            16 => self.lag(number, i64::try_from(number / 16 % 4).unwrap() - 1),
            17..=18 => self.close(),
            19..=20 => self.commit(),
            21 => self.progress(),
            22 => self.enter(),
            23 => self.stop(),
            _ => self.restart_with_children(),
        }
    }

    /// Lets everything come to its end, without any further fault.
    fn finish(&mut self) {
        for round in 0.. {
            assert!(round < 10_000, "it never ends: {:?}", self.flow.snapshot());
            self.enter();
            (0..self.readers.len()).for_each(|pick| self.read(pick, 3));
            while !self.batches.is_empty() {
                self.deliver(0);
            }
            while !self.control.is_empty() {
                self.deliver_control();
            }
            self.commit_closing();
            self.progress();
            let state = &self.fold.folded.state;
            let is_read = |shard: &ShardState| shard.ended || shard.is_cut_for(self.end);
            if self.children.is_empty() && state.shards.values().all(is_read) {
                let cut = state.shards.values().any(|shard| !shard.ended);
                let last = self.end.map(|end| Window((end - 1) / LENGTH_MS));
                assert!(
                    !cut || state.closed_through >= last,
                    "the end is not closed"
                );
                return;
            }
        }
    }

    /// I1 and I5: each identity once, in windows that never go back and never lie before its
    /// arrival.
    fn verify(&self) {
        let mut seen: BTreeMap<&KinesisShardId, (u64, Window)> = BTreeMap::new();
        for (id, number, window) in &self.committed {
            let (last, last_window) = seen.get(id).copied().unwrap_or((0, Window(i64::MIN)));
            assert_eq!(*number, last + 1, "{id}: lost, twice or out of order");
            assert!(
                *window >= last_window,
                "{id} {number}: its window went back"
            );
            let index = usize::try_from(*number).unwrap() - 1;
            assert!(*window >= Window(self.stream[id][index] / LENGTH_MS));
            seen.insert(id, (*number, *window));
        }
        for (id, arrivals) in &self.stream {
            let out = arrivals
                .iter()
                .position(|arrival| Some(*arrival) >= self.end);
            let arrivals = match (self.end, out) {
                (Some(_), Some(out)) => &arrivals[..out],
                _ => arrivals,
            };
            let read = seen.get(id).map_or(0, |(number, _)| *number);
            assert_eq!(read, arrivals.len() as u64, "{id}: not all is committed");
        }
    }
}

impl Reader {
    fn new(from: &ReadFrom) -> Self {
        Reader {
            begin: from.position.clone(),
            next: usize::try_from(from.position.sequence().map_or(0, number)).unwrap(),
            window: from.current_window,
            ended: false,
        }
    }

    fn position(&self) -> Position {
        if self.next == 0 {
            self.begin.clone()
        } else {
            at(self.next as u64)
        }
    }

    fn mark(&self, claim: ClaimRef, shard: &KinesisShardId, server_time: i64) -> Watermark {
        Watermark {
            claim,
            shard: shard.clone(),
            position: self.position(),
            window: self.window,
            server_time,
            caught_up: true,
        }
    }
}

fn number(sequence: &SequenceNumber) -> u64 {
    sequence.as_str().parse().unwrap()
}

fn any_stream() -> impl Strategy<Value = Vec<Vec<i64>>> {
    // Time goes on by about a third of a window a record, and jumps to and fro by a window.
    let arrivals = vec((0_i64..700, -1_000_i64..1_000), 0..25).prop_map(|steps| {
        let mut now = 2_000;
        let mut jumbled = |(step, jitter): (i64, i64)| {
            now += step;
            now + jitter
        };
        steps.into_iter().map(&mut jumbled).collect::<Vec<i64>>()
    });
    vec(arrivals, 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_payload_ends_in_exactly_one_commit(
        stream in any_stream(),
        children in 0_usize..3,
        end in option::of(0_i64..12_000),
        steps in vec((0_u8..25, any::<u16>()), 0..400),
        later in vec((0_u8..25, any::<u16>()), 0..100),
    ) {
        let mut world = World::new(stream, children, end);
        for (kind, number) in steps {
            world.step(kind, number);
        }
        world.finish();
        world.verify();
        // A later end, or none, goes on from the cuts.
        world.end = None;
        world.restart_with_children();
        for (kind, number) in later {
            world.step(kind, number);
        }
        world.finish();
        world.verify();
    }
}
