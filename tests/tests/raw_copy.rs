//! The raw copy: payloads exactly as they were received, in files that common tools read.

use std::collections::BTreeMap;
use std::process::Command;

use bytes::Bytes;
use shardmill_tests::cli;
use shardmill_tests::events::{Events, Holds, Record};
use shardmill_tests::ledger::{PayloadId, Sequence};
use shardmill_tests::node::Node;
use shardmill_tests::process;
use shardmill_tests::scene::Scene;
use shardmill_tests::servers::Ferrokinesis;
use shardmill_tests::target::Target;
use shardmill_tests::{readers, tools};

const NODE: &str = env!("CARGO_BIN_EXE_node");
const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

/// Keys and bytes, in no order.
type Contents = Vec<(String, Vec<u8>)>;

fn contents(records: &[Record]) -> Contents {
    let contents = records.iter();
    contents
        .map(|record| (record.key.clone(), record.data.to_vec()))
        .collect()
}

/// Bytes that are no text, which no JSON is.
fn binary(number: u8) -> Record {
    Record {
        key: format!("ключ-{number}"),
        data: Bytes::from(vec![0xff, 0, number, b'"']),
        payloads: vec![Holds {
            events: Vec::new(),
            rejects: 1,
        }],
    }
}

async fn round_trip(target: Target) {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 2, target).await;
    scene.source.raw_copy = true;
    let mut put = Contents::new();
    scene
        .put(|events| {
            let mut records = events.mixed(700);
            records.extend((20..40).map(binary));
            records.extend((0..30).map(|_| events.empty()));
            put.extend(contents(&records));
            records
        })
        .await;
    scene
        .put(|events| {
            events.aggregates(&[1, 9, 70], |events, count| {
                let records = Events::mixed(events, count);
                put.extend(contents(&records));
                records
            })
        })
        .await;
    let mut node = Node::start(NODE, &scene.options());
    let lake = scene.finish(&mut node).await;
    assert_eq!(lake.raw.len(), scene.ledger.len());
    cli::verify(SHARDMILL, &scene.config());

    let (_copy, source) = scene.target.source(&scene.source.name).await;
    let mut script = tools::script("read_raw.py");
    script.arg(source.join("raw"));
    let output = process::run("read_raw.py", script, b"");
    let lines = cli::json_lines(&String::from_utf8_lossy(&output));
    let mut seen: BTreeMap<PayloadId, i64> = BTreeMap::new();
    let mut came_back = Contents::new();
    for line in &lines {
        let text = |name: &str| line[name].as_str().expect("a text").to_owned();
        let sequence = Sequence::new(&text("_sequence"));
        let subsequence = line["_subsequence"].as_u64().expect("a number");
        let arrival = line["_arrival"].as_i64().expect("a number");
        seen.insert((text("_shard"), sequence, subsequence), arrival);
        came_back.push((text("_partition_key"), unhex(&text("bytes"))));
    }
    assert!(seen.keys().eq(scene.ledger.payloads().keys()));
    put.sort();
    came_back.sort();
    assert!(put == came_back, "byte for byte, with the same keys");
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex digits");
    (0..text.len()).step_by(2).map(digit).collect()
}

#[tokio::test]
async fn what_was_put_is_read_back_byte_for_byte_by_python() {
    round_trip(Target::local()).await;
}

#[tokio::test]
async fn the_raw_copy_on_s3_is_read_back_byte_for_byte_too() {
    round_trip(Target::s3().await).await;
}

#[tokio::test]
async fn the_option_may_change_between_two_runs() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 2, Target::local()).await;
    let mut payloads = Vec::new();
    for raw_copy in [false, true, false, true] {
        scene.source.raw_copy = raw_copy;
        scene.put(|events| events.mixed(150)).await;
        let mut node = Node::start(NODE, &scene.options());
        let lake = scene.finish(&mut node).await;
        payloads.push(lake.raw.len());
    }
    assert_eq!(payloads, [0, 150, 150, 300]);
    cli::verify(SHARDMILL, &scene.config());
    let config = scene.config();
    let config = config.to_str().expect("paths of tests are UTF-8");
    let report = cli::report(SHARDMILL, &["inspect", config, "--all", "--json"]);
    assert_eq!(report[0]["shown"]["raw_payloads"], 300, "{}", report[0]);
}

/// As FORMAT.md says: `lz4 -dc` and DuckDB, with nothing of ours.
#[tokio::test]
async fn duckdb_reads_the_lines_once_they_are_unpacked() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 1, Target::local()).await;
    scene.source.raw_copy = true;
    scene.put(|events| events.plain(120)).await;
    let mut node = Node::start(NODE, &scene.options());
    scene.finish(&mut node).await;
    let (_copy, source) = scene.target.source(&scene.source.name).await;
    let unpacked = source.join("unpacked.jsonl");
    let script = "import lz4.frame, pathlib, sys\n\
                  out = open(sys.argv[2], 'wb')\n\
                  for path in pathlib.Path(sys.argv[1]).rglob('*.lz4'):\n    \
                  out.write(lz4.frame.open(path).read())\n";
    let mut python = Command::new(tools::python());
    python
        .args(["-c", script])
        .arg(source.join("raw"))
        .arg(&unpacked);
    process::run("python", python, b"");
    let rows = readers::duckdb(&format!(
        "SELECT count(*) AS n, count(DISTINCT _sequence) AS sequences, \
         sum((data::JSON->>'id')::INT)::BIGINT AS ids FROM read_json('{}')",
        unpacked.display()
    ));
    assert_eq!(rows[0]["n"], 120);
    assert_eq!(rows[0]["sequences"], 120);
    assert_eq!(rows[0]["ids"], (0..120).sum::<i64>());
}
