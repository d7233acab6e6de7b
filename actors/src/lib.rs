//! Shardmill: a Kinesis stream becomes minute files of Parquet, each event exactly once.

pub mod adapters;
pub mod config;
pub mod probe;
