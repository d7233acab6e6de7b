//! Sources that end by themselves: at `end_read_at`, or with their stream; exactly.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shardmill::adapters::LocalStore;
use shardmill::config::{DataSource, StartFrom};
use shardmill::{Handle, Shardmill};
use shardmill_engine::types::WindowLength;
use shardmill_tests::cli;
use shardmill_tests::lake::Lake;
use shardmill_tests::ledger::Ledger;
use shardmill_tests::memory_stream::MemoryStream;
use shardmill_tests::process::{Process, Signal};
use shardmill_tests::scene::Scene;
use shardmill_tests::servers::Ferrokinesis;
use shardmill_tests::target::Target;

const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

const BEGIN: i64 = 1_760_000_000_000;
const RECORDS: u64 = 2_000;

/// Arrival times go on and jump back and forth by up to half a second.
fn arrival(number: u64) -> i64 {
    BEGIN + (number * 10 + number * 7_919 % 500) as i64
}

fn payload(shard: u64, number: u64) -> Vec<u8> {
    format!(r#"{{"shard":{shard},"number":{number}}}"#).into_bytes()
}

/// Records before the first that arrived at `end` or later.
fn inside(end: i64) -> u64 {
    let out = (0..RECORDS).find(|number| arrival(*number) >= end);
    out.unwrap_or(RECORDS)
}

fn source(end: Option<i64>, folder: &Path) -> DataSource {
    let source = DataSource::builder("ends")
        .stream("ends")
        .read_from(StartFrom::Start)
        .shards(3)
        .execution_parallelism(2)
        .target_folder(folder);
    let source = match end {
        Some(end) => source.end_read_at(end),
        None => source,
    };
    let source = source.build().unwrap();
    source.with_window_length(WindowLength::from_millis(1_000).unwrap())
}

fn start(end: Option<i64>, folder: &Path) -> Handle {
    let stream = MemoryStream::new(3, RECORDS, arrival, payload);
    read(&source(end, folder), stream, folder)
}

fn read(source: &DataSource, stream: MemoryStream, folder: &Path) -> Handle {
    let store = LocalStore::new(folder.join("ends")).unwrap();
    let engine = Shardmill::new(512 << 20, 2).unwrap();
    engine.add_with_ports(source, Arc::new(stream), Arc::new(store))
}

/// How many records of each Kinesis shard are committed: the first ones, each once.
fn committed(folder: &Path) -> Vec<u64> {
    let lake = Lake::read(&folder.join("ends")).unwrap();
    let mut seen: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for row in &lake.rows {
        let number = row.payload.1.to_string().parse().unwrap();
        let numbers = seen.entry(&row.payload.0).or_default();
        assert!(numbers.insert(number), "{:?} is there twice", row.payload);
    }
    let firsts = seen.values().map(|numbers| {
        let count = numbers.len() as u64;
        assert_eq!(numbers.last(), Some(&count), "not the first ones");
        count
    });
    firsts.collect()
}

#[test]
fn a_source_ends_by_itself_and_a_later_end_goes_on_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let first = BEGIN + 7_350;
    for _ in 0..2 {
        let totals = start(Some(first), folder).wait().unwrap();
        assert_eq!(totals.state, "finished");
        assert_eq!(committed(folder), [inside(first); 3]);
        let lake = Lake::read(&folder.join("ends")).unwrap();
        // The window that the end lies in is complete for what is in.
        assert!(lake.complete >= Some((first - 1) / 1_000));
    }
    // An earlier end takes nothing back.
    let totals = start(Some(BEGIN + 1_000), folder).wait().unwrap();
    assert_eq!(totals.state, "finished");
    assert_eq!(committed(folder), [inside(first); 3]);
    // At the boundary of a window nothing of the window that begins there is in.
    let later = BEGIN + 12_000;
    start(Some(later), folder).wait().unwrap();
    assert_eq!(committed(folder), [inside(later); 3]);
    let lake = Lake::read(&folder.join("ends")).unwrap();
    assert!(lake.complete >= Some((later - 1) / 1_000));
    // Beyond the last record lag is what ends it.
    let beyond = arrival(RECORDS) + 60_000;
    start(Some(beyond), folder).wait().unwrap();
    assert_eq!(committed(folder), [RECORDS; 3]);
}

#[test]
fn without_an_end_reading_goes_on_from_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    start(Some(BEGIN + 5_000), folder).wait().unwrap();
    let handle = start(None, folder);
    while handle.progress().committed.counts.rows < 3 * (RECORDS - inside(BEGIN + 5_000)) {
        assert!(!handle.is_finished());
        std::thread::park_timeout(Duration::from_millis(20));
    }
    handle.stop();
    assert_eq!(handle.wait().unwrap().state, "stopped");
    assert_eq!(committed(folder), [RECORDS; 3]);
}

#[test]
fn a_stream_to_which_nothing_is_added_ends_its_source() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let ending = || MemoryStream::new(3, RECORDS, arrival, payload).ending();
    // An end before the stream's own is the end.
    let first = BEGIN + 7_000;
    read(&source(Some(first), folder), ending(), folder)
        .wait()
        .unwrap();
    assert_eq!(committed(folder), [inside(first); 3]);
    for _ in 0..2 {
        let totals = read(&source(None, folder), ending(), folder)
            .wait()
            .unwrap();
        assert_eq!(totals.state, "finished");
        assert_eq!(committed(folder), [RECORDS; 3]);
    }
}

/// An end so many seconds from now, as the configuration has it.
fn in_seconds(seconds: i64) -> String {
    let end = jiff::Timestamp::now().as_millisecond() + seconds * 1_000;
    jiff::Timestamp::from_millisecond(end).unwrap().to_string()
}

fn run(scene: &Scene) -> Process {
    let config = scene.config();
    let config = config.to_str().expect("paths of tests are UTF-8");
    cli::start(SHARDMILL, &["run", config, "--json"])
}

#[tokio::test]
async fn after_kills_and_a_split_the_end_is_the_same_and_the_command_ends_with_zero() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 3, Target::local()).await;
    (scene.source.shards, scene.source.lanes) = (3, 2);
    scene.put(|events| events.mixed(400)).await;
    scene.source.end = Some(in_seconds(12));
    for _ in 0..2 {
        let mut shardmill = run(&scene);
        cli::progress(&mut shardmill, |line| line["state"] == "running").await;
        scene.put(|events| events.mixed(200)).await;
        let open = scene.stream.open_shards().await;
        scene.stream.split(&open[0]).await;
        shardmill.signal(Signal::Kill);
        shardmill.end(Duration::from_secs(5)).await;
    }
    let before_the_end = scene.ledger.len();
    let mut shardmill = run(&scene);
    // Arrival times of this server are whole seconds.
    tokio::time::sleep(Duration::from_secs(14)).await;
    let late = scene.events.mixed(100);
    let mut after_the_end = Ledger::new();
    scene.stream.put(late, &mut after_the_end).await;
    let status = shardmill.end(Duration::from_secs(60)).await;
    assert!(status.success(), "{status}:\n{}", shardmill.last_words());
    assert_eq!(scene.ledger.len(), before_the_end);
    scene.lake().await.holds_exactly(&scene.ledger).unwrap();
    cli::verify(SHARDMILL, &scene.config());

    scene.source.end = Some(in_seconds(1));
    let mut shardmill = run(&scene);
    let status = shardmill.end(Duration::from_secs(60)).await;
    assert!(status.success(), "{status}:\n{}", shardmill.last_words());
    scene.ledger.append(after_the_end);
    scene.lake().await.holds_exactly(&scene.ledger).unwrap();
}
