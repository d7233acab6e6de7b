//! `shardmill expire` and `shardmill delete` beside a process that runs the source.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use shardmill_tests::cli;
use shardmill_tests::node::Node;
use shardmill_tests::process::Process;
use shardmill_tests::scene::Scene;
use shardmill_tests::servers::Ferrokinesis;
use shardmill_tests::target::{Target, files_there};

const NODE: &str = env!("CARGO_BIN_EXE_node");
const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

const PATIENCE: Duration = Duration::from_secs(90);

fn command(config: &Path, command: &str, more: &[&str]) -> (i32, Value) {
    let config = config.to_str().expect("paths of tests are UTF-8");
    let arguments = [&[command, config, "--json"], more].concat();
    let (exit, said) = cli::outcome(SHARDMILL, &arguments);
    (exit, said.last().cloned().unwrap_or_default())
}

fn done(config: &Path, name: &str, more: &[&str]) -> Value {
    let (exit, said) = command(config, name, more);
    assert_eq!(exit, 0, "{name} {more:?}: {said}");
    said
}

/// Waits until a process finds that another one has the source.
async fn fenced(process: &mut Process) {
    let status = process.end(PATIENCE).await;
    assert_eq!(status.code(), Some(3), "{}", process.last_words());
}

fn number(report: &Value, key: &str) -> u64 {
    report[key]
        .as_u64()
        .unwrap_or_else(|| panic!("{key}: {report}"))
}

async fn there(scene: &Scene) -> Vec<String> {
    let (_copy, source) = scene.target.source(&scene.source.name).await;
    files_there(&source)
}

async fn expired_and_deleted_beside_a_process(target: Target) {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 2, target).await;
    scene.source.shards = 2;
    scene.put(|events| events.mixed(150)).await;
    let config = scene.config();
    let mut node = Node::start(NODE, &scene.options());
    scene.all_committed(&mut node).await;

    // A look changes nothing, and nobody notices it.
    let would = done(&config, "expire", &["--older-than", "0s", "--dry-run"]);
    assert!(
        number(&would, "windows") > 0 && number(&would, "bytes") > 0,
        "{would}"
    );
    let before = there(&scene).await;
    let files = before.iter().filter(|name| !name.starts_with('_')).count() as u64;
    assert_eq!(number(&would, "files"), files);
    // Nothing goes without a yes, nor without an age.
    let (exit, said) = command(&config, "expire", &["--older-than", "0s"]);
    assert_eq!((exit, &said["code"]), (1, &"cli.not_confirmed".into()));
    let (exit, said) = command(&config, "expire", &["--yes"]);
    assert_eq!((exit, &said["code"]), (2, &"lifecycle.no_age".into()));
    assert_eq!(there(&scene).await, before);
    assert_eq!(node.process().ended(), None);

    let gone = done(&config, "expire", &["--older-than", "0s", "--yes"]);
    assert_eq!(number(&gone["deleted"], "files"), files, "{gone}");
    fenced(node.process()).await;
    assert!(there(&scene).await.is_empty());
    cli::verify(SHARDMILL, &config);

    // The source goes on, and what is new counts.
    let put_before = scene.ledger.len();
    scene.put(|events| events.mixed(100)).await;
    let mut node = Node::start(NODE, &scene.options());
    let newer = (scene.ledger.len() - put_before) as u64;
    shardmill_tests::wait::until("the rest is committed", PATIENCE, async || {
        let progress = node.progress().unwrap_or_default();
        match progress["committed"]["payloads"].as_u64() {
            Some(committed) if committed == newer => Ok(()),
            committed => Err(format!("{committed:?} of {newer}")),
        }
    })
    .await;

    // Its end.
    let (exit, said) = command(&config, "delete", &[]);
    assert_eq!((exit, &said["code"]), (1, &"cli.not_confirmed".into()));
    let left = done(&config, "delete", &["--yes"]);
    assert_eq!(left["remains"], "fences", "{left}");
    fenced(node.process()).await;
    let kept = there(&scene).await;
    assert!(!kept.is_empty() && kept.iter().all(|name| !name.starts_with('_')));
    for look in ["inspect", "verify"] {
        let (_, said) = command(&config, look, &[]);
        assert_eq!(said["code"], "log.deleted", "{said}");
    }
    let mut late = Node::start(NODE, &scene.options());
    let status = late.process().end(PATIENCE).await;
    assert_eq!(status.code(), Some(1), "{}", late.process().last_words());
    assert_eq!(late.ended().expect("it says why")["code"], "log.deleted");
    let left = done(&config, "delete", &["--yes", "--now"]);
    assert_eq!(left["remains"], "data", "{left}");
    assert_eq!(there(&scene).await, kept);
    let left = done(&config, "delete", &["--yes", "--data"]);
    assert_eq!(left["remains"], "nothing", "{left}");
    assert!(there(&scene).await.is_empty());
    let (exit, said) = command(&config, "delete", &["--yes"]);
    assert_eq!((exit, &said["code"]), (1, &"lifecycle.no_source".into()));

    // The name is free: a new source begins where its configuration says.
    let mut node = Node::start(NODE, &scene.options());
    scene.finish(&mut node).await;
}

#[tokio::test]
async fn a_source_in_a_folder_is_expired_and_deleted_beside_a_process() {
    expired_and_deleted_beside_a_process(Target::local()).await;
}

#[tokio::test]
async fn a_source_on_s3_is_expired_and_deleted_beside_a_process() {
    expired_and_deleted_beside_a_process(Target::s3().await).await;
}
