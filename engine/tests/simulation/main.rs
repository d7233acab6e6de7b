//! Seeded simulations of the engine on a world in memory.
//!
//! `SHARDMILL_SEEDS=n` runs n new seeds (the base is printed), `SHARDMILL_SEED=s` replays one and
//! prints its history.

mod checker;
mod executor;
mod host;
mod lane_model;
mod model_stream;
mod outputs;
mod pipeline;
mod process;
mod protocol;
mod random;
mod retention;
mod seeds;
mod store;
mod stream;
mod stream_content;

/// When every simulation begins: 2026-11-22T10:00:00Z.
pub const START_MS: i64 = 1_795_341_600_000;
