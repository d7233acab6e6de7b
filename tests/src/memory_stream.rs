//! A stream in memory: as fast as it is asked, with arrival times that the test decides.

use bytes::Bytes;
use futures::future::BoxFuture;
use shardmill_engine::ports::{
    IteratorFrom, Records, ShardFilter, ShardInfo, ShardList, Stream, StreamError, StreamRecord,
};
use shardmill_engine::types::{KinesisShardId, SequenceNumber, TimestampMs};

/// The most bytes of records in one answer, as Kinesis has it.
const ANSWER_BYTES: usize = 10 << 20;

/// A stream of open Kinesis shards whose records are made when they are asked for.
pub struct MemoryStream {
    kinesis_shards: u64,
    records_each: u64,
    /// Arrival time of a record by its number, milliseconds.
    arrival: fn(u64) -> TimestampMs,
    /// The payload of a record: Kinesis shard, number.
    payload: fn(u64, u64) -> Vec<u8>,
    retention_ms: Option<i64>,
    ends: bool,
}

impl MemoryStream {
    /// A stream of `kinesis_shards` with `records_each` records each.
    pub fn new(
        kinesis_shards: u64,
        records_each: u64,
        arrival: fn(u64) -> TimestampMs,
        payload: fn(u64, u64) -> Vec<u8>,
    ) -> Self {
        Self {
            kinesis_shards,
            records_each,
            arrival,
            payload,
            retention_ms: None,
            ends: false,
        }
    }

    /// The same stream, said to keep records for so long.
    pub fn keeping(self, retention_ms: i64) -> Self {
        Self {
            retention_ms: Some(retention_ms),
            ..self
        }
    }

    /// The same stream with all of its Kinesis shards closed after their last record.
    pub fn ending(self) -> Self {
        Self { ends: true, ..self }
    }

    /// All records of all Kinesis shards.
    pub fn len(&self) -> u64 {
        self.kinesis_shards * self.records_each
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A minute after the last record has arrived, so that lag closes every window with data.
    fn server_time(&self) -> TimestampMs {
        (self.arrival)(self.records_each) + 120_000
    }

    fn listing(&self) -> ShardList {
        let shards = (0..self.kinesis_shards).map(|number| ShardInfo {
            id: KinesisShardId::new(format!("shardId-{number:012}")),
            parents: Vec::new(),
            closed: self.ends,
            hash_keys: (0, u128::MAX),
        });
        ShardList {
            shards: shards.collect(),
            server_time: self.server_time(),
        }
    }

    /// Record `n` has the sequence number `n + 1`.
    fn first_after(&self, from: &IteratorFrom) -> u64 {
        match from {
            IteratorFrom::After(sequence) => sequence.as_str().parse().expect("one of ours"),
            IteratorFrom::TrimHorizon => 0,
            IteratorFrom::AtTimestamp(time) => (0..self.records_each)
                .find(|number| (self.arrival)(*number) >= *time)
                .unwrap_or(self.records_each),
        }
    }

    fn answer(&self, iterator: &str, limit: u32) -> Records {
        let (shard, first) = iterator.split_once('/').expect("an iterator of ours");
        let shard: u64 = shard.parse().expect("an iterator of ours");
        let mut next: u64 = first.parse().expect("an iterator of ours");
        let (mut records, mut bytes) = (Vec::new(), 0);
        while next < self.records_each && records.len() < limit as usize {
            let data = (self.payload)(shard, next);
            bytes += data.len();
            if bytes > ANSWER_BYTES && !records.is_empty() {
                break;
            }
            records.push(StreamRecord {
                sequence: SequenceNumber::new(&(next + 1).to_string()).expect("a number"),
                partition_key: format!("key-{next}"),
                arrival: (self.arrival)(next),
                data: Bytes::from(data),
            });
            next += 1;
        }
        let behind = self.server_time() - (self.arrival)(next);
        Records {
            records,
            next_iterator: (!self.ends || next < self.records_each)
                .then(|| format!("{shard}/{next}")),
            millis_behind: Some(if next < self.records_each { behind } else { 0 }),
            children: Vec::new(),
            server_time: self.server_time(),
        }
    }
}

impl Stream for MemoryStream {
    fn list_shards(&self, _filter: ShardFilter) -> BoxFuture<'_, Result<ShardList, StreamError>> {
        Box::pin(async { Ok(self.listing()) })
    }

    fn shard_iterator<'a>(
        &'a self,
        shard: &'a KinesisShardId,
        from: IteratorFrom,
    ) -> BoxFuture<'a, Result<String, StreamError>> {
        Box::pin(async move {
            let number = shard.as_str().trim_start_matches("shardId-");
            let number: u64 = number.parse().expect("a Kinesis shard of ours");
            Ok(format!("{number}/{}", self.first_after(&from)))
        })
    }

    fn is_bounded(&self) -> bool {
        self.ends
    }

    fn get_records<'a>(
        &'a self,
        iterator: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Records, StreamError>> {
        Box::pin(async move { Ok(self.answer(iterator, limit)) })
    }

    fn retention_ms(&self) -> BoxFuture<'_, Result<Option<i64>, StreamError>> {
        Box::pin(async { Ok(self.retention_ms) })
    }
}
