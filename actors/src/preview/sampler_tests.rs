//! Samples of a stream that answers as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::AtomicI64;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use shardmill_engine::ports::{Records, ShardInfo, ShardList, StreamRecord};

use super::*;

/// What a Kinesis shard answers to one call of GetRecords.
#[derive(Clone)]
enum Answer {
    /// Records of these arrival times, and how far behind it is.
    Records(Vec<i64>, i64),
    /// Its end, with a record.
    End(i64),
    Error(StreamError),
}

/// A stream by its Kinesis shards' answers; after the last one there is nothing more. Time goes on
/// by the waits alone.
struct Script {
    answers: Mutex<BTreeMap<String, VecDeque<Answer>>>,
    asked: Mutex<Vec<(String, IteratorFrom)>>,
    now: AtomicI64,
}

const SERVER_TIME: i64 = 10_000_000;

impl Script {
    fn new(shards: &[(&str, Vec<Answer>)]) -> Self {
        let answers = shards.iter();
        let answers = answers.map(|(id, answers)| ((*id).to_owned(), answers.clone().into()));
        Self {
            answers: Mutex::new(answers.collect()),
            asked: Mutex::new(Vec::new()),
            now: AtomicI64::new(0),
        }
    }

    fn sample(&self, from: SampleFrom) -> Result<Vec<Bytes>, StreamError> {
        sample(self, self, from)
            .now_or_never()
            .expect("no wait is real")
    }

    fn seen(&self) -> Result<Vec<String>, StreamError> {
        let seen = self.sample(SampleFrom::Back(LOOK_BACK_MS))?;
        let text = |data: &Bytes| String::from_utf8_lossy(data).into_owned();
        Ok(seen.iter().map(text).collect())
    }
}

impl Host for Script {
    fn now(&self) -> TimestampMs {
        self.now.load(Ordering::Relaxed)
    }

    fn sleep(&self, millis: u64) -> BoxFuture<'static, ()> {
        self.now.fetch_add(millis as i64, Ordering::Relaxed);
        async {}.boxed()
    }

    fn random(&self) -> u64 {
        4
    }
}

impl Stream for Script {
    fn list_shards(&self, _: ShardFilter) -> BoxFuture<'_, Result<ShardList, StreamError>> {
        let answers = self.answers.lock().unwrap();
        let shards = answers.keys().map(|id| ShardInfo {
            id: KinesisShardId::new(id.as_str()),
            parents: Vec::new(),
            closed: false,
            hash_keys: (0, 0),
        });
        let list = ShardList {
            shards: shards.collect(),
            server_time: SERVER_TIME,
        };
        async { Ok(list) }.boxed()
    }

    fn shard_iterator<'a>(
        &'a self,
        shard: &'a KinesisShardId,
        from: IteratorFrom,
    ) -> BoxFuture<'a, Result<String, StreamError>> {
        self.asked.lock().unwrap().push((shard.to_string(), from));
        async { Ok(shard.to_string()) }.boxed()
    }

    fn get_records<'a>(
        &'a self,
        iterator: &'a str,
        _: u32,
    ) -> BoxFuture<'a, Result<Records, StreamError>> {
        let next = self
            .answers
            .lock()
            .unwrap()
            .get_mut(iterator)
            .unwrap()
            .pop_front();
        let (arrivals, behind, end) = match next {
            Some(Answer::Error(error)) => return async { Err(error) }.boxed(),
            Some(Answer::Records(arrivals, behind)) => (arrivals, behind, false),
            Some(Answer::End(arrival)) => (vec![arrival], 0, true),
            None => (Vec::new(), 0, false),
        };
        let records = arrivals.into_iter().map(|arrival| StreamRecord {
            sequence: SequenceNumber::from(arrival as u64),
            partition_key: String::new(),
            arrival,
            data: format!("{iterator}{arrival}").into(),
        });
        let records = Records {
            records: records.collect(),
            next_iterator: (!end).then(|| iterator.to_owned()),
            millis_behind: Some(behind),
            children: Vec::new(),
            server_time: SERVER_TIME,
        };
        async { Ok(records) }.boxed()
    }
}

#[test]
fn all_kinesis_shards_are_read_to_their_tip_and_records_come_in_order() {
    let script = Script::new(&[
        (
            "a",
            vec![
                Answer::Records(vec![1, 4], 9),
                Answer::Records(vec![], 5),
                Answer::Records(vec![6], 0),
            ],
        ),
        ("b", vec![Answer::End(3)]),
        ("c", vec![]),
    ]);
    assert_eq!(script.seen().unwrap(), ["a1", "b3", "a4", "a6"]);
    let asked = script.asked.lock().unwrap();
    assert_eq!(asked.len(), 3);
    let from = IteratorFrom::AtTimestamp(SERVER_TIME - LOOK_BACK_MS);
    assert!(asked.iter().all(|(_, asked)| *asked == from));
}

#[test]
fn a_busy_kinesis_shard_does_not_crowd_out_the_others() {
    let busy = vec![Answer::Records((0..500).collect(), 0)];
    let quiet = vec![Answer::Records(vec![7, 8], 0)];
    let seen = Script::new(&[("a", busy), ("b", quiet)]).seen().unwrap();
    assert_eq!(seen.len(), MAX_PAYLOADS);
    assert_eq!(seen.iter().filter(|data| data.starts_with('b')).count(), 2);
}

#[test]
fn what_throttles_is_asked_again_and_an_expired_iterator_goes_on_where_it_was() {
    let throttled = Answer::Error(StreamError::Throttled("slow".into()));
    let expired = Answer::Error(StreamError::IteratorExpired("old".into()));
    let one = Answer::Records(vec![1], 5);
    let script = Script::new(&[(
        "a",
        vec![throttled, one, expired, Answer::Records(vec![2], 0)],
    )]);
    assert_eq!(script.seen().unwrap(), ["a1", "a2"]);
    let asked = script.asked.lock().unwrap();
    assert_eq!(asked[1].1, IteratorFrom::After(SequenceNumber::from(1)));
}

#[test]
fn one_kinesis_shard_that_cannot_be_read_does_not_hide_the_others() {
    let silent = Answer::Error(StreamError::Unavailable("gone".into()));
    let aged_out = Answer::Error(StreamError::NotFound("gone".into()));
    let script = Script::new(&[
        ("a", vec![silent.clone(); 50]),
        ("b", vec![aged_out]),
        ("c", vec![Answer::Records(vec![2], 0)]),
    ]);
    assert_eq!(script.seen().unwrap(), ["c2"]);
    // Where none can be read, it is said.
    let script = Script::new(&[("a", vec![silent; 50])]);
    assert!(matches!(script.seen(), Err(StreamError::Unavailable(_))));
    let refused = Answer::Error(StreamError::Refused("no".into()));
    let script = Script::new(&[("a", vec![refused]), ("b", vec![])]);
    assert!(matches!(script.seen(), Err(StreamError::Refused(_))));
}

#[test]
fn an_endless_stream_of_empty_answers_ends_after_a_while() {
    let empty = vec![Answer::Records(vec![], 5); 100_000];
    let script = Script::new(&[("a", empty)]);
    assert_eq!(script.seen().unwrap(), [""; 0]);
    assert!(script.now() >= MAX_MS && script.now() < 2 * MAX_MS);
    let script = Script::new(&[("a", vec![Answer::Records(vec![1], 0)])]);
    assert_eq!(script.sample(SampleFrom::Horizon).unwrap().len(), 1);
    assert_eq!(script.asked.lock().unwrap()[0].1, IteratorFrom::TrimHorizon);
}
