//! A stream in memory that is pushed, and of which one Kinesis shard never has anything to say.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::future::BoxFuture;
use shardmill_engine::ports::{
    Delivery, IteratorFrom, Records, ShardFilter, ShardList, Stream, StreamError,
};
use shardmill_engine::types::KinesisShardId;

use crate::memory_stream::MemoryStream;

/// A stream whose first Kinesis shard is silent. The others say at once what they have, and then
/// nothing any more.
pub struct PushedStream {
    inner: MemoryStream,
    /// Records of each Kinesis shard.
    records_each: u64,
    calls: Arc<AtomicU64>,
}

impl PushedStream {
    /// Pushes what is in `inner`.
    pub fn new(inner: MemoryStream, records_each: u64) -> Self {
        Self {
            inner,
            records_each,
            calls: Arc::default(),
        }
    }

    /// How often records were asked for.
    pub fn calls(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.calls)
    }
}

impl Stream for PushedStream {
    fn list_shards(&self, filter: ShardFilter) -> BoxFuture<'_, Result<ShardList, StreamError>> {
        self.inner.list_shards(filter)
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
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.inner.get_records(iterator, limit)
    }

    fn delivery(&self) -> Delivery {
        Delivery::Pushed
    }

    fn ready(&self, iterator: &str) -> Option<BoxFuture<'static, ()>> {
        let (shard, first) = iterator.split_once('/').expect("an iterator of ours");
        let first: u64 = first.parse().expect("an iterator of ours");
        let silent = shard == "0" || first >= self.records_each;
        silent.then(|| -> BoxFuture<'static, ()> { Box::pin(std::future::pending()) })
    }
}
