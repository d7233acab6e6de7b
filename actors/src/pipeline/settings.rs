//! What the actors of one source need to know, resolved from its configuration.

use std::time::Duration;

use shardmill_engine::decode::DecodeLimits;
use shardmill_engine::parquet::ParquetOptions;
use shardmill_engine::types::WindowLength;

use crate::config::{DataSource, MemoryPlan, StartFrom};

/// The credit that a fetch takes: what its worst answer holds while it becomes columns.
pub const FETCH_BYTES: usize = MemoryPlan::KEPT_FETCH as usize;

/// The settings of one source's actors.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of the source.
    pub name: String,
    /// The stream's name or ARN; it is remembered with the source.
    pub stream: String,
    /// Where a new source begins.
    pub read_from: StartFrom,
    /// Parallel readers.
    pub shards: usize,
    /// Lanes.
    pub execution_parallelism: usize,
    /// Length of windows. One minute, but for tests.
    pub window_length: WindowLength,
    /// Windows that a lane may have open at once.
    pub max_open_windows: u32,
    /// Limits of decoding.
    pub decode: DecodeLimits,
    /// How files are written.
    pub parquet: ParquetOptions,
    /// How often a lane without data commits its progress.
    pub progress_interval: Duration,
    /// How often ListShards is asked.
    pub list_shards_interval: Duration,
    /// How often clean-up runs.
    pub clean_up_interval: Duration,
    /// How long a stream or target that does not answer is waited for at the start.
    pub start_patience: Duration,
    /// How long a stop may take to finish what is in flight.
    pub stop_deadline: Duration,
}
