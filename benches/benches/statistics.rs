//! What statistics cost: payloads to encoded Parquet with them beside without, on one thread and in
//! turns; and what they take for events of so many columns, beside decoding and encoding those.
//!
//! `cargo bench -p shardmill-benches --bench statistics -- [ROUNDS] [MEGABYTES]`

use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use shardmill_benches::decoding;
use shardmill_benches::events::{Events, Kind};
use shardmill_benches::measure::cpu_seconds;
use shardmill_benches::side_by_side::SideBySide;
use shardmill_engine::budget::Budget;
use shardmill_engine::decode::{ContentOptions, DecodeLimits, Decoder};
use shardmill_engine::parquet::{ParquetOptions, WindowEncoder};
use shardmill_engine::schema::Schema;
use shardmill_engine::statistics::{Pane, PaneLimits};
use shardmill_engine::types::Window;

/// The allocator of the command line.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const COLUMNS: [usize; 5] = [10, 50, 200, 1_000, 2_000];

fn main() {
    // `cargo bench` adds options of its own.
    let mut numbers = std::env::args().skip(1).filter_map(|arg| arg.parse().ok());
    let rounds: usize = numbers.next().unwrap_or(9).max(1);
    let megabytes: usize = numbers.next().unwrap_or(32).max(1);
    println!("{rounds} rounds of {megabytes} MB; with statistics beside without");
    SideBySide::print_head();
    for kind in Kind::ALL {
        beside(kind.name(), Events::new(kind, 7), rounds, megabytes << 20);
    }
    for columns in COLUMNS {
        let name = format!("{columns} columns");
        beside(&name, Wide::new(columns), rounds, megabytes << 20);
    }
    println!(
        "\nnanoseconds a value, least of the rounds; bytes of a minute's pane and of its object"
    );
    for columns in COLUMNS {
        alone(columns, rounds, megabytes << 20);
    }
}

fn beside(name: &str, events: impl Iterator<Item = Bytes>, rounds: usize, bytes: usize) {
    let batches = decoding::batches(events, bytes);
    let events = batches.iter().map(Vec::len).sum();
    let total = batches.iter().flatten().map(Bytes::len).sum();
    let figures = SideBySide::run(
        rounds,
        (total, events),
        || to_parquet(&batches, true).0,
        || to_parquet(&batches, false).0,
    );
    figures.print(name, "without statistics");
}

fn alone(columns: usize, rounds: usize, bytes: usize) {
    let batches = decoding::batches(Wide::new(columns), bytes);
    let values = batches.iter().map(Vec::len).sum::<usize>() * columns;
    let mut least = f64::INFINITY;
    let mut sizes = (0, 0);
    for _ in 0..rounds.min(3) {
        let (_, seconds, pane) = {
            let ((rows, _), pane, seconds) = to_parquet(&batches, true);
            (rows, seconds, pane)
        };
        least = least.min(seconds);
        let object = pane.encode(&[]).expect("a pane is encoded");
        sizes = (pane.memory_size(), object.len());
    }
    let (pane, object) = sizes;
    println!(
        "{columns:>6} columns {:>8.1} ns {pane:>12} {object:>12}",
        least * 1e9 / values as f64
    );
}

/// Rows and CPU seconds of all, the statistics, and the CPU seconds that they took.
fn to_parquet(batches: &[Vec<Bytes>], statistics: bool) -> ((usize, f64), Pane, f64) {
    let budget = Budget::new(1 << 30);
    let mut decoder = Decoder::new(DecodeLimits::default(), &ContentOptions::default());
    let remembered = Arc::new(Schema::default());
    let mut encoder = WindowEncoder::new(Window(1), remembered, ParquetOptions::default());
    let mut pane = Pane::new(PaneLimits::default());
    let (mut rows, mut seconds, mut observed) = (0, 0.0, 0.0);
    for (number, batch) in batches.iter().enumerate() {
        let batch = decoding::payload_batch(batch, number * decoding::MAX_BATCH_PAYLOADS, &budget);
        let start = cpu_seconds();
        let decoded = decoder.decode(batch, &budget);
        rows += decoded.rows.iter().map(|rows| rows.len).sum::<usize>();
        if statistics {
            let start = cpu_seconds();
            pane.observe(&decoded);
            observed += cpu_seconds() - start;
        }
        encoder.add(decoded);
        if encoder.wants_encoding() {
            drop(
                encoder
                    .encode(&budget)
                    .expect("what was decoded is encoded"),
            );
        }
        seconds += cpu_seconds() - start;
    }
    let start = cpu_seconds();
    drop(
        encoder
            .finish(&budget)
            .expect("what was decoded is encoded"),
    );
    seconds += cpu_seconds() - start;
    ((rows, seconds), pane, observed)
}

/// Events of so many columns: in turn a text of few values, an integer, a float, a text of many
/// values, and a boolean.
struct Wide {
    columns: usize,
    random: StdRng,
}

impl Wide {
    fn new(columns: usize) -> Self {
        Self {
            columns,
            random: StdRng::seed_from_u64(7),
        }
    }
}

impl Iterator for Wide {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        const WORDS: [&str; 5] = [
            "eu-west-1",
            "us-east-1",
            "ap-south-1",
            "sa-east-1",
            "il-central-1",
        ];
        let mut text = String::from("{");
        for column in 0..self.columns {
            let comma = if column == 0 { "" } else { "," };
            let random: u64 = self.random.random();
            // Writing to memory does not fail.
            let _ = match column % 5 {
                0 => write!(
                    text,
                    "{comma}\"c{column}\":\"{}\"",
                    WORDS[random as usize % 5]
                ),
                1 => write!(text, "{comma}\"c{column}\":{}", random % 100_000),
                2 => write!(
                    text,
                    "{comma}\"c{column}\":{}",
                    (random % 1_000_000) as f64 / 128.0
                ),
                3 => write!(text, "{comma}\"c{column}\":\"{random:016x}\""),
                _ => write!(text, "{comma}\"c{column}\":{}", random.is_multiple_of(2)),
            };
        }
        text.push('}');
        Some(text.into())
    }
}
