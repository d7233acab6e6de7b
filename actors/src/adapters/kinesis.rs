//! The stream by the AWS SDK: ListShards, GetShardIterator and GetRecords (in CBOR where the server
//! speaks it).

mod cbor;
mod error;
mod fan_out;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_sdk_kinesis::operation::get_records::{GetRecordsError, GetRecordsOutput};
use aws_sdk_kinesis::operation::list_shards::ListShardsOutput;
use aws_sdk_kinesis::types::{
    ChildShard, Record, Shard, ShardFilter as ApiShardFilter, ShardFilterType, ShardIteratorType,
};
use aws_sdk_kinesis::{Client, config};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use bytes::Bytes;
use futures::future::BoxFuture;
use shardmill_engine::ports::{
    IteratorFrom, Records, ShardFilter, ShardInfo, ShardList, Stream, StreamError, StreamRecord,
};
use shardmill_engine::types::{KinesisShardId, SequenceNumber, TimestampMs};

use super::connection::timeouts;
use cbor::AwsCbor;
use error::Call;
pub use fan_out::{FanOutStream, FanOutTiming};

/// How long a call may take with its answer: 10 MiB in base64 over a slow line.
const CALL_TIMEOUT: Duration = Duration::from_secs(40);

const HOUR_MS: i64 = 3_600_000;

/// What GetRecords admits.
const MAX_RECORDS: u32 = 10_000;

/// What ListShards admits for a page.
const SHARDS_A_PAGE: i32 = 1_000;

/// Which stream: its name, or its ARN where it belongs to another account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamId {
    /// The name, in the account and region of the connection.
    Name(String),
    /// `arn:aws:kinesis:REGION:ACCOUNT:stream/NAME`.
    Arn(String),
}

impl StreamId {
    /// Takes a name or an ARN; `None` for what is neither.
    pub fn parse(text: &str) -> Option<Self> {
        if !text.starts_with("arn:") {
            return is_stream_name(text).then(|| StreamId::Name(text.to_owned()));
        }
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [_, _, "kinesis", region, _, resource] = parts[..] else {
            return None;
        };
        let named = resource.strip_prefix("stream/").is_some_and(is_stream_name);
        (named && !region.is_empty()).then(|| StreamId::Arn(text.to_owned()))
    }

    /// The region that an ARN names.
    pub fn region(&self) -> Option<&str> {
        match self {
            StreamId::Name(_) => None,
            StreamId::Arn(arn) => arn.split(':').nth(3),
        }
    }

    fn name(&self) -> Option<String> {
        match self {
            StreamId::Name(name) => Some(name.clone()),
            StreamId::Arn(_) => None,
        }
    }

    fn arn(&self) -> Option<String> {
        match self {
            StreamId::Name(_) => None,
            StreamId::Arn(arn) => Some(arn.clone()),
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StreamId::Name(text) | StreamId::Arn(text) => f.write_str(text),
        }
    }
}

/// The rule of CreateStream.
fn is_stream_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=128).contains(&text.len()) && text.bytes().all(allowed)
}

/// One Kinesis stream. Cheap to clone; all clones share the connections.
#[derive(Clone, Debug)]
pub struct KinesisStream {
    client: Client,
    /// For GetRecords, whose answers hold the payloads.
    cbor_client: Client,
    /// Whether the server has turned out not to speak CBOR.
    no_cbor: Arc<AtomicBool>,
    stream: StreamId,
}

impl KinesisStream {
    /// Reads `stream` by the SDK's configuration, as [`super::sdk_config`] makes it. Makes no
    /// call. Time-outs that the configuration sets go before our own.
    pub fn new(sdk: &SdkConfig, stream: StreamId) -> Self {
        let config = client_config(sdk);
        Self {
            client: Client::from_conf(config.clone().build()),
            cbor_client: Client::from_conf(config.protocol(AwsCbor::new()).build()),
            no_cbor: Arc::default(),
            stream,
        }
    }

    /// The stream.
    pub fn stream(&self) -> &StreamId {
        &self.stream
    }

    async fn all_shards(&self, filter: ShardFilter) -> Result<ShardList, StreamError> {
        let (page, server_time) = self.page(Page::First(filter)).await?;
        let mut token = page.next_token;
        let mut shards = page.shards.unwrap_or_default();
        // A page without Kinesis shards is no end; the same token twice would be no progress.
        while let Some(next) = token {
            let (page, _) = self.page(Page::Next(next.clone())).await?;
            if page.next_token.as_deref() == Some(&next) {
                let detail = "ListShards gives the same NextToken again";
                return Err(StreamError::Unavailable(detail.to_owned()));
            }
            token = page.next_token;
            shards.extend(page.shards.unwrap_or_default());
        }
        Ok(ShardList {
            shards: shards
                .into_iter()
                .map(shard_info)
                .collect::<Result<_, _>>()?,
            server_time,
        })
    }

    async fn page(&self, page: Page) -> Result<(ListShardsOutput, TimestampMs), StreamError> {
        let request = self.client.list_shards();
        let (call, request) = match page {
            Page::First(filter) => {
                let call = match filter {
                    ShardFilter::All => Call::List,
                    ShardFilter::AtTimestamp(_) => Call::ListAt,
                };
                let request = request
                    .set_stream_name(self.stream.name())
                    .set_stream_arn(self.stream.arn())
                    .set_shard_filter(api_filter(filter));
                (call, request)
            }
            // A token stands for the stream and the filter; naming them with it is an error.
            Page::Next(token) => (Call::List, request.next_token(token)),
        };
        let date = ServerDate::default();
        let output = request
            .max_results(SHARDS_A_PAGE)
            .customize()
            .interceptor(date.clone())
            .send()
            .await
            .map_err(|error| error::stream_error(call, error))?;
        Ok((output, date.read()?))
    }

    async fn iterator(
        &self,
        shard: &KinesisShardId,
        from: IteratorFrom,
    ) -> Result<String, StreamError> {
        let request = self
            .client
            .get_shard_iterator()
            .set_stream_name(self.stream.name())
            .set_stream_arn(self.stream.arn())
            .shard_id(shard.as_str());
        let (call, kind) = match &from {
            IteratorFrom::After(_) => (Call::IteratorAfter, ShardIteratorType::AfterSequenceNumber),
            IteratorFrom::AtTimestamp(_) => (Call::IteratorAt, ShardIteratorType::AtTimestamp),
            IteratorFrom::TrimHorizon => (Call::IteratorHorizon, ShardIteratorType::TrimHorizon),
        };
        let request = request.shard_iterator_type(kind);
        let request = match from {
            IteratorFrom::After(sequence) => request.starting_sequence_number(sequence.as_str()),
            IteratorFrom::AtTimestamp(time) => request.timestamp(DateTime::from_millis(time)),
            IteratorFrom::TrimHorizon => request,
        };
        let output = request
            .send()
            .await
            .map_err(|error| error::stream_error(call, error))?;
        let missing = || StreamError::Unavailable("GetShardIterator gave no iterator".to_owned());
        output.shard_iterator.ok_or_else(missing)
    }

    async fn records(&self, iterator: &str, limit: u32) -> Result<Records, StreamError> {
        if !self.no_cbor.load(Ordering::Relaxed) {
            match self.ask_records(&self.cbor_client, iterator, limit).await {
                Ok(records) => return records,
                Err(error) if !error::is_foreign_protocol(&error) => {
                    return Err(error::stream_error(Call::Records, error));
                }
                Err(error) => {
                    let error = error::stream_error(Call::Records, error);
                    tracing::debug!(stream = %self.stream, %error, "no answer in CBOR");
                }
            }
        }
        let records = self.ask_records(&self.client, iterator, limit).await;
        let records = records.map_err(|error| error::stream_error(Call::Records, error))?;
        if !self.no_cbor.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                stream = %self.stream,
                "the endpoint does not speak CBOR: GetRecords goes on in JSON, which takes more CPU"
            );
        }
        records
    }

    async fn ask_records(
        &self,
        client: &Client,
        iterator: &str,
        limit: u32,
    ) -> Result<Result<Records, StreamError>, SdkError<GetRecordsError, HttpResponse>> {
        let date = ServerDate::default();
        let output = client
            .get_records()
            .shard_iterator(iterator)
            .set_stream_arn(self.stream.arn())
            .limit(limit.clamp(1, MAX_RECORDS).cast_signed())
            .customize()
            .interceptor(date.clone())
            .send()
            .await?;
        Ok(date.read().and_then(|date| records(output, date)))
    }
}

impl KinesisStream {
    async fn retention(&self) -> Result<Option<i64>, StreamError> {
        let output = self
            .client
            .describe_stream_summary()
            .set_stream_name(self.stream.name())
            .set_stream_arn(self.stream.arn())
            .send()
            .await
            .map_err(|error| error::stream_error(Call::Summary, error))?;
        let summary = output.stream_description_summary();
        Ok(summary.map(|summary| i64::from(summary.retention_period_hours()) * HOUR_MS))
    }
}

/// How clients of Kinesis are made.
fn client_config(sdk: &SdkConfig) -> config::Builder {
    let mut timeouts = timeouts(sdk);
    let ours = TimeoutConfig::builder().operation_timeout(CALL_TIMEOUT);
    timeouts.take_defaults_from(&ours.build());
    config::Builder::from(sdk)
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
}

enum Page {
    First(ShardFilter),
    Next(String),
}

impl Stream for KinesisStream {
    fn list_shards(&self, filter: ShardFilter) -> BoxFuture<'_, Result<ShardList, StreamError>> {
        Box::pin(self.all_shards(filter))
    }

    fn shard_iterator<'a>(
        &'a self,
        shard: &'a KinesisShardId,
        from: IteratorFrom,
    ) -> BoxFuture<'a, Result<String, StreamError>> {
        Box::pin(self.iterator(shard, from))
    }

    fn get_records<'a>(
        &'a self,
        iterator: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Records, StreamError>> {
        Box::pin(self.records(iterator, limit))
    }

    fn retention_ms(&self) -> BoxFuture<'_, Result<Option<i64>, StreamError>> {
        Box::pin(self.retention())
    }
}

fn api_filter(filter: ShardFilter) -> Option<ApiShardFilter> {
    match filter {
        ShardFilter::All => None,
        ShardFilter::AtTimestamp(time) => ApiShardFilter::builder()
            .r#type(ShardFilterType::AtTimestamp)
            .timestamp(DateTime::from_millis(time))
            .build()
            // Fails without a type only.
            .ok(),
    }
}

fn shard_info(shard: Shard) -> Result<ShardInfo, StreamError> {
    let odd = |what: &str| {
        StreamError::Unavailable(format!("ListShards shows `{}` {what}", shard.shard_id))
    };
    let range = shard.hash_key_range.as_ref();
    let key = |text: &str| {
        let number = text.parse::<u128>();
        number.map_err(|_| odd("with a hash key that is no 128-bit number"))
    };
    let range = range.ok_or_else(|| odd("without HashKeyRange"))?;
    let parents = [&shard.parent_shard_id, &shard.adjacent_parent_shard_id];
    let closed = shard
        .sequence_number_range
        .as_ref()
        .is_some_and(|range| range.ending_sequence_number.is_some());
    Ok(ShardInfo {
        id: KinesisShardId::new(shard.shard_id.as_str()),
        parents: parents
            .into_iter()
            .flatten()
            .map(|id| KinesisShardId::new(id.as_str()))
            .collect(),
        closed,
        hash_keys: (key(&range.starting_hash_key)?, key(&range.ending_hash_key)?),
    })
}

fn child(child: ChildShard) -> (KinesisShardId, Vec<KinesisShardId>) {
    let parents = child.parent_shards.into_iter().map(KinesisShardId::new);
    (KinesisShardId::new(child.shard_id), parents.collect())
}

fn records(output: GetRecordsOutput, server_time: TimestampMs) -> Result<Records, StreamError> {
    Ok(Records {
        records: output
            .records
            .into_iter()
            .map(record)
            .collect::<Result<_, _>>()?,
        next_iterator: output.next_shard_iterator,
        millis_behind: output.millis_behind_latest,
        children: output
            .child_shards
            .unwrap_or_default()
            .into_iter()
            .map(child)
            .collect(),
        server_time,
    })
}

fn record(record: Record) -> Result<StreamRecord, StreamError> {
    let sequence = SequenceNumber::new(&record.sequence_number)
        .map_err(|error| StreamError::Unavailable(format!("GetRecords: {error}")))?;
    let Some(arrival) = record.approximate_arrival_timestamp else {
        let detail = format!("GetRecords gives {sequence} without ApproximateArrivalTimestamp");
        return Err(StreamError::Unavailable(detail));
    };
    Ok(StreamRecord {
        sequence,
        partition_key: record.partition_key.unwrap_or_default(),
        arrival: rounded_millis(&arrival),
        // Takes the buffer over: the payload is not copied.
        data: Bytes::from(record.data.into_inner()),
    })
}

/// Kinesis sends seconds with a fraction, which as a binary float may lie a hair below the
/// millisecond that was meant.
fn rounded_millis(time: &DateTime) -> TimestampMs {
    let millis = (i64::from(time.subsec_nanos()) + 500_000) / 1_000_000;
    time.secs().saturating_mul(1_000).saturating_add(millis)
}

/// Keeps the `Date` of one call's answer: the server's clock.
#[derive(Clone, Debug)]
struct ServerDate(Arc<AtomicI64>);

impl Default for ServerDate {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MIN)))
    }
}

impl ServerDate {
    fn read(&self) -> Result<TimestampMs, StreamError> {
        match self.0.load(Ordering::Acquire) {
            i64::MIN => Err(no_date()),
            millis => Ok(millis),
        }
    }
}

#[dyn_dispatch_hint]
impl Intercept for ServerDate {
    fn name(&self) -> &'static str {
        "ServerDate"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = server_date(context.response()) {
            self.0.store(date, Ordering::Release);
        }
        Ok(())
    }
}

/// The `Date` of an answer, in milliseconds.
fn server_date(response: &HttpResponse) -> Option<TimestampMs> {
    let text = response.headers().get("date")?;
    let date = DateTime::from_str(text, Format::HttpDate).ok()?;
    Some(date.secs() * 1_000)
}

fn no_date() -> StreamError {
    StreamError::Refused(
        "its answer has no HTTP `Date`, by which minutes close: see what stands between, a proxy \
         perhaps, and keep it from dropping that header"
            .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arns_are_told_apart() {
        let arn = "arn:aws:kinesis:eu-west-1:123456789012:stream/clicks";
        assert_eq!(
            StreamId::parse("clicks"),
            Some(StreamId::Name("clicks".into()))
        );
        let by_arn = StreamId::parse(arn).unwrap();
        assert_eq!(by_arn, StreamId::Arn(arn.into()));
        assert_eq!(by_arn.region(), Some("eu-west-1"));
        for text in [
            "",
            "a b",
            "a/b",
            "arn:aws:s3:::bucket",
            "arn:aws:kinesis::1:stream/x",
            "arn:aws:kinesis:eu-west-1:1:stream/",
        ] {
            assert_eq!(StreamId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_fraction_of_a_second_keeps_its_millisecond() {
        for millis in [0, 1, 59_999, 1_700_000_000_123, 1_763_877_600_999] {
            #[allow(clippy::cast_precision_loss)] // The way it comes over the wire.
            let seconds = millis as f64 / 1_000.0;
            assert_eq!(rounded_millis(&DateTime::from_secs_f64(seconds)), millis);
        }
    }
}
