//! GetRecords in CBOR: what an answer may look like, and what happens where the server has none.

use ciborium::{Value, cbor};
use shardmill::adapters::{KinesisStream, StreamId};
use shardmill_engine::ports::{Records, Stream, StreamError};
use shardmill_tests::scripted::{Answer, Request, Scripted};
use shardmill_tests::sdk;

const ARRIVAL: i64 = 1_700_000_000_123;

async fn adapter(server: &Scripted) -> KinesisStream {
    let sdk = sdk::config(&server.url()).await;
    KinesisStream::new(&sdk, StreamId::Name("clicks".into()))
}

fn encoded(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

fn record(arrival: Value) -> Value {
    cbor!({
        "Data" => Value::Bytes(b"hello".to_vec()),
        "PartitionKey" => "k",
        "SequenceNumber" => "7",
        "ApproximateArrivalTimestamp" => arrival,
        "EncryptionType" => Value::Null,
        "SomethingNew" => [1, {"a" => [2.5]}],
    })
    .unwrap()
}

fn answer(records: Vec<Value>) -> Vec<u8> {
    let body = cbor!({
        "Records" => Value::Array(records),
        "NextShardIterator" => "next",
        "MillisBehindLatest" => 12_345,
        "ChildShards" => [{
            "ShardId" => "c",
            "ParentShards" => ["a", "b"],
            "HashKeyRange" => {"StartingHashKey" => "0", "EndingHashKey" => "1"},
        }],
    });
    encoded(&body.unwrap())
}

async fn get(answers: impl IntoIterator<Item = Answer>) -> Result<Records, StreamError> {
    let server = Scripted::start(answers).await;
    adapter(&server).await.get_records("it", 10).await
}

#[tokio::test]
async fn times_come_in_milliseconds_or_seconds_with_or_without_a_tag() {
    let tagged = |value| Value::Tag(1, Box::new(value));
    let seconds = Value::Float(1_700_000_000.123);
    let times = [
        Value::from(ARRIVAL),
        tagged(Value::from(ARRIVAL)),
        seconds.clone(),
        tagged(seconds),
    ];
    let body = answer(times.into_iter().map(record).collect());
    let records = get([Answer::kinesis_cbor(200, body)]).await.unwrap();
    for record in &records.records {
        assert_eq!(record.arrival, ARRIVAL);
        assert_eq!(record.data, "hello");
        assert_eq!(
            (record.sequence.as_str(), record.partition_key.as_str()),
            ("7", "k")
        );
    }
    assert_eq!(records.records.len(), 4);
    assert_eq!(records.next_iterator.as_deref(), Some("next"));
    assert_eq!(records.millis_behind, Some(12_345));
    assert_eq!(records.children[0].0.as_str(), "c");
    assert_eq!(records.children[0].1.len(), 2);
}

/// As an encoder sends it that does not know its lengths beforehand.
#[tokio::test]
async fn lengths_may_be_left_open() {
    let mut body = b"\xbf\x67Records\x9f\xbf".to_vec();
    body.extend(b"\x7f\x62Da\x62ta\xff\x5f\x42he\x43llo\xff");
    body.extend(b"\x6ePartitionKey__\x61x\x6cPartitionKey\x61k");
    body.extend(b"\x6eSequenceNumber\x61\x37\x78\x1bApproximateArrivalTimestamp");
    body.extend(encoded(&Value::from(ARRIVAL)));
    body.extend(b"\xff\xff\xff");
    let records = get([Answer::kinesis_cbor(200, body)]).await.unwrap();
    assert_eq!(records.records[0].data, "hello");
    assert_eq!(records.records[0].partition_key, "k");
    assert_eq!(records.next_iterator, None);
}

#[tokio::test]
async fn an_error_in_cbor_keeps_its_code_and_message() {
    let error = cbor!({"__type" => "com.amazonaws.kinesis#ExpiredIteratorException", "message" => "too old"});
    let body = encoded(&error.unwrap());
    let error = get([Answer::kinesis_cbor(400, body)]).await.unwrap_err();
    assert!(matches!(error, StreamError::IteratorExpired(_)), "{error}");
    assert!(error.to_string().contains("too old"), "{error}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_anywhere_is_no_answer() {
    let whole = answer(vec![record(Value::from(ARRIVAL))]);
    for len in 1..whole.len() {
        // The second answer is for the try in JSON.
        let answers = [
            Answer::kinesis_cbor(200, &whole[..len]),
            Answer::new(500, ""),
        ];
        let error = get(answers).await.unwrap_err();
        assert!(
            matches!(error, StreamError::Unavailable(_)),
            "{len}: {error}"
        );
    }
}

#[tokio::test]
async fn a_server_without_cbor_is_asked_in_json_from_then_on() {
    for refusal in [
        Answer::kinesis_error(400, "SerializationException"),
        Answer::kinesis_error(400, "UnknownOperationException"),
        Answer::new(415, "<html>?</html>"),
    ] {
        let json = || Answer::new(200, r#"{"Records":[],"NextShardIterator":"next"}"#);
        let server = Scripted::start([refusal, json(), json()]).await;
        let stream = adapter(&server).await;
        for _ in 0..2 {
            let records = stream.get_records("it", 10).await.unwrap();
            assert_eq!(records.next_iterator.as_deref(), Some("next"));
        }
        let asked = server.requests();
        let kind = |request: &Request| request.headers["content-type"].clone();
        assert_eq!(
            asked.iter().map(kind).collect::<Vec<_>>(),
            [
                "application/x-amz-cbor-1.1",
                "application/x-amz-json-1.1",
                "application/x-amz-json-1.1"
            ]
        );
    }
}
