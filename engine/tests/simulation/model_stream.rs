//! A stream as plain data: which Kinesis shards there are, when they split and merge, and when each
//! record arrives. Everything about it is decided by the seed before the first process starts.

use std::collections::BTreeMap;

use shardmill_engine::log::{LaneState, ShardState};
use shardmill_engine::types::{
    Counts, KinesisShardId, Position, SequenceNumber, TimestampMs, Window, WindowLength,
};

use crate::random::Random;

/// Lag proves nothing of the last seconds (I5).
const LAG_MARGIN_MS: i64 = 5_000;

pub struct ModelStream {
    pub shards: BTreeMap<KinesisShardId, ModelShard>,
    pub window_length: WindowLength,
    /// No record comes after this.
    pub ends: TimestampMs,
}

pub struct ModelShard {
    pub parents: Vec<KinesisShardId>,
    pub children: Vec<KinesisShardId>,
    opened: TimestampMs,
    closed: Option<TimestampMs>,
    /// Arrival time of record 1, 2, 3, ...: it goes back now and then.
    arrivals: Vec<TimestampMs>,
}

/// Records of one Kinesis shard in one window, in order: those after `from` up to `to`.
#[derive(Clone, Debug)]
pub struct Stretch {
    pub window: Window,
    pub to: usize,
    pub arrival_at_to: TimestampMs,
    pub counts: Counts,
}

impl ModelStream {
    pub fn new(random: &mut Random, window_length: WindowLength, start: i64, end: i64) -> Self {
        let mut stream = Self {
            shards: BTreeMap::new(),
            window_length,
            ends: end,
        };
        let mut open = Vec::new();
        for _ in 0..random.between(2, 4) {
            open.push(stream.open_shard(start, Vec::new()));
        }
        let mut time = start;
        let reshard_every = random.between(10, 60) * 60_000;
        loop {
            time += random.between(1_000, reshard_every);
            if time > end {
                break;
            }
            let first = open.swap_remove(random.below(open.len()));
            let mut parents = vec![first];
            let merges = open.len() > 2 || (!open.is_empty() && random.one_in(2));
            if merges {
                parents.push(open.swap_remove(random.below(open.len())));
            }
            for parent in &parents {
                stream.shard_mut(parent).closed = Some(time);
            }
            for _ in 0..if merges { 1 } else { 2 } {
                open.push(stream.open_shard(time, parents.clone()));
            }
        }
        for shard in stream.shards.values_mut() {
            shard.fill(random, end);
        }
        stream
    }

    fn open_shard(&mut self, time: i64, parents: Vec<KinesisShardId>) -> KinesisShardId {
        let id = KinesisShardId::new(format!("shardId-{:012}", self.shards.len()));
        for parent in &parents {
            self.shard_mut(parent).children.push(id.clone());
        }
        let shard = ModelShard {
            parents,
            children: Vec::new(),
            opened: time,
            closed: None,
            arrivals: Vec::new(),
        };
        self.shards.insert(id.clone(), shard);
        id
    }

    fn shard_mut(&mut self, id: &KinesisShardId) -> &mut ModelShard {
        self.shards.get_mut(id).expect("a shard of this stream")
    }

    pub fn shard(&self, id: &KinesisShardId) -> &ModelShard {
        self.shards.get(id).expect("a shard of this stream")
    }

    /// The lanes of the first epoch: the Kinesis shards without parents, spread over `lanes`.
    pub fn first_lanes(&self, lanes: usize, start: i64) -> Vec<LaneState> {
        let mut states = vec![LaneState::default(); lanes];
        let first = self.shards.iter().filter(|(_, s)| s.parents.is_empty());
        for (place, (id, _)) in first.enumerate() {
            let state = ShardState {
                position: Position::Start,
                current_window: self.window_length.window_of(start),
                parents: Vec::new(),
                ended: false,
                arrival_at_position: None,
                caught_up_at: None,
                cut: None,
            };
            states[place % lanes].shards.insert(id.clone(), state);
        }
        states
    }

    /// The last window that lag proves over at a time of the server.
    pub fn past_window(&self, now: TimestampMs) -> Window {
        let proven = now - LAG_MARGIN_MS;
        self.window_length.window_of(proven).previous()
    }

    /// What a reader at `position` gets at a time of the server: the first stretch of one window.
    pub fn next_stretch(
        &self,
        id: &KinesisShardId,
        position: &Position,
        current: Window,
        now: TimestampMs,
    ) -> Option<Stretch> {
        let shard = self.shard(id);
        let from = read_records(position);
        let mut window = current;
        let mut stretch: Option<Stretch> = None;
        for (place, visible) in shard.visible().enumerate().skip(from) {
            let arrival = shard.arrivals[place];
            window = window.max(self.window_length.window_of(arrival));
            if visible > now || stretch.as_ref().is_some_and(|s| s.window != window) {
                break;
            }
            let mut counts = stretch.map_or(Counts::default(), |stretch| stretch.counts);
            counts += counts_of(place);
            stretch = Some(Stretch {
                window,
                to: place + 1,
                arrival_at_to: arrival,
                counts,
            });
        }
        stretch
    }

    /// Whether a reader at `position` is at the end of a closed Kinesis shard.
    pub fn at_end(&self, id: &KinesisShardId, position: &Position, now: TimestampMs) -> bool {
        let shard = self.shard(id);
        shard.closed.is_some_and(|closed| closed <= now)
            && read_records(position) == shard.arrivals.len()
    }

    pub fn records(&self, id: &KinesisShardId) -> usize {
        self.shard(id).arrivals.len()
    }
}

impl ModelShard {
    fn fill(&mut self, random: &mut Random, end: i64) {
        let pace = random.between(5_000, 60_000);
        let until = self.closed.unwrap_or(end);
        let mut time = self.opened;
        loop {
            time += random.between(1, pace);
            if time >= until {
                return;
            }
            let back = if random.one_in(4) {
                random.between(0, 90_000)
            } else {
                0
            };
            self.arrivals.push(time - back);
        }
    }

    /// When each record can be read: not before those that came before it.
    fn visible(&self) -> impl Iterator<Item = TimestampMs> {
        self.arrivals.iter().scan(i64::MIN, |latest, arrival| {
            *latest = (*latest).max(*arrival);
            Some(*latest)
        })
    }
}

/// How many records are read at a position: record `n` has the sequence number `n`.
pub fn read_records(position: &Position) -> usize {
    position.sequence().map_or(0, |sequence| {
        sequence
            .as_str()
            .parse()
            .expect("a sequence number of this stream")
    })
}

pub fn position_at(records: usize) -> Position {
    let sequence = SequenceNumber::new(&records.to_string());
    Position::At(sequence.expect("decimal digits"))
}

/// What the record at a place holds: one row, two, a reject, or nothing.
fn counts_of(place: usize) -> Counts {
    let kind = place % 7;
    Counts {
        records: 1,
        payloads: 1,
        bytes: 10,
        rows: match kind {
            3 | 5 => 0,
            6 => 2,
            _ => 1,
        },
        rejects: u64::from(kind == 3),
        empty: u64::from(kind == 5),
    }
}
