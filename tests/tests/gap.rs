//! A position that the stream no longer keeps: an error that names the gap, unless it is accepted.

use std::path::Path;
use std::sync::Arc;

use shardmill::adapters::LocalStore;
use shardmill::config::{DataSource, StartFrom};
use shardmill::{Handle, Shardmill};
use shardmill_engine::types::WindowLength;
use shardmill_tests::memory_stream::MemoryStream;

fn arrival(number: u64) -> i64 {
    1_760_000_000_000 + number as i64 * 10
}

fn payload(shard: u64, number: u64) -> Vec<u8> {
    format!(r#"{{"shard":{shard},"number":{number}}}"#).into_bytes()
}

fn start(records_each: u64, accept_gap: bool, folder: &Path) -> Handle {
    let source = DataSource::builder("gap")
        .stream("gap")
        .read_from(StartFrom::Start)
        .shards(2)
        .accept_gap(accept_gap)
        .target_folder(folder)
        .window_length(WindowLength::from_millis(1_000).unwrap())
        .build()
        .unwrap();
    let stream = MemoryStream::new(2, records_each, arrival, payload).keeping(60_000);
    let store = LocalStore::new(folder.join("gap")).unwrap();
    let engine = Shardmill::new(256 << 20, 1).unwrap();
    engine.add_with_ports(&source, Arc::new(stream), Arc::new(store))
}

fn read_to(handle: &Handle, rows: u64) {
    while handle.progress().committed.counts.rows < rows && !handle.is_finished() {
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
    handle.stop();
}

#[test]
fn a_gap_is_named_and_only_an_explicit_option_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(100, false, folder.path());
    read_to(&first, 200);
    assert_eq!(first.wait().unwrap().committed.counts.rows, 200);

    // More than a minute of records later, and the stream keeps a minute.
    let late = start(30_000, false, folder.path());
    let error = late.wait().unwrap_err();
    assert_eq!(error.code(), "source.position_lost");
    assert!(error.message().contains("shardId-000000000000"), "{error}");
    assert!(error.message().contains("accept_gap"), "{error}");

    let accepted = start(30_000, true, folder.path());
    read_to(&accepted, 59_800);
    assert_eq!(accepted.wait().unwrap().committed.counts.rows, 59_800);
}
