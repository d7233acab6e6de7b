//! What a cursor asks for, gives out and fails with.

use crate::ports::IteratorFrom;
use crate::types::{
    KinesisShardId, PayloadBatch, Position, ShardCut, ShardEnd, TimestampMs, Watermark, Window,
};

/// What a cursor wants done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CursorStep {
    /// Get a shard iterator and hand it to [`super::ShardCursor::on_iterator`].
    Iterator(IteratorFrom),
    /// Call GetRecords and hand the answer to [`super::ShardCursor::on_records`].
    Fetch {
        /// The shard iterator.
        iterator: String,
        /// The most records.
        limit: u32,
    },
    /// List all Kinesis shards, without filter and to the last page, and hand the answer to
    /// [`super::ShardCursor::on_shard_info`]: the stream says that this one ends here but names no child.
    AskEnd,
    /// Nothing before `until`.
    Wait {
        /// When to ask again.
        until: TimestampMs,
    },
    /// Nothing until the lane's window limit has reached this window
    /// ([`super::ShardCursor::limit_moved`]).
    Blocked {
        /// The window of the next record.
        window: Window,
    },
    /// The Kinesis shard has been read to its end, or to the one that was asked for.
    Done,
    /// Reading cannot go on; the claim of the lane has to end.
    Failed(CursorError),
}

/// What an answer brought.
#[derive(Debug)]
pub enum CursorOutput {
    /// Payloads of one window; in Kinesis order, joined to the batch before.
    Batch(PayloadBatch),
    /// The Kinesis shard is past some windows.
    Watermark(Watermark),
    /// It has been read to its end.
    End(ShardEnd),
    /// It has been read up to the end that was asked for.
    Cut(ShardCut),
    /// How far the reading is behind the tip.
    Lag {
        /// MillisBehindLatest.
        millis_behind: i64,
    },
}

/// Why a Kinesis shard cannot be read on. What is worth trying again never becomes one of these.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum CursorError {
    /// Kinesis no longer knows the position.
    #[error(
        "Kinesis shard {shard}: the position {position} is not accepted any more ({detail}); \
         what lies after it may be lost: check the stream's retention and that it was not made anew"
    )]
    PositionLost {
        /// The Kinesis shard.
        shard: KinesisShardId,
        /// Everything up to here was read.
        position: Position,
        /// What Kinesis said.
        detail: String,
    },
    /// Kinesis does not know the Kinesis shard, or the stream, although it is not read to its end.
    #[error(
        "Kinesis shard {shard} is gone; it was read up to {position} and not to its end ({detail}): \
         check that the stream exists and that its retention has not passed"
    )]
    ShardGone {
        /// The Kinesis shard.
        shard: KinesisShardId,
        /// Everything up to here was read.
        position: Position,
        /// What Kinesis said.
        detail: String,
    },
    /// What is to be read is gone, damaged or changed, in a source that is no stream.
    #[error("{detail} (everything up to position {position} is read)")]
    Unusable {
        /// The stable code.
        code: &'static str,
        /// Everything up to here was read.
        position: Position,
        /// What is wrong, with which file, and what to do.
        detail: String,
    },
}

impl CursorError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            CursorError::PositionLost { .. } => "source.position_lost",
            CursorError::ShardGone { .. } => "source.shard_gone",
            CursorError::Unusable { code, .. } => code,
        }
    }
}

/// What a cursor is trying again after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The newest error, in words.
    pub error: String,
    /// Errors in a row.
    pub failures: u32,
    /// When the next try is made.
    pub retry_at: TimestampMs,
}
