//! The log on the target: how state is claimed, committed, recovered and followed
//! (`docs/FORMAT.md`).

mod record;

pub use record::{
    CaughtUp, Checkpoint, Commit, DataFile, EndedClaim, Entered, Entry, EntryBody, EntryHead,
    FORMAT_VERSION, GenerationRecord, LaneState, LanesRecord, ShardRange, ShardState, SourceRecord,
};
