//! I6: the memory budget holds when the target is slower than the stream, and nothing locks up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shardmill::adapters::LocalStore;
use shardmill::config::{ContentFormat, DataSource, MemoryPlan, StartFrom};
use shardmill::{Handle, Shardmill};
use shardmill_engine::types::WindowLength;
use shardmill_tests::memory_stream::MemoryStream;
use shardmill_tests::slow_store::SlowStore;

const SECOND: i64 = 1_000;

/// The default of `statistics.max_bytes_per_window`.
const STATISTICS: u64 = 4 << 20;

/// 2,000 records a second of arrival time.
fn arrival(number: u64) -> i64 {
    1_760_000_000 * SECOND + number as i64 / 2
}

/// All within one window.
fn arrival_at_once(_number: u64) -> i64 {
    1_760_000_000 * SECOND
}

/// About 1 KB of JSON that does not compress away.
fn payload(shard: u64, number: u64) -> Vec<u8> {
    let mut noise = shard.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ number;
    let mut text = String::with_capacity(960);
    for _ in 0..56 {
        noise = noise
            .wrapping_mul(0x5851_F42D_4C95_7F2D)
            .wrapping_add(0x1405_7B7E_F767_814F);
        text.push_str(&format!("{noise:016x}"));
    }
    format!(r#"{{"shard":{shard},"number":{number},"text":"{text}"}}"#).into_bytes()
}

/// JSON of 10 MiB less a few bytes: the largest record that Kinesis takes.
fn largest_payload(shard: u64, number: u64) -> Vec<u8> {
    let text = "x".repeat((10 << 20) - 100);
    format!(r#"{{"shard":{shard},"number":{number},"text":"{text}"}}"#).into_bytes()
}

fn start(
    stream: MemoryStream,
    lanes: u32,
    budget: u64,
    line: f64,
    folder: &std::path::Path,
) -> Handle {
    let source = DataSource::builder("slow")
        .stream("slow")
        .read_from(StartFrom::Start)
        .content_format(ContentFormat::Json)
        .shards(4)
        .execution_parallelism(lanes)
        .target_folder(folder)
        .memory_budget(budget as usize)
        .window_length(WindowLength::from_millis(SECOND).unwrap())
        .build()
        .unwrap();
    let store = LocalStore::new(folder.join("slow")).unwrap();
    let store = SlowStore::new(Arc::new(store), line, 8 << 20);
    let engine = Shardmill::new(budget as usize, 2).unwrap();
    engine.add_with_ports(&source, Arc::new(stream), Arc::new(store))
}

fn wait_for_rows(handle: &Handle, rows: u64) -> u64 {
    let begun = Instant::now();
    let mut most = 0;
    loop {
        let progress = handle.progress();
        most = most.max(progress.memory.used);
        if progress.committed.counts.rows >= rows || handle.is_finished() {
            return most;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(240),
            "stuck: {progress:#?}"
        );
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Runs until everything is committed, and checks that it is; gives the most bytes in flight.
fn commits_all(stream: MemoryStream, lanes: u32, line: f64) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let rows = stream.len();
    let handle = start(
        stream,
        lanes,
        MemoryPlan::least(lanes, STATISTICS, false),
        line,
        folder.path(),
    );
    let most = wait_for_rows(&handle, rows);
    handle.stop();
    let progress = handle.wait().unwrap();
    assert_eq!(progress.committed.counts.rows, rows);
    assert_eq!(progress.lane_restarts, 0);
    most.max(progress.memory.peak)
}

/// The least budget that one lane can live with, against 100 MB of stream and a line that carries a
/// few MB a second: the reading waits, everything is committed, and the budget is overdrawn by no
/// more than one fetch and what is made from it.
#[test]
fn i6_the_least_budget_holds_under_a_slow_target() {
    let most = commits_all(MemoryStream::new(4, 25_000, arrival, payload), 1, 12e6);
    let bound = MemoryPlan::least(1, STATISTICS, false) + MemoryPlan::KEPT_FETCH;
    assert!(most <= bound, "{most} of {bound}");
}

/// All readers wait for credit at once, and then there is enough for all: each gets some. Readers
/// that gave back what they had waited for, to ask again, kept one another waiting for ever.
#[test]
fn i6_readers_that_wait_at_once_all_go_on() {
    let stream = MemoryStream::new(16, 6_000, arrival_at_once, payload);
    commits_all(stream, 2, 1e9);
}

#[test]
fn i6_the_least_budget_holds_for_records_of_10_mib() {
    let stream = MemoryStream::new(16, 2, arrival_at_once, largest_payload);
    let most = commits_all(stream, 1, 1e9);
    let bound = MemoryPlan::least(1, STATISTICS, false) + MemoryPlan::KEPT_FETCH;
    assert!(most <= bound, "{most} of {bound}");
}
