//! Previews of streams, and sources whose format is found out: ferrokinesis, the command line and
//! the API.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use shardmill::config::{ContentFormat, DataSource};
use shardmill::preview::{PreviewOptions, preview_of};
use shardmill_tests::cli;
use shardmill_tests::events::{Events, Holds, Record};
use shardmill_tests::kinesis::TestStream;
use shardmill_tests::ledger::Ledger;
use shardmill_tests::memory_stream::MemoryStream;
use shardmill_tests::paths;
use shardmill_tests::process::Signal;
use shardmill_tests::servers::Ferrokinesis;
use shardmill_tests::source::SourceFile;
use tempfile::TempDir;

const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");
const STREAM: &str = "clickstream";

/// A stream, and a folder for what is made of it.
struct Scene {
    server: Ferrokinesis,
    stream: TestStream,
    folder: TempDir,
}

impl Scene {
    async fn new(kinesis_shards: i32) -> Self {
        let server = Ferrokinesis::start().await;
        Self {
            stream: TestStream::create(&server.url(), STREAM, kinesis_shards).await,
            server,
            folder: paths::new_folder(),
        }
    }

    /// A stream that holds these payloads.
    async fn of<T: Into<Bytes>>(payloads: impl IntoIterator<Item = T>) -> Self {
        let scene = Self::new(2).await;
        scene.put(payloads).await;
        scene
    }

    async fn put<T: Into<Bytes>>(&self, payloads: impl IntoIterator<Item = T>) {
        let records = payloads
            .into_iter()
            .enumerate()
            .map(|(place, data)| Record {
                key: format!("key-{place}"),
                data: data.into(),
                payloads: vec![Holds::default()],
            });
        self.put_records(records.collect()).await;
    }

    async fn put_records(&self, records: Vec<Record>) {
        self.stream.put(records, &mut Ledger::new()).await;
    }

    /// `shardmill preview --stream ... --json`.
    fn preview(&self, more: &[&str]) -> Value {
        let arguments = self.arguments(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        cli::report(SHARDMILL, &arguments)
            .pop()
            .expect("it prints a report")
    }

    fn arguments(&self, more: &[&str]) -> Vec<String> {
        let url = self.server.url();
        let fixed = [
            "preview",
            "--stream",
            STREAM,
            "--region",
            "us-east-1",
            "--endpoint",
            &url,
            "--json",
        ];
        fixed
            .iter()
            .chain(more)
            .map(|text| (*text).to_owned())
            .collect()
    }

    /// The configuration of a source under `auto`.
    fn config(&self, more: &str) -> PathBuf {
        let source = SourceFile {
            format: "auto".into(),
            more: more.into(),
            ..SourceFile::new(&self.server.url(), STREAM, self.folder.path())
        };
        source.write(self.folder.path())
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}

/// A command that must fail: its exit code and the code of its error.
fn failure(arguments: &[&str]) -> (i32, String) {
    let (exit, said) = cli::outcome(SHARDMILL, arguments);
    let error = said
        .last()
        .map_or(Value::Null, |error| error["code"].clone());
    (exit, error.as_str().unwrap_or_default().to_owned())
}

/// Runs a source until it has decoded so many events, then stops it; gives what it committed.
async fn run_to(config: &Path, events: u64) -> Value {
    let mut process = cli::start(SHARDMILL, &["run", text(config), "--json"]);
    let decoded = |progress: &Value| {
        let decoded = &progress["decoded"];
        decoded["rows"].as_u64().unwrap_or(0) + decoded["rejects"].as_u64().unwrap_or(0) >= events
    };
    cli::progress(&mut process, decoded).await;
    process.signal(Signal::Terminate);
    let status = process.end(Duration::from_secs(60)).await;
    assert!(status.success(), "{}", process.last_words());
    let totals = cli::json_lines(&process.output())
        .pop()
        .expect("totals are printed");
    assert_eq!(totals["event"], "totals");
    cli::verify(SHARDMILL, config);
    totals["committed"].clone()
}

/// The stored decision of a number.
fn decision(folder: &Path, source: &str, number: u64) -> Value {
    let path = folder
        .join(source)
        .join(format!("_formats/{number:020}.json"));
    serde_json::from_slice(&std::fs::read(path).expect("there is a decision")).unwrap()
}

fn gzip(data: &[u8]) -> Bytes {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap().into()
}

fn events(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|id| json!({ "id": id, "user": { "name": "a" }, "tags": ["x"] }).to_string())
}

#[tokio::test]
async fn json_is_shown_with_its_schema() {
    let scene = Scene::of(events(30)).await;
    let seen = scene.preview(&[]);
    assert_eq!(
        (&seen["event"], &seen["preview"]),
        (&json!("preview"), &json!(true))
    );
    assert_eq!(seen["format"], "json");
    for (key, value) in [
        ("sample_size", 30),
        ("parsed_successfully", 30),
        ("number_of_errors", 0),
        ("events", 30),
    ] {
        assert_eq!(seen[key], value, "{key}");
    }
    assert_eq!(
        seen["compressions"],
        json!([{ "name": "none", "count": 30 }])
    );
    let fields: Vec<&Value> = seen["schema"].as_array().unwrap().iter().collect();
    assert_eq!(fields.len(), 3);
    assert_eq!(fields[2]["fields"][0]["name"], "name");
    assert_eq!(seen["rows"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn people_see_counts_a_tree_and_rows() {
    let mut payloads: Vec<String> = events(9).collect();
    payloads.push("{\"id\": oops}".to_owned());
    let scene = Scene::of(payloads).await;
    let arguments = scene.arguments(&[]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let arguments: Vec<&str> = arguments
        .into_iter()
        .filter(|one| *one != "--json")
        .collect();
    let said = cli::text(SHARDMILL, &arguments);
    println!("{said}");
    for expected in [
        "sample size          10",
        "parsed successfully  9",
        "number of errors     1",
        "compression          none (10)",
        "Errors: json.syntax (1)",
        "{\"id\": oops}",
        "└ name",
        "list<text>",
        "██████████",
        "First events",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in\n{said}");
    }
}

#[tokio::test]
async fn payloads_of_ten_mebibytes_are_taken_a_few_at_a_time() {
    let arrival = |number: u64| 1_760_000_000_000 + number as i64 * 10;
    let payload = |_: u64, number: u64| {
        let text = "x".repeat((10 << 20) - 100);
        format!("{{\"number\":{number},\"text\":\"{text}\"}}").into_bytes()
    };
    let stream = MemoryStream::new(3, 20, arrival, payload);
    let source = DataSource::builder("large")
        .stream("memory")
        .target("./nowhere")
        .build()
        .unwrap();
    let seen = preview_of(&source, &stream, PreviewOptions::default())
        .await
        .unwrap();
    assert!((3..10).contains(&seen.sample_size), "{}", seen.sample_size);
    assert_eq!(seen.parsed_successfully, seen.sample_size);
    let shown = serde_json::to_string(&seen).unwrap();
    assert!(shown.len() < 20_000, "{}", shown.len());
}

#[tokio::test]
async fn a_hundred_payloads_are_taken_of_all_kinesis_shards_and_aggregates_are_taken_apart() {
    let scene = Scene::new(3).await;
    let mut made = Events::new(7);
    scene
        .put_records(made.aggregates(&[80, 80], Events::plain))
        .await;
    scene.put_records(made.plain(50)).await;
    let seen = scene.preview(&[]);
    assert_eq!(
        (&seen["sample_size"], &seen["events"]),
        (&json!(100), &json!(100))
    );
    assert_eq!(seen["number_of_errors"], 0);
}

#[tokio::test]
async fn csv_says_whether_there_is_a_header_and_lets_one_be_given() {
    let scene = Scene::of(["id,name\n1,a\n2,b\n", "id,name\n3,c\n"]).await;
    let seen = scene.preview(&[]);
    assert_eq!(
        (&seen["format"], &seen["events"]),
        (&json!("csv"), &json!(3))
    );
    assert_eq!(seen["header"]["looks_like_header"], true);
    assert_eq!(seen["header"]["first_line"], json!(["id", "name"]));
    assert_eq!(seen["schema"][0]["name"], "id");
    let seen = scene.preview(&["--no-header"]);
    assert_eq!(
        (
            &seen["header"]["looks_like_header"],
            &seen["header"]["used"]
        ),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        (&seen["schema"][0]["name"], &seen["events"]),
        (&json!("_column_1"), &json!(5))
    );
    let seen = scene.preview(&["--format", "lines"]);
    assert_eq!(
        (&seen["format"], &seen["confidence"]),
        (&json!("lines"), &json!("said"))
    );
}

#[tokio::test]
async fn compressions_and_formats_may_be_mixed() {
    let plain: Vec<Bytes> = events(6).map(Bytes::from).collect();
    let zipped = events(3).map(|event| gzip(event.as_bytes()));
    let others = ["<a><b>1</b></a>", "oops", "nope"].map(Bytes::from);
    let scene = Scene::of(plain.into_iter().chain(zipped).chain(others)).await;
    let seen = scene.preview(&[]);
    assert_eq!(
        seen["compressions"][1],
        json!({ "name": "gzip", "count": 3 })
    );
    assert_eq!(seen["format"], "json");
    assert_eq!(
        seen["formats"][0],
        json!({ "name": "json", "count": 11 }),
        "{}",
        seen["reason"]
    );
    assert_eq!(seen["formats"][1], json!({ "name": "xml", "count": 1 }));

    let committed = run_to(&scene.config(""), 12).await;
    assert_eq!(
        (&committed["rows"], &committed["rejects"]),
        (&json!(10), &json!(2))
    );
    let stored = decision(scene.folder.path(), "clicks", 1);
    assert_eq!(
        (&stored["content"], &stored["options"]["format"]),
        (&json!("json"), &json!("auto"))
    );
}

#[tokio::test]
async fn a_written_configuration_runs_as_it_is() {
    let scene = Scene::of(["1;bob;2,5", "2;al;3,5", "3;eve;"]).await;
    let path = scene.folder.path().join("made.toml");
    let seen = scene.preview(&["--write", text(&path)]);
    assert_eq!(seen["written"], text(&path));
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(written.contains("\nformat = \"csv\"\n"), "{written}");
    assert!(written.contains("\ndelimiter = \";\"\n"), "{written}");

    let again = scene.arguments(&["--write", text(&path)]);
    let again: Vec<&str> = again.iter().map(String::as_str).collect();
    assert_eq!(failure(&again), (1, "preview.file_exists".to_owned()));
    scene.preview(&["--write", text(&path), "--force"]);

    // From the oldest record, so that there is something to read.
    let config = written.replace("# read_from = \"now\"", "read_from = \"start\"");
    assert_ne!(config, written);
    std::fs::write(&path, config).unwrap();
    let committed = run_to(&path, 3).await;
    assert_eq!(
        (&committed["rows"], &committed["rejects"]),
        (&json!(3), &json!(0))
    );
    let stored = decision(&scene.folder.path().join("lake"), STREAM, 1);
    assert_eq!(stored["options"]["csv"]["header"], false);
}

#[tokio::test]
async fn a_stream_without_data_says_that_the_format_must_be_chosen() {
    let scene = Scene::new(1).await;
    let preview = scene.arguments(&[]);
    let preview: Vec<&str> = preview.iter().map(String::as_str).collect();
    let no_data = (1, "content.no_data".to_owned());
    assert_eq!(failure(&preview), no_data);
    let config = scene.config("");
    assert_eq!(failure(&["run", text(&config), "--json"]), no_data);
    assert!(
        !scene.folder.path().join("clicks/_source.json").exists(),
        "nothing is left behind"
    );
}

#[tokio::test]
async fn a_source_may_wait_for_its_first_data() {
    let scene = Scene::new(1).await;
    let config = scene.config("");
    let waits = std::fs::read_to_string(&config).unwrap();
    let waits = waits.replace(
        "format = \"auto\"",
        "format = \"auto\"\nwait_for_data = true",
    );
    std::fs::write(&config, waits).unwrap();
    // One that waits can be stopped.
    let mut process = cli::start(SHARDMILL, &["run", text(&config), "--json"]);
    cli::progress(&mut process, |progress| progress["state"] == "waiting").await;
    process.signal(Signal::Terminate);
    assert!(process.end(Duration::from_secs(30)).await.success());

    let mut process = cli::start(SHARDMILL, &["run", text(&config), "--json"]);
    cli::progress(&mut process, |progress| progress["state"] == "waiting").await;
    scene.put(["a=1&b=2", "a=2&b=x"]).await;
    cli::progress(&mut process, |progress| progress["decoded"]["rows"] == 2).await;
    process.signal(Signal::Terminate);
    assert!(process.end(Duration::from_secs(60)).await.success());
    assert_eq!(
        decision(scene.folder.path(), "clicks", 1)["content"],
        "form"
    );
}

#[tokio::test]
async fn bytes_that_nothing_is_known_of_are_not_decided_on() {
    let scene = Scene::of([
        &b"\x08\x96\x01\x12\x07testing"[..],
        &b"\x08\x01\x12\x00"[..],
    ])
    .await;
    let config = scene.config("");
    let refused = (1, "content.not_detected".to_owned());
    assert_eq!(failure(&["run", text(&config), "--json"]), refused);
    let seen = scene.preview(&[]);
    assert_eq!(
        (&seen["format"], &seen["confidence"]),
        (&json!("raw"), &json!("fallback"))
    );
}

#[tokio::test]
async fn a_new_source_shows_its_sample_until_its_first_commit_and_then_keeps_its_decision() {
    let scene = Scene::of(["id,n\n1,a\n2,b\n"]).await;
    let config = scene.config("");
    let mut process = cli::start(SHARDMILL, &["run", text(&config), "--json"]);
    cli::progress(&mut process, |progress| progress["decoded"]["rows"] == 2).await;
    let shown = |config: &Path| {
        let mut said = cli::report(SHARDMILL, &["inspect", text(config), "--json"]);
        said.pop().expect("inspect reports")["preview"].clone()
    };
    // Windows are minutes long: nothing is committed yet, unless one has just ended.
    let seen = shown(&config);
    let committed = scene.folder.path().join("clicks/data").exists();
    assert!(committed || seen["format"] == "csv", "{seen}");
    process.signal(Signal::Terminate);
    assert!(process.end(Duration::from_secs(60)).await.success());
    assert_eq!(shown(&config), Value::Null);
    cli::verify(SHARDMILL, &config);

    // JSON from now on: the decision is kept, and what is plainly JSON is decoded as that.
    let before = decision(scene.folder.path(), "clicks", 1);
    scene.put(events(3)).await;
    let committed = run_to(&config, 3).await;
    assert_eq!(
        (&committed["rows"], &committed["rejects"]),
        (&json!(3), &json!(0))
    );
    assert_eq!(decision(scene.folder.path(), "clicks", 1), before);
    let formats = std::fs::read_dir(scene.folder.path().join("clicks/_formats")).unwrap();
    assert_eq!(formats.count(), 1);
}

#[tokio::test]
async fn the_api_gives_a_report_of_a_stream_of_the_embedder() {
    let arrival = |number: u64| 1_760_000_000_000 + number as i64 * 10;
    let payload = |shard: u64, number: u64| format!("{shard},{number},x{number}").into_bytes();
    let stream = MemoryStream::new(2, 500, arrival, payload);
    let source = DataSource::builder("clicks")
        .stream("memory")
        .target("./nowhere")
        .build()
        .unwrap();
    let mut options = PreviewOptions::default();
    let seen = preview_of(&source, &stream, options).await.unwrap();
    assert_eq!((seen.sample_size, seen.events), (100, 100));
    assert_eq!(seen.format.as_deref(), Some("csv"));
    options.format = Some(ContentFormat::Lines);
    let seen = preview_of(&source, &stream, options).await.unwrap();
    assert_eq!(seen.schema[0].name, "line");
    let empty = MemoryStream::new(2, 0, arrival, payload);
    let error = preview_of(&source, &empty, options).await.unwrap_err();
    assert_eq!(error.code(), "content.no_data");
}
