//! Asking a node for its statistics, all the time, in the node itself.

use std::process;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use shardmill::Statistics;
use shardmill::adapters::SystemHost;
use shardmill_engine::log::Follower;
use shardmill_engine::ports::Store;

use super::run::print;
use crate::numbered::{self, Committed};

/// Answers between two lines of output.
const SAY_EVERY: u64 = 20;

/// Asks and checks; ends the process when an answer is wrong.
pub(super) struct Asking {
    statistics: Statistics,
    committed: Committed,
    kinesis_shards: u64,
    answers: u64,
}

impl Asking {
    pub(super) fn new(statistics: Statistics, target: Arc<dyn Store>, kinesis_shards: u64) -> Self {
        let follower = Follower::new(target, Arc::new(SystemHost));
        Self {
            statistics,
            committed: Committed::new(follower),
            kinesis_shards,
            answers: 0,
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            if let Err(wrong) = self.ask().await {
                print("wrong", &json!(wrong));
                process::exit(4);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn ask(&mut self) -> Result<(), String> {
        // Before the question: the answer must have at least this.
        let committed = self.committed.rows().await;
        let committed = committed.map_err(|error| error.to_string())?;
        let view = match self.statistics.now() {
            Ok(view) => view,
            Err(error) if error.code() == "statistics.loading" => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        let rows: u64 = numbered::check(&view, self.kinesis_shards)?.iter().sum();
        if rows < committed {
            return Err(format!("{rows} rows, but {committed} are committed"));
        }
        self.answers += 1;
        if self.answers % SAY_EVERY == 1 {
            let said = json!({ "answers": self.answers, "rows": rows, "committed": committed });
            print("asked", &said);
        }
        Ok(())
    }
}
