//! Every content format, from a stream to what others read in the committed files.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use shardmill_tests::events::Events;
use shardmill_tests::schema_registry::TestRegistry;
use shardmill_tests::servers::{Ferrokinesis, KinesisLocal};
use shardmill_tests::{cli, readers};

use crate::scene::{SHARDMILL, Scene, run_to, text};

/// What other libraries wrote: one content of each format, under every compression.
const CASES: &str = include_str!("../../../engine/fixtures/formats/cases.json");

/// Compressions that are told by their first bytes, whatever is inside.
const COMPRESSIONS: [&str; 6] = ["none", "gzip", "zstd", "lz4", "xz", "zip"];

#[derive(Deserialize)]
struct Case {
    options: Value,
    /// What a registry has, by the ids in the messages.
    #[serde(default)]
    schemas: BTreeMap<String, String>,
    /// Canonical JSON text.
    rows: Vec<String>,
    /// By the words of compressions, in base64.
    payloads: BTreeMap<String, String>,
}

impl Case {
    fn payloads(&self) -> impl Iterator<Item = Bytes> {
        COMPRESSIONS.into_iter().map(|compression| {
            let payload = STANDARD.decode(&self.payloads[compression]);
            payload.expect("fixtures are base64").into()
        })
    }

    /// What `content` says for a format that has to be named. Its schemas are in the registry.
    fn named(&self, registry: &TestRegistry) -> Option<String> {
        let options = &self.options;
        let quoted = |value: &Value| format!("'''{}'''", value.as_str().expect("a text"));
        match options["format"].as_str().expect("a word") {
            "fixed_width" => {
                let columns = options["fixed_width"]["columns"]
                    .as_array()
                    .expect("a list");
                let lines = columns.iter().map(|column| {
                    let (name, width) = (&column["name"], &column["width"]);
                    format!("[[content.fixed_width.columns]]\nname = {name}\nwidth = {width}\n")
                });
                Some(lines.collect())
            }
            "regex" => {
                let pattern = quoted(&options["regex"]["pattern"]);
                let rest = "infer_types = false\n";
                Some(format!("[content.regex]\npattern = {pattern}\n{rest}"))
            }
            "avro_record" => {
                let schema = quoted(&options["avro_schema"]);
                Some(format!("[content.avro_record]\nschema = {schema}\n"))
            }
            "protobuf" => {
                let keys = options["protobuf"].as_object().expect("options");
                let lines = keys.iter().map(|(key, value)| format!("{key} = {value}\n"));
                let lines: String = lines.collect();
                Some(format!("[content.protobuf]\n{lines}"))
            }
            "avro_confluent" => {
                for (id, schema) in &self.schemas {
                    registry.has_schema(id.parse().expect("a number"), schema);
                }
                let url = registry.url();
                Some(format!("[content.avro_confluent]\nurl = \"{url}\"\n"))
            }
            "avro_glue" => {
                for (id, schema) in &self.schemas {
                    registry.has_version(id, "AVRO", schema);
                }
                let connection = "[content.avro_glue]\nconnection = \"glue\"\n[connection.glue]\n";
                let url = registry.url();
                Some(format!("{connection}endpoint_url = \"{url}\"\n"))
            }
            "raw" => Some(String::new()),
            _ => None,
        }
    }
}

fn cases() -> BTreeMap<String, Case> {
    serde_json::from_str(CASES).expect("the fixtures are JSON")
}

/// A stream of each format, with its content under several compressions.
async fn streams(kinesis: &str) -> Vec<(String, Case, Scene)> {
    let mut streams = Vec::new();
    for (format, case) in cases() {
        let scene = Scene::on(kinesis, &format.replace('_', "-"), 2).await;
        scene.put(case.payloads()).await;
        streams.push((format, case, scene));
    }
    streams
}

fn previews_as(format: &str, case: &Case, scene: &Scene, registry: &TestRegistry) {
    let seen = match case.named(registry) {
        None => scene.preview(&[]),
        Some(more) => {
            let config = scene.config_of(format, &more);
            let mut said = cli::report(SHARDMILL, &["preview", text(&config), "--json"]);
            said.pop().expect("it prints a report")
        }
    };
    assert_eq!(seen["format"], format, "{seen}");
    let payloads = COMPRESSIONS.len();
    let expected = [
        ("sample_size", payloads),
        ("parsed_successfully", payloads),
        ("number_of_errors", 0),
        ("events", payloads * case.rows.len()),
    ];
    for (key, value) in expected {
        assert_eq!(seen[key], value, "{format}: {key}: {seen}");
    }
    let compressions = seen["compressions"].as_array().expect("a list");
    let found: BTreeMap<&str, &Value> = compressions
        .iter()
        .map(|seen| (seen["name"].as_str().expect("a word"), &seen["count"]))
        .collect();
    let one = json!(1);
    let expected: BTreeMap<&str, &Value> = COMPRESSIONS.map(|name| (name, &one)).into();
    assert_eq!(found, expected, "{format}");
}

// The registry is in this process, and the command line is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_format_is_previewed_committed_and_read_by_others() {
    let server = Ferrokinesis::start().await;
    let registry = TestRegistry::start().await;
    for (format, case, scene) in streams(&server.url()).await {
        previews_as(&format, &case, &scene, &registry);
        let config = match case.named(&registry) {
            None => scene.config(),
            Some(more) => scene.config_of(&format, &more),
        };
        let count = COMPRESSIONS.len() * case.rows.len();
        let committed = run_to(&config, count as u64).await;
        assert_eq!(
            (committed.rows, committed.rejects),
            (count as u64, 0),
            "{format}"
        );
        let mut expected = vec![case.rows; COMPRESSIONS.len()].concat();
        expected.sort_unstable();
        let mut found = readers::read_rows(&scene.folder.path().join("clicks/data"));
        found.sort_unstable();
        assert_eq!(found, expected, "{format}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_format_is_previewed_on_kinesis_local() {
    let server = KinesisLocal::start().await;
    let registry = TestRegistry::start().await;
    for (format, case, scene) in streams(&server.url()).await {
        previews_as(&format, &case, &scene, &registry);
    }
}

#[tokio::test]
async fn kinesis_local_has_mixed_streams_and_empty_ones() {
    let server = KinesisLocal::start().await;
    let scene = Scene::on(&server.url(), "empty", 2).await;
    let arguments = scene.arguments(&[]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let no_data = (1, "content.no_data".to_owned());
    assert_eq!(crate::scene::failure(&arguments), no_data);

    let scene = Scene::on(&server.url(), "mixed", 3).await;
    let cases = cases();
    let formats = ["json", "avro", "xml", "orc", "parquet"];
    for format in formats {
        scene.put(cases[format].payloads()).await;
    }
    let seen = scene.preview(&[]);
    let mut found: Vec<&Value> = seen["formats"].as_array().unwrap().iter().collect();
    found.sort_by_key(|seen| seen["name"].as_str());
    let expected = ["avro", "json", "orc", "parquet", "xml"]
        .map(|name| json!({ "name": name, "count": COMPRESSIONS.len() }));
    assert_eq!(found, expected.iter().collect::<Vec<_>>());
    assert_eq!(seen["number_of_errors"], 0);
}

#[tokio::test]
async fn a_record_of_ten_mebibytes_is_previewed() {
    // ferrokinesis takes none above 1 MiB, and kinesis-local fails over it where more follows within
    // the limit of records that a running source asks for. `backpressure.rs` commits such records.
    let server = KinesisLocal::start().await;
    let scene = Scene::on(&server.url(), "large", 2).await;
    let mut made = Events::new(11);
    scene.put_large(&made.large((10 << 20) - 100)).await;
    scene.put_records(made.plain(20)).await;
    let seen = scene.preview(&[]);
    assert_eq!(seen["format"], "json", "{}", seen["reason"]);
    let sampled = seen["sample_size"].as_u64().expect("a number");
    // The large one fills a sample.
    assert!((1..21).contains(&sampled), "{sampled}");
    assert_eq!(seen["parsed_successfully"], sampled);
    assert!(seen.to_string().len() < 50_000, "values are cut");
}
