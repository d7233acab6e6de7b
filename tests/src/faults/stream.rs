//! A stream that fails.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use shardmill_engine::ports::{
    Delivery, IteratorFrom, Records, ShardFilter, ShardList, Stream, StreamError,
};
use shardmill_engine::types::KinesisShardId;

use super::Chance;

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Throttled,
    Unavailable,
    /// It was carried out, and its answer is lost.
    AnswerLost,
    Slow,
    IteratorExpired,
}

const ASKING: [Fault; 4] = [
    Fault::Throttled,
    Fault::Unavailable,
    Fault::AnswerLost,
    Fault::Slow,
];
const FETCHING: [Fault; 5] = [
    Fault::Throttled,
    Fault::Unavailable,
    Fault::AnswerLost,
    Fault::Slow,
    Fault::IteratorExpired,
];

/// Passes calls on to another stream, but for those that fail.
pub struct FaultyStream {
    inner: Arc<dyn Stream>,
    chance: Arc<Chance>,
}

impl FaultyStream {
    /// Puts the faults of `chance` in front of `inner`.
    pub fn new(inner: Arc<dyn Stream>, chance: Arc<Chance>) -> Self {
        Self { inner, chance }
    }

    async fn call<T>(
        &self,
        ways: &[Fault],
        call: BoxFuture<'_, Result<T, StreamError>>,
    ) -> Result<T, StreamError> {
        match self.chance.pick(ways) {
            None => call.await,
            Some(Fault::Slow) => {
                tokio::time::sleep(self.chance.delay()).await;
                call.await
            }
            Some(Fault::AnswerLost) => {
                // What the call itself says is what nobody gets to know.
                let _ = call.await;
                Err(StreamError::Unavailable("injected: no answer".into()))
            }
            Some(Fault::Unavailable) => Err(StreamError::Unavailable("injected: 503".into())),
            Some(Fault::Throttled) => Err(StreamError::Throttled("injected".into())),
            Some(Fault::IteratorExpired) => Err(StreamError::IteratorExpired("injected".into())),
        }
    }
}

impl Stream for FaultyStream {
    fn list_shards(&self, filter: ShardFilter) -> BoxFuture<'_, Result<ShardList, StreamError>> {
        self.call(&ASKING, self.inner.list_shards(filter)).boxed()
    }

    fn shard_iterator<'a>(
        &'a self,
        shard: &'a KinesisShardId,
        from: IteratorFrom,
    ) -> BoxFuture<'a, Result<String, StreamError>> {
        self.call(&ASKING, self.inner.shard_iterator(shard, from))
            .boxed()
    }

    fn delivery(&self) -> Delivery {
        self.inner.delivery()
    }

    fn ready(&self, iterator: &str) -> Option<BoxFuture<'static, ()>> {
        self.inner.ready(iterator)
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), StreamError>> {
        self.call(&ASKING, self.inner.prepare()).boxed()
    }

    fn aside(&self) -> Option<&dyn Stream> {
        self.inner.aside()
    }

    fn get_records<'a>(
        &'a self,
        iterator: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Records, StreamError>> {
        self.call(&FETCHING, self.inner.get_records(iterator, limit))
            .boxed()
    }
}
