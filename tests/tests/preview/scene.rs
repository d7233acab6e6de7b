//! A stream on a local server, and the command line beside it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use shardmill_tests::cli;
use shardmill_tests::events::{Holds, Record};
use shardmill_tests::kinesis::TestStream;
use shardmill_tests::ledger::Ledger;
use shardmill_tests::paths;
use shardmill_tests::process::Signal;
use shardmill_tests::servers::Ferrokinesis;
use shardmill_tests::source::SourceFile;
use tempfile::TempDir;

pub const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");
pub const STREAM: &str = "clickstream";

/// A stream, and a folder for what is made of it.
pub struct Scene {
    pub folder: TempDir,
    stream: TestStream,
    kinesis: String,
    /// The server, where it is this scene's own.
    _server: Option<Ferrokinesis>,
}

impl Scene {
    /// An empty stream on a server of its own.
    pub async fn new(kinesis_shards: i32) -> Self {
        let server = Ferrokinesis::start().await;
        let scene = Self::on(&server.url(), STREAM, kinesis_shards).await;
        Self {
            _server: Some(server),
            ..scene
        }
    }

    /// An empty stream on a server that others use too.
    pub async fn on(kinesis: &str, stream: &str, kinesis_shards: i32) -> Self {
        Self {
            folder: paths::new_folder(),
            stream: TestStream::create(kinesis, stream, kinesis_shards).await,
            kinesis: kinesis.to_owned(),
            _server: None,
        }
    }

    /// A stream that holds these payloads.
    pub async fn of<T: Into<Bytes>>(payloads: impl IntoIterator<Item = T>) -> Self {
        let scene = Self::new(2).await;
        scene.put(payloads).await;
        scene
    }

    pub async fn put<T: Into<Bytes>>(&self, payloads: impl IntoIterator<Item = T>) {
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

    pub async fn put_records(&self, records: Vec<Record>) {
        self.stream.put(records, &mut Ledger::new()).await;
    }

    /// Puts a record of up to 10 MiB.
    pub async fn put_large(&self, record: &Record) {
        self.stream.take_large_records().await;
        self.stream.put_large(record, &mut Ledger::new()).await;
    }

    /// `shardmill preview --stream ... --json`.
    pub fn preview(&self, more: &[&str]) -> Value {
        let arguments = self.arguments(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        cli::report(SHARDMILL, &arguments)
            .pop()
            .expect("it prints a report")
    }

    pub fn arguments(&self, more: &[&str]) -> Vec<String> {
        let fixed = [
            "preview",
            "--stream",
            self.stream.name(),
            "--region",
            "us-east-1",
            "--endpoint",
            &self.kinesis,
            "--json",
        ];
        fixed
            .iter()
            .chain(more)
            .map(|text| (*text).to_owned())
            .collect()
    }

    /// The configuration of a source under `auto`.
    pub fn config(&self) -> PathBuf {
        self.config_of("auto", "")
    }

    /// The configuration of a source of a format, with more lines.
    pub fn config_of(&self, format: &str, more: &str) -> PathBuf {
        let source = SourceFile {
            format: format.into(),
            more: more.into(),
            ..SourceFile::new(&self.kinesis, self.stream.name(), self.folder.path())
        };
        source.write(self.folder.path())
    }
}

pub fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}

/// A command that must fail: its exit code and the code of its error.
pub fn failure(arguments: &[&str]) -> (i32, String) {
    let (exit, said) = cli::outcome(SHARDMILL, arguments);
    let error = said
        .last()
        .map_or(Value::Null, |error| error["code"].clone());
    (exit, error.as_str().unwrap_or_default().to_owned())
}

/// Runs a source until it has committed so many events; gives the counts of all commits. A stop
/// leaves what lies beyond the lowest open window to the next start, so it may take several.
pub async fn run_to(config: &Path, events: u64) -> Committed {
    let mut committed = Committed::default();
    while committed.events() < events {
        let left = events - committed.events();
        let mut process = cli::start(SHARDMILL, &["run", text(config), "--json"]);
        cli::progress(&mut process, |progress| {
            Committed::of(&progress["decoded"]).events() >= left
        })
        .await;
        process.signal(Signal::Terminate);
        let status = process.end(Duration::from_secs(60)).await;
        assert!(status.success(), "{}", process.last_words());
        let totals = cli::json_lines(&process.output())
            .pop()
            .expect("totals are printed");
        assert_eq!(totals["event"], "totals");
        let now = Committed::of(&totals["committed"]);
        committed.rows += now.rows;
        committed.rejects += now.rejects;
        cli::verify(SHARDMILL, config);
    }
    committed
}

/// What commits count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    pub rows: u64,
    pub rejects: u64,
}

impl Committed {
    fn of(counts: &Value) -> Self {
        let count = |key: &str| counts[key].as_u64().unwrap_or(0);
        Self {
            rows: count("rows"),
            rejects: count("rejects"),
        }
    }

    fn events(&self) -> u64 {
        self.rows + self.rejects
    }
}

/// The stored decision of a number.
pub fn decision(folder: &Path, source: &str, number: u64) -> Value {
    let path = folder
        .join(source)
        .join(format!("_formats/{number:020}.json"));
    serde_json::from_slice(&std::fs::read(path).expect("there is a decision")).unwrap()
}

pub fn gzip(data: &[u8]) -> Bytes {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap().into()
}

pub fn events(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|id| json!({ "id": id, "user": { "name": "a" }, "tags": ["x"] }).to_string())
}
