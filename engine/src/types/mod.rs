//! Plain types that every stage speaks: identities, positions, windows, batches.
//!
//! Nothing here does work; stages meet only in these types.

mod batch;
mod control;
mod file;
mod identity;
mod payload;
mod position;
mod registry;
mod window;

pub use batch::{Counts, DecodedBatch, RawCopy, Reject, RejectCode, Rows};
pub use control::{ReadFrom, ShardCut, ShardEnd, Watermark};
pub use file::FileKind;
pub use identity::{ClaimNumber, ClaimRef, Epoch, Generation, KinesisShardId, LaneId, ProcessId};
pub use payload::{BatchHead, Payload, PayloadBatch};
pub use position::{Position, SequenceNumber, SequenceNumberError};
pub use registry::{AvroSchema, Registered, SchemaId};
pub use window::{Level, Window, WindowLength};

/// Milliseconds since the Unix epoch, UTC.
pub type TimestampMs = i64;
