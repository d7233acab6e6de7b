//! Shardmill's decoder, as a benchmark drives it.

use bytes::Bytes;
use shardmill_engine::budget::Budget;
use shardmill_engine::decode::{
    ContentOptions, DecodeLimits, Decoder, FormatChoice, Hints, detect,
};
use shardmill_engine::types::{
    BatchHead, ClaimNumber, ClaimRef, Epoch, KinesisShardId, LaneId, Payload, PayloadBatch,
    Position, SequenceNumber, Window,
};

use crate::measure::cpu_seconds;

/// Bytes of payload in a batch at most, as a shard reader cuts them.
pub const MAX_BATCH_BYTES: usize = 1 << 20;
/// Payloads in a batch at most, as a shard reader cuts them.
pub const MAX_BATCH_PAYLOADS: usize = 8192;

/// Events in batches, until they have so many bytes.
pub fn batches(events: impl Iterator<Item = Bytes>, bytes: usize) -> Vec<Vec<Bytes>> {
    let mut batches = vec![Vec::new()];
    let (mut in_batch, mut all) = (0, 0);
    for event in events {
        if all >= bytes {
            break;
        }
        let last = batches.len() - 1;
        let full = batches[last].len() == MAX_BATCH_PAYLOADS;
        if full || in_batch + event.len() > MAX_BATCH_BYTES {
            batches.push(Vec::new());
            in_batch = 0;
        }
        in_batch += event.len();
        all += event.len();
        let last = batches.len() - 1;
        batches[last].push(event);
    }
    batches
}

/// As a source under `auto` decodes once it has looked at these payloads.
///
/// # Panics
/// When nothing can be found out of them.
pub fn found_out(sample: &[Bytes]) -> ContentOptions {
    let auto = ContentOptions {
        format: FormatChoice::Auto,
        ..ContentOptions::default()
    };
    let sample = &sample[..sample.len().min(100)];
    let detected = detect(sample, &auto, Hints::default(), &DecodeLimits::default());
    detected.expect("the payloads are of some format").options
}

/// Decodes all batches; gives the rows and the CPU seconds.
///
/// # Panics
/// When anything is rejected.
pub fn decode(decoder: &mut Decoder, batches: &[Vec<Bytes>]) -> (usize, f64) {
    let budget = Budget::new(1 << 30);
    let (mut rows, mut seconds) = (0, 0.0);
    let mut first = 0;
    for batch in batches {
        let events = batch.len();
        let batch = payload_batch(batch, first, &budget);
        first += events;
        let start = cpu_seconds();
        let decoded = decoder.decode(batch, &budget);
        seconds += cpu_seconds() - start;
        assert!(decoded.rejects.is_empty(), "{:?}", decoded.rejects.first());
        rows += decoded.rows.iter().map(|rows| rows.len).sum::<usize>();
    }
    (rows, seconds)
}

/// The events as a batch, the first of them the `first` of the stream.
///
/// # Panics
/// When there is no event.
pub fn payload_batch(events: &[Bytes], first: usize, budget: &Budget) -> PayloadBatch {
    // Sequence numbers as Kinesis makes them.
    let sequence = |number: usize| {
        let text = format!("4959033827149025660855969253836157109592157{number:013}");
        SequenceNumber::new(&text).expect("digits")
    };
    let payloads = (first..).zip(events).map(|(number, event)| Payload {
        sequence: sequence(number),
        subsequence: 0,
        partition_key: format!("{:06x}", number % 1_000).into(),
        arrival: 1_795_000_000_000 + number as i64 / 10,
        data: event.clone(),
    });
    batch(payloads.collect(), Position::Start, Window(1), budget)
}

/// A batch of a shard reader.
///
/// # Panics
/// When there is no payload.
pub fn batch(
    payloads: Vec<Payload>,
    from: Position,
    window: Window,
    budget: &Budget,
) -> PayloadBatch {
    let last = payloads.last().expect("a batch has a payload");
    let head = BatchHead {
        claim: ClaimRef {
            epoch: Epoch(1),
            lane: LaneId(0),
            claim: ClaimNumber(1),
        },
        shard: KinesisShardId::new("shardId-000000000000"),
        window,
        from,
        to: last.sequence.clone(),
        arrival_at_to: last.arrival,
        records: payloads.len() as u64,
        received: 0,
    };
    let credit = budget.charge(payloads.iter().map(|payload| payload.data.len()).sum());
    PayloadBatch {
        head,
        payloads,
        credit,
    }
}
