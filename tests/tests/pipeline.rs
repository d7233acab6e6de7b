//! A stream becomes files: ferrokinesis to a folder, with windows of a second.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;
use shardmill_tests::cli;
use shardmill_tests::events::Events;
use shardmill_tests::node::Node;
use shardmill_tests::process::Signal;
use shardmill_tests::scene::Scene;
use shardmill_tests::servers::Ferrokinesis;
use shardmill_tests::target::Target;

const NODE: &str = env!("CARGO_BIN_EXE_node");
const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

#[tokio::test]
async fn every_form_of_payload_becomes_rows_rejects_or_a_count() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 1, Target::local()).await;
    scene.put(|events| events.mixed(1_500)).await;
    scene
        .put(|events| events.aggregates(&[1, 7, 60], Events::mixed))
        .await;
    scene
        .put(|events| (0..40).map(|_| events.empty()).collect())
        .await;
    let mut node = Node::start(NODE, &scene.options());
    let lake = scene.finish(&mut node).await;
    assert!(
        lake.rejects
            .iter()
            .all(|reject| reject.code == "json.syntax")
    );
    cli::verify(SHARDMILL, &scene.config());
}

#[tokio::test]
async fn lanes_share_the_kinesis_shards_and_together_have_everything() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 6, Target::local()).await;
    (scene.source.shards, scene.source.lanes) = (4, 3);
    scene.put(|events| events.mixed(1_200)).await;
    let mut node = Node::start(NODE, &scene.options());
    let lake = scene.finish(&mut node).await;
    assert_eq!((lake.lanes, lake.shards.len()), (3, 6));
    let shards: BTreeSet<_> = lake.rows.iter().map(|row| &row.payload.0).collect();
    assert_eq!(shards.len(), 6);
}

#[tokio::test]
async fn a_changed_number_of_lanes_goes_on_where_the_last_one_was() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 4, Target::local()).await;
    scene.source.shards = 4;
    for (epoch, lanes) in [(1, 1), (2, 3), (3, 2), (4, 1)] {
        scene.source.lanes = lanes;
        scene.put(|events| events.mixed(200)).await;
        let mut node = Node::start(NODE, &scene.options());
        let lake = scene.finish(&mut node).await;
        assert_eq!((lake.epoch, lake.lanes), (epoch, lanes as usize));
    }
}

#[tokio::test]
async fn now_means_from_the_start_of_the_source_on_also_after_a_restart() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 2, Target::local()).await;
    scene.put(|events| events.plain(50)).await;
    let before = std::mem::take(&mut scene.ledger);
    // The server's clock is to the second.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    scene.source.read_from = "now".into();
    let mut node = Node::start(NODE, &scene.options());
    node.process().line("progress ").await;
    node.stop(Duration::from_secs(30)).await;
    // Nobody reads this as it comes; it is after "now" all the same.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    scene.put(|events| events.mixed(300)).await;
    let mut node = Node::start(NODE, &scene.options());
    let lake = scene.finish(&mut node).await;
    assert_eq!((before.len(), lake.rows.len()), (50, scene.ledger.events()));
}

#[tokio::test]
async fn an_idle_kinesis_shard_does_not_hold_windows_open() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 8, Target::local()).await;
    // One record: seven of eight Kinesis shards never have any.
    scene.put(|events| vec![events.one()]).await;
    let mut node = Node::start(NODE, &scene.options());
    let lake = scene.some_committed(&mut node).await;
    let window = lake.rows[0].window;
    assert!(
        lake.complete >= Some(window),
        "{:?} < {window}",
        lake.complete
    );
    scene.finish(&mut node).await;
}

#[tokio::test]
async fn a_process_that_was_paused_past_its_iterators_goes_on() {
    let server = Ferrokinesis::with_iterators_that_live(1).await;
    let mut scene = Scene::new(&server.url(), 2, Target::local()).await;
    scene.put(|events| events.mixed(100)).await;
    let mut node = Node::start(NODE, &scene.options());
    scene.some_committed(&mut node).await;
    node.process().signal(Signal::Stop);
    scene.put(|events| events.mixed(100)).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    node.process().signal(Signal::Continue);
    scene.put(|events| events.mixed(100)).await;
    scene.finish(&mut node).await;
}

#[tokio::test]
async fn calls_that_fail_lose_nothing() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 3, Target::local()).await;
    (scene.source.shards, scene.source.lanes) = (3, 2);
    scene.put(|events| events.mixed(600)).await;
    let mut options = scene.options();
    (options.store_faults, options.stream_faults, options.seed) = (0.2, 0.2, 11);
    let mut node = Node::start(NODE, &options);
    scene.all_committed(&mut node).await;
    scene.put(|events| events.mixed(600)).await;
    scene.finish(&mut node).await;
    cli::verify(SHARDMILL, &scene.config());
}

#[tokio::test]
async fn other_engines_read_the_folder_as_one_table_while_the_schema_evolves() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 1, Target::local()).await;
    let generations = [
        json!({ "number": 1, "nested": { "a": 1 }, "list": [1, 2] }),
        json!({ "number": 1.5, "nested": { "a": 2, "b": "text" }, "added": true }),
        json!({ "number": null, "nested": { "c": [{ "d": 1 }] }, "added": null, "Date": "2026" }),
    ];
    let mut node = Node::start(NODE, &scene.options());
    for fields in generations {
        scene
            .put(|events| (0..20).map(|_| events.with(fields.clone())).collect())
            .await;
        scene.all_committed(&mut node).await;
    }
    let lake = scene.finish(&mut node).await;
    assert!(lake.files.len() >= 3, "{:?}", lake.files);

    let (_copy, source) = scene.target.source(&scene.source.name).await;
    let seen = shardmill_tests::readers::read_hive(&source.join("data"), "id");
    for reader in ["duckdb", "pyarrow"] {
        let seen = &seen[reader];
        assert_eq!(seen["rows"], 60, "{reader}: {seen}");
        assert_eq!(seen["distinct"], 60, "{reader}: {seen}");
        for column in [
            "number", "nested", "list", "added", "Date_", "date", "hour", "_shard",
        ] {
            let there = seen["columns"].get(column).is_some();
            assert!(there, "{reader} has no column {column}: {seen}");
        }
    }
}
