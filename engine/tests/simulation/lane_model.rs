//! A model of the data path of one lane: from the model stream to commits, one window at a time.

use std::collections::BTreeMap;

use bytes::Bytes;
use shardmill_engine::log::{
    CaughtUp, Commit, DataFile, Entered, LaneLog, LaneState, LogError, ShardRange, StatisticsObject,
};
use shardmill_engine::types::{FileKind, KinesisShardId, LaneId, Position, Window};

use crate::model_stream::{ModelStream, Stretch, position_at};
use crate::process::{Process, Shared};

/// An open Kinesis shard of the lane, and what comes next of it.
struct Open {
    position: Position,
    current: Window,
    stretch: Option<Stretch>,
}

/// Commits the lowest window that has data and is over, or what else is new. Whether it closed a
/// window with data: then there may be another one.
pub async fn commit_next(process: &Process, lane: &mut LaneLog) -> Result<bool, LogError> {
    let now = process.server_time().await;
    let entered = offers(process, lane);
    let open = open_shards(process, lane.state(), &entered, now);
    let past = process.stream.past_window(now);
    let closed = lane.state().closed_through;
    let lowest = lowest_window(&open);
    let closing = lowest.filter(|window| *window <= past);
    let closed_through = match closing {
        Some(window) => Some(window),
        None if open.is_empty() => closed.max(idle_through(process)),
        None => {
            let limit = lowest.map_or(past, |lowest| lowest.previous().min(past));
            closed.max(Some(limit))
        }
    };
    let ranges = closing.map_or(BTreeMap::new(), |window| {
        ranges(&open, window, closed_through)
    });
    let mut commit = Commit {
        entered,
        ranges,
        closed_through,
        format: lane.state().format,
        ..Commit::default()
    };
    end_and_forget(process, lane, &open, &mut commit, now);
    let is_news = commit.closed_through != closed
        || !commit.entered.is_empty()
        || !commit.ended.is_empty()
        || !commit.forgotten.is_empty();
    if !is_news {
        return Ok(false);
    }
    if let Some(window) = closing {
        put_files(process, lane, window, &mut commit).await?;
    }
    append(process, lane, commit).await?;
    Ok(closing.is_some())
}

/// Commits a part of the lowest open window, as a stop does.
pub async fn stop(process: &Process, lane: &mut LaneLog) -> Result<(), LogError> {
    let now = process.server_time().await;
    let mut open = open_shards(process, lane.state(), &[], now);
    let Some(window) = lowest_window(&open) else {
        return Ok(());
    };
    let past = process.stream.past_window(now);
    if window <= past {
        return commit_next(process, lane).await.map(|_| ());
    }
    open.retain(|_, _| process.chance(2));
    let below = process.chance(2).then(|| window.previous().min(past));
    let closed_through = lane.state().closed_through.max(below);
    let mut commit = Commit {
        ranges: ranges(&open, window, closed_through),
        closed_through,
        format: lane.state().format,
        ..Commit::default()
    };
    put_files(process, lane, window, &mut commit).await?;
    append(process, lane, commit).await
}

/// Puts files of windows that are open, as writers do before a fault ends the claim.
pub async fn leave_behind(process: &Process, lane: &LaneLog) -> Result<(), LogError> {
    let Some(closed) = lane.state().closed_through else {
        return Ok(());
    };
    for ahead in 1..=process.world.random(|random| random.between(0, 3)) {
        let window = Window(closed.0 + ahead);
        let kinds = [FileKind::Data, FileKind::Statistics, FileKind::Raw];
        let kind = kinds[process.world.random(|random| random.below(kinds.len()))];
        put_file(process, lane, kind, window, 0, 1).await?;
    }
    Ok(())
}

/// A lane begins anew from its log: what it had not committed is to be read again.
pub fn restarted(process: &Process, lane: LaneId, state: &LaneState) {
    let mut shared = process.shared();
    shared.entering.retain(|_, of| *of != lane);
    for (id, shard) in &state.shards {
        if !shard.ended {
            shared.read_to_end.remove(id);
        }
    }
    shared.states.insert(lane, state.clone());
}

async fn append(process: &Process, lane: &mut LaneLog, commit: Commit) -> Result<(), LogError> {
    let id = lane.claim().lane;
    let entered: Vec<KinesisShardId> = commit.entered.iter().map(|e| e.shard.clone()).collect();
    lane.append(commit).await?;
    let mut shared = process.shared();
    shared.states.insert(id, lane.state().clone());
    for shard in entered {
        shared.entering.remove(&shard);
    }
    Ok(())
}

/// Children whose parents have all been read to their end, and that belong to this lane.
fn offers(process: &Process, lane: &LaneLog) -> Vec<Entered> {
    let id = lane.claim().lane;
    let lowest = lane.state().closed_through.map(Window::next);
    let mut shared = process.shared();
    let mut offers = Vec::new();
    for (child, shard) in &process.stream.shards {
        let parents = &shard.parents;
        let known = shared.lane_of(child).is_some() || shared.entering.contains_key(child);
        // A Kinesis shard whose parents are all forgotten was in a lane before they were.
        let first_lane = parents.iter().find_map(|parent| shared.lane_of(parent));
        if known
            || first_lane != Some(id)
            || !parents.iter().all(|p| shared.is_read(&process.stream, p))
        {
            continue;
        }
        let ended_in = parents
            .iter()
            .filter_map(|parent| shared.current_window(parent));
        let window = ended_in.max().max(lowest).unwrap_or(Window(0));
        offers.push(Entered {
            shard: child.clone(),
            parents: parents.clone(),
            position: Position::Horizon,
            current_window: window,
        });
    }
    for offer in &offers {
        shared.entering.insert(offer.shard.clone(), id);
    }
    offers
}

impl Shared {
    fn lane_of(&self, shard: &KinesisShardId) -> Option<LaneId> {
        let mut lanes = self.states.iter();
        lanes
            .find(|(_, state)| state.shards.contains_key(shard))
            .map(|(lane, _)| *lane)
    }

    /// Read to its end, or forgotten after that.
    fn is_read(&self, stream: &ModelStream, shard: &KinesisShardId) -> bool {
        let known = self.states.values().find_map(|s| s.shards.get(shard));
        match known {
            Some(state) => state.ended || self.read_to_end.contains_key(shard),
            // A parent is remembered until its children have entered. So one in no lane has either
            // been forgotten, after its parents, or some ancestor is still there.
            None => {
                let parents = &stream.shard(shard).parents;
                !self.entering.contains_key(shard)
                    && parents
                        .iter()
                        .all(|p| self.lane_of(p).is_none() && self.is_read(stream, p))
            }
        }
    }

    fn current_window(&self, shard: &KinesisShardId) -> Option<Window> {
        let known = self
            .states
            .values()
            .find_map(|state| state.shards.get(shard));
        let committed = known.map(|state| state.current_window);
        committed.max(self.read_to_end.get(shard).copied())
    }
}

fn open_shards(
    process: &Process,
    state: &LaneState,
    entered: &[Entered],
    now: i64,
) -> BTreeMap<KinesisShardId, Open> {
    let of_state = state.shards.iter().filter(|(_, shard)| !shard.ended);
    let of_state = of_state.map(|(id, shard)| (id, &shard.position, shard.current_window));
    let of_entry = entered
        .iter()
        .map(|entered| (&entered.shard, &entered.position, entered.current_window));
    of_state
        .chain(of_entry)
        .map(|(id, position, current)| {
            let stretch = process.stream.next_stretch(id, position, current, now);
            let open = Open {
                position: position.clone(),
                current,
                stretch,
            };
            (id.clone(), open)
        })
        .collect()
}

fn lowest_window(open: &BTreeMap<KinesisShardId, Open>) -> Option<Window> {
    let stretches = open.values().filter_map(|open| open.stretch.as_ref());
    stretches.map(|stretch| stretch.window).min()
}

/// How far a lane without open Kinesis shards may close: as far as every lane that has some.
fn idle_through(process: &Process) -> Option<Window> {
    let shared = process.shared();
    let busy = shared
        .states
        .values()
        .filter(|state| state.shards.values().any(|shard| !shard.ended));
    busy.map(|state| state.closed_through).min().flatten()
}

fn ranges(
    open: &BTreeMap<KinesisShardId, Open>,
    window: Window,
    closed_through: Option<Window>,
) -> BTreeMap<KinesisShardId, ShardRange> {
    let least = closed_through.map(Window::next);
    let in_window = |open: &Open| open.stretch.clone().filter(|s| s.window == window);
    open.iter()
        .filter_map(|(id, open)| {
            let stretch = in_window(open)?;
            let range = ShardRange {
                from: open.position.clone(),
                to: position_at(stretch.to),
                arrival_at_to: stretch.arrival_at_to,
                counts: stretch.counts,
                current_window: least.map_or(window, |least| least.max(window)),
            };
            Some((id.clone(), range))
        })
        .collect()
}

/// Adds the Kinesis shards that end with this commit, those that may be forgotten, and those that
/// are caught up.
fn end_and_forget(
    process: &Process,
    lane: &LaneLog,
    open: &BTreeMap<KinesisShardId, Open>,
    commit: &mut Commit,
    now: i64,
) {
    let mut shared = process.shared();
    for (id, open) in open {
        let range = commit.ranges.get(id);
        let position = range.map_or(&open.position, |range| &range.to);
        if process.stream.at_end(id, position, now) {
            let current = range.map_or(open.current, |range| range.current_window);
            shared.read_to_end.insert(id.clone(), current);
            commit.ended.push(id.clone());
        } else if process.chance(5) {
            commit.caught_up.push(CaughtUp {
                shard: id.clone(),
                at_ms: now,
            });
        }
    }
    let ended = lane.state().shards.iter().filter(|(_, shard)| shard.ended);
    for (id, shard) in ended {
        let children = &process.stream.shard(id).children;
        let children_entered = children.iter().all(|child| shared.lane_of(child).is_some());
        let parents_forgotten = shard.parents.iter().all(|p| shared.lane_of(p).is_none());
        if children_entered && parents_forgotten && process.chance(2) {
            commit.forgotten.push(id.clone());
        }
    }
}

/// Puts the files of a window: rows in some parts, rejects in one, and most times statistics.
async fn put_files(
    process: &Process,
    lane: &LaneLog,
    window: Window,
    commit: &mut Commit,
) -> Result<(), LogError> {
    let rows = commit.ranges.values().map(|range| range.counts.rows).sum();
    let rejects = commit
        .ranges
        .values()
        .map(|range| range.counts.rejects)
        .sum();
    let longest = process.habits.parts;
    let parts = process.world.random(|random| random.between(1, longest));
    let mut left: u64 = rows;
    let mut part = 0;
    while left > 0 {
        let rows = if i64::from(part) + 1 == parts {
            left
        } else {
            1
        };
        left -= rows;
        let file = put_file(process, lane, FileKind::Data, window, part, rows).await?;
        commit.files.push(file);
        part += 1;
    }
    if rejects > 0 {
        let file = put_file(process, lane, FileKind::Rejects, window, 0, rejects).await?;
        commit.rejects.push(file);
    }
    let counts = commit.counts();
    if counts.payloads > 0 && process.chance(2) {
        let payloads = counts.payloads;
        let file = put_file(process, lane, FileKind::Raw, window, 0, payloads).await?;
        commit.raw.push(file);
    }
    if !process.chance(4) {
        let object = put_file(process, lane, FileKind::Statistics, window, 0, rows).await?;
        commit.statistics = Some(StatisticsObject {
            name: object.name,
            window,
            bytes: object.bytes,
        });
    }
    Ok(())
}

async fn put_file(
    process: &Process,
    lane: &LaneLog,
    kind: FileKind,
    window: Window,
    part: u32,
    rows: u64,
) -> Result<DataFile, LogError> {
    let name = process.file_name(lane, kind, window, part);
    let body = Bytes::from(format!("{rows} rows of {name}"));
    process.put_file(lane, &name, body.clone()).await?;
    Ok(DataFile {
        name,
        window,
        rows,
        bytes: body.len() as u64,
        schema: None,
    })
}
