//! Reading: Kinesis shards in, payload batches with windows out.
//!
//! [`ShardCursor`] reads one Kinesis shard; [`kpl`] takes records apart; [`Lineage`] decides which
//! Kinesis shard enters which lane and when; [`first_lanes`] makes the first epoch. Nothing here
//! calls the stream: whoever runs a cursor makes the call that its step names and hands the answer
//! back.

mod batcher;
mod cursor;
mod first_lanes;
mod gap;
pub mod kpl;
mod lineage;
mod pacing;

pub use batcher::{MAX_BATCH_BYTES, MAX_BATCH_PAYLOADS};
pub use cursor::{
    CursorError, CursorOutput, CursorStep, FETCH_LIMIT, LAG_MARGIN_MS, ShardCursor, Trouble,
};
pub use first_lanes::{EARLIEST_WINDOW, first_lanes};
pub use gap::{LostPosition, lost_positions};
pub use lineage::{Lineage, ListingToken, Offer};
