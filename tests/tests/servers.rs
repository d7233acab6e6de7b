//! The servers and tools that the other tests lean on do what those tests need.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use shardmill_tests::events::{Events, Holds};
use shardmill_tests::kinesis::TestStream;
use shardmill_tests::ledger::Ledger;
use shardmill_tests::proxy::{Link, Proxy};
use shardmill_tests::s3;
use shardmill_tests::servers::{Ferrokinesis, KinesisLocal, Moto};

#[tokio::test]
async fn ferrokinesis_takes_records_splits_and_merges() {
    let server = Ferrokinesis::start().await;
    takes_records_splits_and_merges(&server.url()).await;
}

#[tokio::test]
async fn kinesis_local_takes_records_splits_and_merges() {
    let server = KinesisLocal::start().await;
    takes_records_splits_and_merges(&server.url()).await;
}

async fn takes_records_splits_and_merges(url: &str) {
    let stream = TestStream::create(url, "clicks", 2).await;
    let mut events = Events::new(1);
    let mut ledger = Ledger::new();
    stream.put(events.mixed(700), &mut ledger).await;
    assert_eq!(ledger.len(), 700);
    assert_eq!(ledger.events() as i64, events.made());

    let open = stream.open_shards().await;
    stream.split(&open[0]).await;
    let open = stream.open_shards().await;
    assert_eq!((open.len(), stream.all_shards().await.len()), (3, 4));
    stream.merge(&open[1], &open[2]).await;
    assert_eq!(stream.open_shards().await.len(), 2);
}

#[tokio::test]
async fn moto_puts_an_object_only_where_there_is_none() {
    let server = Moto::start().await;
    server.bucket("lake").await;
    let client = s3::client(&server.url());
    let put = |body: &'static [u8]| {
        let put = client.put_object().bucket("lake").key("one");
        put.if_none_match("*")
            .body(ByteStream::from_static(body))
            .send()
    };
    put(b"first").await.expect("the first put succeeds");
    let second = put(b"second").await.expect_err("the name is taken");
    let status = second.raw_response().expect("an answer").status();
    assert_eq!(status.as_u16(), 412);
}

#[tokio::test]
async fn aggregates_are_made_by_the_real_library() {
    let mut events = Events::new(2);
    let records = events.aggregates(&[3, 40], Events::plain);
    assert_eq!(records.len(), 2);
    assert!(records[0].data.starts_with(&[0xF3, 0x89, 0x9A, 0xC2]));
    let third = Holds {
        events: vec![2],
        rejects: 0,
    };
    assert_eq!(records[0].payloads[2], third);
    assert_eq!(records[1].payloads.len(), 40);
}

#[tokio::test]
async fn a_proxy_freezes_and_takes_a_server_away() {
    let server = Ferrokinesis::start().await;
    let proxy = Proxy::start(server.address()).await;
    let stream = TestStream::create(&proxy.url(), "clicks", 1).await;

    proxy.set(Link::Frozen);
    let frozen = tokio::time::timeout(Duration::from_millis(300), stream.all_shards()).await;
    assert!(frozen.is_err(), "an answer came through");

    proxy.set(Link::Down);
    let list = stream.client().list_shards().stream_name("clicks");
    let down = list.send().await;
    assert!(down.is_err(), "an answer came through");

    proxy.set(Link::Open);
    assert_eq!(stream.all_shards().await.len(), 1);
}
