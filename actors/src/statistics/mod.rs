//! Statistics of a source, live and of the past, for whoever asks.
//!
//! [`Statistics`] comes from [`Handle::statistics`](crate::Handle::statistics) for a source that runs
//! in this process.

mod live;
mod memory;
mod stored;

pub use shardmill_engine::statistics::{Origin, Pane, View};

pub(crate) use live::{Held, LiveView, Snapshot};
pub(crate) use memory::PaneMemory;
