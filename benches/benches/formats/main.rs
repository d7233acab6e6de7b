//! Payloads of every content format to Arrow, one thread: Shardmill's decoder beside the library
//! that people would take, on the same payloads, in turns.
//!
//! `cargo bench -p shardmill-benches --bench formats -- [ROUNDS] [MEGABYTES]`
//!
//! A payload holds 100 web accesses (`benches/src/events.rs`). Libraries that make Arrow arrays are
//! given the schema beforehand and flush where Shardmill's batch ends. For the other formats no
//! library makes arrays: what runs there only takes the payloads apart and drops the parts, so it is
//! a bound, not a peer.

mod contents;
mod peers;
mod protobuf;

use bytes::Bytes;
use shardmill_benches::decoding;
use shardmill_benches::side_by_side::SideBySide;
use shardmill_engine::decode::{
    ContentOptions, DecodeLimits, Decoder, FormatChoice, Pattern, RegexOptions, XmlOptions,
};

use contents::Contents;

/// The allocator of the command line; both sides use it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As a shard reader cuts them.
const MAX_BATCH_BYTES: usize = 1 << 20;

fn main() {
    // `cargo bench` adds options of its own.
    let mut numbers = std::env::args().skip(1).filter_map(|arg| arg.parse().ok());
    let rounds: usize = numbers.next().unwrap_or(9).max(1);
    let megabytes: usize = numbers.next().unwrap_or(16).max(1);
    let contents = Contents::new(megabytes << 20);
    println!("{rounds} rounds of {} events", contents.events());
    SideBySide::print_head();
    let run = |format, payloads: &[Bytes], peer: &str, theirs: &dyn Fn(&[Bytes]) -> usize| {
        let options = ContentOptions {
            format,
            regex: RegexOptions {
                pattern: Some(Pattern::new(contents::LOG_PATTERN).expect("a pattern")),
                ..RegexOptions::default()
            },
            protobuf: contents.definition.options(),
            xml: XmlOptions {
                record: Some("events/event".into()),
                ..XmlOptions::default()
            },
            ..ContentOptions::default()
        };
        let work = (payloads, contents.events());
        run(rounds, work, &options, peer, theirs);
    };
    let csv = |payloads: &[Bytes]| peers::csv(&contents.schema, payloads);
    run(FormatChoice::Csv, &contents.csv(), "arrow-csv", &csv);
    run(
        FormatChoice::Avro,
        &contents.avro(),
        "arrow-avro",
        &peers::avro,
    );
    run(
        FormatChoice::Parquet,
        &contents.parquet(),
        "parquet",
        &peers::parquet,
    );
    run(FormatChoice::Orc, &contents.orc(), "orc-rust", &peers::orc);
    run(
        FormatChoice::Protobuf,
        &contents.protobuf(),
        "prost-reflect, no arrays",
        &|payloads: &[Bytes]| contents.definition.read(payloads),
    );
    run(
        FormatChoice::Xml,
        &contents.xml(),
        "quick-xml, no arrays",
        &peers::xml,
    );
    run(
        FormatChoice::Form,
        &contents.form(),
        "form_urlencoded, no arrays",
        &peers::form,
    );
    run(
        FormatChoice::Regex,
        &contents.log(),
        "regex, no arrays",
        &peers::regex,
    );
    run(
        FormatChoice::Lines,
        &contents.log(),
        "memchr, no arrays",
        &peers::lines,
    );
}

fn run(
    rounds: usize,
    (payloads, events): (&[Bytes], usize),
    options: &ContentOptions,
    peer: &str,
    theirs: &dyn Fn(&[Bytes]) -> usize,
) {
    let mut decoder = Decoder::new(DecodeLimits::default(), options);
    let batches = batches(payloads);
    let bytes = payloads.iter().map(Bytes::len).sum();
    let figures = SideBySide::run(
        rounds,
        (bytes, events),
        || decoding::decode(&mut decoder, &batches),
        || peers::timed(&batches, theirs),
    );
    figures.print(options.format.as_str(), peer);
}

fn batches(payloads: &[Bytes]) -> Vec<Vec<Bytes>> {
    let mut batches = vec![Vec::new()];
    let mut in_batch = 0;
    for payload in payloads {
        if in_batch + payload.len() > MAX_BATCH_BYTES && in_batch > 0 {
            batches.push(Vec::new());
            in_batch = 0;
        }
        in_batch += payload.len();
        let last = batches.len() - 1;
        batches[last].push(payload.clone());
    }
    batches
}
