//! A target on S3: conditional commits, uploads in parts, and several processes that want the same
//! source.

use std::time::Duration;

use shardmill_tests::cli;
use shardmill_tests::node::Node;
use shardmill_tests::process::Signal;
use shardmill_tests::scene::Scene;
use shardmill_tests::servers::Ferrokinesis;
use shardmill_tests::target::Target;
use shardmill_tests::wait;

const NODE: &str = env!("CARGO_BIN_EXE_node");
const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

/// The exit code of a process that another one has fenced.
const FENCED: Option<i32> = Some(3);

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

#[tokio::test]
async fn of_two_processes_the_newer_one_goes_on_and_the_older_one_is_fenced() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 3, Target::s3().await).await;
    (scene.source.shards, scene.source.lanes) = (3, 2);
    let mut older: Option<Node> = None;
    for _ in 0..4 {
        scene.put(|events| events.mixed(200)).await;
        let newer = Node::start(NODE, &scene.options());
        if let Some(mut older) = older.replace(newer) {
            is_fenced(&mut older).await;
        }
        // The next one comes at any moment of this one's work.
        tokio::time::sleep(Duration::from_millis(1_700)).await;
    }
    let mut newest = older.expect("one was started last");
    scene.finish(&mut newest).await;
    cli::verify(SHARDMILL, &scene.config());
}

#[tokio::test]
async fn of_two_that_start_at_once_one_is_left() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 3, Target::s3().await).await;
    (scene.source.shards, scene.source.lanes) = (3, 2);
    scene.put(|events| events.mixed(300)).await;
    let options = scene.options();
    let mut nodes = [Node::start(NODE, &options), Node::start(NODE, &options)];
    let loser = wait::until("one is fenced", Duration::from_secs(60), async || {
        let ended = nodes
            .iter_mut()
            .position(|node| node.process().ended().is_some());
        ended.ok_or_else(|| "both run".to_owned())
    })
    .await;
    is_fenced(&mut nodes[loser]).await;
    scene.finish(&mut nodes[1 - loser]).await;
    cli::verify(SHARDMILL, &scene.config());
}

#[tokio::test]
async fn a_process_that_wakes_up_late_changes_nothing() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 2, Target::s3().await).await;
    scene.source.shards = 2;
    scene.put(|events| events.mixed(200)).await;
    let mut paused = Node::start(NODE, &scene.options());
    scene.some_committed(&mut paused).await;
    scene.put(|events| events.mixed(200)).await;
    paused.process().signal(Signal::Stop);

    let mut next = Node::start(NODE, &scene.options());
    scene.all_committed(&mut next).await;
    paused.process().signal(Signal::Continue);
    scene.put(|events| events.mixed(200)).await;
    is_fenced(&mut paused).await;
    scene.finish(&mut next).await;
    cli::verify(SHARDMILL, &scene.config());
}

/// The process ends by itself, with its own exit code and a message that names the other process.
async fn is_fenced(node: &mut Node) {
    let status = node.process().end(Duration::from_secs(60)).await;
    let output = node.process().output();
    assert_eq!(status.code(), FENCED, "{output}");
    let ended = node.ended().unwrap_or_default();
    assert_eq!(ended["code"], "log.fenced", "{output}");
}
