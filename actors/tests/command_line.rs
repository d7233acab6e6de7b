//! The command line as its users meet it: exit codes, tables, JSON, and what `demo` leaves behind.

#![cfg(feature = "demo")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use shardmill::demo::endpoint::Endpoint;
use tempfile::TempDir;

fn shardmill(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shardmill"));
    command
        .args(arguments)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("SHARDMILL_LOG");
    command.output().unwrap()
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    lines.collect()
}

fn last_line(output: &Output) -> Value {
    lines(output).pop().unwrap_or_else(|| panic!("{output:?}"))
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

/// What a short demonstration left, and the events that it printed.
struct Shown {
    _folder: TempDir,
    dir: PathBuf,
    events: Vec<Value>,
}

impl Shown {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("demo");
        let arguments = [
            "demo",
            "--seconds",
            "3",
            "--rate",
            "1000",
            "--json",
            "--dir",
        ];
        let output = shardmill(&[&arguments[..], &[dir.to_str().unwrap()]].concat());
        assert_eq!(code(&output), 0, "{output:?}");
        Self {
            _folder: folder,
            dir,
            events: lines(&output),
        }
    }

    fn source(&self) -> String {
        self.dir.join("source.toml").display().to_string()
    }
}

#[test]
fn a_demonstration_can_be_inspected_and_verified() {
    let shown = Shown::new();
    let summary = shown.events.last().unwrap();
    assert_eq!(summary["event"], "summary");
    assert_eq!(summary["equal"], true);
    let sent = summary["sent"].as_u64().unwrap();
    assert!(sent > 0);
    assert!(
        shown
            .events
            .iter()
            .any(|event| event["event"] == "progress")
    );
    let totals = shown
        .events
        .iter()
        .find(|event| event["event"] == "totals")
        .unwrap();
    assert_eq!(totals["committed"]["rows"], sent);

    let output = shardmill(&["inspect", &shown.source(), "--json"]);
    assert_eq!(code(&output), 0, "{output:?}");
    let report = last_line(&output);
    assert_eq!(report["shown"]["rows"], sent);
    assert_eq!(report["lanes"].as_array().unwrap().len(), 2);
    assert_eq!(report["kinesis_shards"].as_array().unwrap().len(), 4);
    let all = last_line(&shardmill(&["inspect", &shown.source(), "--all", "--json"]));
    assert_eq!(all["windows"], report["windows"]);
    let none = last_line(&shardmill(&[
        "inspect",
        &shown.source(),
        "--windows",
        "0",
        "--json",
    ]));
    assert_eq!(none["windows"].as_array().unwrap().len(), 0);

    let output = shardmill(&["verify", &shown.source(), "--json"]);
    assert_eq!(code(&output), 0, "{output:?}");
    let verified = last_line(&output);
    assert_eq!(
        (&verified["ok"], &verified["rows"]),
        (&true.into(), &sent.into())
    );

    let table = String::from_utf8(shardmill(&["inspect", &shown.source()]).stdout).unwrap();
    assert!(
        table.contains("shardId-000000000003") && table.contains("Lanes of epoch 1"),
        "{table}"
    );
}

#[test]
fn every_key_of_the_json_output_is_documented() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/OPERATIONS.md");
    let page = std::fs::read_to_string(page).unwrap();
    let shown = Shown::new();
    let mut events = shown.events.clone();
    for command in ["inspect", "verify", "check", "statistics"] {
        events.push(last_line(&shardmill(&[command, &shown.source(), "--json"])));
    }
    for field in [
        "status",
        "duration_ms",
        "agent",
        "cached",
        "repo.topics",
        "_arrival",
    ] {
        let arguments = ["statistics", &shown.source(), field, "--json"];
        events.push(last_line(&shardmill(&arguments)));
    }
    for event in &events {
        let row = format!("| `{}` |", event["event"].as_str().unwrap());
        assert!(page.contains(&row), "no row for {row}");
        assert_documented(event, &page);
    }
}

/// Every key, at every depth; but not names that are data.
fn assert_documented(value: &Value, page: &str) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let data = key.starts_with("shardId-") || key.contains(' ') || key.contains(':');
                let actor = members.values().all(|member| member.get("queue").is_some());
                assert!(
                    data || actor || page.contains(&format!("`{key}`")),
                    "{key} in {value}"
                );
                assert_documented(member, page);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| assert_documented(item, page)),
        _ => {}
    }
}

#[test]
fn a_violation_has_an_exit_code_of_its_own() {
    let shown = Shown::new();
    let summary = shown.events.last().unwrap();
    let file = summary["files"][0].as_str().unwrap();
    std::fs::remove_file(shown.dir.join("clickstream").join(file)).unwrap();
    let output = shardmill(&["verify", &shown.source(), "--json"]);
    assert_eq!(code(&output), 4, "{output:?}");
    let error = last_line(&output);
    assert_eq!(error["event"], "error");
    assert_eq!(error["code"], "verify.missing_file");
    assert!(error["message"].as_str().unwrap().contains(file));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("error[verify.missing_file]"), "{text}");
}

/// A source of a stream at `url`, below `folder`.
fn write_source(folder: &Path, url: &str, more: &str) -> String {
    let path = folder.join("source.toml");
    let text = format!(
        "name = \"clicks\"\n[kinesis]\nstream = \"clickstream\"\nconnection = \"local\"\n{more}\n\
         [target]\nurl = \"./lake\"\n[connection.local]\nendpoint_url = \"{url}\"\n\
         region = \"us-east-1\"\n"
    );
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn check_passes_where_all_is_there_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::start("clickstream", 2).unwrap();
    let source = write_source(folder.path(), endpoint.url(), "shards = 2");
    let output = shardmill(&["check", &source, "--wait", "20s"]);
    assert_eq!(code(&output), 0, "{output:?}");
    let left = std::fs::read_dir(folder.path().join("lake/clicks/_check"));
    assert!(left.is_err() || left.unwrap().count() == 0);

    let source = write_source(folder.path(), endpoint.url(), "shards = 3");
    let output = shardmill(&["check", &source, "--json"]);
    assert_eq!(code(&output), 1);
    let report = last_line(&output);
    assert_eq!(report["ok"], false);
    let steps = report["steps"].as_array().unwrap();
    let failed: Vec<_> = steps
        .iter()
        .filter(|step| step["outcome"] != "ok")
        .collect();
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0]["step"], "enough_kinesis_shards");
}

#[test]
fn check_says_what_is_missing_where_nothing_answers() {
    let folder = tempfile::tempdir().unwrap();
    let source = write_source(folder.path(), "http://127.0.0.1:9", "");
    let output = shardmill(&["check", &source, "--json"]);
    assert_eq!(code(&output), 1, "{output:?}");
    let report = last_line(&output);
    let outcome = |side: &str, outcome: &str| {
        let steps = report["steps"].as_array().unwrap().iter();
        steps
            .filter(|step| step["side"] == side && step["outcome"] == outcome)
            .count()
    };
    assert_eq!(outcome("stream", "failed"), 1);
    assert_eq!(outcome("target", "failed"), 0);
}

#[test]
fn a_wrong_configuration_is_shown_and_nothing_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let source = write_source(folder.path(), "http://127.0.0.1:9", "shard = 2");
    for command in ["check", "run", "inspect", "verify"] {
        let output = shardmill(&[command, &source, "--json"]);
        assert_eq!(code(&output), 2, "{output:?}");
        assert_eq!(last_line(&output)["code"], "config.unknown_key");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(
            text.contains("source.toml:5:1") && text.contains("did you mean `shards`"),
            "{text}"
        );
    }
    assert!(!folder.path().join("lake").exists());
}

#[test]
fn a_target_without_a_source_is_said_to_be_empty() {
    let folder = tempfile::tempdir().unwrap();
    let source = write_source(folder.path(), "http://127.0.0.1:9", "");
    let output = shardmill(&["inspect", &source, "--json"]);
    assert_eq!(
        (code(&output), last_line(&output)["code"].as_str()),
        (1, Some("inspect.no_source"))
    );
}

#[test]
fn a_demonstration_does_not_empty_a_folder_of_others() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
    let dir = folder.path().to_str().unwrap();
    let output = shardmill(&["demo", "--seconds", "1", "--json", "--dir", dir]);
    assert_eq!(
        (code(&output), last_line(&output)["code"].as_str()),
        (1, Some("demo.folder_in_use"))
    );
    assert!(folder.path().join("thesis.txt").exists());
}
