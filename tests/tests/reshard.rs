//! Splits and merges, against kinesis-local, which shows children at the end of their parents and
//! pages by bytes.

use std::time::Duration;

use shardmill_tests::cli;
use shardmill_tests::node::Node;
use shardmill_tests::scene::Scene;
use shardmill_tests::servers::KinesisLocal;
use shardmill_tests::target::Target;

const NODE: &str = env!("CARGO_BIN_EXE_node");
const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

/// Splits the first open Kinesis shard and merges the last two.
async fn split_and_merge(scene: &Scene) {
    let open = scene.stream.open_shards().await;
    scene.stream.split(&open[0]).await;
    let open = scene.stream.open_shards().await;
    let (left, right) = (&open[open.len() - 2], &open[open.len() - 1]);
    scene.stream.merge(left, right).await;
}

#[tokio::test]
async fn splits_and_merges_are_followed_while_running() {
    let server = KinesisLocal::start().await;
    let mut scene = Scene::new(&server.url(), 3, Target::local()).await;
    (scene.source.shards, scene.source.lanes) = (3, 2);
    scene.put(|events| events.mixed(150)).await;
    let mut node = Node::start(NODE, &scene.options());
    scene.some_committed(&mut node).await;
    for _ in 0..3 {
        split_and_merge(&scene).await;
        scene.put(|events| events.mixed(150)).await;
        // Some changes come while the ones before are not through yet.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let lake = scene.finish(&mut node).await;
    let open = lake.shards.values().filter(|ended| !**ended).count();
    assert_eq!(open, scene.stream.open_shards().await.len());
    cli::verify(SHARDMILL, &scene.config());
}

#[tokio::test]
async fn splits_and_merges_between_runs_are_followed_in_order() {
    let server = KinesisLocal::start().await;
    let mut scene = Scene::new(&server.url(), 2, Target::local()).await;
    scene.source.shards = 2;
    for _ in 0..3 {
        scene.put(|events| events.mixed(100)).await;
        let mut node = Node::start(NODE, &scene.options());
        scene.some_committed(&mut node).await;
        scene.stop(&mut node).await;
        // Two generations of children while nobody reads.
        for _ in 0..2 {
            split_and_merge(&scene).await;
            scene.put(|events| events.mixed(50)).await;
        }
    }
    let mut node = Node::start(NODE, &scene.options());
    scene.finish(&mut node).await;
    cli::verify(SHARDMILL, &scene.config());
}

#[tokio::test]
async fn a_kill_in_the_middle_of_a_split_loses_no_child() {
    let server = KinesisLocal::start().await;
    let mut scene = Scene::new(&server.url(), 1, Target::local()).await;
    for _ in 0..4 {
        scene.put(|events| events.mixed(80)).await;
        let mut node = Node::start(NODE, &scene.options());
        scene.some_committed(&mut node).await;
        let open = scene.stream.open_shards().await;
        scene.stream.split(&open[0]).await;
        scene.put(|events| events.mixed(80)).await;
        // At some time before, while or after the children are entered.
        tokio::time::sleep(Duration::from_millis(700)).await;
        node.kill().await;
    }
    let mut node = Node::start(NODE, &scene.options());
    scene.finish(&mut node).await;
    cli::verify(SHARDMILL, &scene.config());
}

#[tokio::test]
async fn records_of_a_mebibyte_come_in_pages_of_10_mib() {
    let server = KinesisLocal::start().await;
    let mut scene = Scene::new(&server.url(), 1, Target::local()).await;
    scene.source.memory_mib = 80;
    scene
        .put(|events| (0..12).map(|_| events.large(1_000_000)).collect())
        .await;
    scene.put(|events| events.mixed(20)).await;
    let mut node = Node::start(NODE, &scene.options());
    scene.finish(&mut node).await;
}
