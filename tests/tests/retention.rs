//! Retention in a process that is killed at it again and again: what is old goes, what is newer
//! stays, and the log holds.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use shardmill::adapters::LocalStore;
use shardmill::config::{ContentFormat, DataSource, StartFrom};
use shardmill::{Shardmill, Statistics};
use shardmill_engine::types::WindowLength;
use shardmill_tests::cli;
use shardmill_tests::node::{KillAt, Node, NodeOptions, Phase};
use shardmill_tests::scene::Scene;
use shardmill_tests::servers::{Ferrokinesis, Moto};
use shardmill_tests::target::{BUCKET, Target, files_there};
use shardmill_tests::{numbered, paths, wait};

const NODE: &str = env!("CARGO_BIN_EXE_node");
const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

/// What windows of a second are kept, in milliseconds.
const KEEP_MS: u64 = 3_000;

/// A life ends after this, whatever it is at.
const LIFE: Duration = Duration::from_secs(20);

/// Windows without a later record close after 5 s of lag, and then have to grow old.
const PATIENCE: Duration = Duration::from_secs(90);

async fn scene(target: Target) -> (Ferrokinesis, Scene) {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 4, target).await;
    (scene.source.shards, scene.source.lanes) = (4, 2);
    (server, scene)
}

fn options(scene: &Scene, keep: bool) -> NodeOptions {
    NodeOptions {
        retention_ms: keep.then_some(KEEP_MS),
        ..scene.options()
    }
}

/// What `verify --statistics` reports, which has to find nothing wrong.
fn verified(config: &Path) -> Value {
    let config = config.to_str().expect("paths of tests are UTF-8");
    let arguments = ["verify", config, "--statistics", "--json"];
    let report = cli::report(SHARDMILL, &arguments);
    report.last().expect("a report").clone()
}

/// Kills a node at its retention so often, with events in between.
async fn kill_at_retention(scene: &mut Scene, lives: usize) -> usize {
    let seed = rand::random();
    println!("the seed is {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut kills = 0;
    for life in 0..lives {
        scene.put(|events| events.mixed(80)).await;
        let kill = KillAt {
            phase: Phase::Retention,
            after: random.random_range(0..=10),
            seed: random.random(),
        };
        let options = NodeOptions {
            kill: Some(kill),
            ..options(scene, true)
        };
        let mut node = Node::start(NODE, &options);
        let begun = Instant::now();
        while node.process().ended().is_none() && begun.elapsed() < LIFE {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if node.process().ended().is_none() {
            node.kill().await;
        }
        let killed = node.killed_at();
        let said = node.ended();
        assert_eq!(said, None, "{}", node.process().last_words());
        kills += usize::from(killed == Some(Phase::Retention));
        if life % 4 == 3 {
            verified(&options.config);
        }
    }
    kills
}

/// Waits until no file of the source is left: an idle stream expires, too.
async fn all_expired(scene: &Scene, node: &mut Node) {
    wait::until("everything is expired", PATIENCE, async || {
        let ended = node.process().ended();
        assert_eq!(ended, None, "{}", node.process().last_words());
        let (_copy, source) = scene.target.source(&scene.source.name).await;
        match files_there(&source) {
            left if left.is_empty() => Ok(()),
            left => Err(format!("{} files are left: {:?}", left.len(), left.first())),
        }
    })
    .await;
}

/// Waits until a node has committed so many payloads.
async fn committed(node: &mut Node, payloads: u64) {
    wait::until("all is committed", PATIENCE, async || {
        let ended = node.process().ended();
        assert_eq!(ended, None, "{}", node.process().last_words());
        let progress = node.progress().unwrap_or_default();
        match progress["committed"]["payloads"].as_u64() {
            Some(committed) if committed >= payloads => Ok(()),
            committed => Err(format!("{committed:?} of {payloads} payloads: {progress}")),
        }
    })
    .await;
}

async fn old_windows_go_and_newer_ones_stay(target: Target, lives: usize) {
    let (_server, mut scene) = scene(target).await;
    let kills = kill_at_retention(&mut scene, lives).await;
    assert!(kills * 2 > lives, "{kills} of {lives} died at retention");

    let mut node = Node::start(NODE, &options(&scene, true));
    all_expired(&scene, &mut node).await;
    let retention = node.progress().expect("it said something")["retention"].clone();
    assert!(retention["expired_before_ms"].is_i64(), "{retention}");
    assert!(node.stop(Duration::from_secs(45)).await.success());
    let report = verified(&scene.config());
    assert_eq!(report["payloads"], 0, "{report}");
    assert_eq!(report["expired_files"], 0, "{report}");

    // What comes now is kept.
    let before = scene.ledger.len();
    scene.put(|events| events.mixed(200)).await;
    let newer = (scene.ledger.len() - before) as u64;
    let mut node = Node::start(NODE, &options(&scene, false));
    committed(&mut node, newer).await;
    assert!(node.stop(Duration::from_secs(45)).await.success());
    let report = verified(&scene.config());
    assert_eq!(report["payloads"], newer, "{report}");
    let config = scene.config();
    let config = config.to_str().expect("paths of tests are UTF-8");
    let said = cli::report(SHARDMILL, &["statistics", config, "--json"]);
    assert_eq!(said[0]["payloads"], newer);
}

#[tokio::test]
async fn old_windows_go_and_newer_ones_stay_in_a_folder() {
    old_windows_go_and_newer_ones_stay(Target::local(), 16).await;
}

#[tokio::test]
async fn old_windows_go_and_newer_ones_stay_on_s3() {
    old_windows_go_and_newer_ones_stay(Target::s3().await, 6).await;
}

#[tokio::test]
async fn soft_forgets_windows_and_leaves_their_files() {
    let (_server, mut scene) = scene(Target::local()).await;
    // A table that is there may be begun only once.
    scene.source.target = format!("{}\"\nretention_mode = \"soft", scene.target.url());
    scene.put(|events| events.mixed(200)).await;
    let mut node = Node::start(NODE, &options(&scene, false));
    scene.all_committed(&mut node).await;
    assert!(node.stop(Duration::from_secs(45)).await.success());
    let lake = scene.lake().await;

    let mut node = Node::start(NODE, &options(&scene, true));
    wait::until("the statistics are gone", PATIENCE, async || {
        let (_copy, source) = scene.target.source(&scene.source.name).await;
        let there = files_there(&source);
        let left = there.iter().filter(|name| name.starts_with("_statistics"));
        match left.count() {
            0 => Ok(()),
            left => Err(format!("{left} objects of statistics")),
        }
    })
    .await;
    assert!(node.stop(Duration::from_secs(45)).await.success());
    let (_copy, source) = scene.target.source(&scene.source.name).await;
    let there = files_there(&source);
    assert!(lake.files.iter().all(|file| there.contains(file)));
    let report = verified(&scene.config());
    assert_eq!(report["expired_files"], lake.files.len() as u64, "{report}");
}

#[tokio::test]
async fn what_is_expired_leaves_the_live_statistics() {
    let folder = paths::new_folder();
    let window_length = WindowLength::from_millis(1_000).unwrap();
    let source = DataSource::builder("clicks")
        .stream("memory")
        .read_from(StartFrom::Start)
        .content_format(ContentFormat::Json)
        .shards(3)
        .execution_parallelism(2)
        .target_folder(folder.path())
        .window_length(window_length)
        .build()
        .unwrap()
        .with_retention(Some(Duration::from_secs(1)));
    let store = Arc::new(LocalStore::new(folder.path().join("clicks")).unwrap());
    let engine = Shardmill::new(256 << 20, 2).unwrap();
    // All of it arrived long ago, so all of it is old once it is committed.
    let (shards, each) = (3, 400);
    let stream = Arc::new(numbered::stream(shards, each));
    let handle = engine.add_with_ports(&source, stream, store.clone());
    wait::until("all is committed and gone", PATIENCE, async || {
        let progress = handle.progress();
        let committed = progress.committed.counts.rows;
        let shown = handle.statistics().now().map(|view| view.counts().rows);
        match (committed, &shown) {
            (committed, Ok(0)) if committed == shards * each => Ok(()),
            _ => Err(format!(
                "{committed} rows committed, {shown:?} shown: {:?}",
                progress.retention
            )),
        }
    })
    .await;
    assert!(handle.progress().retention.files > 0);
    let all_time = handle.statistics().range(0, i64::MAX).await.unwrap();
    assert_eq!(all_time.counts().rows, 0);
    handle.stop();
    handle.finished().await.unwrap();
    let opened = Statistics::open_with_store(&source, store).await.unwrap();
    assert_eq!(opened.now().unwrap().counts().rows, 0);
}

/// Waits until a node's newest progress has an output as wanted.
async fn output(node: &mut Node, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    wait::until(what, PATIENCE, async || {
        let ended = node.process().ended();
        assert_eq!(ended, None, "{}", node.process().last_words());
        let progress = node.progress().unwrap_or_default();
        match &progress["outputs"]["late"] {
            said if wanted(said) => Ok(said.clone()),
            said => Err(said.to_string()),
        }
    })
    .await
}

#[tokio::test]
async fn retention_waits_for_an_output_as_long_as_it_may_and_then_the_gap_is_named() {
    let (_server, mut scene) = scene(Target::local()).await;
    let moto = Moto::start().await;
    moto.bucket(BUCKET).await;
    scene.source.memory_mib = 512;
    let late = |endpoint: &str, max_lag: &str| {
        format!(
            "[[output]]\nname = \"late\"\nurl = \"s3://{BUCKET}/late\"\nconnection = \"late\"\n\
             from = \"start\"\nformat = \"json\"\nmax_lag = \"{max_lag}\"\n\
             [connection.late]\nendpoint_url = \"{endpoint}\"\nregion = \"us-east-1\"\n"
        )
    };
    // Nobody listens there.
    let (here, away) = (moto.url(), "http://127.0.0.1:9");
    scene.source.more = late(&here, "1 h");
    scene.put(|events| events.plain(50)).await;
    let mut node = Node::start(NODE, &options(&scene, false));
    output(&mut node, "it has begun", |said| said["rows"] == 50).await;
    assert!(node.stop(Duration::from_secs(45)).await.success());

    // Its target is away: what it has not taken stays, however old.
    scene.source.more = late(away, "1 h");
    scene.put(|events| events.plain(40)).await;
    let mut node = Node::start(NODE, &options(&scene, true));
    committed(&mut node, 40).await;
    output(&mut node, "it is stalled", |said| {
        said["stalled"].is_string()
    })
    .await;
    tokio::time::sleep(Duration::from_millis(4 * KEEP_MS)).await;
    let (_copy, source) = scene.target.source(&scene.source.name).await;
    let there = files_there(&source);
    assert!(there.iter().any(|name| name.starts_with("data/")));
    node.kill().await;

    // It is back: it takes the rest, and then that goes.
    scene.source.more = late(&here, "1 h");
    let mut node = Node::start(NODE, &options(&scene, true));
    output(&mut node, "it has caught up", |said| said["rows"] == 40).await;
    all_expired(&scene, &mut node).await;
    assert!(node.stop(Duration::from_secs(45)).await.success());
    let config = scene.config();
    let config = config.to_str().expect("paths of tests are UTF-8");
    let said = cli::report(SHARDMILL, &["verify", config, "--outputs", "--json"]);
    let verified = said.last().expect("of the output");
    assert_eq!(verified["rows"], 90, "{verified}");

    // It may not lag at all, and is away again: retention goes on without it.
    scene.source.more = late(away, "0 s");
    scene.put(|events| events.plain(30)).await;
    let mut node = Node::start(NODE, &options(&scene, true));
    committed(&mut node, 30).await;
    all_expired(&scene, &mut node).await;
    node.kill().await;

    scene.source.more = late(&here, "1 h");
    scene.put(|events| events.plain(20)).await;
    let mut node = Node::start(NODE, &options(&scene, false));
    let failed = output(&mut node, "it has failed", |said| said["state"] == "failed").await;
    assert_eq!(failed["code"], "output.gap", "{failed}");
    committed(&mut node, 20).await;
    assert!(node.stop(Duration::from_secs(45)).await.success());
}
