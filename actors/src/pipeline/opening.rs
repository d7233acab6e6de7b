//! How a source opens: what is asked of the stream and the target before the first lane may read.

use std::sync::Arc;

use shardmill_engine::log::{
    self, Cleanup, Identity, LaneLog, LaneState, LogError, SourceOptions, SourceRecord,
};
use shardmill_engine::ports::{ShardFilter, ShardList};
use shardmill_engine::preview::{Preview, kept};
use shardmill_engine::source::{EARLIEST_WINDOW, first_lanes, lost_positions};
use shardmill_engine::types::{Generation, ProcessId, TimestampMs};

use super::clean_up::report;
use super::committer::public;
use super::context::SourceContext;
use super::deciding::{self, Deciding};
use super::reach::reach;
use super::workers::DecodePlan;
use crate::config::StartFrom;
use crate::error::Error;

/// A source that is open: every lane is claimed, nothing is read yet.
pub(crate) struct Opened {
    pub record: SourceRecord,
    pub generation: Generation,
    pub identity: Identity,
    pub logs: Vec<LaneLog>,
    pub listing: ShardList,
    pub cleanup: Option<Cleanup>,
    /// The number of the format decision in force.
    pub format: u64,
}

/// What [`shardmill_engine::ports::Stream::prepare`] does, for messages.
const PREPARE: &str = "find or register the consumer of `kinesis.fan_out`";

impl From<LogError> for Error {
    fn from(error: LogError) -> Self {
        public(&error)
    }
}

/// Opens the source: resolves where it starts, reads or puts its record, takes a generation, and
/// claims every lane.
///
/// `None` where the end of the reading has passed and there was nothing to read.
pub(crate) async fn open(context: Arc<SourceContext>) -> Result<Option<Opened>, Error> {
    let settings = &context.settings;
    let (store, host) = (&context.store, &context.host);
    let listing = reach(&context, "list its Kinesis shards", || {
        context.stream.list_shards(ShardFilter::All)
    })
    .await?;
    let known = log::read_source(store, host).await?;
    check_shards(&context, &listing, known.is_none())?;
    let start = match (&known, settings.read_from) {
        (Some(record), _) => record.start_ms,
        (None, StartFrom::Start) => None,
        (None, StartFrom::Now) => Some(listing.server_time),
        (None, StartFrom::At(time)) => Some(time),
    };
    // Before anything is put: where nothing can be found out, nothing is left behind.
    let deciding = deciding::decide(&context, start).await?;
    let options = SourceOptions {
        name: settings.name.clone(),
        stream: settings.stream.clone(),
        window_length: settings.window_length,
        start,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let record = log::open_source(store, host, options).await?;
    let Deciding { decision, preview } = match deciding {
        Some(deciding) => deciding,
        None => match deciding::wait_for_data(&context, record.start_ms).await? {
            Some(deciding) => deciding,
            None => return Ok(None),
        },
    };
    // Whoever reads now is fenced off only by a process that can read.
    reach(&context, PREPARE, || context.stream.prepare()).await?;
    let identity = identity();
    let generation = log::take_generation(store, host, &identity).await?;
    tracing::info!(
        source = %settings.name,
        generation = generation.0,
        process = %identity.process,
        start_ms = record.start_ms,
        "the state on the target is open"
    );
    let first = || first_epoch(&context, &listing, record.start_ms);
    let lanes = settings.execution_parallelism;
    let mut logs =
        log::claim_lanes::<_, _, Error>(store, host, &identity, generation, lanes, first).await?;
    // Only now: whoever had the lanes before can no longer commit under a decision that we have not
    // seen, so the numbers that commits name never go down.
    let (format, content) = deciding::store(&context, decision).await?;
    context.stream.decided(&content);
    // A source opens once.
    let _ = context.decided.set(Arc::new(DecodePlan {
        limits: settings.decode.limits.clone(),
        content,
        hash_key: settings.decode.hash_key.clone(),
        raw_copy: settings.decode.raw_copy,
    }));
    // Nothing depends on it, so no failure of it matters.
    if let Err(error) = keep_preview(&context, &logs, preview).await {
        tracing::warn!(source = %settings.name, %error, "the preview is not kept");
    }
    check_positions(&context, &logs, listing.server_time).await?;
    let cleanup = clean_up(&context, &mut logs).await;
    Ok(Some(Opened {
        record,
        generation,
        identity,
        logs,
        listing,
        cleanup,
        format,
    }))
}

/// Removes what ended claims have left, before anything is read.
async fn clean_up(context: &SourceContext, logs: &mut [LaneLog]) -> Option<Cleanup> {
    let mut cleanup = Cleanup::new(logs);
    if let Some(cleanup) = &mut cleanup {
        let swept = cleanup.run().await;
        for (lane, cleaned) in report(context, swept)
            .map(|clean| clean.0)
            .unwrap_or_default()
        {
            if let Some(log) = logs.get_mut(lane.0 as usize) {
                log.note_cleaned(cleaned);
            }
        }
    }
    cleanup
}

/// Kinesis resumes after a position that it has dropped as if nothing were missing, so whether the
/// stream still keeps what follows the committed positions is checked here.
async fn check_positions(
    context: &SourceContext,
    logs: &[LaneLog],
    server_time: TimestampMs,
) -> Result<(), Error> {
    let settings = &context.settings;
    let retention = match context.stream.retention_ms().await {
        Ok(Some(retention)) => retention,
        Ok(None) => return Ok(()),
        Err(error) => {
            tracing::warn!(
                source = %settings.name,
                %error,
                "how long the stream keeps records is not known, so a gap would go unnoticed; \
                 allow kinesis:DescribeStreamSummary"
            );
            return Ok(());
        }
    };
    let lanes = logs.iter().map(LaneLog::state);
    let end = settings.finish.end();
    for lost in lost_positions(lanes, end, server_time, retention) {
        if !settings.accept_gap {
            let message =
                format!("{lost}; to go on without it, set kinesis.accept_gap = true for one start");
            return Err(Error::new(lost.code(), message));
        }
        tracing::error!(source = %settings.name, kinesis_shard = %lost.shard, %lost, "a gap is accepted");
    }
    Ok(())
}

/// The lanes of a source that is new.
async fn first_epoch(
    context: &SourceContext,
    listing: &ShardList,
    start: Option<TimestampMs>,
) -> Result<Vec<LaneState>, Error> {
    let lanes = context.settings.execution_parallelism;
    let Some(start) = start else {
        return Ok(first_lanes(listing, None, lanes, EARLIEST_WINDOW));
    };
    let open = reach(context, "list the Kinesis shards open at the start", || {
        context.stream.list_shards(ShardFilter::AtTimestamp(start))
    })
    .await?;
    let window = context.settings.window_length.window_of(start);
    Ok(first_lanes(listing, Some(&open), lanes, window))
}

/// `shards` must not exceed the open Kinesis shards when the source is made; later a surplus reader
/// idles.
fn check_shards(context: &SourceContext, listing: &ShardList, new: bool) -> Result<(), Error> {
    let settings = &context.settings;
    let open = listing.shards.iter().filter(|shard| !shard.closed).count();
    // What a bounded stream holds is closed from the beginning; readers take what there is.
    if settings.shards <= open || context.stream.is_bounded() {
        return Ok(());
    }
    let message = format!(
        "kinesis.shards = {} but the stream {} has {open} open Kinesis shards; a reader reads one \
         Kinesis shard or more, so set kinesis.shards to at most {open}",
        settings.shards, settings.stream
    );
    if new {
        return Err(Error::new("config.too_many_shards", message));
    }
    tracing::warn!(source = %settings.name, "{message}; the surplus readers idle");
    Ok(())
}

/// Stores the sample that a source was decided by, and shows it until the first commit.
async fn keep_preview(
    context: &SourceContext,
    logs: &[LaneLog],
    preview: Option<Preview>,
) -> Result<(), LogError> {
    let (store, host) = (&context.store, &context.host);
    // Plain values: they are always JSON.
    if let Some(value) = preview.and_then(|preview| serde_json::to_value(preview).ok()) {
        log::put_preview(store, host, value).await?;
    }
    let lanes = logs.iter().map(LaneLog::state);
    context.meter.set_preview(kept(store, host, lanes).await?);
    Ok(())
}

/// Who this start of this process is.
pub(crate) fn identity() -> Identity {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .map(|name| name.trim().to_owned())
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_else(|| "unknown".to_owned());
    Identity {
        process: ProcessId::new(uuid::Uuid::new_v4().to_string()),
        host: format!("{host} (pid {})", std::process::id()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}
