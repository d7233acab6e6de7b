//! What a lane looks like at a moment, for people and metrics.

use crate::types::{ClaimRef, Counts, KinesisShardId, Position, TimestampMs, Window};

/// A lane's live tip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneSnapshot {
    /// The claim.
    pub claim: ClaimRef,
    /// The last window that a commit has closed.
    pub closed_through: Option<Window>,
    /// Readers may go up to this window, included.
    pub window_limit: Window,
    /// The Kinesis shard that the next window waits for.
    pub watermark_shard: Option<KinesisShardId>,
    /// Windows with payloads that no commit has yet, in order.
    pub windows: Vec<WindowSnapshot>,
    /// The Kinesis shards of the live tip.
    pub shards: Vec<ShardSnapshot>,
}

/// A window with payloads that no commit has yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowSnapshot {
    /// Which.
    pub window: Window,
    /// What has arrived of it.
    pub counts: Counts,
    /// Whether it is being written out.
    pub closing: bool,
}

/// A Kinesis shard of the live tip.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardSnapshot {
    /// Which.
    pub shard: KinesisShardId,
    /// Everything up to here has arrived without a gap.
    pub arrived: Position,
    /// Everything up to here is committed, or on its way.
    pub committed: Position,
    /// The current window at `arrived`.
    pub current_window: Window,
    /// Batches that wait for one before them.
    pub waiting: usize,
    /// The newest server time at which it was shown to hold nothing more.
    pub caught_up_at: Option<TimestampMs>,
    /// Whether it has been read to its end.
    pub ended: bool,
}
