//! Live statistics: what is read is seen at once, each event once, whatever happens to the process.

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rand::RngExt;
use shardmill::adapters::{LocalStore, SystemHost};
use shardmill::config::{ContentFormat, DataSource, StartFrom};
use shardmill::statistics::{Origin, Statistics, View};
use shardmill::{Handle, Shardmill};
use shardmill_engine::log::Follower;
use shardmill_engine::types::WindowLength;
use shardmill_tests::node::{Node, NodeOptions, Numbered};
use shardmill_tests::numbered::{self, BEGIN_MS, Committed, EVERY_MS};
use shardmill_tests::slow_store::SlowStore;
use shardmill_tests::source::SourceFile;
use shardmill_tests::{cli, paths, wait};

const NODE: &str = env!("CARGO_BIN_EXE_node");
const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

const SHARDS: u64 = 3;
const EACH: u64 = 1_000;
const WINDOW_MS: i64 = 1_000;
const EVENTS_A_WINDOW: u64 = (WINDOW_MS / EVERY_MS) as u64;
const PATIENCE: Duration = Duration::from_secs(120);

fn source(folder: &Path) -> DataSource {
    DataSource::builder("clicks")
        .stream("memory")
        .read_from(StartFrom::Start)
        .content_format(ContentFormat::Json)
        .shards(3)
        .execution_parallelism(2)
        .target_folder(folder)
        .window_length(WindowLength::from_millis(WINDOW_MS).unwrap())
        .build()
        .unwrap()
}

fn store(folder: &Path) -> LocalStore {
    LocalStore::new(folder.join("clicks")).unwrap()
}

/// Starts the source on a line of so many bytes a second.
fn start(folder: &Path, records_each: u64, line: f64) -> Handle {
    let engine = Shardmill::new(256 << 20, 2).unwrap();
    let stream = numbered::stream(SHARDS, records_each);
    let store = SlowStore::new(Arc::new(store(folder)), line, 8 << 20);
    engine.add_with_ports(&source(folder), Arc::new(stream), Arc::new(store))
}

const FAST: f64 = 1e9;

fn rows(view: &View) -> u64 {
    let all = numbered::check(view, SHARDS).unwrap_or_else(|wrong| panic!("{wrong}"));
    all.iter().sum()
}

/// Waits until everything is committed, checking every answer meanwhile.
async fn all_committed(handle: &Handle, events: u64) {
    wait::until("all is committed", PATIENCE, async || {
        if let Ok(view) = handle.statistics().now() {
            rows(&view);
        }
        match handle.progress().committed.counts.rows {
            committed if committed == events => Ok(()),
            committed => Err(format!("{committed} of {events}")),
        }
    })
    .await;
}

async fn stop(handle: Handle) {
    handle.stop();
    handle.finished().await.unwrap();
}

/// What a process that has nothing to do with the source finds.
async fn late_joiner(folder: &Path) -> Statistics {
    let store = Arc::new(store(folder));
    let opened = Statistics::open_with_store(&source(folder), store).await;
    opened.unwrap()
}

#[tokio::test]
async fn what_is_read_is_seen_before_any_of_it_is_committed() {
    let folder = paths::new_folder();
    // A first object takes seconds.
    let handle = start(folder.path(), 100, 2_000.0);
    let statistics = handle.statistics();
    let view = wait::until("events are seen", PATIENCE, async || {
        let view = statistics.now().map_err(|error| error.to_string())?;
        match rows(&view) {
            0 => Err("nothing yet".to_owned()),
            _ => Ok(view),
        }
    })
    .await;
    assert_eq!(handle.progress().committed.counts.rows, 0);
    assert_eq!(view.counts_of(Origin::Live), view.counts());
    let latencies = handle.progress().latencies;
    assert!(latencies.arrival_to_statistics.count > 0);
    assert!(latencies.ingest_delay.count > 0);
    handle.stop_now();
}

#[tokio::test]
async fn a_commit_a_restart_and_a_late_joiner_change_no_number() {
    let folder = paths::new_folder();
    let events = SHARDS * EACH;
    let handle = start(folder.path(), EACH, FAST);
    all_committed(&handle, events).await;
    let statistics = handle.statistics();
    let running = statistics.now().unwrap();
    stop(handle).await;
    // They can be asked after the source has ended.
    let ended = statistics.now().unwrap();
    assert_eq!(ended.counts_of(Origin::Committed).rows, events);

    let handle = start(folder.path(), EACH, FAST);
    handle.statistics().ready().await.unwrap();
    let restarted = handle.statistics().now().unwrap();
    stop(handle).await;
    let joined = late_joiner(folder.path()).await.now().unwrap();
    for view in [&running, &ended, &restarted, &joined] {
        assert_eq!(rows(view), events);
        assert_eq!(view.counts(), running.counts());
        let known = running.field("word").unwrap();
        assert_eq!(view.field("word").unwrap().top, known.top);
        for path in ["word", "of_1", "_partition_key", "_arrival"] {
            let (answer, known) = (view.field(path).unwrap(), running.field(path).unwrap());
            assert_eq!(answer.values, known.values, "{path}");
            assert_eq!(answer.distinct, known.distinct, "{path}");
        }
    }
}

#[tokio::test]
async fn a_span_of_time_has_what_arrived_in_it() {
    let folder = paths::new_folder();
    let handle = start(folder.path(), EACH, FAST);
    all_committed(&handle, SHARDS * EACH).await;
    let running = handle.statistics();
    let joined = late_joiner(folder.path()).await;
    for statistics in [&running, &joined] {
        for (from, to) in [(0, 1), (0, 10), (3, 7), (9, 30), (30, 40)] {
            let at = |window: i64| BEGIN_MS + window * WINDOW_MS;
            let view = statistics.range(at(from), at(to)).await.unwrap();
            let expected = (to.min(10) - from.min(10)) as u64 * EVENTS_A_WINDOW * SHARDS;
            assert_eq!(view.counts().rows, expected, "[{from}, {to})");
        }
        // A window that is touched is in it as a whole.
        let view = statistics
            .range(BEGIN_MS + 10, BEGIN_MS + 20)
            .await
            .unwrap();
        assert_eq!(view.counts().rows, EVENTS_A_WINDOW * SHARDS);
    }
    stop(handle).await;
}

/// 70 windows are one of our hours and a bit.
#[tokio::test]
async fn hours_are_rolled_up_and_say_the_same() {
    let folder = paths::new_folder();
    let each = 70 * EVENTS_A_WINDOW;
    let handle = start(folder.path(), each, FAST);
    all_committed(&handle, SHARDS * each).await;
    let hours = folder.path().join("clicks/_rollups/hour");
    wait::until(
        "an hour is put",
        PATIENCE,
        async || match std::fs::read_dir(&hours).map(Iterator::count) {
            Ok(1..) => Ok(()),
            _ => Err("none yet".to_owned()),
        },
    )
    .await;
    let known = handle.statistics().now().unwrap();
    stop(handle).await;
    let joined = late_joiner(folder.path()).await.now().unwrap();
    assert_eq!(rows(&joined), SHARDS * each);
    assert_eq!(joined.counts(), known.counts());
    assert_eq!(joined.source().windows, known.source().windows);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_ask_all_the_time_hold_nothing_up() {
    let folder = paths::new_folder();
    let handle = start(folder.path(), EACH, FAST);
    let over = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(AtomicU64::new(0));
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let (over, asked) = (Arc::clone(&over), Arc::clone(&asked));
            let statistics = handle.statistics();
            std::thread::spawn(move || {
                let mut most = 0;
                while !over.load(Ordering::Relaxed) {
                    let Ok(view) = statistics.now() else { continue };
                    let rows = rows(&view);
                    assert!(rows >= most, "{rows} after {most}");
                    most = rows;
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    all_committed(&handle, SHARDS * EACH).await;
    over.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.join().unwrap();
    }
    assert!(asked.load(Ordering::Relaxed) > 100, "{asked:?}");
    stop(handle).await;
}

#[tokio::test]
async fn subscribers_see_newer_views_up_to_the_end() {
    let folder = paths::new_folder();
    let handle = start(folder.path(), EACH, FAST);
    let mut changes = handle.statistics().subscribe();
    let (mut seen, mut views) = (0, 0);
    let mut stopping = Some(handle);
    while let Some(view) = changes.next().await {
        let rows = rows(&view);
        assert!(rows >= seen, "{rows} after {seen}");
        (seen, views) = (rows, views + 1);
        if view.counts_of(Origin::Committed).rows == SHARDS * EACH
            && let Some(handle) = stopping.take()
        {
            handle.stop();
        }
    }
    assert_eq!(seen, SHARDS * EACH);
    assert!(views > 1);
}

#[tokio::test]
async fn without_real_time_there_are_counts_and_no_fields() {
    let folder = paths::new_folder();
    let source = DataSource::builder("clicks")
        .stream("memory")
        .read_from(StartFrom::Start)
        .content_format(ContentFormat::Json)
        .target_folder(folder.path())
        .real_time_statistics(false)
        .window_length(WindowLength::from_millis(WINDOW_MS).unwrap())
        .build()
        .unwrap();
    let engine = Shardmill::new(256 << 20, 2).unwrap();
    let stream = Arc::new(numbered::stream(1, EACH));
    let handle = engine.add_with_ports(&source, stream, Arc::new(store(folder.path())));
    wait::until("all is committed", PATIENCE, async || {
        match handle.progress().committed.counts.rows {
            EACH => Ok(()),
            committed => Err(format!("{committed} of {EACH}")),
        }
    })
    .await;
    let view = handle.statistics().now().unwrap();
    assert_eq!(view.counts().rows, EACH);
    assert!(view.field("word").is_none() && view.field("_arrival").is_none());
    stop(handle).await;
}

#[tokio::test]
async fn a_target_without_the_source_says_so() {
    let folder = paths::new_folder();
    let store = Arc::new(store(folder.path()));
    let opened = Statistics::open_with_store(&source(folder.path()), store).await;
    assert_eq!(opened.unwrap_err().code(), "statistics.no_source");
}

/// How often a node is killed; `SHARDMILL_ASKED_KILLS` says otherwise.
const KILLS: usize = 25;

/// Each node asks itself all the time and ends by itself if an answer has an event twice, lacks one,
/// or has less than the log says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i8_no_answer_is_wrong_while_nodes_are_killed() {
    let folder = paths::new_folder();
    let mut file = SourceFile::new("http://127.0.0.1:1", "memory", folder.path());
    file.shards = 3;
    let kills = std::env::var("SHARDMILL_ASKED_KILLS")
        .map_or(KILLS, |kills| kills.parse().expect("a number of kills"));
    let (mut answers, mut lanes) = (0, BTreeSet::new());
    for kill in 0..kills {
        file.lanes = [1, 2, 2, 2][kill % 4];
        lanes.insert(file.lanes);
        let mut node = Node::start(NODE, &options(&file, folder.path()));
        let life = Duration::from_millis(rand::rng().random_range(100..2_500));
        tokio::time::sleep(life).await;
        let status = node.kill().await;
        let words = node.process().last_words();
        assert_eq!(status.signal(), Some(9), "kill {kill}: {words}");
        let asked = node.asked();
        answers += asked.map_or(0, |asked| asked["answers"].as_u64().unwrap());
    }
    let mut node = Node::start(NODE, &options(&file, folder.path()));
    wait::until("more is asked", PATIENCE, async || match node.asked() {
        Some(asked) => Ok(asked),
        None => Err(node.process().last_words()),
    })
    .await;
    let status = node.stop(Duration::from_secs(60)).await;
    assert!(status.success(), "{}", node.process().last_words());

    let store = Arc::new(store(folder.path()));
    let mut committed = Committed::new(Follower::new(store, Arc::new(SystemHost)));
    let joined = late_joiner(folder.path()).await.now().unwrap();
    assert_eq!(rows(&joined), committed.rows().await.unwrap());
    println!("{kills} kills, {answers} answers, {} rows", rows(&joined));
    assert!(answers > 0 && lanes.len() == 2);
    cli::verify(SHARDMILL, &file.write(folder.path()));
}

fn options(file: &SourceFile, folder: &Path) -> NodeOptions {
    let numbered = Numbered {
        kinesis_shards: SHARDS,
        records_each: 1_000_000,
    };
    NodeOptions {
        numbered: Some(numbered),
        ..NodeOptions::new(file.write(folder))
    }
}
