//! The stream: the calls of the Kinesis API that reading needs.

use bytes::Bytes;
use futures::future::BoxFuture;
use serde::Serialize;

use crate::decode::ContentOptions;
use crate::types::{KinesisShardId, SequenceNumber, TimestampMs};

/// What can go wrong with a call to the stream.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum StreamError {
    /// ProvisionedThroughputExceeded, LimitExceeded, KMS throttling. Ask again later.
    #[error("Kinesis throttles: {0}")]
    Throttled(String),
    /// The shard iterator is too old or not accepted. Ask for a new one from the position.
    #[error("the shard iterator has expired: {0}")]
    IteratorExpired(String),
    /// A sequence number that Kinesis no longer accepts (InvalidArgument on GetShardIterator).
    #[error("Kinesis does not accept the position: {0}")]
    PositionRefused(String),
    /// The stream or the Kinesis shard does not exist.
    #[error("Kinesis does not know it: {0}")]
    NotFound(String),
    /// No permission, a disabled key. Asking again helps only once somebody has changed something.
    #[error("Kinesis refuses: {0}")]
    Refused(String),
    /// No answer, a time-out, 5xx. Ask again.
    #[error("Kinesis does not answer: {0}")]
    Unavailable(String),
    /// What is to be read is gone, damaged or changed, in a source that is no stream: asking again
    /// brings nothing else.
    #[error("{detail}")]
    Unusable {
        /// The stable code.
        code: &'static str,
        /// What is wrong, with which file, and what to do.
        detail: String,
    },
}

/// A Kinesis shard as ListShards shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardInfo {
    /// Its id.
    pub id: KinesisShardId,
    /// ParentShardId, then AdjacentParentShardId, where they are given.
    pub parents: Vec<KinesisShardId>,
    /// Whether EndingSequenceNumber is set: no record will be added.
    pub closed: bool,
    /// HashKeyRange, as 128-bit numbers, both ends included.
    pub hash_keys: (u128, u128),
}

/// Which Kinesis shards ListShards shall show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardFilter {
    /// All that are retained, open or closed.
    All,
    /// Those that were open at a time (AT_TIMESTAMP).
    AtTimestamp(TimestampMs),
}

/// A whole listing, read to its last page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardList {
    /// The Kinesis shards.
    pub shards: Vec<ShardInfo>,
    /// The server's clock (the answer's HTTP `Date`, milliseconds) of the first page.
    pub server_time: TimestampMs,
}

/// Where a shard iterator shall begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IteratorFrom {
    /// AFTER_SEQUENCE_NUMBER.
    After(SequenceNumber),
    /// AT_TIMESTAMP.
    AtTimestamp(TimestampMs),
    /// TRIM_HORIZON.
    TrimHorizon,
}

/// A Kinesis record as GetRecords gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamRecord {
    /// SequenceNumber.
    pub sequence: SequenceNumber,
    /// PartitionKey.
    pub partition_key: String,
    /// ApproximateArrivalTimestamp.
    pub arrival: TimestampMs,
    /// Data.
    pub data: Bytes,
}

/// How records come, which decides how their reading is paced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// They are asked for, within Kinesis's limits of GetRecords.
    #[default]
    Polled,
    /// They are sent. No limit holds, and [`Stream::ready`] says when there is something to take.
    Pushed,
    /// They lie there, and are asked for without limits.
    Stored,
}

/// The answer of GetRecords, or one event of a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// The records in Kinesis order.
    pub records: Vec<StreamRecord>,
    /// NextShardIterator; `None` at the end of the Kinesis shard.
    pub next_iterator: Option<String>,
    /// MillisBehindLatest; `None` where the server gave none. An answer without it and without
    /// records says nothing at all.
    pub millis_behind: Option<i64>,
    /// ChildShards, where given: (id, parents).
    pub children: Vec<(KinesisShardId, Vec<KinesisShardId>)>,
    /// The server's clock: the answer's HTTP `Date` in milliseconds. Of an event a time that the
    /// server's clock had reached when the event was made.
    pub server_time: TimestampMs,
}

/// How much there is to read, and how much of it has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Extent {
    /// Bytes that have been read.
    pub read: u64,
    /// Bytes that there are.
    pub total: u64,
}

/// One Kinesis stream. No call retries by itself; every call ends within a bounded time.
pub trait Stream: Send + Sync + 'static {
    /// All pages of ListShards.
    fn list_shards(&self, filter: ShardFilter) -> BoxFuture<'_, Result<ShardList, StreamError>>;

    /// GetShardIterator.
    fn shard_iterator<'a>(
        &'a self,
        shard: &'a KinesisShardId,
        from: IteratorFrom,
    ) -> BoxFuture<'a, Result<String, StreamError>>;

    /// GetRecords with at most `limit` records (up to 10,000).
    fn get_records<'a>(
        &'a self,
        iterator: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Records, StreamError>>;

    /// How records come.
    fn delivery(&self) -> Delivery {
        Delivery::Polled
    }

    /// Waits until [`Stream::get_records`] with this iterator has something to say: records, a lag,
    /// an end, an error. `None` where it has now, and where asking is the only way to find out.
    /// Waiting takes no more of the stream's bytes in than the network has brought anyway.
    fn ready(&self, _iterator: &str) -> Option<BoxFuture<'static, ()>> {
        None
    }

    /// What has to be made before reading can begin, such as the registration of a consumer.
    fn prepare(&self) -> BoxFuture<'_, Result<(), StreamError>> {
        Box::pin(async { Ok(()) })
    }

    /// Another way to the same stream, for a look at a few records, where the usual one would take
    /// them from whoever reads.
    fn aside(&self) -> Option<&dyn Stream> {
        None
    }

    /// How long the stream keeps records, milliseconds (RetentionPeriodHours); `None` where that is
    /// not known. Asked at a start, to find out whether a stored position can still be read.
    fn retention_ms(&self) -> BoxFuture<'_, Result<Option<i64>, StreamError>> {
        Box::pin(async { Ok(None) })
    }

    /// Whether nothing is added to it while it is read: then a source ends by itself once every
    /// Kinesis shard has been read to its end.
    fn is_bounded(&self) -> bool {
        false
    }

    /// Where it is bounded and may have grown the next time it is read: the arrival time before which
    /// everything has arrived that is there now. Reading ends there, and goes on from there later.
    fn ends_at(&self) -> Option<TimestampMs> {
        None
    }

    /// How far it has been read, where that is known.
    fn extent(&self) -> Option<Extent> {
        None
    }

    /// Tells what contents are, once that is decided: whoever cuts payloads out of something larger
    /// goes by it.
    fn decided(&self, _content: &ContentOptions) {}
}
