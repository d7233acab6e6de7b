//! A raw copy on a target in memory, read as a stream.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures::FutureExt;

use super::*;
use crate::budget::Budget;
use crate::log::memory::Memory;
use crate::log::{
    Commit, DataFile, Identity, LaneLog, LaneState, ShardRange, ShardState, SourceOptions,
    claim_lanes, open_source, take_generation,
};
use crate::raw_copy::Framer;
use crate::types::{Counts, FileKind, Position, ProcessId, Window};

const NOW: TimestampMs = 1_795_341_780_000;
const LENGTH: WindowLength = WindowLength::MINUTE;

fn now<T>(future: impl Future<Output = T>) -> T {
    let answer = future.now_or_never();
    answer.expect("every call of the memory is ready at once")
}

fn id() -> KinesisShardId {
    KinesisShardId::new("shardId-000000000000")
}

fn window(number: i64) -> Window {
    Window(LENGTH.window_of(NOW).0 + number)
}

struct Scene {
    memory: Arc<Memory>,
    lane: LaneLog,
    next: u64,
}

impl Scene {
    fn new() -> Self {
        let memory = Memory::new(NOW);
        let (store, host) = (memory.store(), memory.host());
        let lane = now(async {
            let options = SourceOptions {
                name: "clicks".into(),
                stream: "clickstream".into(),
                window_length: LENGTH,
                start: Some(NOW),
                version: "test".into(),
            };
            open_source(&store, &host, options).await?;
            let identity = Identity {
                process: ProcessId::new("one"),
                host: "here".into(),
                version: "test".into(),
            };
            let generation = take_generation(&store, &host, &identity).await?;
            let state = ShardState {
                position: Position::Start,
                current_window: window(0),
                parents: Vec::new(),
                ended: false,
                arrival_at_position: None,
                caught_up_at: None,
                cut: None,
            };
            let lane = LaneState {
                shards: BTreeMap::from([(id(), state)]),
                ..LaneState::default()
            };
            let first = || async { Ok::<_, LogError>(vec![lane.clone()]) };
            claim_lanes(&store, &host, &identity, generation, 1, first).await
        });
        Self {
            memory,
            lane: lane.unwrap().remove(0),
            next: 1,
        }
    }

    /// Commits records of so many payloads each as a window, none of them an event.
    fn commit(&mut self, at: i64, records: &[u64], raw: bool, ends: bool) {
        let mut payloads = Vec::new();
        for count in records {
            let sequence = SequenceNumber::from(self.next);
            self.next += 1;
            payloads.extend((0..*count).map(|subsequence| Payload {
                sequence: sequence.clone(),
                subsequence,
                partition_key: format!("key {subsequence}").into(),
                arrival: LENGTH.start_of(window(at)) + 1_000,
                data: Bytes::from(format!("{sequence} {subsequence}")),
            }));
        }
        let frame = Framer::default().frame(&id(), &payloads, &Budget::new(1 << 20));
        let mut commit = Commit {
            closed_through: Some(window(at)),
            ended: if ends { vec![id()] } else { Vec::new() },
            ..Commit::default()
        };
        if let Some(frame) = frame.filter(|_| raw) {
            let name = names::file(FileKind::Raw, LENGTH, self.lane.claim(), window(at), 0);
            commit.raw.push(DataFile {
                name: name.clone(),
                window: window(at),
                rows: frame.payloads,
                bytes: frame.frames.len() as u64,
                schema: None,
            });
            self.memory.objects().insert(name, frame.frames);
        }
        let count = payloads.len() as u64;
        let range = ShardRange {
            from: self.lane.state().shards[&id()].position.clone(),
            to: Position::At(SequenceNumber::from(self.next - 1)),
            arrival_at_to: LENGTH.start_of(window(at)) + 1_000,
            counts: Counts {
                records: records.len() as u64,
                payloads: count,
                empty: count,
                bytes: payloads
                    .iter()
                    .map(|payload| payload.data.len() as u64)
                    .sum(),
                ..Counts::default()
            },
            current_window: window(at + 1),
        };
        commit.ranges.insert(id(), range);
        now(self.lane.append(commit)).unwrap();
    }

    fn stream(&self) -> RawStream {
        now(RawStream::open(self.memory.store(), self.memory.host())).unwrap()
    }
}

/// Everything from a place on, as payloads: their sequence numbers, subsequence numbers and bytes.
fn read(
    stream: &RawStream,
    from: IteratorFrom,
    limit: u32,
) -> Result<Vec<(String, u64, String)>, StreamError> {
    let mut iterator = now(stream.shard_iterator(&id(), from))?;
    let mut all = Vec::new();
    loop {
        let answer = now(stream.get_records(&iterator, limit))?;
        assert!(answer.records.len() <= limit as usize);
        for record in &answer.records {
            for payload in kpl::split(record, None).payloads {
                let text = String::from_utf8(payload.data.to_vec()).unwrap();
                assert_eq!(
                    *payload.partition_key,
                    format!("key {}", payload.subsequence)
                );
                all.push((payload.sequence.to_string(), payload.subsequence, text));
            }
        }
        match answer.next_iterator {
            Some(next) if !answer.records.is_empty() => iterator = next,
            next => {
                assert_eq!(next.is_none(), stream.shard(&id()).unwrap().ended);
                return Ok(all);
            }
        }
    }
}

fn expected(records: &[u64], first: u64) -> Vec<(String, u64, String)> {
    let numbered = (first..).zip(records);
    let payloads = numbered.flat_map(|(sequence, count)| {
        (0..*count).map(move |sub| (sequence.to_string(), sub, format!("{sequence} {sub}")))
    });
    payloads.collect()
}

#[test]
fn records_come_back_in_order_from_wherever_reading_begins() {
    let mut scene = Scene::new();
    scene.commit(0, &[1, 3, 1], true, false);
    // Aggregates without a user record have a position and no payload.
    scene.commit(1, &[0, 0], true, false);
    scene.commit(2, &[2, 0, 1], true, false);
    let all = [1, 3, 1, 0, 0, 2, 0, 1];
    let stream = scene.stream();
    for limit in [1, 2, 100] {
        let read = |from| read(&stream, from, limit).unwrap();
        assert_eq!(read(IteratorFrom::TrimHorizon), expected(&all, 1));
        for after in 1..=8 {
            let rest = expected(&all[after..], after as u64 + 1);
            let after = IteratorFrom::After(SequenceNumber::from(after as u64));
            assert_eq!(read(after), rest);
        }
        let later = LENGTH.start_of(window(2));
        assert_eq!(
            read(IteratorFrom::AtTimestamp(later)),
            expected(&all[5..], 6)
        );
    }
    assert_eq!(
        stream.extent().map(|extent| extent.read == extent.total),
        Some(true)
    );
    // What is open may go on: the end that reading has grows with each commit.
    let end = stream.ends_at().unwrap();
    assert!(end > LENGTH.start_of(window(3)));
    let tip = now(stream.get_records(&format!("after/8/{}", id()), 1)).unwrap();
    assert!(tip.server_time - LAG_MARGIN_MS >= end && tip.millis_behind == Some(0));
    scene.commit(3, &[1], true, true);
    let stream = scene.stream();
    assert!(stream.ends_at().unwrap() > end);
    let after = IteratorFrom::After(SequenceNumber::from(8));
    assert_eq!(read(&stream, after, 9).unwrap(), expected(&[1], 9));
}

/// The code of the error that reading everything ends in, and what it says.
fn failure(scene: &Scene) -> (&'static str, String) {
    match read(&scene.stream(), IteratorFrom::TrimHorizon, 100) {
        Err(StreamError::Unusable { code, detail }) => (code, detail),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_missing_is_a_gap_that_is_named() {
    // No raw copy was kept.
    let mut scene = Scene::new();
    scene.commit(0, &[1], true, false);
    scene.commit(1, &[1], false, false);
    let (code, detail) = failure(&scene);
    let entry = names::entry(scene.lane.claim().epoch, scene.lane.claim().lane, 3);
    assert!(code == "files.gap" && detail.contains(&entry), "{detail}");

    // A file is gone, or another.
    let mut scene = Scene::new();
    scene.commit(0, &[1], true, false);
    let name = scene
        .memory
        .objects()
        .keys()
        .find(|name| name.starts_with("raw/"))
        .cloned();
    let whole = scene
        .memory
        .objects()
        .remove(&name.clone().unwrap())
        .unwrap();
    let (code, detail) = failure(&scene);
    assert!(code == "files.gap" && detail.contains("raw/"), "{detail}");
    scene
        .memory
        .objects()
        .insert(name.unwrap(), whole.slice(1..));
    assert_eq!(failure(&scene).0, "files.damaged");

    // Windows have expired; reading may begin after them.
    let mut scene = Scene::new();
    (0..3).for_each(|at| scene.commit(at, &[1], true, false));
    now(scene.lane.expire(window(0), false)).unwrap();
    assert_eq!(failure(&scene).0, "files.gap");
    let later = IteratorFrom::AtTimestamp(LENGTH.start_of(window(1)));
    assert_eq!(
        read(&scene.stream(), later, 9).unwrap(),
        expected(&[1, 1], 2)
    );
}

#[test]
fn commits_that_retention_has_deleted_are_a_gap() {
    let mut scene = Scene::new();
    scene.lane.set_checkpoint_every(2);
    for at in 0..8 {
        scene.commit(at, &[1], true, false);
        now(scene.lane.checkpoint_if_due()).unwrap();
    }
    let claim = scene.lane.claim();
    for entry in 1..=4 {
        let name = names::entry(claim.epoch, claim.lane, entry);
        scene.memory.objects().remove(&name);
    }
    let (code, detail) = failure(&scene);
    assert!(
        code == "files.gap" && detail.contains("retention"),
        "{detail}"
    );
    let stream = scene.stream();
    let first: u64 = 10 - stream.shard(&id()).unwrap().stretches.len() as u64 - 1;
    let later = IteratorFrom::AtTimestamp(LENGTH.start_of(window(first as i64 - 1)));
    let left = vec![1; 9 - first as usize];
    assert_eq!(read(&stream, later, 9).unwrap(), expected(&left, first));
}
