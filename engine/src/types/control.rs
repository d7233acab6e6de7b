//! Control messages: what readers tell a lane besides payloads.
//!
//! A watermark or an end names a position and counts only when every payload up to it has arrived
//! without a gap. Control never waits behind data of others.

use super::{ClaimRef, KinesisShardId, Position, TimestampMs, Window};

/// Where the reading of a Kinesis shard begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadFrom {
    /// The Kinesis shard.
    pub shard: KinesisShardId,
    /// Everything up to here is read already.
    pub position: Position,
    /// Its current window as of `position`.
    pub current_window: Window,
}

/// A Kinesis shard is past every window below `window`: nothing after `position` will be put in one
/// of them.
///
/// It comes from lag (an answer without records), or from a record that lies beyond the window
/// limit and was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watermark {
    /// The claim under which it was read.
    pub claim: ClaimRef,
    /// The Kinesis shard.
    pub shard: KinesisShardId,
    /// The reader's position when it learned this.
    pub position: Position,
    /// The current window from here on.
    pub window: Window,
    /// The server's clock of the answer.
    pub server_time: TimestampMs,
    /// Whether the answer said that nothing more was there at `server_time`.
    pub caught_up: bool,
}

/// A Kinesis shard has been read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardEnd {
    /// The claim under which it was read.
    pub claim: ClaimRef,
    /// The Kinesis shard.
    pub shard: KinesisShardId,
    /// The last record, or where reading began if there was none.
    pub position: Position,
    /// Its current window as of `position`.
    pub current_window: Window,
    /// Its children as far as the stream named them, each with its parents.
    pub children: Vec<(KinesisShardId, Vec<KinesisShardId>)>,
}

/// The reading of a Kinesis shard has come to the end that was asked for (`end_read_at`): everything
/// up to `position` is in, whatever follows is out.
///
/// It comes from the first record whose arrival time reaches the end, or from lag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardCut {
    /// The claim under which it was read.
    pub claim: ClaimRef,
    /// The Kinesis shard.
    pub shard: KinesisShardId,
    /// The last record before the end, or where reading began if there was none.
    pub position: Position,
    /// The end: an arrival time; the first one that is out.
    pub end: TimestampMs,
    /// The window after the one that holds the end: what a later end lets in begins there.
    pub window: Window,
}
