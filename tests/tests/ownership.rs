//! Several processes want the same source: the newest one goes on, the others change nothing.

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
async fn of_two_that_start_at_once_on_s3_one_is_left() {
    start_two_at_once(Target::s3().await).await;
}

#[tokio::test]
async fn of_two_that_start_at_once_in_a_folder_one_is_left() {
    start_two_at_once(Target::local()).await;
}

async fn start_two_at_once(target: Target) {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 3, target).await;
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
