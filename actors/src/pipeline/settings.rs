//! What the actors of one source need to know, resolved from its configuration.

use std::time::Duration;

use shardmill_engine::decode::DecodeLimits;
use shardmill_engine::parquet::ParquetOptions;
use shardmill_engine::types::{TimestampMs, WindowLength};

/// The credit that a fetch takes: the most that GetRecords answers with (10 MiB), and the same as
/// the base64 in JSON in which it comes.
pub const FETCH_BYTES: usize = 24 * 1024 * 1024;

/// Where reading begins when the source is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// The oldest record that the stream still has.
    Start,
    /// The server's time at which the source is made.
    Now,
    /// Records that arrived at this time or later.
    Timestamp(TimestampMs),
}

/// The settings of one source's actors.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of the source.
    pub name: String,
    /// The stream's name or ARN; it is remembered with the source.
    pub stream: String,
    /// Where a new source begins.
    pub read_from: ReadFrom,
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
