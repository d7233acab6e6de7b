//! Enhanced fan-out by a script: takeovers, silence, ends, errors, and who takes bytes when.

use std::time::{Duration, Instant};

use futures::FutureExt;
use serde_json::json;
use shardmill::adapters::{FanOutStream, FanOutTiming, StreamId};
use shardmill::config::ConsumerId;
use shardmill_engine::ports::{IteratorFrom, Records, Stream, StreamError};
use shardmill_engine::types::{KinesisShardId, SequenceNumber};
use shardmill_tests::fan_out::{self, CONSUMER, FanOutServer, SHARD, STREAM};
use shardmill_tests::sdk;

const SILENCE: Duration = Duration::from_millis(600);
const TAKEOVER: Duration = Duration::from_millis(300);

async fn stream_of(server: &FanOutServer, consumer: &str) -> FanOutStream {
    stream_with(server, consumer, SILENCE).await
}

async fn stream_with(server: &FanOutServer, consumer: &str, silence: Duration) -> FanOutStream {
    let sdk = sdk::config(&server.url()).await;
    let consumer = ConsumerId::parse(consumer).expect("a name or an ARN");
    FanOutStream::new(&sdk, StreamId::Name("clicks".into()), consumer).with_timing(FanOutTiming {
        silence,
        between_calls: Duration::from_millis(50),
        takeover: TAKEOVER,
        longest_wait: Duration::from_secs(1),
        steady: Duration::from_millis(400),
        call: Duration::from_secs(5),
        patience: Duration::from_millis(200),
    })
}

async fn stream(server: &FanOutServer) -> FanOutStream {
    stream_of(server, "mill").await
}

fn after(number: u64) -> IteratorFrom {
    IteratorFrom::After(SequenceNumber::new(&number.to_string()).expect("digits"))
}

/// Begins a subscription; nothing is asked of the server yet.
async fn begin(stream: &FanOutStream, from: IteratorFrom) -> String {
    let shard = KinesisShardId::new(SHARD);
    stream
        .shard_iterator(&shard, from)
        .await
        .expect("makes no call")
}

/// What a reader does: waits until there is something, and asks.
async fn ask(stream: &FanOutStream, token: &mut String) -> Result<Records, StreamError> {
    loop {
        if let Some(ready) = stream.ready(token) {
            ready.await;
        }
        let records = stream.get_records(token, 10_000).await?;
        if let Some(next) = &records.next_iterator {
            token.clone_from(next);
        }
        if records.millis_behind.is_some() {
            return Ok(records);
        }
    }
}

fn numbers(records: &Records) -> Vec<String> {
    let records = records.records.iter();
    records.map(|record| record.sequence.to_string()).collect()
}

#[tokio::test]
async fn events_come_in_order_and_an_end_without_data_goes_on_at_the_continuation() {
    let mut server = FanOutServer::start().await;
    let stream = stream(&server).await;
    let mut token = begin(&stream, after(7)).await;
    let (first, _) = tokio::join!(ask(&stream, &mut token), async {
        let subscription = server.subscription().await;
        assert_eq!(subscription.call.body["ConsumerARN"], CONSUMER);
        assert_eq!(subscription.position(), ("AFTER_SEQUENCE_NUMBER", "7"));
        subscription.event(&[8, 9], 30, "9", json!({})).await;
        subscription.heartbeat("20").await;
        // It has lived long enough not to have been taken.
        tokio::time::sleep(Duration::from_millis(450)).await;
    });
    let first = first.unwrap();
    assert_eq!(numbers(&first), ["8", "9"]);
    assert_eq!(first.records[0].data.len(), 30);
    let idle = ask(&stream, &mut token).await.unwrap();
    assert!(idle.records.is_empty() && idle.millis_behind == Some(0));

    let again = ask(&stream, &mut token);
    let serve = async {
        let subscription = server.subscription().await;
        // AT: a record that has this very number is not missed.
        assert_eq!(subscription.position(), ("AT_SEQUENCE_NUMBER", "20"));
        subscription.event(&[20], 3, "20", json!({})).await;
        subscription
    };
    let (again, _subscription) = tokio::join!(again, serve);
    assert_eq!(numbers(&again.unwrap()), ["20"]);
    assert_eq!(server.calls("SubscribeToShard").len(), 2);
}

#[tokio::test]
async fn what_somebody_else_takes_is_taken_back_later_and_more_and_more_slowly() {
    let mut server = FanOutServer::start().await;
    let stream = stream(&server).await;
    let mut token = begin(&stream, IteratorFrom::TrimHorizon).await;
    for expected in [TAKEOVER, 2 * TAKEOVER] {
        let serve = async {
            let subscription = server.subscription().await;
            let taken = Instant::now();
            subscription.exception("ResourceInUseException").await;
            (subscription, taken)
        };
        let (told, (_subscription, taken)) = tokio::join!(ask(&stream, &mut token), serve);
        let error = told.unwrap_err();
        assert!(matches!(error, StreamError::Unavailable(_)), "{error}");
        // The reader asks at once; the stream makes it wait.
        let ready = stream.ready(&token).expect("nothing is there");
        tokio::spawn(ready);
        let calls = server.calls("SubscribeToShard").len();
        while server.calls("SubscribeToShard").len() == calls {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let waited = taken.elapsed();
        assert!(waited >= expected, "{waited:?} instead of {expected:?}");
    }
}

#[tokio::test]
async fn a_subscription_that_is_in_use_is_taken_over_once_that_can_be() {
    let mut server = FanOutServer::start().await;
    let stream = stream(&server).await;
    server.refuse("ResourceInUseException");
    let mut token = begin(&stream, after(7)).await;
    let error = ask(&stream, &mut token).await.unwrap_err();
    assert!(error.to_string().contains("ResourceInUse"), "{error}");
    let serve = async {
        let subscription = server.subscription().await;
        subscription.event(&[8], 3, "8", json!({})).await;
        subscription
    };
    let (records, subscription) = tokio::join!(ask(&stream, &mut token), serve);
    assert_eq!(numbers(&records.unwrap()), ["8"]);
    assert_eq!(subscription.position(), ("AFTER_SEQUENCE_NUMBER", "7"));
    let calls = server.calls("SubscribeToShard");
    assert!(calls[1].at - calls[0].at >= TAKEOVER);
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_dead_but_only_if_it_was_listened_to() {
    let mut server = FanOutServer::start().await;
    let stream = stream(&server).await;
    let mut token = begin(&stream, IteratorFrom::TrimHorizon).await;
    let serve = async {
        let subscription = server.subscription().await;
        subscription.event(&[1], 3, "1", json!({})).await;
        subscription
    };
    let (first, silent) = tokio::join!(ask(&stream, &mut token), serve);
    first.unwrap();
    // Nobody asks meanwhile: that says nothing of the connection.
    tokio::time::sleep(2 * SILENCE).await;
    silent.event(&[2], 3, "2", json!({})).await;
    assert_eq!(numbers(&ask(&stream, &mut token).await.unwrap()), ["2"]);

    let begun = Instant::now();
    let error = ask(&stream, &mut token).await.unwrap_err();
    assert!(begun.elapsed() >= SILENCE, "{:?}", begun.elapsed());
    assert!(error.to_string().contains("no event"), "{error}");
    silent.closed().await;
    let serve = async {
        let subscription = server.subscription().await;
        subscription.heartbeat("3").await;
        subscription
    };
    let (next, subscription) = tokio::join!(ask(&stream, &mut token), serve);
    next.unwrap();
    assert_eq!(subscription.position(), ("AT_SEQUENCE_NUMBER", "2"));
}

#[tokio::test]
async fn a_kinesis_shard_ends_with_its_children() {
    let mut server = FanOutServer::start().await;
    let stream = stream(&server).await;
    let mut token = begin(&stream, IteratorFrom::TrimHorizon).await;
    let child = |id: &str| {
        json!({
            "ShardId": id, "ParentShards": [SHARD],
            "HashKeyRange": { "StartingHashKey": "0", "EndingHashKey": "1" },
        })
    };
    let children = json!({ "ChildShards": [child("shardId-1"), child("shardId-2")] });
    let serve = async {
        let subscription = server.subscription().await;
        // More may follow.
        subscription.event(&[1], 3, "1", children.clone()).await;
        subscription.event(&[2], 3, "2", children.clone()).await;
        subscription.event(&[], 0, "2", children.clone()).await;
        subscription
    };
    let read = async {
        let mut all = Vec::new();
        for _ in 0..3 {
            all.push(ask(&stream, &mut token).await.unwrap());
        }
        all
    };
    let (all, subscription) = tokio::join!(read, serve);
    assert!(all[..2].iter().all(|event| event.next_iterator.is_some()));
    assert!(all[..2].iter().all(|event| event.children.is_empty()));
    let end = &all[2];
    assert_eq!(end.next_iterator, None);
    let ids: Vec<_> = end.children.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, ["shardId-1", "shardId-2"]);
    assert_eq!(end.children[0].1, [KinesisShardId::new(SHARD)]);
    subscription.closed().await;
}

#[tokio::test]
async fn errors_that_come_as_events_are_told_by_their_kind() {
    for (code, kind) in [
        ("ResourceNotFoundException", "not know"),
        ("KMSThrottlingException", "throttles"),
        ("KMSAccessDeniedException", "refuses"),
        ("KMSDisabledException", "refuses"),
        ("KMSInvalidStateException", "refuses"),
        ("KMSNotFoundException", "refuses"),
        ("KMSOptInRequired", "refuses"),
        ("InternalFailureException", "not answer"),
        ("ResourceInUseException", "not answer"),
    ] {
        let mut server = FanOutServer::start().await;
        let stream = stream(&server).await;
        let mut token = begin(&stream, IteratorFrom::TrimHorizon).await;
        let serve = async {
            let subscription = server.subscription().await;
            subscription.exception(code).await;
            subscription
        };
        let (told, _) = tokio::join!(ask(&stream, &mut token), serve);
        let told = told.unwrap_err().to_string();
        assert!(told.contains(kind) && told.contains(code), "{code}: {told}");
    }
}

#[tokio::test]
async fn refusals_of_the_call_are_told_by_their_kind() {
    for (code, kind) in [
        ("AccessDeniedException", "refuses"),
        ("LimitExceededException", "throttles"),
        ("ResourceNotFoundException", "not know"),
        ("KMSDisabledException", "refuses"),
        ("InternalFailureException", "not answer"),
        ("InvalidArgumentException", "does not accept the position"),
    ] {
        let server = FanOutServer::start().await;
        let stream = stream(&server).await;
        server.refuse(code);
        let mut token = begin(&stream, after(7)).await;
        let told = ask(&stream, &mut token).await.unwrap_err().to_string();
        assert!(told.contains(kind), "{code}: {told}");
    }
}

#[tokio::test]
async fn a_cut_within_an_event_loses_nothing_of_it() {
    let mut server = FanOutServer::start().await;
    let stream = stream(&server).await;
    let mut token = begin(&stream, IteratorFrom::TrimHorizon).await;
    let whole = fan_out::event(&[2], 300, "2", json!({}));
    let serve = async {
        let subscription = server.subscription().await;
        subscription.event(&[1], 3, "1", json!({})).await;
        subscription.piece(whole[..whole.len() / 2].to_vec()).await;
        // The rest is waited for by another call.
        tokio::time::sleep(Duration::from_millis(300)).await;
        subscription.cut().await;
    };
    let read = async {
        let first = ask(&stream, &mut token).await.unwrap();
        (first, ask(&stream, &mut token).await.unwrap_err())
    };
    let ((first, error), ()) = tokio::join!(read, serve);
    assert_eq!(numbers(&first), ["1"]);
    assert!(matches!(error, StreamError::Unavailable(_)), "{error}");
    let serve = async {
        let subscription = server.subscription().await;
        assert_eq!(subscription.position(), ("AT_SEQUENCE_NUMBER", "1"));
        subscription.piece(whole.clone()).await;
        subscription
    };
    let (again, _subscription) = tokio::join!(ask(&stream, &mut token), serve);
    assert_eq!(numbers(&again.unwrap()), ["2"]);
}

#[tokio::test]
async fn an_event_that_was_given_is_not_given_for_the_same_token_again() {
    let mut server = FanOutServer::start().await;
    let stream = stream(&server).await;
    let token = begin(&stream, IteratorFrom::TrimHorizon).await;
    let mut next = token.clone();
    let serve = async {
        let subscription = server.subscription().await;
        subscription.event(&[1], 3, "1", json!({})).await;
        subscription.event(&[2], 3, "2", json!({})).await;
        subscription
    };
    let (given, _subscription) = tokio::join!(ask(&stream, &mut next), serve);
    given.unwrap();
    // Whoever lost that answer must begin at a position of its own, or it would miss record 1.
    assert!(stream.ready(&token).is_none(), "there is something to say");
    let error = stream.get_records(&token, 10).await.unwrap_err();
    assert!(matches!(error, StreamError::IteratorExpired(_)), "{error}");
    for unknown in ["", "7 shardId-of-nobody", "AAAA"] {
        let error = stream.get_records(unknown, 10).await.unwrap_err();
        assert!(matches!(error, StreamError::IteratorExpired(_)), "{error}");
    }
}

#[tokio::test]
async fn nothing_is_taken_from_the_connection_while_nobody_asks() {
    const EVENT: usize = 1 << 20;
    const EVENTS: u64 = 40;
    let mut server = FanOutServer::start().await;
    // Large events may take long on their way, and nothing here is about silence.
    let stream = stream_with(&server, "mill", Duration::from_secs(60)).await;
    let mut token = begin(&stream, IteratorFrom::TrimHorizon).await;
    if let Some(ready) = stream.ready(&token) {
        tokio::spawn(ready);
    }
    let subscription = server.subscription().await;
    let (done, mut sent) = tokio::sync::watch::channel(0);
    let sending = tokio::spawn(async move {
        for number in 1..=EVENTS {
            subscription
                .event(&[number], EVENT, &number.to_string(), json!({}))
                .await;
            done.send_replace(number);
        }
        subscription
    });
    // The reader looks again and again, and has no credit.
    for _ in 0..50 {
        let waits = stream.ready(&token);
        if let Some(mut ready) = waits {
            let _ = (&mut ready).now_or_never();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // What the operating system and the connection hold, and no more.
    let stuck = *sent.borrow_and_update();
    assert!(stuck < EVENTS / 2, "{stuck} events were taken");
    let mut read = Vec::new();
    while read.len() < EVENTS as usize {
        read.extend(numbers(&ask(&stream, &mut token).await.unwrap()));
    }
    let all: Vec<String> = (1..=EVENTS).map(|number| number.to_string()).collect();
    assert_eq!(read, all);
    drop(sending.await);
}

#[tokio::test]
async fn a_reader_that_begins_anew_ends_the_subscription_that_there_was() {
    let mut server = FanOutServer::start().await;
    let stream = stream(&server).await;
    let mut token = begin(&stream, IteratorFrom::TrimHorizon).await;
    let serve = async {
        let subscription = server.subscription().await;
        subscription.event(&[1], 3, "1", json!({})).await;
        subscription
    };
    let (first, old) = tokio::join!(ask(&stream, &mut token), serve);
    first.unwrap();
    let accepted = old.call.at;
    let mut anew = begin(&stream, after(1)).await;
    old.closed().await;
    let error = stream.get_records(&token, 10).await.unwrap_err();
    assert!(matches!(error, StreamError::IteratorExpired(_)), "{error}");
    let serve = async {
        let subscription = server.subscription().await;
        subscription.event(&[2], 3, "2", json!({})).await;
        subscription
    };
    let (next, new) = tokio::join!(ask(&stream, &mut anew), serve);
    assert_eq!(numbers(&next.unwrap()), ["2"]);
    assert_eq!(new.position(), ("AFTER_SEQUENCE_NUMBER", "1"));
    assert!(new.call.at - accepted >= TAKEOVER, "it would be in use");
}

#[tokio::test]
async fn a_consumer_is_registered_by_its_name_and_waited_for() {
    let server = FanOutServer::start().await;
    server.consumer([None, Some("CREATING"), Some("ACTIVE")]);
    let stream = stream(&server).await;
    stream.prepare().await.unwrap();
    let registered = server.calls("RegisterStreamConsumer");
    assert_eq!(registered.len(), 1);
    let expected = json!({ "ConsumerName": "mill", "StreamARN": STREAM });
    assert_eq!(registered[0].body, expected);
    stream.prepare().await.unwrap();
    assert_eq!(
        server.calls("DescribeStreamConsumer").len(),
        3,
        "found once"
    );
}

#[tokio::test]
async fn a_consumer_by_its_arn_is_never_registered() {
    let server = FanOutServer::start().await;
    server.consumer([None]);
    let stream = stream_of(&server, CONSUMER).await;
    let error = stream.prepare().await.unwrap_err();
    assert!(matches!(error, StreamError::Refused(_)), "{error}");
    assert!(
        error.to_string().contains("there is no consumer"),
        "{error}"
    );
    assert!(server.calls("RegisterStreamConsumer").is_empty());
    assert!(server.calls("DescribeStreamSummary").is_empty());
    let asked = &server.calls("DescribeStreamConsumer")[0].body;
    assert_eq!(asked, &json!({ "ConsumerARN": CONSUMER }));
}

#[tokio::test]
async fn a_consumer_that_was_deregistered_meanwhile_is_registered_again() {
    let mut server = FanOutServer::start().await;
    let stream = stream(&server).await;
    server.refuse("ResourceNotFoundException");
    let mut token = begin(&stream, IteratorFrom::TrimHorizon).await;
    let error = ask(&stream, &mut token).await.unwrap_err();
    assert!(matches!(error, StreamError::NotFound(_)), "{error}");
    server.consumer([None, Some("ACTIVE")]);
    let serve = async {
        let subscription = server.subscription().await;
        subscription.heartbeat("1").await;
        subscription
    };
    let (next, _subscription) = tokio::join!(ask(&stream, &mut token), serve);
    next.unwrap();
    assert_eq!(server.calls("RegisterStreamConsumer").len(), 1);
}

#[tokio::test]
async fn a_trial_is_no_subscription() {
    let server = FanOutServer::start().await;
    let stream = stream(&server).await;
    let shard = KinesisShardId::new(SHARD);
    for (code, allowed) in [
        ("DryRunOperationException", true),
        ("ResourceInUseException", true),
        ("LimitExceededException", true),
        ("AccessDeniedException", false),
    ] {
        server.refuse(code);
        let outcome = stream.may_subscribe(&shard).await;
        assert_eq!(outcome.is_ok(), allowed, "{code}: {outcome:?}");
    }
    let calls = server.calls("SubscribeToShard");
    assert!(calls.iter().all(|call| call.body["DryRun"] == true));
}
