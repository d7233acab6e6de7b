//! The calls to Kinesis that cursors want.

use std::sync::atomic::Ordering;
use std::time::Instant;

use shardmill_engine::ports::{Delivery, ShardFilter, StreamError};
use shardmill_engine::source::{CursorOutput, CursorStep, ShardCursor};
use shardmill_engine::types::KinesisShardId;
use tokio::sync::watch;

use crate::pipeline::context::SourceContext;
use crate::pipeline::lane::LaneTip;

/// Makes the call that a cursor wants and gives it the answer.
pub(super) async fn perform(
    context: &SourceContext,
    cursor: &mut ShardCursor,
    shard: &KinesisShardId,
    step: CursorStep,
    tip: &watch::Receiver<LaneTip>,
) -> Vec<CursorOutput> {
    let begun = Instant::now();
    match step {
        CursorStep::Iterator(from) => {
            let answer = context.stream.shard_iterator(shard, from).await;
            note_failure(context, shard, "GetShardIterator", answer.as_ref().err());
            cursor.on_iterator(answer, context.host.now());
            Vec::new()
        }
        CursorStep::Fetch { iterator, limit } => {
            let answer = context.stream.get_records(&iterator, limit).await;
            let call = match context.stream.delivery() {
                Delivery::Polled | Delivery::Stored => "GetRecords",
                Delivery::Pushed => "SubscribeToShard",
            };
            note_failure(context, shard, call, answer.as_ref().err());
            if answer.is_ok() {
                context.meter.fetches.fetch_add(1, Ordering::Relaxed);
                context
                    .meter
                    .fetch
                    .record(begun.elapsed().as_micros() as u64);
            }
            let window_limit = tip.borrow().window_limit;
            cursor.on_records(answer, context.host.now(), window_limit, &context.budget)
        }
        CursorStep::AskEnd => {
            let answer = context.stream.list_shards(ShardFilter::All).await;
            note_failure(context, shard, "ListShards", answer.as_ref().err());
            cursor.on_shard_info(answer.as_ref().map_err(Clone::clone), context.host.now());
            Vec::new()
        }
        CursorStep::Wait { .. }
        | CursorStep::Blocked { .. }
        | CursorStep::Done
        | CursorStep::Failed(_) => Vec::new(),
    }
}

fn note_failure(
    context: &SourceContext,
    shard: &KinesisShardId,
    call: &'static str,
    error: Option<&StreamError>,
) {
    let Some(error) = error else { return };
    let counter = match error {
        StreamError::Throttled(_) => &context.meter.throttled,
        _ => &context.meter.stream_retries,
    };
    counter.fetch_add(1, Ordering::Relaxed);
    tracing::warn!(
        source = %context.settings.name,
        kinesis_shard = %shard,
        call,
        %error,
        "Kinesis did not answer as hoped; trying again"
    );
}
