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
    let mut node = Node::start(NODE, &scene.options());
    // Several windows, each with a file of more than a part, until Complete has lied.
    while faulty.errors_in_body() == 0 || scene.ledger.len() < 300 {
        assert!(scene.ledger.len() < 2_000, "no Complete has failed");
        scene
            .put(|events| (0..30).map(|_| events.incompressible(250_000)).collect())
            .await;
        scene.put(|events| events.mixed(30)).await;
        scene.all_committed(&mut node).await;
    }
    scene.finish(&mut node).await;
    cli::verify(SHARDMILL, &scene.config());
}
