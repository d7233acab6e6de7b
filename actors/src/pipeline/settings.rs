//! What the actors of one source need to know, resolved from its configuration.

use std::sync::Arc;
use std::time::Duration;

use shardmill_engine::cut::is_undone;
use shardmill_engine::decode::{Compression, DecodeLimits};
use shardmill_engine::parquet::ParquetOptions;
use shardmill_engine::statistics::PaneLimits;
use shardmill_engine::types::{TimestampMs, WindowLength};

use super::workers::DecodePlan;
use crate::config::{
    DataSource, FilesSettings, MemoryPlan, OutputSettings, RetentionMode, StartFrom,
    StatisticsSettings,
};

/// The credit that a fetch takes: what its worst answer holds while it becomes columns.
pub(crate) const FETCH_BYTES: usize = MemoryPlan::KEPT_FETCH as usize;

/// The settings of one source's actors.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The name of the source.
    pub name: String,
    /// The stream's name or ARN; it is remembered with the source.
    pub stream: String,
    /// Where a new source begins.
    pub read_from: StartFrom,
    /// When the source ends by itself.
    pub finish: Finish,
    /// Whether to go on where the stream no longer keeps what follows a committed position.
    pub accept_gap: bool,
    /// Parallel readers.
    pub shards: usize,
    /// Lanes.
    pub execution_parallelism: usize,
    /// Length of windows. One minute, but for tests.
    pub window_length: WindowLength,
    /// Windows that a lane may have open at once.
    pub max_open_windows: u32,
    /// Whether a new source waits for its first data where its format is to be found out.
    pub wait_for_data: bool,
    /// What payloads are said to be, and the limits of decoding them.
    pub decode: Arc<DecodePlan>,
    /// How files are written.
    pub parquet: ParquetOptions,
    /// What goes elsewhere, too.
    pub outputs: Vec<OutputSettings>,
    /// Bounds of statistics.
    pub statistics: PaneLimits,
    /// How often a lane without data commits its progress.
    pub progress_interval: Duration,
    /// How often ListShards is asked.
    pub list_shards_interval: Duration,
    /// How long after the start clean-up runs again, when every put of a process that was fenced
    /// by this start has landed.
    pub second_clean_up_after: Duration,
    /// How often clean-up runs after that.
    pub clean_up_interval: Duration,
    /// How long windows stay; `None` for ever.
    pub retention: Option<RetentionSettings>,
    /// How often retention runs.
    pub retention_interval: Duration,
    /// How long a stream or target that does not answer is waited for at the start.
    pub start_patience: Duration,
    /// How long a stop may take to finish what is in flight.
    pub stop_deadline: Duration,
}

/// When a source has nothing more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finish {
    /// A stream goes on.
    Never,
    /// Once every Kinesis shard is read up to this arrival time (`end_read_at`), or to its end.
    AtEnd(TimestampMs),
    /// Once every Kinesis shard of a stream to which nothing is added has been read to its end.
    WhenRead,
}

impl Finish {
    /// The arrival time at which reading ends.
    pub(crate) fn end(self) -> Option<TimestampMs> {
        match self {
            Finish::AtEnd(end) => Some(end),
            Finish::Never | Finish::WhenRead => None,
        }
    }
}

impl Settings {
    /// What the actors need of a data source's configuration.
    pub(crate) fn of(source: &DataSource) -> Self {
        let minute = Duration::from_secs(60);
        let window = Duration::from_millis(source.window_length().millis().unsigned_abs());
        Self {
            name: source.name().to_owned(),
            stream: source.kinesis().stream.clone(),
            read_from: source.kinesis().read_from,
            finish: match source.kinesis().end_read_at {
                Some(end) => Finish::AtEnd(end),
                None => Finish::Never,
            },
            accept_gap: source.kinesis().accept_gap,
            shards: source.kinesis().shards as usize,
            execution_parallelism: source.target().execution_parallelism as usize,
            window_length: source.window_length(),
            max_open_windows: source.engine().memory.max_open_windows,
            wait_for_data: source.content().wait_for_data,
            decode: Arc::new(DecodePlan {
                raw_copy: source.target().store_raw_data,
                ..decode_plan(source)
            }),
            parquet: source.parquet().clone(),
            outputs: source.outputs().to_vec(),
            statistics: pane_limits(source.statistics()),
            progress_interval: window.min(minute),
            list_shards_interval: (window / 2).clamp(Duration::from_millis(500), minute / 2),
            second_clean_up_after: 2 * minute,
            clean_up_interval: 60 * minute,
            retention: source.target().retention.map(|keep| RetentionSettings {
                keep,
                soft: source.target().retention_mode == RetentionMode::Soft,
            }),
            retention_interval: retention_interval(source.target().retention, window),
            start_patience: Duration::from_secs(30),
            stop_deadline: source.engine().stop_deadline,
        }
    }
}

/// How long windows stay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetentionSettings {
    /// So long after their end they expire.
    pub keep: Duration,
    /// The files of expired windows stay.
    pub soft: bool,
}

/// Once an hour, or 24 times while a window is kept; never more than once a window.
fn retention_interval(keep: Option<Duration>, window: Duration) -> Duration {
    let hour = Duration::from_secs(3_600);
    keep.map_or(hour, |keep| (keep / 24).min(hour)).max(window)
}

/// The bounds of panes.
pub(crate) fn pane_limits(statistics: &StatisticsSettings) -> PaneLimits {
    PaneLimits {
        fields: statistics.real_time,
        max_fields: statistics.max_fields,
        max_bytes: statistics.max_bytes_per_window,
        top_values: statistics.top_values,
    }
}

/// What a configuration tells decoders, without a raw copy.
pub(crate) fn decode_plan(source: &DataSource) -> DecodePlan {
    let content = source.content();
    let mut options = content.options.clone();
    let ordinary = source.files().is_some_and(FilesSettings::are_ordinary);
    if ordinary && is_undone(options.compression) {
        // It is undone as files are read.
        options.compression = Compression::None;
    }
    DecodePlan {
        limits: DecodeLimits {
            max_depth: content.max_depth,
            max_event_bytes: content.max_event_size,
            ..DecodeLimits::default()
        },
        content: options,
        hash_key: content.hash_key.clone(),
        raw_copy: false,
    }
}

#[cfg(test)]
#[path = "settings_tests/mod.rs"]
mod tests;
