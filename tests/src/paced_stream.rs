//! A stream in memory whose records come as time passes, as those of a stream that is being written.

use std::time::Instant;

use futures::future::BoxFuture;
use shardmill_engine::ports::{IteratorFrom, Records, ShardFilter, ShardList, Stream, StreamError};
use shardmill_engine::types::{KinesisShardId, TimestampMs};

use crate::memory_stream::MemoryStream;

/// A stream that shows of another what has arrived since it was made.
pub struct PacedStream {
    inner: MemoryStream,
    /// The time of the other stream at which it begins.
    begin: TimestampMs,
    begun: Instant,
}

impl PacedStream {
    /// Begins now, with the records of `inner` that arrive after `begin`.
    pub fn new(inner: MemoryStream, begin: TimestampMs) -> Self {
        Self {
            inner,
            begin,
            begun: Instant::now(),
        }
    }

    fn now(&self) -> TimestampMs {
        self.begin + self.begun.elapsed().as_millis() as i64
    }
}

impl Stream for PacedStream {
    fn list_shards(&self, filter: ShardFilter) -> BoxFuture<'_, Result<ShardList, StreamError>> {
        Box::pin(async move {
            let mut list = self.inner.list_shards(filter).await?;
            list.server_time = self.now();
            Ok(list)
        })
    }

    fn shard_iterator<'a>(
        &'a self,
        shard: &'a KinesisShardId,
        from: IteratorFrom,
    ) -> BoxFuture<'a, Result<String, StreamError>> {
        self.inner.shard_iterator(shard, from)
    }

    fn get_records<'a>(
        &'a self,
        iterator: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Records, StreamError>> {
        Box::pin(async move {
            let mut records = self.inner.get_records(iterator, limit).await?;
            let now = self.now();
            let arrived = records
                .records
                .partition_point(|record| record.arrival <= now);
            records.records.truncate(arrived);
            let (shard, first) = iterator.split_once('/').expect("an iterator of ours");
            let first: usize = first.parse().expect("an iterator of ours");
            records.next_iterator = Some(format!("{shard}/{}", first + arrived));
            records.millis_behind = Some(0);
            records.server_time = now;
            Ok(records)
        })
    }
}
