//! The log on the target: how state is claimed, committed, recovered and followed
//! (`docs/FORMAT.md`).
//!
//! A process starts with [`open_source`], [`take_generation`] and [`claim_lanes`], and then puts
//! commits through each lane's [`LaneLog`]. Everything true about a source is in its log; nothing
//! here keeps state anywhere else.

mod check;
mod checkpoint;
mod cleanup;
mod command;
mod deletion;
mod error;
mod follow;
mod format;
mod guard;
mod lane;
mod lanes;
mod load;
pub mod names;
mod objects;
mod preview;
mod record;
mod retention;
mod start;
mod state;
mod survey;
mod view;
mod walk;

#[cfg(test)]
pub(crate) mod memory;
#[cfg(test)]
mod tests;

pub use cleanup::{Cleanup, LaneOver, Swept};
pub use command::{expire_now, take_over};
pub use deletion::{DeletedRecord, Deletion, FENCES_STAY_MS, Remains, read_deleted};
pub use error::{EntryAt, EntryFault, LogError, OtherProcess};
pub use follow::{Followed, Follower};
pub use format::{FormatDecision, FormatRecord, decide_format, newest_format};
pub use guard::Guard;
pub use lane::{LaneClaimer, LaneLog};
pub(crate) use load::read_lanes;
pub use objects::parse;
pub(crate) use objects::{Objects, Put, to_json};
pub use preview::{PreviewRecord, put_preview, read_preview};
pub use record::{
    CaughtUp, Checkpoint, Cleaned, Commit, Cut, DataFile, EndedClaim, Entered, Entry, EntryBody,
    EntryHead, FORMAT_VERSION, Folded, GenerationRecord, LaneState, LanesRecord, ShardRange,
    ShardState, SourceRecord, StatisticsObject,
};
pub(crate) use retention::marks_since;
pub use retention::{ExpiredMarks, Forgotten, Retention, expires_through, older_than};
pub use start::{Identity, SourceOptions, claim_lanes, open_source, read_source, take_generation};
pub use state::LaneFold;
pub use survey::{Survey, survey};
pub use view::{LaneView, SourceView, read_state};
pub use walk::{Walk, Walked};
