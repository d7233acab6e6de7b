//! Whole sources by enhanced fan-out, against local servers.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use shardmill::Shardmill;
use shardmill::adapters::LocalStore;
use shardmill::config::{ContentFormat, DataSource, StartFrom};
use shardmill_tests::cli;
use shardmill_tests::memory_stream::MemoryStream;
use shardmill_tests::node::{Node, NodeOptions};
use shardmill_tests::pushed_stream::PushedStream;
use shardmill_tests::scene::Scene;
use shardmill_tests::servers::{Ferrokinesis, KinesisLocal};
use shardmill_tests::target::Target;
use shardmill_tests::wait;

const NODE: &str = env!("CARGO_BIN_EXE_node");
const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

fn by_fan_out(scene: &mut Scene) {
    scene.source.fan_out = Some("mill".to_owned());
}

/// How a node says that it reads.
fn mode(node: &Node) -> String {
    let progress = node.progress().expect("it has told its progress");
    let mode = &progress["read"]["mode"];
    mode.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn one_reader_reads_many_kinesis_shards_by_subscriptions_that_end_all_the_time() {
    let server = Ferrokinesis::with_subscriptions_that_live(1_500).await;
    let mut scene = Scene::new(&server.url(), 5, Target::local()).await;
    by_fan_out(&mut scene);
    let mut node = Node::start(NODE, &scene.options());
    for _ in 0..6 {
        scene.put(|events| events.mixed(200)).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    scene.finish(&mut node).await;
    assert_eq!(mode(&node), "fan_out");
    cli::verify(SHARDMILL, &scene.config());
}

#[tokio::test]
async fn splits_and_merges_are_followed_by_subscriptions() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 3, Target::local()).await;
    (scene.source.shards, scene.source.lanes) = (3, 2);
    by_fan_out(&mut scene);
    scene.put(|events| events.mixed(200)).await;
    let mut node = Node::start(NODE, &scene.options());
    scene.some_committed(&mut node).await;
    for _ in 0..3 {
        let open = scene.stream.open_shards().await;
        scene.stream.split(&open[0]).await;
        let open = scene.stream.open_shards().await;
        let (left, right) = (&open[open.len() - 2], &open[open.len() - 1]);
        scene.stream.merge(left, right).await;
        scene.put(|events| events.mixed(200)).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let lake = scene.finish(&mut node).await;
    let open = lake.shards.values().filter(|ended| !**ended).count();
    assert_eq!(open, scene.stream.open_shards().await.len());
    cli::verify(SHARDMILL, &scene.config());
}

#[tokio::test]
async fn a_source_goes_on_when_fan_out_is_switched_on_and_off() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 2, Target::local()).await;
    for round in 0..4 {
        scene.put(|events| events.mixed(150)).await;
        let expected = match round % 2 {
            0 => {
                scene.source.fan_out = None;
                "polling"
            }
            _ => {
                by_fan_out(&mut scene);
                "fan_out"
            }
        };
        let mut node = Node::start(NODE, &scene.options());
        scene.finish(&mut node).await;
        assert_eq!(mode(&node), expected);
    }
    cli::verify(SHARDMILL, &scene.config());
}

#[tokio::test]
async fn a_newer_process_takes_the_subscriptions_and_the_older_one_is_fenced() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 2, Target::local()).await;
    by_fan_out(&mut scene);
    scene.put(|events| events.mixed(200)).await;
    let mut older = Node::start(NODE, &scene.options());
    scene.some_committed(&mut older).await;
    let mut newer = Node::start(NODE, &scene.options());
    scene.put(|events| events.mixed(200)).await;
    let status = older.process().end(Duration::from_secs(60)).await;
    assert_eq!(status.code(), Some(3), "{}", older.process().last_words());
    scene.put(|events| events.mixed(200)).await;
    scene.finish(&mut newer).await;
    cli::verify(SHARDMILL, &scene.config());
}

#[tokio::test]
async fn subscriptions_over_http2_have_connections_of_their_own() {
    const SHARDS: i32 = 8;
    let server = Ferrokinesis::start_secure().await;
    let mut scene = Scene::new(&server.url(), SHARDS, Target::local()).await;
    by_fan_out(&mut scene);
    // One reader, with room for one fetch at a time: most subscriptions wait, full of bytes.
    scene.source.memory_mib = 80;
    for _ in 0..4 {
        scene
            .put(|events| (0..8).map(|_| events.large(900_000)).collect())
            .await;
        scene.put(|events| events.mixed(100)).await;
    }
    scene.source.kinesis = server.secure().url();
    let options = NodeOptions {
        trust: Some(server.secure().certificate()),
        ..scene.options()
    };
    let mut node = Node::start(NODE, &options);
    scene.finish(&mut node).await;
    assert_eq!(mode(&node), "fan_out");
    let connections = server.secure().connections_with_subscriptions();
    assert!(connections >= SHARDS as usize, "{connections} connections");
    // `verify` reads the target alone.
    cli::verify(SHARDMILL, &scene.config());
}

#[tokio::test]
async fn check_registers_the_consumer_and_tries_to_subscribe() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 1, Target::local()).await;
    by_fan_out(&mut scene);
    let config = scene.config();
    let config = config
        .to_str()
        .expect("paths of tests are UTF-8")
        .to_owned();
    // The command line blocks.
    let check = move || cli::report(SHARDMILL, &["check", &config, "--json"]);
    let report = tokio::task::spawn_blocking(check).await.unwrap();
    let steps = report[0]["steps"].as_array().expect("a list").clone();
    let of_stream: Vec<_> = steps
        .iter()
        .filter(|step| step["side"] == "stream")
        .map(|step| (step["step"].clone(), step["outcome"].clone()))
        .collect();
    let expected = [
        "list_shards",
        "list_shards_at",
        "describe_stream_summary",
        "enough_kinesis_shards",
        "describe_stream_consumer",
        "register_stream_consumer",
        "subscribe_to_shard",
    ];
    assert_eq!(of_stream, expected.map(|step| (step.into(), "ok".into())));
    let registered = steps
        .iter()
        .find(|step| step["step"] == "register_stream_consumer");
    assert_eq!(
        registered.unwrap()["permission"],
        "kinesis:RegisterStreamConsumer"
    );
}

#[tokio::test]
async fn a_kinesis_shard_without_events_holds_no_other_up_and_is_not_asked() {
    const SHARDS: u64 = 4;
    const EACH: u64 = 3_000;
    const ARRIVAL: i64 = 1_760_000_000_000;
    let folder = tempfile::tempdir().unwrap();
    let source = DataSource::builder("clicks")
        .stream("memory")
        // Where windows begin with that of the records: the silent one closes none.
        .read_from(StartFrom::At(ARRIVAL))
        .target_folder(folder.path())
        .content_format(ContentFormat::Raw)
        .build()
        .unwrap();
    let inner = MemoryStream::new(SHARDS, EACH, |_| ARRIVAL, |_, _| vec![7; 100]);
    let stream = PushedStream::new(inner, EACH);
    let calls = stream.calls();
    let store = Arc::new(LocalStore::new(folder.path().join("clicks")).unwrap());
    let engine = Shardmill::new(256 << 20, 1).unwrap();
    // One reader for all of them.
    let handle = engine.add_with_ports(&source, Arc::new(stream), store);
    let expected = (SHARDS - 1) * EACH;
    wait::until(
        "the others are read",
        Duration::from_secs(60),
        async || match handle.progress().read.records {
            read if read == expected => Ok(()),
            read => Err(format!("{read} of {expected} records")),
        },
    )
    .await;
    let asked = calls.load(Ordering::Relaxed);
    assert!(asked < 20, "{asked} calls for what is there at once");
    handle.stop();
    handle.finished().await.unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), asked, "nothing more to say");
}

#[tokio::test]
async fn the_least_budget_is_enough_for_subscriptions() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 4, Target::local()).await;
    scene.source.shards = 4;
    scene.source.memory_mib = 80;
    by_fan_out(&mut scene);
    scene.put(|events| events.mixed(1_500)).await;
    let mut node = Node::start(NODE, &scene.options());
    scene
        .put(|events| (0..12).map(|_| events.large(900_000)).collect())
        .await;
    scene.finish(&mut node).await;
    cli::verify(SHARDMILL, &scene.config());
}

#[tokio::test]
async fn kinesis_local_is_read_by_fan_out_and_reshards_once_it_is_polled() {
    let server = KinesisLocal::start().await;
    let mut scene = Scene::new(&server.url(), 2, Target::local()).await;
    scene.source.shards = 2;
    by_fan_out(&mut scene);
    scene.put(|events| events.mixed(100)).await;
    let mut node = Node::start(NODE, &scene.options());
    scene.put(|events| events.mixed(100)).await;
    scene.finish(&mut node).await;
    // Its subscriptions never end on a closed Kinesis shard.
    let open = scene.stream.open_shards().await;
    scene.stream.split(&open[0]).await;
    scene.put(|events| events.mixed(100)).await;
    scene.source.fan_out = None;
    let mut node = Node::start(NODE, &scene.options());
    scene.finish(&mut node).await;
    cli::verify(SHARDMILL, &scene.config());
}
