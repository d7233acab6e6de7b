//! The call of SubscribeToShard, and what it gives.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_kinesis::error::BuildError;
use aws_sdk_kinesis::operation::subscribe_to_shard::SubscribeToShardOutput;
use aws_sdk_kinesis::types::{ShardIteratorType, StartingPosition, SubscribeToShardEvent};
use aws_sdk_kinesis::{Client, config};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextMut;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::client::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use shardmill_engine::ports::{IteratorFrom, StreamError};
use shardmill_engine::types::KinesisShardId;
use tokio::time::Instant;

use super::super::error::{self, Call, Refusal};
use super::super::{child, record, server_date};
use super::gate::Gate;
use super::session::{Begin, Event};

/// A subscription that Kinesis has accepted.
pub(super) struct Accepted {
    /// What gives its events.
    pub(super) events: SubscribeToShardOutput,
    pub(super) opening: Opening,
    /// Its connection lives no longer than this.
    pub(super) client: Client,
}

/// What is known of an answer before its first event.
#[derive(Clone)]
pub(super) struct Opening {
    pub(super) gate: Arc<Gate>,
    /// Its `Date`, in milliseconds.
    pub(super) date: i64,
    /// When it was heard.
    pub(super) heard: Instant,
}

/// A client of its own for one subscription. On a connection that it shared with others, those that
/// nobody reads would use up the window that all of them have together, and then no other would get
/// any bytes: not even the one that all the rest waits for.
pub(super) fn client_of_its_own(config: &config::Builder) -> Client {
    let config = config
        .clone()
        // Kinesis may have nothing to say for seconds; the session knows for how long.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    Client::from_conf(config.build())
}

/// Makes the call. The initial message of the answer has been taken when it returns.
pub(super) async fn subscribe(
    client: Client,
    consumer: &str,
    shard: &KinesisShardId,
    begin: &Begin,
) -> Result<Accepted, Refusal> {
    let (call, position) = starting_position(begin);
    let position = position.map_err(|error| Refusal::not_made(call, &error))?;
    let opened = Opened::default();
    let output = client
        .subscribe_to_shard()
        .consumer_arn(consumer)
        .shard_id(shard.as_str())
        .starting_position(position)
        .customize()
        .interceptor(opened.clone())
        .send()
        .await
        .map_err(|error| error::refusal(call, error))?;
    let opening = opened.take().map_err(Refusal::plain)?;
    Ok(Accepted {
        events: output,
        opening,
        client,
    })
}

/// Makes the call as a trial: Kinesis checks it and gives no subscription. What is refused only for
/// the moment is allowed.
pub(super) async fn try_out(
    client: Client,
    consumer: &str,
    shard: &KinesisShardId,
) -> Result<(), StreamError> {
    let (call, position) = starting_position(&Begin::Asked(IteratorFrom::TrimHorizon));
    let position = position.map_err(|error| Refusal::not_made(call, &error).error)?;
    let answer = client
        .subscribe_to_shard()
        .consumer_arn(consumer)
        .shard_id(shard.as_str())
        .starting_position(position)
        .dry_run(true)
        .send()
        .await;
    match answer.map_err(|error| (error.code() == Some(TRIAL), error::refusal(call, error))) {
        Ok(_) | Err((true, _)) => Ok(()),
        Err((_, Refusal { error, in_use })) => match error {
            _ if in_use => Ok(()),
            StreamError::Throttled(_) => Ok(()),
            error => Err(error),
        },
    }
}

/// The answer to a trial that would have been accepted.
const TRIAL: &str = "DryRunOperationException";

fn starting_position(begin: &Begin) -> (Call, Result<StartingPosition, BuildError>) {
    let position = StartingPosition::builder();
    let (call, position) = match begin {
        Begin::Asked(IteratorFrom::After(sequence)) => (
            Call::SubscribeAfter,
            position
                .r#type(ShardIteratorType::AfterSequenceNumber)
                .sequence_number(sequence.as_str()),
        ),
        Begin::Asked(IteratorFrom::AtTimestamp(time)) => (
            Call::SubscribeAt,
            position
                .r#type(ShardIteratorType::AtTimestamp)
                .timestamp(DateTime::from_millis(*time)),
        ),
        Begin::Asked(IteratorFrom::TrimHorizon) => (
            Call::SubscribeHorizon,
            position.r#type(ShardIteratorType::TrimHorizon),
        ),
        Begin::Continue(sequence) => (
            Call::SubscribeAfter,
            position
                .r#type(ShardIteratorType::AtSequenceNumber)
                .sequence_number(sequence),
        ),
    };
    (call, position.build())
}

/// An event as the session takes it.
pub(super) fn event(event: SubscribeToShardEvent) -> Result<Event, StreamError> {
    let records = event.records.into_iter().map(record);
    Ok(Event {
        records: records.collect::<Result<_, _>>()?,
        continuation: event.continuation_sequence_number,
        millis_behind: event.millis_behind_latest,
        children: event
            .child_shards
            .unwrap_or_default()
            .into_iter()
            .map(child)
            .collect(),
    })
}

/// Puts the gate between the connection and the decoder, and keeps the answer's `Date`.
#[derive(Clone, Default)]
struct Opened(Arc<Mutex<Option<Opening>>>);

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Opened")
    }
}

impl Opened {
    fn take(&self) -> Result<Opening, StreamError> {
        let opening = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        opening.ok_or_else(super::super::no_date)
    }
}

#[dyn_dispatch_hint]
impl Intercept for Opened {
    fn name(&self) -> &'static str {
        "Opened"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        if !response.status().is_success() {
            return Ok(());
        }
        let date = server_date(response);
        let gate = Gate::new(response.take_body());
        *response.body_mut() = gate.body();
        let opening = date.map(|date| Opening {
            gate,
            date,
            heard: Instant::now(),
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = opening;
        Ok(())
    }
}
