//! What is on a stream, without reading it into a target: a sample, decoded.

pub(crate) mod sampler;
mod schemas;

use std::sync::Arc;

use bytes::Bytes;
use shardmill_engine::decode::Hints;
use shardmill_engine::decode::avro::{NoSchemas, SchemaLookup};
use shardmill_engine::ports::{Host, Stream, StreamError};
use shardmill_engine::preview::{self as report, Previewed};

pub use shardmill_engine::preview::{Column, HeaderSeen, Preview, PreviewError, Seen};

use self::sampler::{LOOK_BACK_MS, SampleFrom};
use self::schemas::{Looked, registry_of};
use crate::adapters::{self, SystemHost};
use crate::config::{ContentFormat, DataSource};
use crate::error::Error;
use crate::pipeline::{DecodePlan, decode_plan, not_reached};

/// What a preview needs of a stream first, as errors say it.
pub(crate) const TAKE_A_SAMPLE: &str = "take a sample";

/// What is known before a preview.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PreviewOptions {
    /// The format, in place of the configured one; its options are decided by the sample.
    pub format: Option<ContentFormat>,
    /// Whether payloads of CSV begin with a header.
    pub header: Option<bool>,
}

/// Scans the last 30 minutes of every Kinesis shard of a source's stream, takes up to 100 payloads,
/// finds out what they are, and decodes them. Nothing is written anywhere, and the target is not
/// asked. Needs a tokio runtime; see [`preview_blocking`].
///
/// ```no_run
/// use shardmill::config::DataSource;
/// use shardmill::preview::PreviewOptions;
///
/// # async fn look() -> Result<(), Box<dyn std::error::Error>> {
/// let source = DataSource::builder("clicks")
///     .stream("clickstream")
///     .region("eu-west-1")
///     .target("./lake")
///     .build()?;
/// let seen = shardmill::preview(&source, PreviewOptions::default()).await?;
/// println!("{:?}, because {}", seen.format, seen.reason);
/// println!("{} of {} payloads parsed", seen.parsed_successfully, seen.sample_size);
/// for column in &seen.schema {
///     println!("{}: {} in {:.0}%", column.name, column.data_type, column.density * 100.0);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// `content.no_data` if nothing came in the last 30 minutes; `stream.*` and `connection.*` if the
/// stream cannot be read; `registry.*` and `content.no_registry` if schemas cannot be looked up.
pub async fn preview(source: &DataSource, options: PreviewOptions) -> Result<Preview, Error> {
    previewed(source, options).await.map(|seen| seen.preview)
}

/// As [`preview`], for programs without a runtime.
///
/// # Errors
/// As [`preview`], and `engine.threads` where no thread can be started.
pub fn preview_blocking(source: &DataSource, options: PreviewOptions) -> Result<Preview, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(Error::no_thread)?;
    runtime.block_on(preview(source, options))
}

/// As [`preview`], of a stream that the embedder gives; the one that `source` names is not asked.
///
/// # Errors
/// `content.*`, `registry.*` and `stream.*`, as [`preview`].
pub async fn preview_of(
    source: &DataSource,
    stream: &dyn Stream,
    options: PreviewOptions,
) -> Result<Preview, Error> {
    see(source, stream, options).await.map(|seen| seen.preview)
}

pub(crate) async fn previewed(
    source: &DataSource,
    options: PreviewOptions,
) -> Result<Previewed, Error> {
    let stream = adapters::open_polled(source).await?;
    see(source, &*stream, options).await
}

async fn see(
    source: &DataSource,
    stream: &dyn Stream,
    options: PreviewOptions,
) -> Result<Previewed, Error> {
    let registry = registry_of(source, options.format).await?;
    let plan = decode_plan(source);
    let hints = Hints {
        format: options.format,
        header: options.header,
    };
    // What is no stream may be older than that.
    let from = match stream.is_bounded() {
        true => SampleFrom::Horizon,
        false => SampleFrom::Back(LOOK_BACK_MS),
    };
    let stream_failed = |error| not_reached(&source.kinesis().stream, TAKE_A_SAMPLE, &error);
    let sampled = sampler::sample(stream, &SystemHost, from).await;
    let payloads = sampled.map_err(stream_failed)?;
    if payloads.is_empty() {
        return Err(no_data(&source.kinesis().stream));
    }
    let mut looked = Looked::default();
    loop {
        let lookup: Arc<dyn SchemaLookup> = match &registry {
            Some(_) => Arc::new(looked.clone()),
            None => Arc::new(NoSchemas),
        };
        let seen = decoded(payloads.clone(), &plan, hints, lookup).await;
        let mut seen = seen.map_err(stream_failed)?;
        let awaited = std::mem::take(&mut seen.awaited);
        match &registry {
            Some(registry) if !awaited.is_empty() => {
                looked.add(&**registry, &SystemHost, awaited).await?;
            }
            _ => return Ok(seen),
        }
    }
}

/// Takes a sample of payloads whose schemas no registry has, and says what it is; `None` where
/// nothing has come.
pub(crate) async fn look(
    stream: &dyn Stream,
    host: &dyn Host,
    from: SampleFrom,
    plan: &DecodePlan,
    hints: Hints,
) -> Result<Option<Previewed>, StreamError> {
    let payloads = sampler::sample(stream, host, from).await?;
    if payloads.is_empty() {
        return Ok(None);
    }
    let seen = decoded(payloads, plan, hints, Arc::new(NoSchemas)).await;
    seen.map(Some)
}

async fn decoded(
    payloads: Vec<Bytes>,
    plan: &DecodePlan,
    hints: Hints,
    lookup: Arc<dyn SchemaLookup>,
) -> Result<Previewed, StreamError> {
    let plan = plan.clone();
    let seen = tokio::task::spawn_blocking(move || {
        let DecodePlan {
            limits,
            content,
            hash_key,
            ..
        } = plan;
        report::preview_with(&payloads, &content, hints, &limits, lookup, hash_key)
    });
    // It does not panic: a payload that makes a decoder do so is a reject.
    seen.await
        .map_err(|error| StreamError::Unavailable(error.to_string()))
}

/// The error of a stream on which nothing came.
pub(crate) fn no_data(stream: &str) -> Error {
    let message = format!(
        "no data came on the stream {stream} in the last 30 minutes, so what it holds cannot be \
         found out: set content.format, or content.wait_for_data = true to have `run` wait for \
         the first data"
    );
    Error::new("content.no_data", message)
}
