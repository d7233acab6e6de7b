//! A stream or a target that is away for a while stalls the reading, and nothing is lost.

use std::net::SocketAddr;
use std::time::Duration;

use shardmill_tests::cli;
use shardmill_tests::node::Node;
use shardmill_tests::proxy::{Link, Proxy};
use shardmill_tests::scene::Scene;
use shardmill_tests::servers::Ferrokinesis;
use shardmill_tests::target::Target;

const NODE: &str = env!("CARGO_BIN_EXE_node");
const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

/// Longer than several tries, shorter than a call's time-out.
const AWAY: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_away_is_asked_until_it_is_back() {
    let server = Ferrokinesis::start().await;
    let proxy = Proxy::start(server.address()).await;
    let mut scene = Scene::new(&server.url(), 2, Target::local()).await;
    scene.source.kinesis = proxy.url();
    scene.source.shards = 2;
    scene.put(|events| events.mixed(200)).await;
    let mut node = Node::start(NODE, &scene.options());
    scene.some_committed(&mut node).await;
    for link in [Link::Down, Link::Frozen] {
        proxy.set(link);
        scene.put(|events| events.mixed(200)).await;
        let before = fetches(&node);
        tokio::time::sleep(AWAY).await;
        let after = fetches(&node);
        // It goes on asking, and does not spin.
        assert!(after - before < 200, "{before} and {after} fetches");
        proxy.set(Link::Open);
        scene.all_committed(&mut node).await;
    }
    scene.finish(&mut node).await;
    cli::verify(SHARDMILL, &scene.config());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_is_away_stalls_the_reading() {
    let server = Ferrokinesis::start().await;
    let target = Target::s3().await;
    let endpoint = target.endpoint().expect("it is S3");
    let address: SocketAddr = endpoint["http://".len()..].parse().expect("an address");
    let proxy = Proxy::start(address).await;
    let mut scene = Scene::new(&server.url(), 2, target).await;
    scene.source.s3 = Some(proxy.url());
    scene.source.shards = 2;
    scene.put(|events| events.mixed(200)).await;
    let mut node = Node::start(NODE, &scene.options());
    scene.some_committed(&mut node).await;
    for link in [Link::Down, Link::Frozen] {
        proxy.set(link);
        scene.put(|events| events.mixed(200)).await;
        let before = scene.lake().await.commits;
        tokio::time::sleep(AWAY).await;
        let during = scene.lake().await.commits;
        // At most what was under way when the link went.
        assert!(during <= before + 1, "{before} and {during} commits");
        proxy.set(Link::Open);
        scene.all_committed(&mut node).await;
    }
    scene.finish(&mut node).await;
    cli::verify(SHARDMILL, &scene.config());
}

fn fetches(node: &Node) -> u64 {
    let progress = node.progress().expect("a node tells its progress");
    progress["read"]["fetches"].as_u64().expect("a number")
}
