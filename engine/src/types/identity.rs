//! Names of the things that own state: Kinesis shards, lanes, epochs, claims, processes.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The id of a Kinesis shard, as ListShards gives it (`shardId-000000000000`). Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KinesisShardId(Arc<str>);

impl KinesisShardId {
    /// Takes the id as Kinesis spells it.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id as Kinesis spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KinesisShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KinesisShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A random id that one process takes at its start.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProcessId(Arc<str>);

impl ProcessId {
    /// Takes an id that no other process has, a UUID for instance.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id as it stands in the log.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ProcessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// Which lane of an epoch, from 0.
    LaneId(u32)
);
number!(
    /// A set of lanes, from 1; a change of the number of lanes makes the next one.
    Epoch(u64)
);
number!(
    /// One start of a process on a source, from 1.
    Generation(u64)
);
number!(
    /// The number of the log entry that claimed a lane.
    ClaimNumber(u64)
);

/// One claim of one lane: what every message of the data path carries, so that a stage can drop
/// what belongs to a claim that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClaimRef {
    /// The epoch of the lane.
    pub epoch: Epoch,
    /// The lane.
    pub lane: LaneId,
    /// The entry of the lane's log that is the claim.
    pub claim: ClaimNumber,
}
