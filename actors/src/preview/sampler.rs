//! Takes a sample of a stream: a few of the newest records of every Kinesis shard.
//!
//! Bounded in payloads, bytes and time. Asks each Kinesis shard in turn, a few at once, and none of
//! them more often than Kinesis admits; what throttles or does not answer is asked again in the next
//! round. Other readers of the stream lose some of its calls meanwhile, no more.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use shardmill_engine::ports::{Host, IteratorFrom, ShardFilter, Stream, StreamError};
use shardmill_engine::preview::MAX_SAMPLE_BYTES;
use shardmill_engine::source::kpl;
use shardmill_engine::types::{KinesisShardId, Payload, SequenceNumber, TimestampMs};

/// Payloads of a sample.
pub(crate) const MAX_PAYLOADS: usize = 100;
/// How far back a sample goes.
pub(crate) const LOOK_BACK_MS: i64 = 30 * 60_000;
/// How long taking one may last.
const MAX_MS: i64 = 30_000;
/// Kinesis admits five calls a second for each Kinesis shard, of all readers together.
const ROUND_MS: i64 = 400;
/// Kinesis shards that are asked at once.
const AT_ONCE: usize = 4;
/// Records of one answer: the next Kinesis shard is asked soon.
const MAX_LIMIT: usize = 50;
/// Failures in a row after which a Kinesis shard is given up.
const MAX_FAILURES: u32 = 5;

/// Where a sample begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SampleFrom {
    /// So many milliseconds before the server's time.
    Back(i64),
    /// At this arrival time.
    At(TimestampMs),
    /// At the oldest record.
    Horizon,
}

/// Takes a sample, in the order of arrival. Empty where nothing has come.
///
/// # Errors
/// What keeps every Kinesis shard from being read.
pub(crate) async fn sample(
    stream: &dyn Stream,
    host: &dyn Host,
    from: SampleFrom,
) -> Result<Vec<Bytes>, StreamError> {
    let list = stream.list_shards(ShardFilter::All).await?;
    let from = match from {
        SampleFrom::Back(millis) => IteratorFrom::AtTimestamp(list.server_time - millis),
        SampleFrom::At(time) => IteratorFrom::AtTimestamp(time),
        SampleFrom::Horizon => IteratorFrom::TrimHorizon,
    };
    let limit = MAX_PAYLOADS
        .div_ceil(list.shards.len().max(1))
        .min(MAX_LIMIT);
    let mut readings: Vec<Reading> = list
        .shards
        .into_iter()
        .map(|shard| Reading::new(shard.id, from.clone()))
        .collect();
    let bytes = AtomicUsize::new(0);
    let deadline = host.now() + MAX_MS;
    loop {
        let begun = host.now();
        let open = readings.iter_mut().filter(|reading| !reading.done);
        let calls = open.map(|reading| reading.go_on(stream, limit, &bytes));
        let answers: Vec<Result<(), StreamError>> = stream::iter(calls)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        if let Some(refused) = answers.into_iter().find_map(Result::err) {
            return Err(refused);
        }
        let payloads: usize = readings.iter().map(|reading| reading.payloads.len()).sum();
        let enough = payloads >= MAX_PAYLOADS || bytes.load(Ordering::Relaxed) >= MAX_SAMPLE_BYTES;
        let ended = readings.iter().all(|reading| reading.done);
        if enough || ended || host.now() >= deadline {
            break;
        }
        // What is no stream admits any number of calls.
        let round = if stream.is_bounded() { 0 } else { ROUND_MS };
        let rest = begun + round - host.now();
        host.sleep(u64::try_from(rest.clamp(0, ROUND_MS)).unwrap_or(0))
            .await;
    }
    let nothing = readings.iter().all(|reading| reading.payloads.is_empty());
    match readings.iter().find_map(|reading| reading.failure.clone()) {
        Some(failure) if nothing => Err(failure),
        _ => Ok(chosen(readings)),
    }
}

/// One Kinesis shard on the way.
struct Reading {
    shard: KinesisShardId,
    from: IteratorFrom,
    iterator: Option<String>,
    payloads: Vec<Payload>,
    done: bool,
    failures: u32,
    failure: Option<StreamError>,
}

impl Reading {
    fn new(shard: KinesisShardId, from: IteratorFrom) -> Self {
        Self {
            shard,
            from,
            iterator: None,
            payloads: Vec::new(),
            done: false,
            failures: 0,
            failure: None,
        }
    }

    /// Makes one call, or two at the beginning. An error is one that the others would get as well.
    async fn go_on(
        &mut self,
        stream: &dyn Stream,
        limit: usize,
        bytes: &AtomicUsize,
    ) -> Result<(), StreamError> {
        // The others may have brought enough meanwhile.
        if bytes.load(Ordering::Relaxed) >= MAX_SAMPLE_BYTES {
            return Ok(());
        }
        match self.read(stream, limit).await {
            Ok(more) => {
                self.failures = 0;
                bytes.fetch_add(more, Ordering::Relaxed);
            }
            Err(StreamError::IteratorExpired(_)) => self.iterator = None,
            // It has aged out.
            Err(StreamError::NotFound(_) | StreamError::PositionRefused(_)) => self.done = true,
            Err(refused @ (StreamError::Refused(_) | StreamError::Unusable { .. })) => {
                return Err(refused);
            }
            Err(failure @ (StreamError::Throttled(_) | StreamError::Unavailable(_))) => {
                self.failures += 1;
                self.done = self.failures >= MAX_FAILURES;
                self.failure = Some(failure);
            }
        }
        Ok(())
    }

    /// Reads on; gives how many bytes came.
    async fn read(&mut self, stream: &dyn Stream, limit: usize) -> Result<usize, StreamError> {
        let iterator = match self.iterator.take() {
            Some(iterator) => iterator,
            None => {
                stream
                    .shard_iterator(&self.shard, self.from.clone())
                    .await?
            }
        };
        let limit = u32::try_from(limit).unwrap_or(1);
        let answer = match stream.get_records(&iterator, limit).await {
            Ok(answer) => answer,
            Err(error) => {
                self.iterator = Some(iterator);
                return Err(error);
            }
        };
        // An answer may be empty on the way to the newest record.
        let caught_up = answer.records.is_empty() && answer.millis_behind.unwrap_or(0) == 0;
        self.done = answer.next_iterator.is_none() || caught_up;
        self.iterator = answer.next_iterator;
        let mut bytes = 0;
        for record in &answer.records {
            bytes += record.data.len();
            self.payloads.extend(kpl::split(record, None).payloads);
        }
        if let Some(last) = answer.records.last() {
            self.from = IteratorFrom::After(last.sequence.clone());
        }
        Ok(bytes)
    }
}

/// Payloads of all Kinesis shards in turn until there are enough, in the order of arrival.
fn chosen(readings: Vec<Reading>) -> Vec<Bytes> {
    let mut queues: Vec<_> = readings
        .into_iter()
        .map(|reading| reading.payloads.into_iter())
        .collect();
    let mut chosen: Vec<(TimestampMs, SequenceNumber, Bytes)> = Vec::new();
    let mut bytes = 0;
    loop {
        let before = chosen.len();
        for queue in &mut queues {
            if chosen.len() == MAX_PAYLOADS || bytes >= MAX_SAMPLE_BYTES {
                break;
            }
            let Some(payload) = queue.next() else {
                continue;
            };
            bytes += payload.data.len();
            chosen.push((payload.arrival, payload.sequence, payload.data));
        }
        if chosen.len() == before {
            break;
        }
    }
    // User records of one aggregate keep their order.
    chosen.sort_by(|(a, sequence, _), (b, other, _)| (a, sequence).cmp(&(b, other)));
    chosen.into_iter().map(|(_, _, data)| data).collect()
}

#[cfg(test)]
#[path = "sampler_tests.rs"]
mod tests;
