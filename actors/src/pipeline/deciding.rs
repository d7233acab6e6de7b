//! What a source's payloads are: as the configuration says, as was decided before, or, under `auto`
//! on a new source, by a sample.

use shardmill_engine::decode::{ContentOptions, FormatChoice, Hints};
use shardmill_engine::log::{self, FormatDecision, FormatRecord, LogError};
use shardmill_engine::ports::ShardFilter;
use shardmill_engine::preview::{
    MAX_SAMPLE_BYTES, Preview, Previewed, decision, decodes_like, decodes_with, go_on_with,
};
use shardmill_engine::source::LAG_MARGIN_MS;
use shardmill_engine::types::TimestampMs;

use super::context::SourceContext;
use super::reach::reach;
use crate::error::Error;
use crate::preview::sampler::{LOOK_BACK_MS, SampleFrom};
use crate::preview::{TAKE_A_SAMPLE, look, no_data};

/// The first wait for data, milliseconds; it grows up to [`LONGEST_WAIT_MS`].
const FIRST_WAIT_MS: u64 = 1_000;
const LONGEST_WAIT_MS: u64 = 15_000;
/// Once data has come it is waited this long for some more, so that the sample is larger than one
/// record.
const GATHERING_MS: u64 = 1_500;

/// What was decided, before it is stored.
pub(super) struct Deciding {
    pub(super) decision: FormatDecision,
    /// The sample that it was decided by.
    pub(super) preview: Option<Preview>,
}

impl Deciding {
    fn stored(options: &ContentOptions, reason: impl Into<String>) -> Self {
        Self {
            decision: decision(options, reason),
            preview: None,
        }
    }
}

/// What payloads are, where that can be said now. `None` only where the configuration says that the
/// first data is to be waited for, and there is none yet. `start` is where a new source begins.
pub(super) async fn decide(
    context: &SourceContext,
    start: Option<TimestampMs>,
) -> Result<Option<Deciding>, Error> {
    let given = &context.settings.decode.content;
    if given.format != FormatChoice::Auto {
        return Ok(Some(Deciding::stored(given, "the configuration says so")));
    }
    if let Some(record) = log::newest_format(&context.store, &context.host).await? {
        let options = readable(&record, go_on_with(&record.decision, given))?;
        return Ok(Some(Deciding::stored(&options, record.decision.reason)));
    }
    // What came lately, or else the oldest of what will be read.
    let lately = (!context.stream.is_bounded()).then_some(SampleFrom::Back(LOOK_BACK_MS));
    for from in lately.into_iter().chain([begins(start)]) {
        if let Some(seen) = sample(context, from).await? {
            return decided(context, seen).map(Some);
        }
    }
    match context.settings.wait_for_data {
        true => Ok(None),
        false => Err(no_data(&context.settings.stream)),
    }
}

/// Waits for the first data and decides by it; `None` once the end of the reading has passed without
/// any. Ends when the source is told to stop: then nobody waits for it any more.
pub(super) async fn wait_for_data(
    context: &SourceContext,
    start: Option<TimestampMs>,
) -> Result<Option<Deciding>, Error> {
    let name = &context.settings.name;
    tracing::warn!(source = %name, "no data has come yet; what it is will be decided by the first");
    context.meter.set_state("waiting");
    let mut wait = FIRST_WAIT_MS;
    loop {
        context.host.sleep(wait).await;
        wait = LONGEST_WAIT_MS.min(wait * 2);
        let passed = has_passed(context).await?;
        if sample(context, begins(start)).await?.is_none() {
            match passed {
                true => return Ok(None),
                false => continue,
            }
        }
        context.host.sleep(GATHERING_MS).await;
        if let Some(seen) = sample(context, begins(start)).await? {
            context.meter.set_state("starting");
            return decided(context, seen).map(Some);
        }
    }
}

/// Whether nothing that arrives from now on is to be read, by the clock of Kinesis.
async fn has_passed(context: &SourceContext) -> Result<bool, Error> {
    let Some(end) = context.settings.finish.end() else {
        return Ok(false);
    };
    let listing = reach(context, "ask for its time", || {
        context.stream.list_shards(ShardFilter::All)
    });
    Ok(listing.await?.server_time - LAG_MARGIN_MS >= end)
}

fn begins(start: Option<TimestampMs>) -> SampleFrom {
    start.map_or(SampleFrom::Horizon, SampleFrom::At)
}

/// A sample; one more is taken while Kinesis does not answer, as long as a start has patience.
async fn sample(context: &SourceContext, from: SampleFrom) -> Result<Option<Previewed>, Error> {
    let plan = &context.settings.decode;
    let stream = context.stream.aside().unwrap_or(&*context.stream);
    let host = &*context.host;
    // Nothing waits for credit here: no other source is to wait for this one.
    let _held = context.budget.charge(MAX_SAMPLE_BYTES);
    reach(context, TAKE_A_SAMPLE, || {
        look(stream, host, from, plan, Hints::default())
    })
    .await
}

fn decided(context: &SourceContext, seen: Previewed) -> Result<Deciding, Error> {
    let Previewed {
        preview, detected, ..
    } = seen;
    let Some(detected) = detected.filter(|detected| detected.is_decided()) else {
        let message = format!(
            "what the stream {} holds cannot be found out: {}; set content.format (\"raw\" keeps \
             the bytes as they are); `shardmill preview` shows the sample",
            context.settings.stream, preview.reason
        );
        return Err(Error::new("content.not_detected", message));
    };
    tracing::info!(
        source = %context.settings.name,
        format = detected.format.as_str(),
        reason = %detected.reason,
        sample = preview.sample_size,
        rejects = preview.number_of_errors,
        "the format is decided by a sample"
    );
    Ok(Deciding {
        decision: decision(&detected.options, detected.reason),
        preview: Some(preview),
    })
}

/// Stores what was decided, or takes what is stored where that comes to the same; gives its number
/// and what decoders go by.
pub(super) async fn store(
    context: &SourceContext,
    wanted: FormatDecision,
) -> Result<(u64, ContentOptions), Error> {
    let given = &context.settings.decode.content;
    let will_do = |stored: &FormatDecision| match given.format {
        // Another process may have decided meanwhile, by another sample.
        FormatChoice::Auto => {
            go_on_with(stored, given).is_ok_and(|options| decodes_like(stored, &options))
        }
        _ => decodes_like(stored, given),
    };
    let record = log::decide_format(&context.store, &context.host, wanted, will_do).await?;
    let options = readable(&record, decodes_with(&record.decision))?;
    Ok((record.number, options))
}

fn readable(
    record: &FormatRecord,
    read: Result<ContentOptions, String>,
) -> Result<ContentOptions, Error> {
    read.map_err(|detail| {
        LogError::Damaged {
            name: log::names::format(record.number),
            detail,
        }
        .into()
    })
}
