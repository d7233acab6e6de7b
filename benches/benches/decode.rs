//! JSON payloads to Arrow, one thread: Shardmill's decoder beside arrow-json, and with the format
//! found out beside named, on the same payloads, in turns, so that a noisy machine is noisy for both.
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
use shardmill_benches::decoding;
use shardmill_benches::events::{Events, Kind};
use shardmill_benches::measure::cpu_seconds;
use shardmill_benches::side_by_side::SideBySide;
use shardmill_engine::decode::{ContentOptions, DecodeLimits, Decoder, FormatChoice};

/// The allocator of the command line; both sides use it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    // `cargo bench` adds options of its own.
    let mut numbers = std::env::args().skip(1).filter_map(|arg| arg.parse().ok());
    let rounds: usize = numbers.next().unwrap_or(15).max(1);
    let megabytes: usize = numbers.next().unwrap_or(32).max(1);
    println!("{rounds} rounds of {megabytes} MB");
    SideBySide::print_head();
    for kind in Kind::ALL {
        run(kind, rounds, megabytes << 20);
    }
}

fn run(kind: Kind, rounds: usize, bytes: usize) {
    let batches = decoding::batches(Events::new(kind, 7), bytes);
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

    let json = ContentOptions {
        format: FormatChoice::Json,
        ..ContentOptions::default()
    };
    let auto = decoding::found_out(&batches[0]);
    let decoder = |options| Decoder::new(DecodeLimits::default(), options);
    let (mut json, mut auto) = (decoder(&json), decoder(&auto));
    let peer = SideBySide::run(
        rounds,
        (total, events),
        || decoding::decode(&mut json, &batches),
        || arrow_json(&schema, &batches),
    );
    peer.print(kind.name(), "arrow-json");
    let named = SideBySide::run(
        rounds,
        (total, events),
        || decoding::decode(&mut auto, &batches),
        || decoding::decode(&mut json, &batches),
    );
    named.print(&format!("{}, auto", kind.name()), "by name");
}

/// Rows and CPU seconds.
fn arrow_json(schema: &arrow::datatypes::SchemaRef, batches: &[Vec<Bytes>]) -> (usize, f64) {
    let mut decoder = ReaderBuilder::new(Arc::clone(schema))
        .with_batch_size(decoding::MAX_BATCH_PAYLOADS + 1)
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
