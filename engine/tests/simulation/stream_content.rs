//! What is on the simulated stream: Kinesis shards, their splits and merges, records and aggregates.

use std::collections::BTreeMap;

use bytes::Bytes;
use md5::{Digest, Md5};
use shardmill_engine::ports::StreamRecord;
use shardmill_engine::types::{KinesisShardId, SequenceNumber, TimestampMs};

use crate::random::Random;
use crate::stream::Plan;

/// A Kinesis shard.
pub struct Shard {
    pub id: KinesisShardId,
    pub parents: Vec<KinesisShardId>,
    pub hash_keys: (u128, u128),
    pub opened: TimestampMs,
    pub closed: Option<TimestampMs>,
    /// Retention has passed it.
    pub trimmed: bool,
    pub records: Vec<Record>,
}

/// A Kinesis record.
pub struct Record {
    /// From when on it can be read: never before those that came before it.
    pub visible: TimestampMs,
    /// ApproximateArrivalTimestamp: goes back now and then.
    pub arrival: TimestampMs,
    /// `None` for an ordinary record, else the number of user records.
    pub aggregate: Option<u64>,
}

impl Shard {
    /// How many records can be read at a time.
    pub fn ready(&self, now: TimestampMs) -> usize {
        self.records.partition_point(|record| record.visible <= now)
    }

    /// The place of the first record at or after a time.
    pub fn first_at(&self, time: TimestampMs) -> usize {
        self.records.partition_point(|record| record.visible < time)
    }

    /// Whether nothing comes any more after the first `read` records.
    pub fn is_end(&self, read: usize, now: TimestampMs) -> bool {
        self.is_closed(now) && read >= self.records.len()
    }

    pub fn is_closed(&self, now: TimestampMs) -> bool {
        self.closed.is_some_and(|closed| closed <= now)
    }

    /// The record at a place (from 0) as GetRecords gives it.
    pub fn record(&self, place: usize) -> StreamRecord {
        let record = &self.records[place];
        let number = place + 1;
        let payload = |subsequence: u64| payload(&self.id, number, subsequence);
        let data = match record.aggregate {
            None => payload(0).into_bytes(),
            Some(count) => aggregate((0..count).map(payload)),
        };
        StreamRecord {
            sequence: SequenceNumber::new(&number.to_string()).expect("digits"),
            partition_key: "key".to_owned(),
            arrival: record.arrival,
            data: data.into(),
        }
    }

    /// Payloads of the record at a place.
    pub fn payloads(&self, place: usize) -> u64 {
        self.records[place].aggregate.unwrap_or(1)
    }

    fn fill(&mut self, random: &mut Random, plan: &Plan) {
        let pace = random.between(plan.pace / 10, plan.pace);
        let until = self.closed.unwrap_or(plan.end);
        let mut time = self.opened;
        loop {
            // Now and then nothing comes for long.
            let rest = if random.one_in(40) { 20_000 } else { pace };
            time += random.between(1, rest);
            if time >= until {
                return;
            }
            let back = match random.below(8) {
                0 => random.between(0, plan.jumble),
                1 => random.between(0, 2_000),
                _ => 0,
            };
            self.records.push(Record {
                visible: time,
                arrival: time - back,
                aggregate: random
                    .one_in(6)
                    .then(|| random.between(0, 5).unsigned_abs()),
            });
        }
    }
}

/// The bytes of a payload say who it is, so that a mix-up shows. Every fifth one is empty.
pub fn payload(shard: &KinesisShardId, number: usize, subsequence: u64) -> String {
    if (number as u64 + subsequence).is_multiple_of(5) {
        return String::new();
    }
    format!("{shard} {number} {subsequence}")
}

/// Makes all Kinesis shards that there will ever be.
pub fn generate(random: &mut Random, plan: &Plan) -> BTreeMap<KinesisShardId, Shard> {
    let mut shards: Vec<Shard> = Vec::new();
    let count = random.between(1, 4).unsigned_abs();
    let width = u128::MAX / u128::from(count);
    for number in 0..u128::from(count) {
        let last = if number + 1 == u128::from(count) {
            u128::MAX
        } else {
            (number + 1) * width - 1
        };
        open(&mut shards, plan.begin, Vec::new(), (number * width, last));
    }
    let mut time = plan.begin;
    loop {
        time += random.between(500, plan.reshard_every);
        if time >= plan.end {
            break;
        }
        reshard(&mut shards, random, time);
    }
    for shard in &mut shards {
        shard.fill(random, plan);
    }
    shards
        .into_iter()
        .map(|shard| (shard.id.clone(), shard))
        .collect()
}

fn reshard(shards: &mut Vec<Shard>, random: &mut Random, time: TimestampMs) {
    let mut live: Vec<usize> = (0..shards.len())
        .filter(|at| shards[*at].closed.is_none())
        .collect();
    live.sort_by_key(|at| shards[*at].hash_keys);
    let place = random.below(live.len());
    let first = live[place];
    let (low, high) = shards[first].hash_keys;
    let neighbour = live
        .get(place + 1)
        .copied()
        .filter(|_| live.len() > 2 || random.one_in(2));
    shards[first].closed = Some(time);
    let id = shards[first].id.clone();
    match neighbour {
        Some(second) if live.len() > 1 => {
            shards[second].closed = Some(time);
            let mut parents = vec![id, shards[second].id.clone()];
            if random.one_in(2) {
                parents.reverse();
            }
            let high = shards[second].hash_keys.1;
            open(shards, time, parents, (low, high));
        }
        _ => {
            let middle = low + (high - low) / 2;
            open(shards, time, vec![id.clone()], (low, middle));
            open(shards, time, vec![id], (middle + 1, high));
        }
    }
}

fn open(
    shards: &mut Vec<Shard>,
    opened: TimestampMs,
    parents: Vec<KinesisShardId>,
    hash_keys: (u128, u128),
) {
    shards.push(Shard {
        id: KinesisShardId::new(format!("shardId-{:012}", shards.len())),
        parents,
        hash_keys,
        opened,
        closed: None,
        trimmed: false,
        records: Vec::new(),
    });
}

/// A KPL aggregate of payloads that all have the partition key `user`.
fn aggregate(payloads: impl Iterator<Item = String>) -> Vec<u8> {
    let mut message = vec![0x0A, 4];
    message.extend_from_slice(b"user");
    for payload in payloads {
        let len = u8::try_from(payload.len()).expect("short payloads");
        message.extend_from_slice(&[0x1A, len + 4, 0x08, 0, 0x1A, len]);
        message.extend_from_slice(payload.as_bytes());
    }
    let md5 = Md5::digest(&message);
    [&[0xF3, 0x89, 0x9A, 0xC2], &message[..], &md5].concat()
}

/// What a decoder makes of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    Row,
    Reject,
    Empty,
}

/// The trivial decoder.
pub fn decode(data: &Bytes) -> Outcome {
    match data.last() {
        None => Outcome::Empty,
        // The subsequence is the last digit; most are 0.
        Some(b'3') => Outcome::Reject,
        Some(_) if data.ends_with(b"7 0") => Outcome::Reject,
        Some(_) => Outcome::Row,
    }
}
