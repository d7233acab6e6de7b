//! What only AWS says: throttling, keys, broken answers, paging.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use shardmill::adapters::{KinesisStream, StreamId};
use shardmill_engine::ports::{IteratorFrom, ShardFilter, Stream, StreamError};
use shardmill_engine::types::KinesisShardId;
use shardmill_tests::scripted::{Answer, DATE, Scripted};
use shardmill_tests::sdk;

async fn adapter(server: &Scripted) -> KinesisStream {
    let quick = TimeoutConfig::builder().operation_timeout(Duration::from_millis(500));
    let sdk = sdk::config(&server.url()).await.into_builder();
    let sdk = sdk.timeout_config(quick.build()).build();
    KinesisStream::new(&sdk, StreamId::Name("clicks".into()))
}

fn shard(id: &str, more: &str) -> String {
    format!(
        r#"{{"ShardId":"{id}","HashKeyRange":{{"StartingHashKey":"0",
        "EndingHashKey":"340282366920938463463374607431768211455"}},
        "SequenceNumberRange":{{"StartingSequenceNumber":"1"}}{more}}}"#
    )
}

async fn get_records(answer: Answer) -> (StreamError, usize) {
    let server = Scripted::start([answer, Answer::new(200, r#"{"Records":[]}"#)]).await;
    let error = adapter(&server)
        .await
        .get_records("it", 10)
        .await
        .unwrap_err();
    (error, server.requests().len())
}

#[tokio::test]
async fn an_error_is_told_once_and_by_its_kind() {
    let throttled = "ProvisionedThroughputExceededException";
    for (answer, kind) in [
        (Answer::kinesis_error(400, throttled), "throttles"),
        (
            Answer::kinesis_error(400, "LimitExceededException"),
            "throttles",
        ),
        (
            Answer::kinesis_error(400, "KMSThrottlingException"),
            "throttles",
        ),
        (
            Answer::kinesis_error(400, "KMSDisabledException"),
            "refuses",
        ),
        (
            Answer::kinesis_error(400, "AccessDeniedException"),
            "refuses",
        ),
        (
            Answer::kinesis_error(400, "ExpiredIteratorException"),
            "iterator",
        ),
        (
            Answer::kinesis_error(400, "InvalidArgumentException"),
            "iterator",
        ),
        (
            Answer::kinesis_error(400, "ResourceNotFoundException"),
            "not know",
        ),
        (
            Answer::kinesis_error(500, "InternalFailureException"),
            "not answer",
        ),
        (Answer::new(503, "<html>busy</html>"), "not answer"),
        (Answer::new(200, "{\"Records\":[{"), "not answer"),
        (
            Answer::Half {
                status: 200,
                body: "{\"Records\":[]}".into(),
            },
            "not answer",
        ),
        (Answer::Cut, "not answer"),
        (Answer::Silence, "not answer"),
    ] {
        let told = format!("{answer:?}");
        let (error, requests) = get_records(answer).await;
        assert!(error.to_string().contains(kind), "{told}: {error}");
        assert_eq!(requests, 1, "{told} was asked again by the adapter");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_does_not_answer() {
    let server = Scripted::start([]).await;
    let stream = adapter(&server).await;
    drop(server);
    let error = stream.list_shards(ShardFilter::All).await.unwrap_err();
    assert!(matches!(error, StreamError::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn without_credentials_the_answer_is_a_refusal() {
    let server = Scripted::start([]).await;
    // As the SDK's chain ends where it finds none.
    let none = provide_credentials_fn(async || Err(CredentialsError::not_loaded("none found")));
    let sdk = sdk::config(&server.url()).await.into_builder();
    let sdk = sdk.credentials_provider(SharedCredentialsProvider::new(none));
    let stream = KinesisStream::new(&sdk.build(), StreamId::Name("clicks".into()));
    let error = stream.list_shards(ShardFilter::All).await.unwrap_err();
    assert!(matches!(error, StreamError::Refused(_)), "{error}");
    assert!(error.to_string().contains("none found"), "{error}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn every_page_is_read_and_a_token_goes_alone() {
    let closed = r#","ParentShardId":"a","AdjacentParentShardId":"b""#;
    let server = Scripted::start([
        Answer::new(
            200,
            format!(
                r#"{{"Shards":[{},{}],"NextToken":"t1"}}"#,
                shard("a", ""),
                shard("b", "")
            ),
        ),
        Answer::new(200, r#"{"Shards":[],"NextToken":"t2"}"#),
        Answer::new(200, format!(r#"{{"Shards":[{}]}}"#, shard("c", closed))),
    ])
    .await;
    let filter = ShardFilter::AtTimestamp(1_700_000_000_123);
    let list = adapter(&server).await.list_shards(filter).await.unwrap();
    let ids: Vec<&str> = list.shards.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    assert_eq!(list.shards[2].parents.len(), 2);
    assert_eq!(list.shards[2].hash_keys, (0, u128::MAX));
    assert_eq!(list.server_time, DATE.1);
    let bodies: Vec<serde_json::Value> = server
        .requests()
        .iter()
        .map(|request| serde_json::from_str(&request.body).unwrap())
        .collect();
    assert_eq!(bodies[0]["StreamName"], "clicks");
    assert_eq!(bodies[0]["ShardFilter"]["Type"], "AT_TIMESTAMP");
    assert_eq!(bodies[0]["ShardFilter"]["Timestamp"], 1_700_000_000.123);
    for (body, token) in bodies[1..].iter().zip(["t1", "t2"]) {
        assert_eq!(body["NextToken"], token);
        assert!(body.get("StreamName").is_none() && body.get("ShardFilter").is_none());
    }
}

#[tokio::test]
async fn a_listing_that_does_not_end_is_given_up() {
    let page = || Answer::new(200, r#"{"Shards":[],"NextToken":"same"}"#);
    let server = Scripted::start([page(), page(), page()]).await;
    let error = adapter(&server)
        .await
        .list_shards(ShardFilter::All)
        .await
        .unwrap_err();
    assert!(matches!(error, StreamError::Unavailable(_)), "{error}");

    let expired = Answer::kinesis_error(400, "ExpiredNextTokenException");
    let server = Scripted::start([page(), expired]).await;
    let error = adapter(&server)
        .await
        .list_shards(ShardFilter::All)
        .await
        .unwrap_err();
    assert!(matches!(error, StreamError::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn positions_are_asked_for_as_the_api_spells_them() {
    let answer = || Answer::new(200, r#"{"ShardIterator":"it"}"#);
    let server = Scripted::start([answer(), answer(), answer()]).await;
    let stream = adapter(&server).await;
    let shard = KinesisShardId::new("shardId-000000000007");
    for from in [
        IteratorFrom::After("42".parse().unwrap()),
        IteratorFrom::AtTimestamp(1_700_000_000_123),
        IteratorFrom::TrimHorizon,
    ] {
        assert_eq!(stream.shard_iterator(&shard, from).await.unwrap(), "it");
    }
    let bodies: Vec<serde_json::Value> = server
        .requests()
        .iter()
        .map(|request| serde_json::from_str(&request.body).unwrap())
        .collect();
    assert_eq!(bodies[0]["ShardIteratorType"], "AFTER_SEQUENCE_NUMBER");
    assert_eq!(bodies[0]["StartingSequenceNumber"], "42");
    assert_eq!(bodies[1]["ShardIteratorType"], "AT_TIMESTAMP");
    assert_eq!(bodies[1]["Timestamp"], 1_700_000_000.123);
    assert_eq!(bodies[2]["ShardIteratorType"], "TRIM_HORIZON");
    assert!(
        bodies
            .iter()
            .all(|body| body["ShardId"] == "shardId-000000000007")
    );
}

#[tokio::test]
async fn an_answer_gives_everything_that_it_holds() {
    let body = r#"{"Records":[
        {"SequenceNumber":"7","PartitionKey":"k","Data":"aGVsbG8=",
         "ApproximateArrivalTimestamp":1700000000.123},
        {"SequenceNumber":"8","PartitionKey":"","Data":"",
         "ApproximateArrivalTimestamp":1700000059.999}],
        "MillisBehindLatest":12345,
        "ChildShards":[{"ShardId":"c","ParentShards":["a","b"],
          "HashKeyRange":{"StartingHashKey":"0","EndingHashKey":"1"}}]}"#;
    let server = Scripted::start([Answer::new(200, body)]).await;
    let answer = adapter(&server)
        .await
        .get_records("it", 99_999)
        .await
        .unwrap();
    let arrivals: Vec<i64> = answer.records.iter().map(|record| record.arrival).collect();
    assert_eq!(arrivals, [1_700_000_000_123, 1_700_000_059_999]);
    assert_eq!(answer.records[0].data, "hello");
    assert!(answer.records[1].data.is_empty());
    assert_eq!(
        (answer.next_iterator, answer.millis_behind),
        (None, Some(12_345))
    );
    let id = KinesisShardId::new;
    assert_eq!(answer.children, [(id("c"), vec![id("a"), id("b")])]);
    assert_eq!(answer.server_time, DATE.1);
    let request = &server.requests()[0];
    let asked: serde_json::Value = ciborium::from_reader(&request.bytes[..]).unwrap();
    assert_eq!(asked["Limit"], 10_000);
}
