//! The product's S3 adapter and the engine against an S3 whose answers go wrong.

use shardmill_tests::cli;
use shardmill_tests::faults::Chance;
use shardmill_tests::faulty_s3::FaultyS3;
use shardmill_tests::node::Node;
use shardmill_tests::scene::Scene;
use shardmill_tests::servers::{Ferrokinesis, Moto};
use shardmill_tests::target::{BUCKET, Target};

const NODE: &str = env!("CARGO_BIN_EXE_node");
const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_answers_lose_nothing_and_double_nothing() {
    let server = Ferrokinesis::start().await;
    let moto = Moto::start().await;
    moto.bucket(BUCKET).await;
    let faulty = FaultyS3::start(moto.address(), Chance::new(5, 0.15)).await;
    let mut scene = Scene::new(&server.url(), 2, Target::S3(moto)).await;
    scene.source.shards = 2;
    scene.source.s3 = Some(faulty.url());
    scene.source.more = "[parquet]\ncompression = \"none\"\nrow_group_size = \"2 MiB\"\n".into();
    let mut options = scene.options();
    // Long enough for files of several parts.
    options.window_ms = 10_000;
    scene
        .put(|events| (0..60).map(|_| events.incompressible(250_000)).collect())
        .await;
    let mut node = Node::start(NODE, &options);
    scene.put(|events| events.mixed(300)).await;
    scene.all_committed(&mut node).await;
    assert!(faulty.errors_in_body() > 0, "no file had several parts");
    scene.put(|events| events.mixed(300)).await;
    scene.finish(&mut node).await;
    cli::verify(SHARDMILL, &scene.config());
}
