//! A target that takes 1 MB/s: the reading slows down, memory stays within the budget.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use shardmill_tests::node::Node;
use shardmill_tests::proxy::{Link, Proxy};
use shardmill_tests::scene::Scene;
use shardmill_tests::servers::Ferrokinesis;
use shardmill_tests::target::Target;

const NODE: &str = env!("CARGO_BIN_EXE_node");

const MIB: u64 = 1 << 20;

/// What a process may hold beside the budget: code, threads, connections, what the allocator keeps.
const BESIDE: u64 = 150 * MIB;

const WATCHED: Duration = Duration::from_secs(25);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_target_slows_the_reading_and_memory_stays_flat() {
    let server = Ferrokinesis::start().await;
    let target = Target::s3().await;
    let endpoint = target.endpoint().expect("it is S3");
    let address: SocketAddr = endpoint["http://".len()..].parse().expect("an address");
    let proxy = Proxy::start(address).await;
    let mut scene = Scene::new(&server.url(), 2, target).await;
    scene.source.s3 = Some(proxy.url());
    (scene.source.shards, scene.source.memory_mib) = (2, 80);
    scene.source.more = "[parquet]\ncompression = \"none\"\n".into();
    // More than the budget, none of which can be made smaller. Of records of this size Kinesis gives
    // 10 MiB at once; ferrokinesis would give any number of larger ones.
    for _ in 0..80 {
        scene
            .put(|events| (0..1_000).map(|_| events.incompressible(1_000)).collect())
            .await;
    }
    proxy.set(Link::SlowTo(1_000_000));
    let mut node = Node::start(NODE, &scene.options());
    let limit = u64::from(scene.source.memory_mib) * MIB + BESIDE;
    let begun = Instant::now();
    let (mut first_half, mut second_half) = (0, 0);
    while begun.elapsed() < WATCHED {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let resident = node.process().resident_bytes();
        assert!(resident <= limit, "{} MiB are held", resident / MIB);
        let half = if begun.elapsed() < WATCHED / 2 {
            &mut first_half
        } else {
            &mut second_half
        };
        *half = resident.max(*half);
    }
    assert!(
        second_half <= first_half + 30 * MIB,
        "memory grows from {} to {} MiB",
        first_half / MIB,
        second_half / MIB
    );
    let sent = proxy.bytes_sent();
    assert!(sent > 10_000_000, "only {sent} bytes reached the target");
    proxy.set(Link::Open);
    scene.finish(&mut node).await;
}
