//! Whether a committed position can still be read on from.

use std::collections::{BTreeMap, BTreeSet};

use crate::log::{LaneState, ShardState};
use crate::types::{KinesisShardId, Position, TimestampMs};

/// Retention has passed a committed position: records after it may be gone unread.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "Kinesis shard {shard}: the stream keeps records since {kept_since} (ms), but the newest time up \
     to which it is known to be read is {read_until} (position {position}): what arrived in between\
     {} may be lost", if *ended { ", in its children," } else { "" }
)]
pub struct LostPosition {
    /// The Kinesis shard.
    pub shard: KinesisShardId,
    /// Everything up to here is committed.
    pub position: Position,
    /// Everything that arrived up to here is committed.
    pub read_until: TimestampMs,
    /// The oldest arrival time that the stream still holds.
    pub kept_since: TimestampMs,
    /// Whether it was read to its end: then it is its children's records that may be lost.
    pub ended: bool,
}

impl LostPosition {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        "source.position_lost"
    }
}

/// Checks every committed position of a source against the stream's retention, by the server's
/// clock; gives those that it has passed.
///
/// Positions without a record (`start`, `horizon`) have none to lose. An ended Kinesis shard has
/// none itself, but its children began where it ended: as long as none of them has entered a lane,
/// what they held may be lost like that. What is cut at `end` or later is not read on.
pub fn lost_positions<'a>(
    lanes: impl IntoIterator<Item = &'a LaneState>,
    end: Option<TimestampMs>,
    server_time: TimestampMs,
    retention_ms: i64,
) -> Vec<LostPosition> {
    let kept_since = server_time.saturating_sub(retention_ms);
    let states = lanes.into_iter().flat_map(|lane| &lane.shards);
    let states: BTreeMap<&KinesisShardId, &ShardState> = states.collect();
    let entered: BTreeSet<_> = states.values().flat_map(|state| &state.parents).collect();
    states
        .iter()
        .filter(|(shard, state)| !state.ended || !entered.contains(*shard))
        .filter(|(_, state)| !state.is_cut_for(end))
        .filter_map(|(shard, state)| {
            let read_until = state.arrival_at_position.max(state.caught_up_at)?;
            (read_until < kept_since).then(|| LostPosition {
                shard: (*shard).clone(),
                position: state.position.clone(),
                read_until,
                kept_since,
                ended: state.ended,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{SequenceNumber, Window};

    fn state(arrival: Option<i64>, caught_up: Option<i64>) -> ShardState {
        ShardState {
            position: Position::At(SequenceNumber::new("7").unwrap()),
            current_window: Window(0),
            parents: Vec::new(),
            ended: false,
            arrival_at_position: arrival,
            caught_up_at: caught_up,
            cut: None,
        }
    }

    fn ended(arrival: i64) -> ShardState {
        ShardState {
            ended: true,
            ..state(Some(arrival), None)
        }
    }

    fn lane(shards: impl IntoIterator<Item = (&'static str, ShardState)>) -> LaneState {
        let shards = shards.into_iter();
        LaneState {
            shards: shards
                .map(|(id, state)| (KinesisShardId::new(id), state))
                .collect(),
            ..LaneState::default()
        }
    }

    /// The stream keeps what has arrived since 9,000.
    fn lost(lanes: &[LaneState]) -> Vec<LostPosition> {
        lost_positions(lanes, None, 10_000, 1_000)
    }

    #[test]
    fn a_position_is_lost_only_if_both_times_have_passed() {
        let one = |state| lost(&[lane([("shardId-0", state)])]);
        assert_eq!(one(state(Some(9_500), None)), []);
        assert_eq!(one(state(Some(100), Some(9_000))), []);
        assert_eq!(one(state(None, None)), []);
        let lost = one(state(Some(100), Some(200)));
        assert_eq!((lost[0].read_until, lost[0].kept_since), (200, 9_000));
        assert!(!lost[0].to_string().contains("children"));
    }

    #[test]
    fn what_is_cut_at_the_end_is_not_read_on() {
        let cut = ShardState {
            cut: Some(500),
            ..state(Some(100), None)
        };
        let lanes = [lane([("shardId-0", cut)])];
        let lost = |end| lost_positions(&lanes, end, 10_000, 1_000).len();
        assert_eq!((lost(Some(500)), lost(Some(400))), (0, 0));
        assert_eq!((lost(Some(501)), lost(None)), (1, 1));
    }

    #[test]
    fn an_ended_kinesis_shard_loses_its_children_until_one_has_entered() {
        let lost_child = lost(&[lane([("parent", ended(100))]), lane([])]);
        assert_eq!(lost_child.len(), 1);
        assert!(lost_child[0].to_string().contains("in its children"));
        let child = ShardState {
            parents: vec![KinesisShardId::new("parent")],
            position: Position::Horizon,
            ..state(None, None)
        };
        let entered = [lane([("parent", ended(100))]), lane([("child", child)])];
        assert_eq!(lost(&entered), []);
        assert_eq!(lost(&[lane([("parent", ended(9_000))])]), []);
    }
}
