//! JSON payloads to Arrow, one thread: Shardmill's decoder beside arrow-json, on the same payloads,
//! in turns, so that a noisy machine is noisy for both.
//!
//! `cargo bench -p shardmill-benches --bench decode -- [ROUNDS] [MEGABYTES]`
//!
//! arrow-json is used as people use it: the schema is inferred from the events beforehand (outside
//! the measured time; Shardmill infers while it decodes), each payload is given to one decoder, and
//! a batch is flushed where Shardmill's batch ends.

use std::io::Cursor;
use std::sync::Arc;

use arrow_json::ReaderBuilder;
use arrow_json::reader::infer_json_schema;
use bytes::Bytes;
use shardmill_benches::events::{Events, Kind};
use shardmill_benches::measure::{Spread, cpu_seconds};
use shardmill_engine::budget::Budget;
use shardmill_engine::decode::{ContentOptions, DecodeLimits, Decoder};
use shardmill_engine::types::{
    BatchHead, ClaimNumber, ClaimRef, Epoch, KinesisShardId, LaneId, Payload, PayloadBatch,
    Position, SequenceNumber, Window,
};

/// The allocator of the command line; both sides use it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As a shard reader cuts them.
const MAX_BATCH_BYTES: usize = 1 << 20;
const MAX_BATCH_PAYLOADS: usize = 8192;

fn main() {
    // `cargo bench` adds options of its own.
    let mut numbers = std::env::args().skip(1).filter_map(|arg| arg.parse().ok());
    let rounds: usize = numbers.next().unwrap_or(15).max(1);
    let megabytes: usize = numbers.next().unwrap_or(32).max(1);
    println!("MB of payload per CPU second, one thread; {rounds} rounds of {megabytes} MB");
    println!(
        "{:<12} {:>14} {:>24} {:>24} {:>18}",
        "events", "bytes an event", "shardmill", "arrow-json", "ratio"
    );
    for kind in Kind::ALL {
        run(kind, rounds, megabytes << 20);
    }
}

fn run(kind: Kind, rounds: usize, bytes: usize) {
    let batches = batches(kind, bytes);
    let events: usize = batches.iter().map(Vec::len).sum();
    let total: usize = batches.iter().flatten().map(Bytes::len).sum();
    let mut lines = Vec::with_capacity(total + events);
    for event in batches.iter().flatten() {
        lines.extend_from_slice(event);
        lines.push(b'\n');
    }
    let (schema, _) = infer_json_schema(Cursor::new(&lines), None).expect("the events are JSON");
    let schema = Arc::new(schema);
    drop(lines);

    let mut decoder = Decoder::new(DecodeLimits::default(), &ContentOptions::default());
    let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=rounds {
        let (our_rows, our_seconds) = shardmill(&mut decoder, &batches);
        let (their_rows, their_seconds) = arrow_json(&schema, &batches);
        assert_eq!(our_rows, events, "shardmill lost or made events");
        assert_eq!(their_rows, events, "arrow-json lost or made events");
        // The first round warms caches and allocators.
        if round > 0 {
            ours.push(total as f64 / 1e6 / our_seconds);
            theirs.push(total as f64 / 1e6 / their_seconds);
            ratios.push(their_seconds / our_seconds);
        }
    }
    let show = |figures: &[f64], digits: usize| {
        let Spread { min, median, max } = Spread::of(figures);
        format!("{median:.digits$} ({min:.digits$} to {max:.digits$})")
    };
    println!(
        "{:<12} {:>14} {:>24} {:>24} {:>18}",
        kind.name(),
        total / events,
        show(&ours, 0),
        show(&theirs, 0),
        show(&ratios, 2)
    );
}

/// Payloads in batches, until they have so many bytes.
fn batches(kind: Kind, bytes: usize) -> Vec<Vec<Bytes>> {
    let mut batches = vec![Vec::new()];
    let (mut in_batch, mut all) = (0, 0);
    for event in Events::new(kind, 7) {
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

/// Rows and CPU seconds.
fn shardmill(decoder: &mut Decoder, batches: &[Vec<Bytes>]) -> (usize, f64) {
    let budget = Budget::new(1 << 30);
    let (mut rows, mut seconds) = (0, 0.0);
    for batch in batches {
        let batch = payload_batch(batch, &budget);
        let start = cpu_seconds();
        let decoded = decoder.decode(batch, &budget);
        seconds += cpu_seconds() - start;
        assert!(decoded.rejects.is_empty());
        rows += decoded.rows.iter().map(|rows| rows.len).sum::<usize>();
    }
    (rows, seconds)
}

fn payload_batch(events: &[Bytes], budget: &Budget) -> PayloadBatch {
    let sequence = SequenceNumber::new("49590338271490256608559692538361571095921575989136588898")
        .expect("a sequence number as Kinesis makes them");
    let key: Arc<str> = "f3c2a1".into();
    let payloads: Vec<Payload> = events
        .iter()
        .map(|event| Payload {
            sequence: sequence.clone(),
            subsequence: 0,
            partition_key: Arc::clone(&key),
            arrival: 1_795_000_000_000,
            data: event.clone(),
        })
        .collect();
    let head = BatchHead {
        claim: ClaimRef {
            epoch: Epoch(1),
            lane: LaneId(0),
            claim: ClaimNumber(1),
        },
        shard: KinesisShardId::new("shardId-000000000000"),
        window: Window(1),
        from: Position::Start,
        to: sequence,
        arrival_at_to: 1_795_000_000_000,
        records: payloads.len() as u64,
    };
    let credit = budget.charge(events.iter().map(Bytes::len).sum());
    PayloadBatch {
        head,
        payloads,
        credit,
    }
}

/// Rows and CPU seconds.
fn arrow_json(schema: &arrow::datatypes::SchemaRef, batches: &[Vec<Bytes>]) -> (usize, f64) {
    let mut decoder = ReaderBuilder::new(Arc::clone(schema))
        .with_batch_size(MAX_BATCH_PAYLOADS + 1)
        .build_decoder()
        .expect("the schema was inferred by arrow-json itself");
    let (mut rows, mut seconds) = (0, 0.0);
    for batch in batches {
        let start = cpu_seconds();
        for payload in batch {
            let read = decoder.decode(payload).expect("the events are JSON");
            assert_eq!(read, payload.len(), "the batch is larger than any of ours");
        }
        let decoded = decoder.flush().expect("the schema holds the events");
        seconds += cpu_seconds() - start;
        rows += decoded.map_or(0, |decoded| decoded.num_rows());
    }
    (rows, seconds)
}
