//! What a shard reader emits.

use std::sync::Arc;

use bytes::Bytes;

use super::{ClaimRef, KinesisShardId, Position, SequenceNumber, TimestampMs, Window};
use crate::budget::Credit;

/// The bytes of one Kinesis record, or of one user record inside a KPL aggregate.
///
/// Its identity is (Kinesis shard, `sequence`, `subsequence`); the Kinesis shard stands in the
/// batch's head.
#[derive(Clone, Debug)]
pub struct Payload {
    /// The sequence number of the Kinesis record.
    pub sequence: SequenceNumber,
    /// The place inside a KPL aggregate, from 0; 0 for an ordinary record.
    pub subsequence: u64,
    /// The partition key: the user record's own inside an aggregate.
    pub partition_key: Arc<str>,
    /// ApproximateArrivalTimestamp of the Kinesis record.
    pub arrival: TimestampMs,
    /// The bytes as received.
    pub data: Bytes,
}

/// Where a batch belongs and which stretch of its Kinesis shard it covers.
#[derive(Clone, Debug)]
pub struct BatchHead {
    /// The claim under which it was read.
    pub claim: ClaimRef,
    /// The Kinesis shard that every payload of the batch is from.
    pub shard: KinesisShardId,
    /// The window that every payload of the batch was put in (I5).
    pub window: Window,
    /// The position before the batch: the `to` of the Kinesis shard's batch before it.
    pub from: Position,
    /// The last record of the batch. A batch never splits a Kinesis record.
    pub to: SequenceNumber,
    /// Arrival time of the record at `to`.
    pub arrival_at_to: TimestampMs,
    /// Kinesis records in (from, to].
    pub records: u64,
    /// When the answer that brought it was here, by the engine's clock.
    pub received: TimestampMs,
}

/// Payloads of one Kinesis shard and one window, in Kinesis order. The vector may be empty: an
/// aggregate may hold no user record, and its position counts all the same.
#[derive(Debug)]
pub struct PayloadBatch {
    /// Where the batch belongs.
    pub head: BatchHead,
    /// The payloads in Kinesis order.
    pub payloads: Vec<Payload>,
    /// Memory held by `payloads`; given back when the batch is dropped.
    pub credit: Credit,
}

impl PayloadBatch {
    /// Bytes of all payloads.
    pub fn payload_bytes(&self) -> usize {
        self.payloads.iter().map(|payload| payload.data.len()).sum()
    }
}
