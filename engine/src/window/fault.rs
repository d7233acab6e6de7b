//! What must never happen in a lane. Each ends the lane's claim; it begins again from its last
//! commit.

use crate::types::{KinesisShardId, Position, Window};

/// A message or a request that does not fit what the lane has seen. Nothing is repaired in silence.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum LaneFault {
    /// A message for a Kinesis shard that is not in the lane, or has ended.
    #[error("a message for Kinesis shard {shard}, which this lane does not read")]
    NotRead {
        /// The Kinesis shard.
        shard: KinesisShardId,
    },
    /// A batch that covers what has arrived already, or one that overlaps another.
    #[error("Kinesis shard {shard}: a batch begins at {from}, but all up to {arrived} has arrived")]
    Overlap {
        /// The Kinesis shard.
        shard: KinesisShardId,
        /// Where the batch begins.
        from: Position,
        /// How far the Kinesis shard has arrived.
        arrived: Position,
    },
    /// A batch that does not move the position forward.
    #[error("Kinesis shard {shard}: a batch from {from} to {to} covers nothing")]
    EmptyRange {
        /// The Kinesis shard.
        shard: KinesisShardId,
        /// Where it begins.
        from: Position,
        /// Where it ends.
        to: Position,
    },
    /// A batch in a window that its Kinesis shard is past (I5).
    #[error(
        "Kinesis shard {shard}: a batch in window {window}, but the current window is {current}"
    )]
    WindowWentBack {
        /// The Kinesis shard.
        shard: KinesisShardId,
        /// The batch's window.
        window: Window,
        /// The Kinesis shard's current window.
        current: Window,
    },
    /// An end that is not where the last batch ended.
    #[error("Kinesis shard {shard}: its end is at {end}, but all up to {arrived} has arrived")]
    EndBehind {
        /// The Kinesis shard.
        shard: KinesisShardId,
        /// Where the end was seen.
        end: Position,
        /// How far the Kinesis shard has arrived.
        arrived: Position,
    },
    /// A Kinesis shard that enters twice.
    #[error("Kinesis shard {shard} is in this lane already")]
    EnteredTwice {
        /// The Kinesis shard.
        shard: KinesisShardId,
    },
    /// A commit out of order.
    #[error("a commit of window {asked} was asked for, but the next one is {due:?}")]
    CommitOutOfOrder {
        /// The window asked for.
        asked: Window,
        /// The window whose turn it is.
        due: Option<Window>,
    },
    /// The files do not hold what the ranges say.
    #[error(
        "window {window}: its files hold {files} {what}, but the batches that arrived {batches}"
    )]
    FilesDiffer {
        /// The window.
        window: Window,
        /// What of.
        what: &'static str,
        /// In files.
        files: u64,
        /// In batches.
        batches: u64,
    },
}

impl LaneFault {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            LaneFault::NotRead { .. } => "lane.not_read",
            LaneFault::Overlap { .. } => "lane.overlap",
            LaneFault::EmptyRange { .. } => "lane.empty_range",
            LaneFault::WindowWentBack { .. } => "lane.window_went_back",
            LaneFault::EndBehind { .. } => "lane.end_behind",
            LaneFault::EnteredTwice { .. } => "lane.entered_twice",
            LaneFault::CommitOutOfOrder { .. } => "lane.commit_out_of_order",
            LaneFault::FilesDiffer { .. } => "lane.files_differ",
        }
    }
}
