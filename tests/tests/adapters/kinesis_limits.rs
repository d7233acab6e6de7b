//! Pages, sizes, lag and the life of iterators, as servers have them.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use shardmill::adapters::{KinesisStream, StreamId};
use shardmill_engine::ports::{IteratorFrom, Records, ShardFilter, Stream, StreamError};
use shardmill_engine::types::KinesisShardId;
use shardmill_tests::events::{Events, Holds, Record};
use shardmill_tests::kinesis::TestStream;
use shardmill_tests::ledger::Ledger;
use shardmill_tests::sdk;
use shardmill_tests::servers::{Ferrokinesis, KinesisLocal};

const STREAM: &str = "clicks";

async fn adapter(url: &str) -> KinesisStream {
    let stream = StreamId::parse(STREAM).expect("a name");
    KinesisStream::new(&sdk::config(url).await, stream)
}

/// Reads a Kinesis shard from its beginning to its end or its tip; gives all answers.
async fn read(stream: &KinesisStream, shard: &KinesisShardId) -> Vec<Records> {
    let from = IteratorFrom::TrimHorizon;
    let mut iterator = Some(stream.shard_iterator(shard, from).await.unwrap());
    let mut answers = Vec::new();
    while let Some(at) = iterator {
        let answer = stream.get_records(&at, 10_000).await.unwrap();
        iterator = answer.next_iterator.clone();
        let at_tip = answer.records.is_empty() && answer.millis_behind == Some(0);
        answers.push(answer);
        if at_tip {
            break;
        }
    }
    answers
}

#[tokio::test]
async fn more_than_a_page_of_kinesis_shards_is_listed() {
    let server = KinesisLocal::start().await;
    let test_stream = TestStream::create(&server.url(), STREAM, 1_000).await;
    let first = KinesisShardId::new("shardId-000000000000");
    test_stream
        .split_in_half(first.as_str(), 0, u128::MAX / 1_000)
        .await;
    let list = adapter(&server.url()).await;
    let list = list.list_shards(ShardFilter::All).await.unwrap();
    let ids: BTreeSet<_> = list.shards.iter().map(|shard| &shard.id).collect();
    assert_eq!((list.shards.len(), ids.len()), (1_002, 1_002));
    let children = list
        .shards
        .iter()
        .filter(|shard| shard.parents == [first.clone()]);
    assert_eq!(children.count(), 2);
}

#[tokio::test]
async fn an_answer_holds_10_mib_at_most_and_then_tells_the_lag() {
    let server = KinesisLocal::start().await;
    let test_stream = TestStream::create(&server.url(), STREAM, 1).await;
    let mut events = Events::new(4);
    let mut ledger = Ledger::new();
    for _ in 0..2 {
        let large = (0..6).map(|_| events.large(1_000_000)).collect();
        test_stream.put(large, &mut ledger).await;
        // Lag is counted between arrival times.
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }

    let stream = adapter(&server.url()).await;
    let answers = read(&stream, &KinesisShardId::new("shardId-000000000000")).await;
    let sizes: Vec<usize> = answers.iter().map(bytes_of).collect();
    assert!(sizes[0] <= 10 << 20, "{sizes:?}");
    assert!(sizes[1] > 0, "{sizes:?}");
    assert!(
        answers[0].millis_behind > Some(0),
        "{:?}",
        answers[0].millis_behind
    );
    assert_eq!(sizes.iter().sum::<usize>() as u64, ledger.bytes());
}

fn bytes_of(answer: &Records) -> usize {
    answer.records.iter().map(|record| record.data.len()).sum()
}

#[tokio::test]
async fn an_old_iterator_has_expired_and_a_new_one_goes_on_after_the_position() {
    let server = Ferrokinesis::with_iterators_that_live(1).await;
    let test_stream = TestStream::create(&server.url(), STREAM, 1).await;
    let mut ledger = Ledger::new();
    // Any bytes come back as they were, also none.
    let records = [b"".as_slice(), b"\x00\xff", b"{}"].map(|data| Record {
        key: "k\u{e9}y".into(),
        data: Bytes::from_static(data),
        payloads: vec![Holds::default()],
    });
    test_stream.put(records.to_vec(), &mut ledger).await;

    let stream = adapter(&server.url()).await;
    let shard = KinesisShardId::new("shardId-000000000000");
    let from = IteratorFrom::TrimHorizon;
    let iterator = stream.shard_iterator(&shard, from).await.unwrap();
    let answer = stream.get_records(&iterator, 10_000).await.unwrap();
    let data: Vec<_> = answer.records.iter().map(|record| &record.data).collect();
    assert_eq!(data, [b"".as_slice(), b"\x00\xff", b"{}"]);
    assert_eq!(answer.records[0].partition_key, "k\u{e9}y");

    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let expired = stream.get_records(&iterator, 10_000).await.unwrap_err();
    assert!(
        matches!(expired, StreamError::IteratorExpired(_)),
        "{expired:?}"
    );

    let after = IteratorFrom::After(answer.records[1].sequence.clone());
    let iterator = stream.shard_iterator(&shard, after).await.unwrap();
    let rest = stream.get_records(&iterator, 10_000).await.unwrap();
    assert_eq!(rest.records, answer.records[2..]);
}

#[tokio::test]
async fn the_servers_clock_comes_with_every_answer() {
    let server = Ferrokinesis::start().await;
    TestStream::create(&server.url(), STREAM, 1).await;
    let stream = adapter(&server.url()).await;
    let list = stream.list_shards(ShardFilter::All).await.unwrap();
    let now = jiff::Timestamp::now().as_millisecond();
    let age = now - list.server_time;
    // To the second; the server runs on this machine.
    assert!(
        (0..60_000).contains(&age),
        "server {} and we {now}",
        list.server_time
    );
}
