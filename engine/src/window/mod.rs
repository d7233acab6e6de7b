//! A lane's windows: what has arrived, what may close, what a commit covers.
//!
//! [`LaneFlow`] is the live tip of one claim of one lane. It puts batches back into Kinesis order,
//! holds watermarks and ends until all before them has arrived, says which windows may be written
//! out, and makes the commits.

mod fault;
mod lane_flow;
mod pending;
mod shard_flow;
mod snapshot;

pub use fault::LaneFault;
pub use lane_flow::{LaneFlow, LaneLimits};
pub use pending::CommitFiles;
pub use snapshot::{LaneSnapshot, ShardSnapshot, WindowSnapshot};
