//! A target on S3: commits, and files in one put and in parts.

use std::time::Duration;

use shardmill_tests::cli;
use shardmill_tests::node::Node;
use shardmill_tests::scene::Scene;
use shardmill_tests::servers::Ferrokinesis;
use shardmill_tests::target::Target;
use shardmill_tests::wait;

const NODE: &str = env!("CARGO_BIN_EXE_node");
const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

#[tokio::test]
async fn files_and_commits_on_s3_are_whole() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 3, Target::s3().await).await;
    (scene.source.shards, scene.source.lanes) = (3, 2);
    scene.put(|events| events.mixed(900)).await;
    let mut node = Node::start(NODE, &scene.options());
    scene.all_committed(&mut node).await;
    scene.put(|events| events.mixed(300)).await;
    scene.finish(&mut node).await;
    cli::verify(SHARDMILL, &scene.config());
}

#[tokio::test]
async fn a_file_of_several_parts_is_put_as_one() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 1, Target::s3().await).await;
    scene.source.more = "[parquet]\ncompression = \"none\"\nrow_group_size = \"2 MiB\"\n".into();
    // What repeats is stored once by a dictionary, so every padding has to be another one.
    scene
        .put(|events| (0..60).map(|_| events.incompressible(400_000)).collect())
        .await;
    let mut options = scene.options();
    // All in one window.
    options.window_ms = 60_000;
    let mut node = Node::start(NODE, &options);
    wait::until("all is read", Duration::from_secs(60), async || {
        let read = node
            .progress()
            .map(|progress| progress["decoded"]["rows"].clone());
        if read == Some(60.into()) {
            Ok(())
        } else {
            Err(format!("{read:?}"))
        }
    })
    .await;
    let lake = scene.stop(&mut node).await;
    lake.holds_exactly(&scene.ledger).unwrap();
    let (_copy, source) = scene.target.source(&scene.source.name).await;
    let largest = lake.files.iter().map(|name| source.join(name));
    let largest = largest.map(|path| path.metadata().unwrap().len()).max();
    assert!(largest > Some(10 << 20), "{largest:?}");
    cli::verify(SHARDMILL, &scene.config());
}
