//! A target with known events of three minutes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use shardmill::Shardmill;
use shardmill::adapters::LocalStore;
use shardmill::config::{ContentFormat, DataSource, StartFrom};
use shardmill_tests::memory_stream::MemoryStream;
use shardmill_tests::source::SourceFile;
use shardmill_tests::{cli, paths};
use tempfile::TempDir;

pub const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

/// Records of each of two Kinesis shards.
const RECORDS: u64 = 360;
/// When the first minute begins: 2025-10-09T08:54:00Z.
pub const BEGIN: i64 = 1_760_000_040_000;
pub const MINUTE: i64 = 60_000;

fn arrival(number: u64) -> i64 {
    BEGIN + number as i64 * 500
}

/// The event of a record; every ninetieth is none.
fn event(shard: u64, number: u64) -> Option<Value> {
    if number % 90 == 89 {
        return None;
    }
    let mut event = json!({
        "id": shard * 1_000 + number,
        "price": number as f64 / 4.0,
        "user": { "name": format!("user-{}", number % 3), "paid": number % 2 == 0 },
    });
    if number % 4 == 0 {
        event["tags"] = json!(["a", "b"]);
    }
    Some(event)
}

fn payload(shard: u64, number: u64) -> Vec<u8> {
    let event = event(shard, number).map(|event| event.to_string());
    event.unwrap_or_else(|| "{oops".to_owned()).into_bytes()
}

/// Events with their minutes, from 0 on.
pub fn events() -> Vec<(usize, Value)> {
    let all = (0..2).flat_map(|shard| (0..RECORDS).map(move |number| (shard, number)));
    let events = all.filter_map(|(shard, number)| {
        let minute = (arrival(number) - BEGIN) / MINUTE;
        Some((minute as usize, event(shard, number)?))
    });
    events.collect()
}

/// A source that has committed all of it and is stopped.
pub struct Scene {
    pub folder: TempDir,
    pub config: PathBuf,
}

impl Scene {
    pub fn new() -> Self {
        let folder = paths::new_folder();
        let source = DataSource::builder("clicks")
            .stream("memory")
            .read_from(StartFrom::Start)
            .content_format(ContentFormat::Json)
            .shards(2)
            .target_folder(folder.path())
            .build()
            .unwrap();
        let store = LocalStore::new(folder.path().join("clicks")).unwrap();
        let stream = MemoryStream::new(2, RECORDS, arrival, payload);
        let engine = Shardmill::new(256 << 20, 2).unwrap();
        let handle = engine.add_with_ports(&source, Arc::new(stream), Arc::new(store));
        let begun = Instant::now();
        while handle.progress().committed.counts.payloads < 2 * RECORDS {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{:?}",
                handle.progress()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        handle.stop();
        handle.wait().unwrap();
        let file = SourceFile {
            shards: 2,
            ..SourceFile::new("http://127.0.0.1:1", "memory", folder.path())
        };
        Self {
            config: file.write(folder.path()),
            folder,
        }
    }

    fn arguments<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let config = self.config.to_str().expect("paths of tests are UTF-8");
        [&["statistics", config], more].concat()
    }

    /// `shardmill statistics ... --json`.
    pub fn json(&self, more: &[&str]) -> Value {
        let mut said = cli::report(SHARDMILL, &self.arguments(&[more, &["--json"]].concat()));
        assert_eq!(said.len(), 1, "{said:?}");
        said.remove(0)
    }

    /// `shardmill statistics ...`.
    pub fn text(&self, more: &[&str]) -> String {
        cli::text(SHARDMILL, &self.arguments(more))
    }

    /// A command that fails: its exit code, the code and the message of its error.
    pub fn failure(&self, more: &[&str]) -> (i32, String, String) {
        let arguments = self.arguments(&[more, &["--json"]].concat());
        let (exit, said) = cli::outcome(SHARDMILL, &arguments);
        let error = said.last().cloned().unwrap_or_default();
        let text = |key: &str| error[key].as_str().unwrap_or_default().to_owned();
        (exit, text("code"), text("message"))
    }

    /// `shardmill statistics ... --watch`.
    pub fn watch(&self) -> shardmill_tests::process::Process {
        cli::start(SHARDMILL, &self.arguments(&["--watch", "--json"]))
    }
}
