//! The stream by enhanced fan-out: SubscribeToShard instead of GetRecords.
//!
//! An "iterator" is a [`Token`] of a subscription: asking for it begins one, and asking for records
//! gives the next event. Subscriptions are renewed here, where the last event ended.

mod consumer;
mod gate;
mod session;
mod slot;
mod subscribe;
mod token;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_config::SdkConfig;
use aws_sdk_kinesis::{Client, config};
use futures::future::{BoxFuture, FutureExt};
use shardmill_engine::ports::{
    Delivery, IteratorFrom, Records, ShardFilter, ShardList, Stream, StreamError,
};
use shardmill_engine::types::KinesisShardId;
use tokio::time::timeout;

use super::error::Refusal;
use super::{KinesisStream, StreamId, client_config};
use crate::config::ConsumerId;
use consumer::Consumer;
use session::Begin;
use slot::Slot;
use subscribe::{Accepted, client_of_its_own, subscribe};
use token::Token;

pub use session::FanOutTiming;

/// One Kinesis stream, read by subscriptions of one consumer. Everything but records comes as in
/// polling.
pub struct FanOutStream {
    polling: KinesisStream,
    link: Arc<Link>,
    slots: Mutex<HashMap<KinesisShardId, Arc<Slot>>>,
}

/// How subscriptions are made.
struct Link {
    config: config::Builder,
    consumer: Consumer,
    timing: FanOutTiming,
}

impl FanOutStream {
    /// Reads `stream` for `consumer`. Makes no call.
    pub fn new(sdk: &SdkConfig, stream: StreamId, consumer: ConsumerId) -> Self {
        let config = client_config(sdk);
        let client = Client::from_conf(config.clone().build());
        let link = Link {
            config,
            consumer: Consumer::new(client, stream.clone(), consumer),
            timing: FanOutTiming::default(),
        };
        Self {
            polling: KinesisStream::new(sdk, stream),
            link: Arc::new(link),
            slots: Mutex::default(),
        }
    }

    /// The same by other times, for tests that cannot wait for minutes.
    pub fn with_timing(mut self, timing: FanOutTiming) -> Self {
        if let Some(link) = Arc::get_mut(&mut self.link) {
            link.timing = timing;
        }
        self
    }

    /// The ARN of its consumer, if that is there. Makes nothing.
    pub async fn consumer(&self) -> Result<Option<String>, StreamError> {
        self.link.consumer.look().await
    }

    /// Whether it may subscribe to a Kinesis shard. Takes no subscription where the server knows
    /// trial calls, as Kinesis does.
    pub async fn may_subscribe(&self, shard: &KinesisShardId) -> Result<(), StreamError> {
        let consumer = self.link.consumer.arn().await?;
        let trial = subscribe::try_out(client_of_its_own(&self.link.config), &consumer, shard);
        timeout(self.link.timing.call, trial)
            .await
            .unwrap_or_else(|_| Err(no_answer()))
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<KinesisShardId, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The slot of a token.
    fn slot(&self, iterator: &str) -> Option<(Arc<Slot>, Token)> {
        let token = Token::parse(iterator)?;
        let slot = self.slots().get(token.shard()).cloned()?;
        Some((slot, token))
    }
}

impl Link {
    async fn subscribe(
        &self,
        client: Option<Client>,
        shard: &KinesisShardId,
        begin: &Begin,
    ) -> Result<Accepted, Refusal> {
        let consumer = self.consumer.arn().await.map_err(Refusal::plain)?;
        let client = client.unwrap_or_else(|| client_of_its_own(&self.config));
        let call = subscribe(client, &consumer, shard, begin);
        timeout(self.timing.call, call)
            .await
            .unwrap_or_else(|_| Err(Refusal::plain(no_answer())))
    }
}

fn no_answer() -> StreamError {
    let detail = "SubscribeToShard: the first message of the answer does not come";
    StreamError::Unavailable(detail.to_owned())
}

impl Stream for FanOutStream {
    fn list_shards(&self, filter: ShardFilter) -> BoxFuture<'_, Result<ShardList, StreamError>> {
        self.polling.list_shards(filter)
    }

    /// Makes no call: the subscription is made while the first event is waited for, so that a reader
    /// of several Kinesis shards is not held up.
    fn shard_iterator<'a>(
        &'a self,
        shard: &'a KinesisShardId,
        from: IteratorFrom,
    ) -> BoxFuture<'a, Result<String, StreamError>> {
        let known = self.slots().get(shard).cloned();
        let slot = match known {
            Some(slot) => {
                slot.restart(from);
                slot
            }
            None => {
                let slot = Slot::new(Arc::clone(&self.link), shard.clone(), from);
                self.slots().insert(shard.clone(), Arc::clone(&slot));
                slot
            }
        };
        let token = slot.token().to_string();
        async move { Ok(token) }.boxed()
    }

    /// An event; Kinesis decides how many records it has.
    fn get_records<'a>(
        &'a self,
        iterator: &'a str,
        _limit: u32,
    ) -> BoxFuture<'a, Result<Records, StreamError>> {
        async move {
            let expired = || StreamError::IteratorExpired(iterator.to_owned());
            let (slot, token) = self.slot(iterator).ok_or_else(expired)?;
            let records = slot.next(&token).await?;
            if records.next_iterator.is_none() {
                self.slots().remove(token.shard());
            }
            Ok(records)
        }
        .boxed()
    }

    fn delivery(&self) -> Delivery {
        Delivery::Pushed
    }

    fn ready(&self, iterator: &str) -> Option<BoxFuture<'static, ()>> {
        let (slot, token) = self.slot(iterator)?;
        let waits = !slot.is_ready(&token);
        waits.then(|| slot.ready(token).boxed())
    }

    fn prepare(&self) -> BoxFuture<'_, Result<(), StreamError>> {
        async { self.link.consumer.arn().await.map(|_| ()) }.boxed()
    }

    fn aside(&self) -> Option<&dyn Stream> {
        Some(&self.polling)
    }

    fn retention_ms(&self) -> BoxFuture<'_, Result<Option<i64>, StreamError>> {
        self.polling.retention_ms()
    }
}
