//! A stream, a source that reads it and a target, with what was put so far: what most tests begin
//! with.

use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use crate::events::{Events, Record};
use crate::kinesis::TestStream;
use crate::lake::Lake;
use crate::ledger::Ledger;
use crate::node::{Node, NodeOptions};
use crate::paths;
use crate::source::SourceFile;
use crate::target::Target;
use crate::wait;

/// How long a test waits for commits. Windows without a later record close after 5 s of lag.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a graceful stop may take.
const STOP: Duration = Duration::from_secs(45);

/// Everything that a test of a whole source needs.
pub struct Scene {
    /// The stream.
    pub stream: TestStream,
    /// The target.
    pub target: Target,
    /// The `source.toml` to be.
    pub source: SourceFile,
    /// Makes records.
    pub events: Events,
    /// What was put.
    pub ledger: Ledger,
    folder: TempDir,
}

impl Scene {
    /// A new stream on the server at `kinesis`, and a source that reads it from its start.
    pub async fn new(kinesis: &str, kinesis_shards: i32, target: Target) -> Self {
        let stream = TestStream::create(kinesis, "clickstream", kinesis_shards).await;
        let folder = paths::new_folder();
        let source = SourceFile {
            target: target.url(),
            s3: target.endpoint(),
            ..SourceFile::new(kinesis, stream.name(), folder.path())
        };
        Self {
            stream,
            target,
            source,
            events: Events::new(42),
            ledger: Ledger::new(),
            folder,
        }
    }

    /// Puts records that `make` makes.
    pub async fn put(&mut self, make: impl FnOnce(&mut Events) -> Vec<Record>) {
        let records = make(&mut self.events);
        self.stream.put(records, &mut self.ledger).await;
    }

    /// Writes the `source.toml`; gives its path.
    pub fn config(&self) -> PathBuf {
        self.source.write(self.folder.path())
    }

    /// What a node is told if nothing is to fail.
    pub fn options(&self) -> NodeOptions {
        NodeOptions {
            part_size: self.target.least_part_size(),
            ..NodeOptions::new(self.config())
        }
    }

    /// What is committed now.
    ///
    /// # Panics
    /// With what is wrong about it.
    pub async fn lake(&self) -> Lake {
        let lake = self.target.lake(&self.source.name).await;
        lake.unwrap_or_else(|finding| panic!("{finding}"))
    }

    /// Waits until every payload that was put is in a commit.
    ///
    /// # Panics
    /// When that takes too long, or the node ends.
    pub async fn all_committed(&self, node: &mut Node) {
        wait::until("all is committed", PATIENCE, async || {
            let ended = node.process().ended();
            assert_eq!(ended, None, "{}", node.process().last_words());
            self.missing().await
        })
        .await;
    }

    /// Waits until something is committed.
    ///
    /// # Panics
    /// When that takes too long.
    pub async fn some_committed(&self, node: &mut Node) -> Lake {
        wait::until("something is committed", PATIENCE, async || {
            let ended = node.process().ended();
            assert_eq!(ended, None, "{}", node.process().last_words());
            match self.lake().await {
                lake if lake.rows.is_empty() => Err(lake.to_string()),
                lake => Ok(lake),
            }
        })
        .await
    }

    /// How many payloads no commit counts.
    async fn missing(&self) -> Result<(), String> {
        let lake = self.lake().await;
        let counted: u64 = lake.counts.values().map(|counts| counts.payloads).sum();
        let put = self.ledger.len() as u64;
        if counted == put {
            Ok(())
        } else {
            Err(format!("{counted} of {put} payloads; {lake}"))
        }
    }

    /// Stops a node, which has to end well, and checks that what is committed is a part of what was
    /// put.
    pub async fn stop(&self, node: &mut Node) -> Lake {
        // From its first word on it hears signals.
        node.process().line("progress ").await;
        let status = node.stop(STOP).await;
        assert!(
            status.success(),
            "{status}:\n{}",
            node.process().last_words()
        );
        let lake = self.lake().await;
        lake.holds_part_of(&self.ledger)
            .unwrap_or_else(|finding| panic!("{finding}"));
        lake
    }

    /// Waits until all is committed, stops the node, and checks that everything that was put is
    /// there once.
    pub async fn finish(&self, node: &mut Node) -> Lake {
        self.all_committed(node).await;
        let lake = self.stop(node).await;
        lake.holds_exactly(&self.ledger)
            .unwrap_or_else(|finding| panic!("{finding}"));
        lake
    }
}
