//! The library as embedders use it: any thread, any runtime or none, ports of their own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use shardmill::adapters::LocalStore;
use shardmill::config::{DataSource, StartFrom};
use shardmill::{Handle, News, Shardmill, Subscription};
use shardmill_engine::types::WindowLength;
use shardmill_tests::memory_stream::MemoryStream;
use shardmill_tests::slow_store::SlowStore;

const EACH: u64 = 500;
const ALL: u64 = 2 * EACH;

fn arrival(number: u64) -> i64 {
    1_760_000_000_000 + number as i64 * 10
}

fn payload(shard: u64, number: u64) -> Vec<u8> {
    format!(r#"{{"shard":{shard},"number":{number}}}"#).into_bytes()
}

fn source(name: &str, folder: &Path) -> DataSource {
    DataSource::builder(name)
        .stream("memory")
        .read_from(StartFrom::Start)
        .shards(2)
        .target_folder(folder)
        .window_length(WindowLength::from_millis(1_000).unwrap())
        .build()
        .unwrap()
}

fn add(engine: &Shardmill, name: &str, folder: &Path) -> Handle {
    let store = LocalStore::new(folder.join(name)).unwrap();
    let stream = MemoryStream::new(2, EACH, arrival, payload);
    engine.add_with_ports(&source(name, folder), Arc::new(stream), Arc::new(store))
}

fn engine() -> Shardmill {
    Shardmill::new(256 << 20, 2).unwrap()
}

/// Rows of all commits until the source has ended or `rows` are there.
fn rows_until(news: &mut Subscription, rows: u64) -> u64 {
    let mut seen = 0;
    while seen < rows
        && let Some(news) = news.next_blocking()
    {
        match news {
            News::Committed(commit) => seen += commit.rows,
            News::Missed(missed) => panic!("{missed} commits were missed"),
        }
    }
    seen
}

#[test]
fn a_handle_goes_to_any_thread() {
    fn is_send_sync_clone<T: Send + Sync + Clone>() {}
    is_send_sync_clone::<Handle>();
}

#[test]
fn without_a_runtime() {
    let folder = tempfile::tempdir().unwrap();
    let handle = add(&engine(), "clicks", folder.path());
    let mut news = handle.subscribe();
    assert_eq!(rows_until(&mut news, ALL), ALL);
    handle.stop();
    let totals = handle.wait().unwrap();
    assert_eq!(totals.committed.counts.rows, ALL);
    assert_eq!(totals.state, "stopped");
}

#[tokio::test(flavor = "current_thread")]
async fn inside_a_runtime_of_one_thread() {
    let folder = tempfile::tempdir().unwrap();
    let handle = add(&engine(), "clicks", folder.path());
    let mut news = handle.subscribe();
    let mut seen = 0;
    while seen < ALL {
        if let Some(News::Committed(commit)) = news.next().await {
            seen += commit.rows;
        }
    }
    handle.stop();
    assert_eq!(handle.finished().await.unwrap().committed.counts.rows, ALL);
}

#[test]
fn two_sources_share_an_engine_and_each_has_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let engine = engine();
    let sources = ["one", "two"].map(|name| {
        let handle = add(&engine, name, folder.path());
        let news = handle.subscribe();
        (handle, news)
    });
    for (handle, mut news) in sources {
        assert_eq!(rows_until(&mut news, ALL), ALL);
        handle.stop();
        assert_eq!(handle.wait().unwrap().committed.counts.rows, ALL);
    }
}

#[test]
fn a_dropped_handle_stops_and_the_next_start_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let handle = add(&engine(), "clicks", folder.path());
    let mut news = handle.subscribe();
    drop(handle);
    let first = rows_until(&mut news, u64::MAX);
    let handle = add(&engine(), "clicks", folder.path());
    let mut news = handle.subscribe();
    assert_eq!(first + rows_until(&mut news, ALL - first), ALL);
    handle.stop();
    assert_eq!(handle.wait().unwrap().committed.counts.rows, ALL - first);
}

/// Entries of all logs of a source.
fn entries(source: &Path) -> usize {
    let lanes = std::fs::read_dir(source.join("_commits/00000000000000000001")).unwrap();
    let logs = lanes.map(|lane| std::fs::read_dir(lane.unwrap().path()).unwrap().count());
    logs.sum()
}

#[test]
fn stopped_at_once_nothing_is_committed_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::new(folder.path().join("clicks")).unwrap();
    // So slow that most windows are still to come when the first is committed.
    let store = SlowStore::new(Arc::new(store), 30_000.0, 1 << 20);
    let stream = MemoryStream::new(2, EACH, arrival, payload);
    let source = source("clicks", folder.path());
    let handle = engine().add_with_ports(&source, Arc::new(stream), Arc::new(store));
    rows_until(&mut handle.subscribe(), 1);
    handle.stop_now();
    handle.wait().unwrap();
    // What was on its way to the target at that moment may still get there.
    std::thread::park_timeout(Duration::from_secs(1));
    let before = entries(&folder.path().join("clicks"));
    std::thread::park_timeout(Duration::from_secs(3));
    assert_eq!(entries(&folder.path().join("clicks")), before);
}
