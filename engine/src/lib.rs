//! Shardmill's engine: what is true.
//!
//! Pure logic and ports, in the order of the data path. Nothing in this crate knows actix, spawns,
//! sleeps, reads a clock or a random source: time and randomness come in through
//! [`ports::Host`] or as arguments (invariant I9).

pub mod budget;
pub mod ports;
pub mod types;

mod lz4_frame;
pub mod raw_copy;
pub mod schema;

pub mod source;

pub mod decode;

pub mod window;

pub mod statistics;

pub mod parquet;

pub mod log;

pub mod cut;

pub mod replay;

pub mod rollup;

pub mod output;

pub mod preview;

pub mod verify;
