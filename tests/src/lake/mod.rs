//! An independent reading of a target: plain JSON and Parquet, by what the format's documentation
//! says, without the engine's own follower. So a fault of that one cannot hide here.
//!
//! Every check answers with the first thing that is wrong, as a text.

mod compare;
mod files;
mod lane;
mod raw;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

pub use files::{RejectRow, Row};

use crate::ledger::PayloadId;

/// Makes a finding unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+));
        }
    };
}
pub(crate) use ensure;

/// What all commits of a source name, read and checked.
#[derive(Debug, Default)]
pub struct Lake {
    /// Every row of every committed data file.
    pub rows: Vec<Row>,
    /// Every row of every committed file of rejects.
    pub rejects: Vec<RejectRow>,
    /// What the commits count, by Kinesis shard.
    pub counts: BTreeMap<String, Counts>,
    /// Names of all committed files.
    pub files: BTreeSet<String>,
    /// Every payload of the raw copy, with the `id` of the event that its bytes are, if they are one.
    pub raw: BTreeMap<PayloadId, Option<i64>>,
    /// Names of all committed objects of statistics.
    pub statistics: BTreeSet<String>,
    /// Kinesis shards that the newest state knows, and whether they are read to their end.
    pub shards: BTreeMap<String, bool>,
    /// Number of commits.
    pub commits: usize,
    /// Number of claims.
    pub claims: usize,
    /// The newest epoch.
    pub epoch: u64,
    /// Number of lanes in the newest epoch.
    pub lanes: usize,
    /// The last window that every lane of the newest epoch has closed.
    pub complete: Option<i64>,
    /// Kinesis shards that were ever in a lane.
    known: BTreeSet<String>,
}

/// Counts of a stretch of a Kinesis shard, as commits hold them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Kinesis records.
    pub records: u64,
    /// Payloads.
    pub payloads: u64,
    /// Bytes of payload.
    pub bytes: u64,
    /// Rows.
    pub rows: u64,
    /// Rejects.
    pub rejects: u64,
    /// Payloads without an event and without a reject.
    pub empty: u64,
}

impl Lake {
    /// Reads what is committed in the folder of a source.
    ///
    /// # Errors
    /// The first thing that breaks a promise of the format: a hole in a log, ranges that do not
    /// join, a file that is not there or not as its commit says, rows outside their range or out of
    /// order.
    pub fn read(source: &Path) -> Result<Lake, String> {
        walk::walk(source)
    }

    /// What was committed, or nothing where no source has got to its first epoch yet.
    pub fn read_if_there(source: &Path) -> Result<Lake, String> {
        if source.join(walk::epoch_name(1)).exists() {
            Lake::read(source)
        } else {
            Ok(Lake::default())
        }
    }
}

impl Counts {
    fn from_json(value: &Value) -> Result<Self, String> {
        let field = |name: &str| {
            let number = value[name].as_u64();
            number.ok_or_else(|| format!("`{name}` is missing in the counts {value}"))
        };
        Ok(Self {
            records: field("records")?,
            payloads: field("payloads")?,
            bytes: field("bytes")?,
            rows: field("rows")?,
            rejects: field("rejects")?,
            empty: field("empty")?,
        })
    }

    fn add(&mut self, other: Counts) {
        self.records += other.records;
        self.payloads += other.payloads;
        self.bytes += other.bytes;
        self.rows += other.rows;
        self.rejects += other.rejects;
        self.empty += other.empty;
    }
}
