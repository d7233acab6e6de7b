//! Ordinary files as a source: every kind of them, exactly once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use serde_json::{Value, json};
use shardmill_tests::cli;
use shardmill_tests::paths;
use shardmill_tests::process::{self, Signal};
use shardmill_tests::readers;
use shardmill_tests::servers::Moto;
use shardmill_tests::target::BUCKET;
use shardmill_tests::{s3, tools};
use tempfile::TempDir;

const SHARDMILL: &str = env!("CARGO_BIN_EXE_shardmill-under-test");

/// Files of all kinds, each with so many events.
fn make(events: usize) -> TempDir {
    let folder = paths::new_folder();
    let mut script = tools::script("make_files.py");
    script.arg(folder.path()).arg(events.to_string());
    process::run("make_files.py", script, b"");
    folder
}

/// A `source.toml` that reads `files` into `folder/out/files`.
fn source(folder: &Path, files: &str, more: &str) -> PathBuf {
    let path = folder.join("source.toml");
    let text = format!("name = \"files\"\n[files]\n{files}\n[target]\nurl = \"out\"\n{more}\n");
    std::fs::write(&path, text).expect("a file can be written");
    path
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are UTF-8")
}

/// Runs to the end; gives the totals.
fn run(config: &Path) -> Value {
    let said = cli::report(SHARDMILL, &["run", text(config), "--json"]);
    let totals = said.last().expect("totals").clone();
    assert_eq!(totals["state"], "finished", "{totals}");
    assert_eq!(
        totals["files"]["read"], totals["files"]["total"],
        "{totals}"
    );
    totals
}

/// Fails to run; gives the code and the message.
fn fails(config: &Path) -> (String, String) {
    let (exit, said) = cli::outcome(SHARDMILL, &["run", text(config), "--json"]);
    let error = said.last().expect("an error");
    assert_eq!(exit, 1, "{error}");
    let text = |key: &str| error[key].as_str().expect("a text").to_owned();
    (text("code"), text("message"))
}

/// Events, distinct ids, their sum, and how many files they are from.
fn committed(folder: &Path) -> (u64, u64, u64, u64) {
    let rows = readers::duckdb(&format!(
        "SELECT count(*) AS n, count(DISTINCT id) AS ids, sum(id)::BIGINT AS sum, \
         count(DISTINCT _shard) AS files \
         FROM read_parquet('{}/out/files/data/**/*.parquet', union_by_name = true)",
        folder.display()
    ));
    let number = |key: &str| rows[0][key].as_u64().expect("a number");
    (number("n"), number("ids"), number("sum"), number("files"))
}

/// What [`committed`] gives for files with ids from `first` on.
fn expected(first: u64, events: u64, files: u64) -> (u64, u64, u64, u64) {
    let all = events * files;
    (all, all, (first..first + all).sum(), files)
}

/// An Avro file of events with ids.
fn avro(ids: std::ops::Range<u64>) -> Vec<u8> {
    fn long(out: &mut Vec<u8>, value: u64) {
        let mut value = value << 1;
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }
    let schema = r#"{"type":"record","name":"e","fields":[{"name":"id","type":"long"},{"name":"note","type":"string"}]}"#;
    let mut file = b"Obj\x01".to_vec();
    long(&mut file, 1);
    for text in ["avro.schema", schema] {
        long(&mut file, text.len() as u64);
        file.extend_from_slice(text.as_bytes());
    }
    long(&mut file, 0);
    file.extend_from_slice(&[9; 16]);
    let ids: Vec<u64> = ids.collect();
    for ids in ids.chunks(500) {
        let mut values = Vec::new();
        for id in ids {
            long(&mut values, *id);
            let note = format!("event {id}");
            long(&mut values, note.len() as u64);
            values.extend_from_slice(note.as_bytes());
        }
        long(&mut file, ids.len() as u64);
        long(&mut file, values.len() as u64);
        file.extend_from_slice(&values);
        file.extend_from_slice(&[9; 16]);
    }
    file
}

#[tokio::test]
async fn files_of_every_kind_are_read_whole_and_once() {
    const EVENTS: u64 = 20_000;
    let made = make(EVENTS as usize);
    let last = avro(12 * EVENTS..13 * EVENTS);
    std::fs::write(made.path().join("columns/c.avro"), last).unwrap();
    for (kind, first, files) in [("json", 0, 8), ("csv", 8, 2), ("columns", 10, 3)] {
        let folder = paths::new_folder();
        let path = made.path().join(kind);
        let files_of = format!("path = \"{}\"\nshards = 3", path.display());
        let config = source(folder.path(), &files_of, "execution_parallelism = 2");
        let totals = run(&config);
        assert_eq!(totals["committed"]["rejects"], 0, "{kind}: {totals}");
        assert_eq!(
            committed(folder.path()),
            expected(first * EVENTS, EVENTS, files),
            "{kind}"
        );
        cli::verify(SHARDMILL, &config);
        // Nothing is left to do.
        assert_eq!(run(&config)["committed"]["payloads"], 0);
    }
}

#[tokio::test]
async fn a_glob_takes_what_it_matches() {
    let (made, folder) = (make(100), paths::new_folder());
    let glob = format!("path = \"{}/**/day=[1]/*.bz2\"", made.path().display());
    let config = source(folder.path(), &glob, "[content]\nformat = \"json\"");
    run(&config);
    assert_eq!(committed(folder.path()), expected(200, 100, 1));
}

#[tokio::test]
async fn a_run_that_is_killed_goes_on_exactly() {
    const EVENTS: u64 = 60_000;
    let (made, folder) = (make(EVENTS as usize), paths::new_folder());
    // Pretty JSON of that size is no whole payload any more.
    std::fs::remove_file(made.path().join("json/pretty.json.gz")).unwrap();
    let path = format!("path = \"{}/json\"\nshards = 3", made.path().display());
    let more = "store_raw_data = true\nexecution_parallelism = 2\n[content]\nformat = \"json\"\n\
                [engine]\nmemory_budget = \"300 MiB\"";
    let config = source(folder.path(), &path, more);
    let mut killed = 0;
    for millis in (100..).step_by(300).take(10) {
        let mut run = cli::start(SHARDMILL, &["run", text(&config), "--json"]);
        tokio::time::sleep(Duration::from_millis(millis)).await;
        killed += usize::from(run.ended().is_none());
        run.signal(Signal::Kill);
    }
    assert!(killed > 2, "{killed} kills");
    run(&config);
    assert_eq!(committed(folder.path()), expected(0, EVENTS, 7));
    cli::verify(SHARDMILL, &config);
}

#[tokio::test]
async fn files_of_a_bucket_are_read_too() {
    let (made, folder) = (make(5_000), paths::new_folder());
    let server = Moto::start().await;
    server.bucket(BUCKET).await;
    let client = s3::client(&server.url());
    for (key, file) in [
        ("in/a.jsonl.gz", "json/day=1/a.jsonl.gz"),
        ("in/day/plain.jsonl", "json/plain.jsonl"),
        ("in/day/a.parquet", "columns/a.parquet"),
        ("in/_SUCCESS", "json/_SUCCESS"),
        ("inner/other.jsonl", "json/plain.jsonl"),
    ] {
        let body = ByteStream::from(std::fs::read(made.path().join(file)).unwrap());
        let put = client.put_object().bucket(BUCKET).key(key).body(body);
        put.send().await.expect("the server takes it");
    }
    let connection = format!(
        "[connection.lake]\nendpoint_url = \"{}\"\nregion = \"us-east-1\"",
        server.url()
    );
    for (path, files) in [
        ("in/", 3),
        ("in", 3),
        ("in/**/*.parquet", 1),
        ("in/a.jsonl.gz", 1),
    ] {
        let folder = paths::new_folder();
        let files_of = format!("path = \"s3://{BUCKET}/{path}\"\nconnection = \"lake\"");
        let config = source(folder.path(), &files_of, &connection);
        run(&config);
        let (events, ids, _, found) = committed(folder.path());
        assert_eq!(
            (events, ids, found),
            (files * 5_000, files * 5_000, files),
            "{path}"
        );
    }
    drop(folder);
}

#[tokio::test]
async fn a_damaged_file_is_named_and_an_empty_one_goes_on_without_it() {
    let (made, folder) = (make(2_000), paths::new_folder());
    let damaged = made.path().join("json/day=1/a.jsonl.gz");
    let bytes = std::fs::read(&damaged).unwrap();
    std::fs::write(&damaged, &bytes[..bytes.len() - 20]).unwrap();
    let path = format!("path = \"{}/json\"", made.path().display());
    let config = source(folder.path(), &path, "[content]\nformat = \"json\"");
    let (code, message) = fails(&config);
    assert_eq!(code, "files.damaged");
    assert!(message.contains("day=1/a.jsonl.gz"), "{message}");
    std::fs::write(&damaged, b"").unwrap();
    run(&config);
    let (events, ids, _, files) = committed(folder.path());
    assert_eq!((events, ids), (7 * 2_000, 7 * 2_000));
    assert!(files >= 7);
}

#[tokio::test]
async fn a_bad_line_is_a_reject_and_the_others_are_read() {
    let folder = paths::new_folder();
    let input = folder.path().join("in.jsonl");
    std::fs::write(&input, "{\"id\":0}\n{\"id\":\n{\"id\":1}\n").unwrap();
    let config = source(
        folder.path(),
        "path = \"in.jsonl\"",
        "[content]\nformat = \"json\"",
    );
    let totals = run(&config);
    assert_eq!(totals["committed"]["rejects"], 1, "{totals}");
    assert_eq!(committed(folder.path()), expected(0, 2, 1));
}

#[tokio::test]
async fn what_cannot_be_read_is_said() {
    let folder = paths::new_folder();
    let config = source(folder.path(), "path = \"nowhere/*.gz\"", "");
    assert_eq!(fails(&config).0, "files.unreadable");
    std::fs::create_dir(folder.path().join("nowhere")).unwrap();
    assert_eq!(fails(&config).0, "files.not_found");
    let large = format!("[{}]", vec!["{\"id\":1}"; 2 << 20].join(",\n"));
    std::fs::write(folder.path().join("nowhere/large.json"), large).unwrap();
    let config = source(
        folder.path(),
        "path = \"nowhere\"",
        "[content]\nformat = \"json\"",
    );
    let (code, message) = fails(&config);
    assert_eq!(code, "files.too_large");
    assert!(message.contains("large.json"), "{message}");
    let both = source(
        folder.path(),
        "path = \"x\"\nraw_copy = \"y\"",
        "[kinesis]\nstream = \"s\"",
    );
    let (exit, said) = cli::outcome(SHARDMILL, &["run", text(&both), "--json"]);
    assert_eq!((exit, &said[0]["code"]), (2, &json!("config.wrong_value")));
}

#[tokio::test]
async fn a_source_of_a_stream_replays_files_and_other_commands_know_them() {
    let (made, folder) = (make(3_000), paths::new_folder());
    let config = folder.path().join("stream.toml");
    std::fs::write(
        &config,
        "name = \"files\"\n[kinesis]\nstream = \"s\"\n[content]\nformat = \"json\"\n[target]\nurl = \"lake\"\n",
    )
    .unwrap();
    let (from, to) = (made.path().join("json"), folder.path().join("out"));
    let said = cli::report(
        SHARDMILL,
        &[
            "replay",
            text(&config),
            "--from",
            text(&from),
            "--to",
            text(&to),
            "--json",
        ],
    );
    assert_eq!(said.last().unwrap()["state"], "finished");
    assert_eq!(committed(folder.path()), expected(0, 3_000, 8));

    let files = source(folder.path(), &format!("path = \"{}\"", from.display()), "");
    let check = cli::report(SHARDMILL, &["check", text(&files), "--json"]);
    assert_eq!(check[0]["ok"], true, "{}", check[0]);
    let preview = cli::report(SHARDMILL, &["preview", text(&files), "--json"]);
    assert_eq!(preview[0]["format"], "json", "{}", preview[0]);
    let inspect = cli::report(SHARDMILL, &["inspect", text(&files), "--json"]);
    assert_eq!(inspect[0]["shown"]["rows"], 24_000, "{}", inspect[0]);
}
