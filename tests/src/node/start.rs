//! Starting a node from a test, and what it says.

use std::process::{Command, ExitStatus};
use std::time::Duration;

use serde_json::Value;

use super::{NodeOptions, Phase};
use crate::credentials;
use crate::process::{Process, Signal};

/// A node as a child process.
pub struct Node {
    process: Process,
}

impl Node {
    /// Starts the program `src/bin/node.rs`, whose path only the test programs know:
    /// `env!("CARGO_BIN_EXE_node")`.
    pub fn start(program: &str, options: &NodeOptions) -> Self {
        let mut command = Command::new(program);
        command
            .arg(serde_json::to_string(options).expect("options are JSON"))
            .envs(credentials::ENVIRONMENT)
            .env("RUST_BACKTRACE", "1");
        if let Some(certificate) = &options.trust {
            command.env("SSL_CERT_FILE", certificate);
        }
        Self {
            process: Process::start("node", command),
        }
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Asks it to stop and waits until it has.
    pub async fn stop(&mut self, limit: Duration) -> ExitStatus {
        self.process.signal(Signal::Terminate);
        self.process.end(limit).await
    }

    /// Kills it, whatever it is at.
    pub async fn kill(&mut self) -> ExitStatus {
        self.process.signal(Signal::Kill);
        self.process.end(Duration::from_secs(10)).await
    }

    /// The newest progress that it has printed.
    pub fn progress(&self) -> Option<Value> {
        self.said("progress ")
    }

    /// What its newest answer about statistics was, where it asks for them.
    pub fn asked(&self) -> Option<Value> {
        self.said("asked ")
    }

    /// What it said at its end: the totals, or an error with its code.
    pub fn ended(&self) -> Option<Value> {
        self.said("ended ")
    }

    /// At which phase it has killed itself.
    pub fn killed_at(&self) -> Option<Phase> {
        let phase = self.said("killed at ")?;
        serde_json::from_value(phase).ok()
    }

    fn said(&self, start: &str) -> Option<Value> {
        let output = self.process.output();
        let line = output
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix(start))?;
        serde_json::from_str(line).ok()
    }
}
