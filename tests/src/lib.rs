//! What the end-to-end tests of Shardmill share: servers to run against, numbered events to put on a
//! stream, an independent reading of what came out, and the comparison of the two.
//!
//! Nothing here is skipped when something is missing: a server or a tool that cannot be had is a
//! failed test.

pub mod credentials;
pub mod paths;
pub mod process;
pub mod tools;
pub mod wait;

pub mod fan_out;
pub mod proxy;
pub mod s3;
pub mod schema_registry;
pub mod scripted;
pub mod sdk;
pub mod servers;

pub mod events;
pub mod kinesis;
pub mod kpl;
pub mod ledger;

pub mod lake;
pub mod memory_stream;
pub mod numbered;
pub mod paced_stream;
pub mod pushed_stream;
pub mod slow_store;

pub mod faults;
pub mod faulty_s3;
pub mod node;
pub mod source;
pub mod target;
pub mod traffic;

pub mod cli;
pub mod readers;
pub mod scene;
pub mod storm;
