//! Reading a stream from ferrokinesis (in process) and from kinesis-local.

use std::collections::BTreeSet;

use shardmill::adapters::{KinesisStream, StreamId, SystemHost};
use shardmill_engine::ports::{Host, IteratorFrom, ShardFilter, ShardInfo, Stream, StreamError};
use shardmill_engine::types::{KinesisShardId, SequenceNumber};
use shardmill_tests::events::Events;
use shardmill_tests::kinesis::TestStream;
use shardmill_tests::ledger::{Ledger, Sequence};
use shardmill_tests::sdk;
use shardmill_tests::servers::{Ferrokinesis, KinesisLocal};

async fn adapter(url: &str, stream: &str) -> KinesisStream {
    let id = StreamId::parse(stream).expect("a name or an ARN");
    KinesisStream::new(&sdk::config(url).await, id)
}

/// Every record after a point, until the Kinesis shard ends or nothing more comes.
async fn read(
    stream: &KinesisStream,
    shard: &ShardInfo,
    from: IteratorFrom,
) -> Vec<(SequenceNumber, usize)> {
    let mut next = Some(stream.shard_iterator(&shard.id, from).await.unwrap());
    let mut seen = Vec::new();
    while let Some(iterator) = next {
        let answer = stream.get_records(&iterator, 100).await.unwrap();
        assert!(answer.records.len() <= 100);
        let quiet = answer.records.is_empty();
        seen.extend(
            answer
                .records
                .iter()
                .map(|r| (r.sequence.clone(), r.data.len())),
        );
        next = answer.next_iterator.filter(|_| !quiet);
    }
    seen
}

async fn shards(stream: &KinesisStream) -> Vec<ShardInfo> {
    stream.list_shards(ShardFilter::All).await.unwrap().shards
}

#[tokio::test]
async fn what_was_put_is_read_once_and_in_order() {
    let server = Ferrokinesis::start().await;
    let put = TestStream::create(&server.url(), "clicks", 3).await;
    let mut ledger = Ledger::new();
    put.put(Events::new(1).mixed(1_000), &mut ledger).await;
    let stream = adapter(&server.url(), "clicks").await;

    let list = stream.list_shards(ShardFilter::All).await.unwrap();
    assert_eq!(list.shards.len(), 3);
    assert_eq!(list.shards[0].hash_keys.0, 0);
    assert_eq!(list.shards[2].hash_keys.1, u128::MAX);
    assert!(
        list.shards
            .iter()
            .all(|s| !s.closed && s.parents.is_empty())
    );
    // The server's clock is this machine's.
    assert!((list.server_time - SystemHost.now()).abs() < 60_000);

    let mut seen = BTreeSet::new();
    let mut bytes = 0;
    for shard in &list.shards {
        let records = read(&stream, shard, IteratorFrom::TrimHorizon).await;
        assert!(records.is_sorted_by(|a, b| a.0 < b.0));
        let middle = &records[records.len() / 2].0;
        let rest = read(&stream, shard, IteratorFrom::After(middle.clone())).await;
        assert_eq!(rest, records[records.len() / 2 + 1..]);
        bytes += records.iter().map(|(_, len)| *len as u64).sum::<u64>();
        let shard = shard.id.as_str();
        seen.extend(
            records
                .iter()
                .map(|(s, _)| (shard.to_owned(), Sequence::new(s.as_str()))),
        );
    }
    let wanted: BTreeSet<_> = ledger
        .payloads()
        .keys()
        .map(|(shard, sequence, _)| (shard.clone(), sequence.clone()))
        .collect();
    assert_eq!(seen, wanted);
    assert_eq!(bytes, ledger.bytes());
}

#[tokio::test]
async fn a_record_keeps_its_bytes_key_and_arrival() {
    let server = KinesisLocal::start().await;
    let put = TestStream::create(&server.url(), "clicks", 1).await;
    let mut record = Events::new(2).one();
    record.data = (0..=255).collect();
    record.key = "ключ".into();
    put.put(vec![record.clone()], &mut Ledger::new()).await;
    let stream = adapter(&server.url(), "clicks").await;
    let shard = &shards(&stream).await[0];
    let iterator = stream.shard_iterator(&shard.id, IteratorFrom::TrimHorizon);
    let answer = stream
        .get_records(&iterator.await.unwrap(), 10)
        .await
        .unwrap();
    let [read] = &answer.records[..] else {
        panic!("{answer:?}");
    };
    assert_eq!(read.data, record.data);
    assert_eq!(read.partition_key, record.key);
    assert!((read.arrival - answer.server_time).abs() < 60_000);
    assert!(answer.next_iterator.is_some());

    // By time: all of what arrived at or after it.
    let arrival = read.arrival;
    for from in [arrival, arrival - 3_600_000] {
        assert_eq!(read_at(&stream, &shard.id, from).await, Ok(1));
    }
    // A time to come may be one that only this server's clock has not reached.
    let future = read_at(&stream, &shard.id, arrival + 3_600_000).await;
    assert!(
        matches!(future, Err(StreamError::Unavailable(_))),
        "{future:?}"
    );
}

async fn read_at(
    stream: &KinesisStream,
    shard: &KinesisShardId,
    time: i64,
) -> Result<usize, StreamError> {
    let from = IteratorFrom::AtTimestamp(time);
    let iterator = stream.shard_iterator(shard, from).await?;
    let answer = stream.get_records(&iterator, 10).await?;
    Ok(answer.records.len())
}

#[tokio::test]
async fn what_kinesis_does_not_know_is_said() {
    let server = Ferrokinesis::start().await;
    TestStream::create(&server.url(), "clicks", 1).await;
    let unknown = adapter(&server.url(), "nothing").await;
    let list = unknown.list_shards(ShardFilter::All).await;
    assert!(matches!(list, Err(StreamError::NotFound(_))), "{list:?}");

    let stream = adapter(&server.url(), "clicks").await;
    let shard = &shards(&stream).await[0];
    let missing = KinesisShardId::new("shardId-000000000099");
    let iterator = stream
        .shard_iterator(&missing, IteratorFrom::TrimHorizon)
        .await;
    assert!(
        matches!(iterator, Err(StreamError::NotFound(_))),
        "{iterator:?}"
    );
    let foreign = stream.get_records("AAAA", 1).await;
    assert!(
        matches!(foreign, Err(StreamError::IteratorExpired(_))),
        "{foreign:?}"
    );
    let never_given = SequenceNumber::new("12345").unwrap();
    let iterator = stream
        .shard_iterator(&shard.id, IteratorFrom::After(never_given))
        .await;
    assert!(
        matches!(iterator, Err(StreamError::PositionRefused(_))),
        "{iterator:?}"
    );
}

#[tokio::test]
async fn a_stream_is_read_by_its_arn() {
    // ferrokinesis lists Kinesis shards by name only.
    let server = KinesisLocal::start().await;
    let put = TestStream::create(&server.url(), "clicks", 1).await;
    let mut ledger = Ledger::new();
    put.put(Events::new(3).plain(5), &mut ledger).await;
    let summary = put.client().describe_stream_summary().stream_name("clicks");
    let summary = summary.send().await.unwrap();
    let arn = summary.stream_description_summary().unwrap().stream_arn();
    let stream = adapter(&server.url(), arn).await;
    let shard = &shards(&stream).await[0];
    assert_eq!(
        read(&stream, shard, IteratorFrom::TrimHorizon).await.len(),
        5
    );
}

#[tokio::test]
async fn a_split_and_a_merge_show_parents_children_and_ends() {
    let server = KinesisLocal::start().await;
    let put = TestStream::create(&server.url(), "clicks", 1).await;
    let mut ledger = Ledger::new();
    put.put(Events::new(4).plain(3), &mut ledger).await;
    put.split(&put.open_shards().await[0]).await;
    let open = put.open_shards().await;
    put.merge(&open[0], &open[1]).await;

    let stream = adapter(&server.url(), "clicks").await;
    let list = shards(&stream).await;
    let closed: Vec<bool> = list.iter().map(|shard| shard.closed).collect();
    assert_eq!(closed, [true, true, true, false]);
    let id = |place: usize| list[place].id.clone();
    assert!(list[0].parents.is_empty());
    assert_eq!(
        (&list[1].parents, &list[2].parents),
        (&vec![id(0)], &vec![id(0)])
    );
    let both: BTreeSet<_> = list[3].parents.iter().cloned().collect();
    assert_eq!(both, BTreeSet::from([id(1), id(2)]));

    // Read to its end, the parent names its children.
    let mut iterator = stream
        .shard_iterator(&id(0), IteratorFrom::TrimHorizon)
        .await
        .unwrap();
    let mut records = 0;
    let children = loop {
        let answer = stream.get_records(&iterator, 2).await.unwrap();
        records += answer.records.len();
        match answer.next_iterator {
            Some(next) => iterator = next,
            None => break answer.children,
        }
    };
    assert_eq!(records, 3);
    let children: BTreeSet<_> = children.into_iter().collect();
    let wanted = BTreeSet::from([(id(1), vec![id(0)]), (id(2), vec![id(0)])]);
    assert_eq!(children, wanted);
}
