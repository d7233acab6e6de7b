//! A raw copy as a source: the same rows, with the identity that they had.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use shardmill_tests::cli;
use shardmill_tests::events::{Events, Record};
use shardmill_tests::lake::Lake;
use shardmill_tests::node::Node;
use shardmill_tests::paths;
use shardmill_tests::process::Signal;
use shardmill_tests::readers;
use shardmill_tests::scene::Scene;
use shardmill_tests::servers::Ferrokinesis;
use shardmill_tests::target::{BUCKET, Target};

const NODE: &str = env!("CARGO_BIN_EXE_node");
const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

/// A scene with a raw copy of whatever `put` puts.
async fn copied(server: &Ferrokinesis, target: Target) -> Scene {
    let mut scene = Scene::new(&server.url(), 2, target).await;
    scene.source.raw_copy = true;
    scene.put(|events| events.mixed(600)).await;
    scene
        .put(|events| events.aggregates(&[1, 1, 9, 70], Events::mixed))
        .await;
    scene
        .put(|events| (0..20).map(|_| events.empty()).collect())
        .await;
    scene
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}

/// Replays to the end; gives the totals.
fn replay(scene: &Scene, more: &[&str]) -> Value {
    let config = scene.config();
    let mut arguments = vec!["replay", text(&config), "--raw", "--json"];
    arguments.extend(more);
    let said = cli::report(SHARDMILL, &arguments);
    let last = said.last().expect("totals").clone();
    assert_eq!(last["state"], "finished", "{last}");
    assert_eq!(last["files"]["read"], last["files"]["total"], "{last}");
    last
}

/// What a replay has made of a scene: everything that was put, once.
fn holds_exactly(scene: &Scene, place: &Path) -> Lake {
    let lake = Lake::read(place).unwrap_or_else(|finding| panic!("{finding}"));
    lake.holds_exactly(&scene.ledger)
        .unwrap_or_else(|finding| panic!("{finding}"));
    lake
}

#[tokio::test]
async fn a_raw_copy_replays_to_the_same_events_with_their_identity() {
    let server = Ferrokinesis::start().await;
    let scene = copied(&server, Target::local()).await;
    let mut node = Node::start(NODE, &scene.options());
    scene.finish(&mut node).await;
    let to = paths::new_folder();
    replay(&scene, &["--to", text(to.path())]);
    let place = to.path().join("clicks");
    let first = holds_exactly(&scene, &place);
    // Once more: nothing is left to do.
    replay(&scene, &["--to", text(to.path())]);
    assert_eq!(holds_exactly(&scene, &place).rows.len(), first.rows.len());
}

#[tokio::test]
async fn a_raw_copy_on_s3_replays_beside_itself() {
    let server = Ferrokinesis::start().await;
    let scene = copied(&server, Target::s3().await).await;
    let mut node = Node::start(NODE, &scene.options());
    scene.finish(&mut node).await;
    replay(&scene, &["--name", "again"]);
    let (_copy, place) = scene.target.source("again").await;
    holds_exactly(&scene, &place);
    let from = format!("s3://{BUCKET}/events/again");
    let config = scene.config();
    let arguments = ["replay", text(&config), "--raw", "--from", &from, "--json"];
    let (exit, said) = cli::outcome(SHARDMILL, &[&arguments[..], &["--name", "again"]].concat());
    assert_eq!((exit, &said[0]["code"]), (2, &json!("replay.same_place")));
}

/// All columns, those of identity included, as DuckDB reads them.
fn rows(place: &Path) -> Vec<Value> {
    let files = format!(
        "read_parquet('{}/data/**/*.parquet', union_by_name = true, hive_partitioning = false)",
        place.display()
    );
    let columns = readers::duckdb(&format!("DESCRIBE SELECT * FROM {files}"));
    let mut names: Vec<String> = columns
        .iter()
        .map(|column| format!("\"{}\"", column["column_name"].as_str().expect("a name")))
        .collect();
    names.sort();
    let list = names.join(", ");
    readers::duckdb(&format!(
        "SELECT to_json({{ 'row': ({list}) }})::VARCHAR AS text FROM {files} ORDER BY text"
    ))
}

#[tokio::test]
async fn every_column_is_the_same_across_a_reshard_and_with_other_lanes() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 2, Target::local()).await;
    (
        scene.source.raw_copy,
        scene.source.shards,
        scene.source.lanes,
    ) = (true, 2, 1);
    let fields = json!({ "kind": "click", "user": { "age": 7, "tags": ["a", "b"] }, "price": 1.5 });
    let make = |events: &mut Events, count: usize| -> Vec<Record> {
        (0..count).map(|_| events.with(fields.clone())).collect()
    };
    scene.put(|events| make(events, 300)).await;
    let mut node = Node::start(NODE, &scene.options());
    let open = scene.stream.open_shards().await;
    scene.stream.split(&open[0]).await;
    scene.put(|events| make(events, 300)).await;
    scene.put(|events| events.aggregates(&[3, 40], make)).await;
    scene.finish(&mut node).await;
    let to = paths::new_folder();
    scene.source.shards = 3;
    scene.source.lanes = 2;
    replay(&scene, &["--to", text(to.path())]);
    let (_copy, original) = scene.target.source("clicks").await;
    let (before, after) = (rows(&original), rows(&to.path().join("clicks")));
    assert_eq!(before.len(), 643);
    assert!(before == after, "{:?}\n{:?}", before[0], after[0]);
    // The replay is a source like any other.
    let mut source = scene.source.clone();
    source.target = text(to.path()).to_owned();
    let folder = paths::new_folder();
    cli::verify(SHARDMILL, &source.write(folder.path()));
}

#[tokio::test]
async fn a_replay_that_is_killed_goes_on_exactly() {
    let server = Ferrokinesis::start().await;
    let mut scene = copied(&server, Target::local()).await;
    scene.put(|events| events.mixed(4_000)).await;
    let mut node = Node::start(NODE, &scene.options());
    scene.finish(&mut node).await;
    let (to, config) = (paths::new_folder(), scene.config());
    let arguments = [
        "replay",
        text(&config),
        "--raw",
        "--json",
        "--to",
        text(to.path()),
    ];
    let mut killed = 0;
    for millis in (20..).step_by(60).take(12) {
        let mut process = cli::start(SHARDMILL, &arguments);
        tokio::time::sleep(Duration::from_millis(millis)).await;
        killed += usize::from(process.ended().is_none());
        process.signal(Signal::Kill);
    }
    assert!(killed > 2, "{killed} kills");
    replay(&scene, &["--to", text(to.path())]);
    holds_exactly(&scene, &to.path().join("clicks"));
}

#[tokio::test]
async fn what_is_committed_later_is_replayed_later() {
    let server = Ferrokinesis::start().await;
    let mut scene = copied(&server, Target::local()).await;
    let to = paths::new_folder();
    for _ in 0..3 {
        let mut node = Node::start(NODE, &scene.options());
        scene.finish(&mut node).await;
        replay(&scene, &["--to", text(to.path())]);
        holds_exactly(&scene, &to.path().join("clicks"));
        scene.put(|events| events.mixed(100)).await;
    }
}

#[tokio::test]
async fn other_options_make_other_rows() {
    let server = Ferrokinesis::start().await;
    let mut scene = copied(&server, Target::local()).await;
    let mut node = Node::start(NODE, &scene.options());
    scene.finish(&mut node).await;
    let to = paths::new_folder();
    scene.source.format = "raw".into();
    replay(&scene, &["--to", text(to.path())]);
    let place = to.path().join("clicks");
    let lake = Lake::read(&place).unwrap();
    // Raw bytes: a row for each payload that has any.
    let counts = lake.counts.values();
    let (payloads, rows, empty) = counts.fold((0, 0, 0), |sum, counts| {
        (
            sum.0 + counts.payloads,
            sum.1 + counts.rows,
            sum.2 + counts.empty,
        )
    });
    assert_eq!(payloads, scene.ledger.len() as u64);
    assert_eq!((rows + empty, lake.rejects.len()), (payloads, 0));
}

#[tokio::test]
async fn a_gap_in_the_raw_copy_is_named() {
    let server = Ferrokinesis::start().await;
    let mut scene = copied(&server, Target::local()).await;
    scene.source.raw_copy = false;
    let mut node = Node::start(NODE, &scene.options());
    scene.finish(&mut node).await;
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let later = std::time::SystemTime::now();
    scene.source.raw_copy = true;
    let before = scene.ledger.len();
    scene.put(|events| events.mixed(50)).await;
    let mut node = Node::start(NODE, &scene.options());
    scene.finish(&mut node).await;
    let (to, config) = (paths::new_folder(), scene.config());
    let arguments = [
        "replay",
        text(&config),
        "--raw",
        "--json",
        "--to",
        text(to.path()),
    ];
    let (exit, said) = cli::outcome(SHARDMILL, &arguments);
    let error = said.last().expect("an error");
    assert_eq!((exit, &error["code"]), (1, &json!("files.gap")), "{error}");
    let message = error["message"].as_str().expect("a message");
    assert!(
        message.contains("_commits/") && message.contains("store_raw_data"),
        "{message}"
    );

    // What is left can be replayed by a source of its own that begins later.
    let since = later.duration_since(std::time::UNIX_EPOCH).expect("a time");
    let since = i64::try_from(since.as_millis()).expect("a time") - 1_000;
    let since = jiff_time(since);
    let (_copy, original) = scene.target.source("clicks").await;
    let config = files_source(
        to.path(),
        &format!(
            "raw_copy = \"{}\"\nread_from = \"{since}\"",
            original.display()
        ),
    );
    let said = cli::report(SHARDMILL, &["run", text(&config), "--json"]);
    let totals = said.last().expect("totals");
    assert_eq!(totals["state"], "finished");
    let payloads = scene.ledger.len() - before;
    assert_eq!(totals["committed"]["payloads"], payloads, "{totals}");
}

fn jiff_time(millis: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(millis).expect("a time");
    time.to_string()
}

/// A `source.toml` that reads files into `folder/out`.
fn files_source(folder: &Path, files: &str) -> PathBuf {
    let path = folder.join("files.toml");
    let text = format!(
        "name = \"files\"\n[files]\n{files}\n[content]\nformat = \"json\"\n[target]\nurl = \"out\"\n"
    );
    std::fs::write(&path, text).expect("a file can be written");
    path
}

#[tokio::test]
async fn a_damaged_raw_file_is_an_error_that_names_it() {
    let server = Ferrokinesis::start().await;
    let scene = copied(&server, Target::local()).await;
    let mut node = Node::start(NODE, &scene.options());
    let lake = scene.finish(&mut node).await;
    let (_copy, source) = scene.target.source("clicks").await;
    let file = lake.files.iter().find(|name| name.starts_with("raw/"));
    let file = file.expect("a raw file");
    let path = source.join(file);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&path, bytes).unwrap();
    let (to, config) = (paths::new_folder(), scene.config());
    let arguments = [
        "replay",
        text(&config),
        "--raw",
        "--json",
        "--to",
        text(to.path()),
    ];
    let (exit, said) = cli::outcome(SHARDMILL, &arguments);
    let error = said.last().expect("an error");
    assert_eq!(
        (exit, &error["code"]),
        (1, &json!("files.damaged")),
        "{error}"
    );
    assert!(error["message"].as_str().unwrap().contains(file), "{error}");
}
