//! From the records of one answer to payload batches: windows (I5), aggregates, batch limits.

use crate::budget::Budget;
use crate::ports::StreamRecord;
use crate::types::{
    BatchHead, ClaimRef, KinesisShardId, Payload, PayloadBatch, Position, SequenceNumber,
    TimestampMs, Window,
};

use super::kpl;

/// A batch is closed once its payloads have this many bytes. One Kinesis record is never split, so
/// a batch may be larger by one record.
pub const MAX_BATCH_BYTES: usize = 1024 * 1024;
/// A batch is closed once it has this many payloads; one aggregate may bring more.
pub const MAX_BATCH_PAYLOADS: usize = 8_192;

/// Collects the records of one Kinesis shard into batches of one window each.
pub(super) struct Batcher<'a> {
    pub(super) claim: ClaimRef,
    pub(super) shard: &'a KinesisShardId,
    pub(super) hash_keys: Option<(u128, u128)>,
    pub(super) budget: &'a Budget,
    pub(super) received: TimestampMs,
    /// Everything up to here is in a batch, the open one included.
    pub(super) position: Position,
    pub(super) open: Option<OpenBatch>,
    pub(super) done: Vec<PayloadBatch>,
    /// User records outside the Kinesis shard's hash keys.
    pub(super) outside: u64,
}

pub(super) struct OpenBatch {
    window: Window,
    from: Position,
    to: SequenceNumber,
    arrival_at_to: TimestampMs,
    records: u64,
    bytes: usize,
    held: usize,
    payloads: Vec<Payload>,
}

impl Batcher<'_> {
    /// Adds the next record, whose window is decided already.
    pub(super) fn add(&mut self, record: &StreamRecord, window: Window) {
        if self.open.as_ref().is_some_and(|open| open.window != window) {
            self.close();
        }
        let split = kpl::split(record, self.hash_keys);
        self.outside += split.outside;
        let from = std::mem::replace(&mut self.position, Position::At(record.sequence.clone()));
        let open = self.open.get_or_insert_with(|| OpenBatch {
            window,
            from,
            to: record.sequence.clone(),
            arrival_at_to: record.arrival,
            records: 0,
            bytes: 0,
            held: 0,
            payloads: Vec::new(),
        });
        open.to = record.sequence.clone();
        open.arrival_at_to = record.arrival;
        open.records += 1;
        open.bytes += split
            .payloads
            .iter()
            .map(|payload| payload.data.len())
            .sum::<usize>();
        // The payloads share the record's memory, framing and tables of an aggregate included.
        open.held += record.data.len() + record.partition_key.len();
        open.payloads.extend(split.payloads);
        if open.bytes >= MAX_BATCH_BYTES || open.payloads.len() >= MAX_BATCH_PAYLOADS {
            self.close();
        }
    }

    /// Closes the open batch, if there is one.
    pub(super) fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        let held = open.held + open.payloads.capacity() * size_of::<Payload>();
        self.done.push(PayloadBatch {
            head: BatchHead {
                claim: self.claim,
                shard: self.shard.clone(),
                window: open.window,
                from: open.from,
                to: open.to,
                arrival_at_to: open.arrival_at_to,
                records: open.records,
                received: self.received,
            },
            payloads: open.payloads,
            credit: self.budget.charge(held),
        });
    }
}
