//! `shardmill run` as an operator has it: minute windows, signals, exit codes.

use std::time::Duration;

use serde_json::Value;
use shardmill_tests::cli;
use shardmill_tests::process::{Process, Signal};
use shardmill_tests::scene::Scene;
use shardmill_tests::servers::Ferrokinesis;
use shardmill_tests::target::Target;
use shardmill_tests::wait;

const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

fn run(scene: &Scene) -> Process {
    let config = scene.config();
    let config = config.to_str().expect("paths of tests are UTF-8");
    cli::start(SHARDMILL, &["run", config, "--json"])
}

/// Waits until everything that was put is decoded.
async fn all_decoded(shardmill: &mut Process, payloads: usize) {
    cli::progress(shardmill, |line| decoded(line) == Some(payloads as u64)).await;
}

/// Payloads that commits count.
async fn committed(scene: &Scene) -> usize {
    let lake = scene.lake().await;
    let payloads: u64 = lake.counts.values().map(|counts| counts.payloads).sum();
    usize::try_from(payloads).unwrap()
}

fn decoded(line: &Value) -> Option<u64> {
    line["decoded"]["payloads"].as_u64()
}

#[tokio::test]
async fn a_signal_commits_what_is_in_flight_and_the_next_run_goes_on_after_it() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 3, Target::local()).await;
    (scene.source.shards, scene.source.lanes) = (3, 2);
    for signal in [Signal::Terminate, Signal::Interrupt] {
        let before = committed(&scene).await;
        scene.put(|events| events.mixed(300)).await;
        let mut shardmill = run(&scene);
        all_decoded(&mut shardmill, scene.ledger.len() - before).await;
        shardmill.signal(signal);
        let status = shardmill.end(Duration::from_secs(40)).await;
        assert!(status.success(), "{status}:\n{}", shardmill.last_words());
        let lake = scene.lake().await;
        lake.holds_part_of(&scene.ledger).unwrap();
        assert!(!lake.rows.is_empty(), "the open window was not committed");
    }
    // Whatever lay beyond the lowest open window was read again.
    let mut shardmill = run(&scene);
    let two_windows = Duration::from_secs(150);
    let lake = wait::until("all is committed", two_windows, async || {
        assert_eq!(shardmill.ended(), None, "{}", shardmill.last_words());
        let lake = scene.lake().await;
        lake.holds_exactly(&scene.ledger).map(|()| lake)
    })
    .await;
    // It hears signals once it tells its progress.
    cli::progress(&mut shardmill, |line| line["event"] == "progress").await;
    shardmill.signal(Signal::Terminate);
    let status = shardmill.end(Duration::from_secs(40)).await;
    assert!(status.success(), "{status}:\n{}", shardmill.last_words());
    assert_eq!(lake.epoch, 1);
    cli::verify(SHARDMILL, &scene.config());
}

#[tokio::test]
async fn a_second_signal_stops_at_once_and_nothing_is_lost() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 1, Target::local()).await;
    scene.put(|events| events.mixed(2_000)).await;
    let mut shardmill = run(&scene);
    cli::progress(&mut shardmill, |line| decoded(line) > Some(0)).await;
    shardmill.signal(Signal::Terminate);
    shardmill.signal(Signal::Interrupt);
    let status = shardmill.end(Duration::from_secs(5)).await;
    // The first one may have been through already.
    let code = status.code();
    assert!(
        matches!(code, Some(0 | 130)),
        "{status}:\n{}",
        shardmill.last_words()
    );

    let lake = scene.lake().await;
    lake.holds_part_of(&scene.ledger).unwrap();
    let before = committed(&scene).await;
    let mut shardmill = run(&scene);
    all_decoded(&mut shardmill, scene.ledger.len() - before).await;
    shardmill.signal(Signal::Terminate);
    shardmill.end(Duration::from_secs(40)).await;
    let lake = scene.lake().await;
    lake.holds_exactly(&scene.ledger).unwrap();
}

#[tokio::test]
async fn a_configuration_that_is_wrong_says_where_and_does_nothing() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 2, Target::local()).await;
    (scene.source.shards, scene.source.lanes) = (2, 2);
    scene.source.more = "[parqet]\ncompression = \"zstd\"\n".into();
    let mut shardmill = run(&scene);
    let status = shardmill.end(Duration::from_secs(10)).await;
    let output = shardmill.output();
    assert_eq!(status.code(), Some(2), "{output}");
    for expected in ["parqet", "parquet", "execution_parallelism", "less than"] {
        assert!(output.contains(expected), "no `{expected}` in:\n{output}");
    }
    let lake = scene.lake().await;
    assert_eq!(lake.claims, 0);
}

#[tokio::test]
async fn more_readers_than_kinesis_shards_are_refused() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 2, Target::local()).await;
    scene.source.shards = 3;
    let mut shardmill = run(&scene);
    let status = shardmill.end(Duration::from_secs(20)).await;
    assert_eq!(status.code(), Some(2), "{}", shardmill.last_words());
    assert!(
        shardmill.output().contains("at most 2"),
        "{}",
        shardmill.last_words()
    );
}
