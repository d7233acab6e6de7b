//! What a node is told by its one argument, a JSON object.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Phase;

/// What a node does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NodeOptions {
    /// The `source.toml`.
    pub config: PathBuf,
    /// Length of windows, in milliseconds.
    pub window_ms: i64,
    /// In place of `target.retention`, in milliseconds: the key takes no less than a minute.
    pub retention_ms: Option<u64>,
    /// Where to kill itself.
    pub kill: Option<KillAt>,
    /// How many of all calls to the target fail, 0 to 1.
    pub store_faults: f64,
    /// How many of all calls to the stream fail, 0 to 1.
    pub stream_faults: f64,
    /// Size of upload parts in bytes.
    pub part_size: usize,
    /// Decides which calls fail.
    pub seed: u64,
    /// In place of the stream that the `source.toml` names: one in memory, whose statistics are
    /// asked for and checked all the time.
    pub numbered: Option<Numbered>,
    /// A certificate to trust, for a server over TLS.
    pub trust: Option<PathBuf>,
}

/// A stream of numbered events: see [`crate::numbered`].
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Numbered {
    /// Its Kinesis shards.
    pub kinesis_shards: u64,
    /// Records of each.
    pub records_each: u64,
}

/// A place to die at.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct KillAt {
    /// What the node is at.
    pub phase: Phase,
    /// How often it has been at that before.
    pub after: u32,
    /// Decides between just before, in the middle of and just after the call, where the phase
    /// leaves that open.
    pub seed: u64,
}

impl NodeOptions {
    /// Windows of a second, and nothing fails.
    pub fn new(config: impl Into<PathBuf>) -> Self {
        Self {
            config: config.into(),
            window_ms: 1_000,
            retention_ms: None,
            kill: None,
            store_faults: 0.0,
            stream_faults: 0.0,
            part_size: 32 * 1024,
            seed: 0,
            numbered: None,
            trust: None,
        }
    }
}
