//! The consumer that subscriptions are made for: found by its name, registered if it is not there.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::operation::describe_stream_consumer::builders::DescribeStreamConsumerFluentBuilder;
use aws_sdk_kinesis::types::{ConsumerDescription, ConsumerStatus};
use shardmill_engine::ports::StreamError;

use super::super::StreamId;
use super::super::error::{self, Call};
use crate::config::ConsumerId;

/// Between two looks at a consumer that is being made.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many looks. Kinesis makes a consumer in about half a minute.
const LOOKS: u32 = 60;

/// The consumer, with the ARN that was found.
#[derive(Debug)]
pub(super) struct Consumer {
    client: Client,
    stream: StreamId,
    id: ConsumerId,
    found: Mutex<Option<String>>,
    /// One looks it up, the others wait.
    looking: tokio::sync::Mutex<()>,
}

/// What was found of it.
enum Found {
    Active(String),
    /// Being made, or being deleted.
    NotYet(String),
    Missing,
}

impl Consumer {
    pub(super) fn new(client: Client, stream: StreamId, id: ConsumerId) -> Self {
        Self {
            client,
            stream,
            id,
            found: Mutex::default(),
            looking: tokio::sync::Mutex::default(),
        }
    }

    /// Its ARN, once it is active. One that is configured by its name is registered if it is not
    /// there.
    pub(super) async fn arn(&self) -> Result<String, StreamError> {
        let _looking = self.looking.lock().await;
        if let Some(arn) = self.found().clone() {
            return Ok(arn);
        }
        let arn = self.look_up().await?;
        *self.found() = Some(arn.clone());
        Ok(arn)
    }

    /// It may have been deregistered: the next one who needs it looks again.
    pub(super) fn forget(&self) {
        *self.found() = None;
    }

    /// Its ARN if it is there, without making anything.
    pub(super) async fn look(&self) -> Result<Option<String>, StreamError> {
        let stream_arn = self.stream_arn().await?;
        match self.describe(stream_arn.as_deref()).await? {
            Found::Active(arn) | Found::NotYet(arn) => Ok(Some(arn)),
            Found::Missing => Ok(None),
        }
    }

    async fn look_up(&self) -> Result<String, StreamError> {
        let stream_arn = self.stream_arn().await?;
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(LOOK_EVERY).await;
            }
            match self.describe(stream_arn.as_deref()).await? {
                Found::Active(arn) => return Ok(arn),
                Found::NotYet(_) => {}
                Found::Missing => self.register(stream_arn.as_deref()).await?,
            }
        }
        Err(StreamError::Unavailable(format!(
            "the consumer {} of the stream {} does not become active",
            self.id, self.stream
        )))
    }

    async fn describe(&self, stream_arn: Option<&str>) -> Result<Found, StreamError> {
        let call = self.client.describe_stream_consumer();
        let answer = self.named(call, stream_arn).send().await;
        match answer {
            Ok(answer) => Ok(match answer.consumer_description {
                Some(consumer) => found(consumer),
                None => Found::Missing,
            }),
            Err(error) => match error::stream_error(Call::DescribeConsumer, error) {
                StreamError::NotFound(_) => Ok(Found::Missing),
                error => Err(error),
            },
        }
    }

    fn named(
        &self,
        call: DescribeStreamConsumerFluentBuilder,
        stream_arn: Option<&str>,
    ) -> DescribeStreamConsumerFluentBuilder {
        match &self.id {
            ConsumerId::Arn(arn) => call.consumer_arn(arn),
            ConsumerId::Name(name) => call
                .consumer_name(name)
                .set_stream_arn(stream_arn.map(str::to_owned)),
        }
    }

    async fn register(&self, stream_arn: Option<&str>) -> Result<(), StreamError> {
        let ConsumerId::Name(name) = &self.id else {
            return Err(StreamError::Refused(format!(
                "there is no consumer {}: `kinesis.fan_out` names it by its ARN, so it is not \
                 registered here; register it, or give its name instead",
                self.id
            )));
        };
        let call = self.client.register_stream_consumer();
        let call = call
            .consumer_name(name)
            .set_stream_arn(stream_arn.map(str::to_owned));
        match call.send().await {
            Ok(_) => {
                tracing::info!(stream = %self.stream, consumer = %name, "a consumer is registered");
                Ok(())
            }
            Err(error) => {
                let refusal = error::refusal(Call::RegisterConsumer, error);
                // Another process has just registered it, or it is being deleted.
                match refusal.in_use {
                    true => Ok(()),
                    false => Err(refusal.error),
                }
            }
        }
    }

    /// The stream's ARN, where the consumer is looked for by its name.
    async fn stream_arn(&self) -> Result<Option<String>, StreamError> {
        if let (ConsumerId::Arn(_), _) | (_, StreamId::Arn(_)) = (&self.id, &self.stream) {
            return Ok(self.stream.arn());
        }
        let summary = self.client.describe_stream_summary();
        let summary = summary.set_stream_name(self.stream.name()).send().await;
        let summary = summary.map_err(|error| error::stream_error(Call::Summary, error))?;
        let summary = summary.stream_description_summary;
        Ok(summary.map(|summary| summary.stream_arn))
    }

    fn found(&self) -> MutexGuard<'_, Option<String>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn found(consumer: ConsumerDescription) -> Found {
    match consumer.consumer_status {
        ConsumerStatus::Active => Found::Active(consumer.consumer_arn),
        _ => Found::NotYet(consumer.consumer_arn),
    }
}
