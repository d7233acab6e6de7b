//! Outputs of a running source, end to end.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use shardmill_tests::faults::Chance;
use shardmill_tests::faulty_s3::FaultyS3;
use shardmill_tests::node::Node;
use shardmill_tests::scene::Scene;
use shardmill_tests::servers::{Ferrokinesis, Moto};
use shardmill_tests::target::{BUCKET, Target};
use shardmill_tests::{cli, paths, process, readers, s3, tools, wait};

const NODE: &str = env!("CARGO_BIN_EXE_node");
const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

/// Re-reads source and outputs with the product's own command; what it says of each output.
fn verify(config: &Path) -> BTreeMap<String, Value> {
    let config = config.to_str().expect("paths of tests are UTF-8");
    let said = cli::report(SHARDMILL, &["verify", config, "--outputs", "--json"]);
    let outputs = said
        .into_iter()
        .filter(|said| said["event"] == "verify_output");
    outputs
        .map(|said| (said["output"].as_str().unwrap().to_owned(), said))
        .collect()
}

fn table(name: &str, url: &str, more: &str) -> String {
    format!("[[output]]\nname = \"{name}\"\nurl = \"{url}\"\nfrom = \"start\"\n{more}\n")
}

/// The rows of Avro files as fastavro reads them: JSON, a row an object.
fn read_avro(folder: &Path) -> Vec<Value> {
    let mut script = tools::script("read_avro.py");
    script.arg(folder);
    let output = process::run("read_avro.py", script, b"");
    serde_json::from_slice(&output).expect("the script prints JSON")
}

/// Waits until a node's progress is as wanted.
async fn told(node: &mut Node, wanted: impl Fn(&Value) -> bool) -> Value {
    wait::until("the progress", Duration::from_secs(60), async || {
        let output = node.process().output();
        let lines = output
            .lines()
            .filter_map(|line| line.strip_prefix("progress "));
        let mut said = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let last_words = || node.process().last_words();
        said.find(&wanted).ok_or_else(last_words)
    })
    .await
}

fn sorted(mut rows: Vec<Value>) -> Vec<Value> {
    rows.sort_by_key(|row| row["id"].as_i64());
    rows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_format_is_read_by_others_and_holds_the_rows_of_the_filter() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 2, Target::local()).await;
    let place = paths::new_folder();
    let url = place.path().display().to_string();
    let definition = "columns = [\"id\", \"user.name\", \"price * 2 AS twice\", \"upper(kind) AS kind\"]\n\
                      filter = \"user.age >= 50\"\n";
    scene.source.more = ["parquet", "json", "csv", "avro"]
        .map(|format| {
            table(
                format,
                &url,
                &format!("format = \"{format}\"\n{definition}"),
            )
        })
        .concat();
    scene.source.memory_mib = 512;
    scene.put(|events| events.mixed(300)).await;
    let mut node = Node::start(NODE, &scene.options());
    scene.put(|events| events.mixed(200)).await;
    scene.finish(&mut node).await;

    let said = verify(&scene.config());
    let (_copy, source) = scene.target.source(&scene.source.name).await;
    let source = source.display();
    let expected = sorted(readers::duckdb(&format!(
        "SELECT id, \"user\".name AS name, price * 2 AS twice, upper(kind) AS kind \
         FROM read_parquet('{source}/data/**/*.parquet', union_by_name = true) \
         WHERE \"user\".age >= 50"
    )));
    assert!(expected.len() > 50, "{} rows", expected.len());
    for format in ["parquet", "json", "csv", "avro"] {
        let folder = place.path().join(format);
        let files = folder.join("data/**/*").display().to_string();
        let rows = match format {
            "parquet" => readers::duckdb(&format!("SELECT * FROM read_parquet('{files}')")),
            "json" => readers::duckdb(&format!(
                "SELECT * FROM read_json('{files}', columns = {{id: 'BIGINT', name: 'VARCHAR', \
                 twice: 'DOUBLE', kind: 'VARCHAR'}})"
            )),
            "csv" => readers::duckdb(&format!(
                "SELECT * FROM read_csv('{files}', header = true, delim = ',', quote = '\"', \
                 columns = {{id: 'BIGINT', name: 'VARCHAR', twice: 'DOUBLE', kind: 'VARCHAR'}})"
            )),
            _ => read_avro(&folder.join("data")),
        };
        let rows = sorted(rows);
        let columns = ["id", "name", "twice", "kind"];
        let plain = |row: &Value| columns.map(|column| row[column].clone());
        let found: Vec<_> = rows.iter().map(plain).collect();
        let wanted: Vec<_> = expected.iter().map(plain).collect();
        assert_eq!(found, wanted, "{format}");
        assert_eq!(said[format]["rows"], expected.len(), "{format}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outputs_are_exact_after_kills_and_lanes_and_a_target_that_fails_half_of_the_time() {
    let server = Ferrokinesis::start().await;
    let moto = Moto::start().await;
    moto.bucket(BUCKET).await;
    let faulty = FaultyS3::start(moto.address(), Chance::new(11, 0.5)).await;
    let mut scene = Scene::new(&server.url(), 4, Target::local()).await;
    let place = paths::new_folder();
    let fine = table(
        "fine",
        &place.path().display().to_string(),
        "format = \"json\"",
    );
    let with_connection = "connection = \"half\"\nformat = \"csv\"\ncolumns = [\"id\"]";
    let half = table("half", &format!("s3://{BUCKET}/out"), with_connection);
    let connection = |url: &str| {
        format!("[connection.half]\nendpoint_url = \"{url}\"\nregion = \"us-east-1\"\n")
    };
    scene.source.shards = 4;
    scene.source.memory_mib = 512;
    scene.source.more = format!("{fine}{half}{}", connection(&faulty.url()));
    for (lanes, life) in [(1, 2_000), (3, 3_500), (2, 1_500), (2, 4_000), (1, 2_500)] {
        scene.source.lanes = lanes;
        scene.put(|events| events.mixed(60)).await;
        let mut node = Node::start(NODE, &scene.options());
        node.process().line("progress ").await;
        scene.put(|events| events.mixed(60)).await;
        tokio::time::sleep(Duration::from_millis(life)).await;
        node.kill().await;
    }
    scene.source.lanes = 3;
    let mut options = scene.options();
    let mut node = Node::start(NODE, &options);
    scene.all_committed(&mut node).await;
    scene.stop(&mut node).await;
    // What the failing target could not take within the stop comes with the next start.
    scene.source.more = format!("{fine}{half}{}", connection(&moto.url()));
    options = scene.options();
    let mut node = Node::start(NODE, &options);
    let lake = scene.finish(&mut node).await;
    let said = verify(&scene.config());
    let rows = lake.rows.len();
    for output in ["fine", "half"] {
        assert_eq!(said[output]["rows"], rows, "{output}");
        assert_eq!(said[output]["unnamed_files"], 0, "{output}");
    }
    // A reader of its folder sees each row once.
    let files = place.path().join("fine/data/**/*.json.gz");
    let files = files.display();
    let counted = readers::duckdb(&format!(
        "SELECT count(*) AS rows, count(DISTINCT (_shard, _sequence, _subsequence, _index)) AS ids \
         FROM read_json('{files}', columns = {{_shard: 'VARCHAR', _sequence: 'VARCHAR', \
         _subsequence: 'BIGINT', _index: 'BIGINT'}})"
    ));
    assert_eq!(counted[0]["rows"], rows);
    assert_eq!(counted[0]["ids"], rows);
    let copy = paths::new_folder();
    s3::copy(&s3::client(&moto.url()), BUCKET, "out/half", copy.path()).await;
    assert!(copy.path().join("_output.json").is_file());

    let config = scene.config();
    let said = cli::report(SHARDMILL, &["inspect", config.to_str().unwrap(), "--json"]);
    let outputs = said[0]["outputs"].as_array().unwrap();
    let names: Vec<_> = outputs.iter().map(|output| &output["output"]).collect();
    assert_eq!(names, ["fine", "half"]);
    assert!(
        outputs.iter().all(|output| output["lag_ms"] == 0),
        "{outputs:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_output_that_fails_says_so_and_its_source_goes_on() {
    let server = Ferrokinesis::start().await;
    let mut scene = Scene::new(&server.url(), 1, Target::local()).await;
    let place = paths::new_folder();
    let url = place.path().display().to_string();
    // The rows have objects there, which is found out when they come.
    scene.source.more = table("bad", &url, "filter = \"abs(user) > 1\"") + &table("good", &url, "");
    scene.source.memory_mib = 512;
    scene.put(|events| events.mixed(50)).await;
    let mut node = Node::start(NODE, &scene.options());
    scene.all_committed(&mut node).await;
    let progress = told(&mut node, |said| {
        said["outputs"]["bad"]["state"] == "failed"
    })
    .await;
    assert_eq!(progress["outputs"]["bad"]["code"], "output.expression");
    scene.put(|events| events.mixed(50)).await;
    let lake = scene.finish(&mut node).await;
    // Repaired, it has everything.
    scene.source.more = table("bad", &url, "") + &table("good", &url, "");
    let mut node = Node::start(NODE, &scene.options());
    told(&mut node, |said| {
        said["outputs"]["bad"]["rows"].as_u64() > Some(0)
    })
    .await;
    scene.finish(&mut node).await;
    let said = verify(&scene.config());
    assert_eq!(said["good"]["rows"], lake.rows.len());
    assert_eq!(said["bad"]["rows"], lake.rows.len());
}
