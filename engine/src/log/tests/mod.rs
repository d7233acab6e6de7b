//! The protocol step by step, on a target in memory. The simulation does the same under chaos.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures::FutureExt;

use super::memory::Memory;
use super::*;

use crate::types::{
    ClaimRef, Counts, Epoch, FileKind, Generation, KinesisShardId, LaneId, Position, ProcessId,
    SequenceNumber, Window, WindowLength,
};

mod append;
mod deletion;
mod format;
mod limited;
mod readers;
mod retention;
mod start;

const NOW: i64 = 1_795_341_780_000;

/// Runs what is ready at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    let answer = future.now_or_never();
    answer.expect("every call of the memory is ready at once")
}

fn identity(name: &str) -> Identity {
    Identity {
        process: ProcessId::new(name),
        host: format!("host of {name}"),
        version: "test".into(),
    }
}

fn options() -> SourceOptions {
    SourceOptions {
        name: "clicks".into(),
        stream: "clickstream".into(),
        window_length: WindowLength::MINUTE,
        start: Some(NOW),
        version: "test".into(),
    }
}

fn shard(number: usize) -> KinesisShardId {
    KinesisShardId::new(format!("shardId-{number:012}"))
}

fn open_shard() -> ShardState {
    ShardState {
        position: Position::Start,
        current_window: window(0),
        parents: Vec::new(),
        ended: false,
        arrival_at_position: None,
        caught_up_at: None,
        cut: None,
    }
}

/// The window `number` minutes after the start.
fn window(number: i64) -> Window {
    Window(WindowLength::MINUTE.window_of(NOW).0 + number)
}

fn first_lanes(lanes: usize) -> Vec<LaneState> {
    let lane = |lane| LaneState {
        shards: BTreeMap::from([(shard(lane), open_shard())]),
        ..LaneState::default()
    };
    (0..lanes).map(lane).collect()
}

/// A whole start of a process.
fn start(memory: &Arc<Memory>, name: &str, lanes: usize) -> Result<Vec<LaneLog>, LogError> {
    let (store, host) = (memory.store(), memory.host());
    now(async {
        open_source(&store, &host, options()).await?;
        let identity = identity(name);
        let generation = take_generation(&store, &host, &identity).await?;
        let first = || async { Ok::<_, LogError>(first_lanes(lanes)) };
        claim_lanes(&store, &host, &identity, generation, lanes, first).await
    })
}

fn start_one(memory: &Arc<Memory>, name: &str) -> LaneLog {
    start(memory, name, 1).unwrap().remove(0)
}

/// A commit of one row of shard 0 in a window, with its file on the target; closes the window.
fn commit_row(memory: &Memory, lane: &LaneLog, at: Window) -> Commit {
    let name = names::file(FileKind::Data, WindowLength::MINUTE, lane.claim(), at, 0);
    memory.objects().insert(name.clone(), "row".into());
    let about = names::file(
        FileKind::Statistics,
        WindowLength::MINUTE,
        lane.claim(),
        at,
        0,
    );
    memory.objects().insert(about.clone(), "statistics".into());
    let state = &lane.state().shards[&shard(0)];
    let next = state
        .position
        .sequence()
        .map_or(1, |read| read.as_str().parse::<u64>().unwrap() + 1);
    let range = ShardRange {
        from: state.position.clone(),
        to: Position::At(SequenceNumber::new(&next.to_string()).unwrap()),
        arrival_at_to: NOW,
        counts: Counts {
            records: 1,
            payloads: 1,
            bytes: 3,
            rows: 1,
            ..Counts::default()
        },
        current_window: at.next(),
    };
    Commit {
        files: vec![DataFile {
            name,
            window: at,
            rows: 1,
            bytes: 3,
            schema: None,
        }],
        statistics: Some(StatisticsObject {
            name: about,
            window: at,
            bytes: 10,
        }),
        ranges: BTreeMap::from([(shard(0), range)]),
        closed_through: Some(at),
        ..Commit::default()
    }
}

fn append_rows(memory: &Memory, lane: &mut LaneLog, windows: std::ops::Range<i64>) {
    for number in windows {
        let commit = commit_row(memory, lane, window(number));
        now(lane.append(commit)).unwrap();
        now(lane.checkpoint_if_due()).unwrap();
    }
}

fn entry_name(lane: &LaneLog, number: u64) -> String {
    let ClaimRef { epoch, lane, .. } = lane.claim();
    names::entry(epoch, lane, number)
}

fn start_one_again(memory: &Arc<Memory>, lane: &LaneLog) -> LaneLog {
    assert!(memory.objects().contains_key(&entry_name(lane, 1)));
    now(lane.claimer().claim()).unwrap()
}

/// Walks over everything; the folds at the end.
fn walk(memory: &Arc<Memory>) -> Result<Vec<Folded>, LogError> {
    now(async {
        let mut walk = Walk::begin(memory.store(), memory.host()).await?.unwrap();
        let mut ends = Vec::new();
        while let Some(walked) = walk.next().await? {
            match walked {
                Walked::Epoch(_) => ends.clear(),
                Walked::Lane(fold) => ends.push(fold.folded),
                Walked::Entry { .. } => {}
            }
        }
        Ok(ends)
    })
}
