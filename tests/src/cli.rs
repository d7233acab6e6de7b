//! The command line, as users have it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::credentials;
use crate::process::{self, Process};

/// Starts `shardmill` with these arguments. `program` is
/// `env!("CARGO_BIN_EXE_shardmill-under-test")`, which only test programs know.
pub fn start(program: &str, arguments: &[&str]) -> Process {
    Process::start("shardmill", command(program, arguments))
}

/// Runs `shardmill` to its end; gives the JSON objects that it printed.
///
/// # Panics
/// When it fails.
pub fn report(program: &str, arguments: &[&str]) -> Vec<Value> {
    let output = process::run("shardmill", command(program, arguments), b"");
    json_lines(&String::from_utf8_lossy(&output))
}

/// Runs `shardmill` to its end, however it ends; gives its exit code and the JSON objects that it
/// printed.
///
/// # Panics
/// When it cannot be started, or a signal ends it.
pub fn outcome(program: &str, arguments: &[&str]) -> (i32, Vec<Value>) {
    let output = command(program, arguments).output();
    let output = output.expect("the command line can be started");
    let exit = output.status.code().expect("it ends by itself");
    (exit, json_lines(&String::from_utf8_lossy(&output.stdout)))
}

/// Runs `shardmill` to its end; gives what it printed.
///
/// # Panics
/// When it fails.
pub fn text(program: &str, arguments: &[&str]) -> String {
    let output = process::run("shardmill", command(program, arguments), b"");
    String::from_utf8_lossy(&output).into_owned()
}

/// Runs `shardmill verify`, which has to find nothing.
///
/// # Panics
/// With what it found.
pub fn verify(program: &str, config: &Path) {
    let config = config.to_str().expect("paths of tests are UTF-8");
    let said = report(program, &["verify", config, "--statistics", "--json"]);
    assert!(!said.is_empty(), "verify said nothing");
}

/// Waits until an object that `run --json` prints is as wanted.
///
/// # Panics
/// When the process ends before, or after a minute.
pub async fn progress(shardmill: &mut Process, wanted: impl Fn(&Value) -> bool) -> Value {
    let limit = Duration::from_secs(60);
    crate::wait::until("progress", limit, async || {
        let over = shardmill.ended();
        let output = shardmill.output();
        let found = json_lines(&output).into_iter().find(&wanted);
        let last_words = || format!("{over:?}: {}", shardmill.last_words());
        assert!(over.is_none() || found.is_some(), "{}", last_words());
        found.ok_or_else(last_words)
    })
    .await
}

/// The lines of an output that are JSON objects.
pub fn json_lines(output: &str) -> Vec<Value> {
    let lines = output.lines().filter(|line| line.starts_with('{'));
    lines
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(credentials::ENVIRONMENT)
        .env("RUST_BACKTRACE", "1");
    command
}
