//! The lanes of the first epoch.

use std::collections::{BTreeMap, BTreeSet};

use crate::log::{LaneState, ShardState};
use crate::ports::{ShardInfo, ShardList};
use crate::types::{KinesisShardId, Position, Window};

/// Where windows begin for a source that reads from the start of a stream: before any arrival time.
pub const EARLIEST_WINDOW: Window = Window(0);

/// Makes the lanes of the first epoch, `lanes` of them, with the Kinesis shards that reading begins
/// at spread evenly in the order of their hash keys. All others come later, as children.
///
/// `all` is a whole listing. `open_at_start` is the listing of those that were open at the source's
/// start, for a source that starts at a time; `None` for one that reads everything: then reading
/// begins at the Kinesis shards without a listed parent. What lies before the start is put in as
/// ended. `start_window` is the window of the start ([`EARLIEST_WINDOW`] for everything).
pub fn first_lanes(
    all: &ShardList,
    open_at_start: Option<&ShardList>,
    lanes: usize,
    start_window: Window,
) -> Vec<LaneState> {
    let known: BTreeMap<&KinesisShardId, &ShardInfo> = open_at_start
        .into_iter()
        .chain([all])
        .flat_map(|list| &list.shards)
        .map(|info| (&info.id, info))
        .collect();
    let starts = starts(&known, open_at_start);
    let mut order: Vec<&ShardInfo> = starts.iter().map(|id| known[id]).collect();
    order.sort_by_key(|info| (info.hash_keys, &info.id));

    let mut states = vec![LaneState::default(); lanes.max(1)];
    let mut lane_of: BTreeMap<&KinesisShardId, usize> = BTreeMap::new();
    for (place, info) in order.iter().enumerate() {
        let lane = place % states.len();
        lane_of.insert(&info.id, lane);
        states[lane]
            .shards
            .insert(info.id.clone(), state(info, start_window, false));
    }
    for (id, lane) in before_start(&known, &starts, lane_of) {
        states[lane]
            .shards
            .insert(id.clone(), state(known[id], start_window, true));
    }
    states
}

/// The Kinesis shards that reading begins at: of those that qualify, the ones without an ancestor
/// that qualifies too.
fn starts<'a>(
    known: &BTreeMap<&'a KinesisShardId, &'a ShardInfo>,
    open_at_start: Option<&'a ShardList>,
) -> BTreeSet<&'a KinesisShardId> {
    let qualify: BTreeSet<&KinesisShardId> = match open_at_start {
        // Nothing was open yet: the start lies before the stream, so everything is read.
        Some(list) if !list.shards.is_empty() => list.shards.iter().map(|info| &info.id).collect(),
        _ => known.keys().copied().collect(),
    };
    qualify
        .iter()
        .copied()
        .filter(|id| ancestors(known, id).is_disjoint(&qualify))
        .collect()
}

/// The listed ancestors of a Kinesis shard, itself not among them.
fn ancestors<'a>(
    known: &BTreeMap<&'a KinesisShardId, &'a ShardInfo>,
    id: &KinesisShardId,
) -> BTreeSet<&'a KinesisShardId> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&KinesisShardId> = vec![id];
    while let Some((_, info)) = open.pop().and_then(|id| known.get_key_value(id)) {
        for parent in &info.parents {
            if let Some((parent, _)) = known.get_key_value(parent)
                && found.insert(*parent)
            {
                open.push(parent);
            }
        }
    }
    found
}

/// What was over before the start, each with the lane that remembers it: the listed ancestors of
/// the starts, and whatever else neither starts nor descends from a start.
fn before_start<'a>(
    known: &BTreeMap<&'a KinesisShardId, &'a ShardInfo>,
    starts: &BTreeSet<&'a KinesisShardId>,
    lane_of: BTreeMap<&'a KinesisShardId, usize>,
) -> Vec<(&'a KinesisShardId, usize)> {
    let mut over: BTreeMap<&KinesisShardId, usize> = BTreeMap::new();
    for (id, lane) in &lane_of {
        for ancestor in ancestors(known, id) {
            over.entry(ancestor).or_insert(*lane);
        }
    }
    for id in known.keys().copied() {
        if !starts.contains(id) && ancestors(known, id).is_disjoint(starts) {
            over.entry(id).or_insert(0);
        }
    }
    over.into_iter().collect()
}

fn state(info: &ShardInfo, window: Window, ended: bool) -> ShardState {
    ShardState {
        position: Position::Start,
        current_window: window,
        parents: info.parents.clone(),
        ended,
        arrival_at_position: None,
        caught_up_at: None,
        cut: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(id: &str, parents: &[&str], closed: bool, low: u128) -> ShardInfo {
        ShardInfo {
            id: KinesisShardId::new(id),
            parents: parents.iter().copied().map(KinesisShardId::new).collect(),
            closed,
            hash_keys: (low, low + 9),
        }
    }

    fn list(shards: Vec<ShardInfo>) -> ShardList {
        ShardList {
            shards,
            server_time: 0,
        }
    }

    fn ids(lane: &LaneState, ended: bool) -> Vec<&str> {
        lane.shards
            .iter()
            .filter(|(_, state)| state.ended == ended)
            .map(|(id, _)| id.as_str())
            .collect()
    }

    #[test]
    fn everything_begins_at_the_oldest_listed() {
        // `a` has a parent that has aged out; `b` is its child.
        let all = list(vec![
            info("a", &["gone"], true, 0),
            info("b", &["a"], false, 0),
            info("c", &[], false, 10),
        ]);
        let lanes = first_lanes(&all, None, 2, EARLIEST_WINDOW);
        assert_eq!(ids(&lanes[0], false), ["a"]);
        assert_eq!(ids(&lanes[1], false), ["c"]);
        assert!(lanes.iter().all(|lane| ids(lane, true).is_empty()));
    }

    #[test]
    fn a_start_in_time_begins_at_what_was_open_and_ends_its_ancestors() {
        let grandparent = info("a", &[], true, 0);
        let parent = info("b", &["a"], true, 0);
        let child = info("c", &["b"], false, 0);
        let all = list(vec![grandparent, parent.clone(), child]);
        let open = list(vec![parent]);
        let lanes = first_lanes(&all, Some(&open), 1, Window(7));
        assert_eq!(ids(&lanes[0], false), ["b"]);
        assert_eq!(ids(&lanes[0], true), ["a"]);
        assert_eq!(
            lanes[0].shards[&KinesisShardId::new("b")].current_window,
            Window(7)
        );
    }

    #[test]
    fn of_parent_and_child_at_the_same_instant_only_the_parent_begins() {
        let parent = info("a", &[], true, 0);
        let child = info("b", &["a"], false, 0);
        let all = list(vec![parent, child]);
        let lanes = first_lanes(&all, Some(&all), 1, Window(7));
        assert_eq!(ids(&lanes[0], false), ["a"]);
        assert!(ids(&lanes[0], true).is_empty());
    }

    #[test]
    fn lanes_are_even() {
        let all = list(
            (0..7)
                .map(|n| info(&format!("s{n}"), &[], false, n))
                .collect(),
        );
        let lanes = first_lanes(&all, None, 3, EARLIEST_WINDOW);
        let sizes: Vec<usize> = lanes.iter().map(|lane| lane.shards.len()).collect();
        assert_eq!(sizes, [3, 2, 2]);
    }
}
