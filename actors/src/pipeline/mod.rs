//! The actors of one data source, in the order of the data path.
//!
//! Kinesis -> [`shard_reader`] -> [`workers`] (decoding) -> [`lane`] -> [`window_writer`] and
//! [`statistics`] -> [`uploader`] -> [`committer`] -> target; [`source`] supervises, and [`outputs`] take what is committed. No algorithm lives here: what is
//! true is decided by `shardmill_engine`.

mod clean_up;
mod committer;
mod context;
mod deciding;
mod decoding;
mod lane;
mod lifeline;
mod lifetime;
mod opening;
mod outputs;
mod reach;
mod retention;
mod rollups;
mod schemas;
mod settings;
mod shard_reader;
mod source;
mod statistics;
mod uploader;
mod window_writer;
mod workers;

pub(crate) use context::SourceContext;
pub(crate) use lifeline::Fault;
pub(crate) use opening::identity;
pub(crate) use outputs::Holds;
pub(crate) use reach::not_reached;
pub(crate) use schemas::Schemas;
pub(crate) use settings::{Finish, Settings, decode_plan, pane_limits};
pub(crate) use source::{Source, StopSource, StopSourceNow};
pub(crate) use workers::{DecodePlan, SourceKey, Workers};
