//! The lanes of the next epoch, made from the sealed lanes of the last one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{LaneState, ShardState};
use crate::schema::Schema;
use crate::types::{KinesisShardId, Window};

/// Spreads the Kinesis shards of sealed lanes over `lanes` new ones, the open ones evenly.
///
/// The order is that of the old lanes, so few Kinesis shards change their neighbours. A new lane
/// has closed what all lanes that its Kinesis shards came from have closed; an empty one what all
/// lanes have closed.
pub(super) fn next_lanes(sealed: &[LaneState], lanes: usize) -> Vec<LaneState> {
    let lanes = lanes.max(1);
    let template = LaneState {
        expired_through: sealed.iter().filter_map(|lane| lane.expired_through).max(),
        kept_through: sealed.iter().filter_map(|lane| lane.kept_through).max(),
        format: sealed.iter().map(|lane| lane.format).max().unwrap_or(0),
        schema: merged_schema(sealed),
        ..LaneState::default()
    };
    let mut next = vec![template; lanes];
    // `None` is "nothing closed" and the lowest of all.
    let mut closed: Vec<Option<Option<Window>>> = vec![None; lanes];
    for ended in [false, true] {
        let moving = shards(sealed, ended);
        let count = moving.len().max(1);
        for (place, (from, id, state)) in moving.into_iter().enumerate() {
            let lane = place * lanes / count.max(lanes);
            next[lane].shards.insert(id.clone(), state.clone());
            let lowest = closed[lane].map_or(from, |closed| closed.min(from));
            closed[lane] = Some(lowest);
        }
    }
    let lowest = sealed.iter().map(|lane| lane.closed_through).min();
    for (lane, closed) in next.iter_mut().zip(closed) {
        lane.closed_through = closed.or(lowest).flatten();
    }
    next
}

/// Whether an epoch's lanes hold what the sealed lanes before it held: every Kinesis shard once and
/// as it was, and nothing closed that was not closed for it. Says what is wrong.
pub(super) fn carries_on(sealed: &[&LaneState], next: &[LaneState]) -> Result<(), String> {
    let mut before: BTreeMap<&KinesisShardId, (Option<Window>, &ShardState)> = BTreeMap::new();
    for lane in sealed {
        let shards = lane.shards.iter();
        before.extend(shards.map(|(id, state)| (id, (lane.closed_through, state))));
    }
    for lane in next {
        for (id, state) in &lane.shards {
            match before.remove(id) {
                Some((closed, was)) if was == state && lane.closed_through <= closed => {}
                Some(_) => return Err(format!("Kinesis shard {id} changed between the epochs")),
                None => return Err(format!("Kinesis shard {id} is new, or there twice")),
            }
        }
    }
    match before.first_key_value() {
        Some((id, _)) => Err(format!("Kinesis shard {id} is missing")),
        None => Ok(()),
    }
}

/// Open or ended Kinesis shards in the order of their lanes, each with its lane's `closed_through`.
fn shards(
    sealed: &[LaneState],
    ended: bool,
) -> Vec<(Option<Window>, &KinesisShardId, &ShardState)> {
    sealed
        .iter()
        .flat_map(|lane| {
            let shards = lane.shards.iter();
            shards.map(|(id, state)| (lane.closed_through, id, state))
        })
        .filter(|(_, _, state)| state.ended == ended)
        .collect()
}

fn merged_schema(sealed: &[LaneState]) -> Arc<Schema> {
    let mut schemas = sealed.iter().map(|lane| &lane.schema);
    let Some(first) = schemas.next() else {
        return Arc::default();
    };
    schemas.fold(Arc::clone(first), |merged, schema| {
        if merged == *schema {
            merged
        } else {
            Arc::new(merged.merge(schema))
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::Position;

    fn lane(shards: &[(u32, bool)], closed: Option<i64>, expired: Option<i64>) -> LaneState {
        let state = |ended| ShardState {
            position: Position::Horizon,
            current_window: Window(closed.unwrap_or(0) + 1),
            parents: Vec::new(),
            ended,
            arrival_at_position: None,
            caught_up_at: None,
            cut: None,
        };
        let shards = shards.iter();
        LaneState {
            shards: shards
                .map(|(id, ended)| (KinesisShardId::new(format!("s{id:03}")), state(*ended)))
                .collect(),
            closed_through: closed.map(Window),
            expired_through: expired.map(Window),
            ..LaneState::default()
        }
    }

    #[test]
    fn an_empty_lane_has_closed_what_all_have_closed() {
        let sealed = [
            lane(&[(0, false)], Some(7), Some(1)),
            lane(&[(1, false)], Some(5), Some(3)),
        ];
        let next = next_lanes(&sealed, 3);
        let closed: Vec<_> = next.iter().map(|lane| lane.closed_through).collect();
        assert_eq!(closed, [Some(Window(7)), Some(Window(5)), Some(Window(5))]);
        assert!(
            next.iter()
                .all(|lane| lane.expired_through == Some(Window(3)))
        );
    }

    #[test]
    fn what_an_epoch_loses_or_doubles_is_noticed() {
        let sealed = [lane(&[(0, false), (1, false)], Some(7), None)];
        let before: Vec<&LaneState> = sealed.iter().collect();
        let mut lost = next_lanes(&sealed, 2);
        lost[0].shards.clear();
        assert!(carries_on(&before, &lost).is_err());
        let mut double = next_lanes(&sealed, 2);
        double[1].shards = double[0].shards.clone();
        assert!(carries_on(&before, &double).is_err());
        let mut ahead = next_lanes(&sealed, 2);
        ahead[0].closed_through = Some(Window(8));
        assert!(carries_on(&before, &ahead).is_err());
    }

    proptest! {
        #[test]
        fn every_kinesis_shard_goes_on_once_and_the_open_ones_evenly(
            shards in prop::collection::vec((0usize..4, any::<bool>()), 0..40),
            closed in prop::collection::vec(prop::option::of(0i64..9), 4),
            lanes in 1usize..6,
        ) {
            let of = |place: usize| {
                let mine = (0u32..).zip(&shards).filter(|(_, (lane, _))| *lane == place);
                let mine: Vec<_> = mine.map(|(id, (_, ended))| (id, *ended)).collect();
                lane(&mine, closed[place], None)
            };
            let sealed: Vec<LaneState> = (0..4).map(of).collect();
            let next = next_lanes(&sealed, lanes);
            prop_assert_eq!(next.len(), lanes);
            let before: Vec<&LaneState> = sealed.iter().collect();
            prop_assert_eq!(carries_on(&before, &next), Ok(()));
            let lowest = sealed.iter().map(|lane| lane.closed_through).min();
            prop_assert!(next.iter().all(|lane| Some(lane.closed_through) >= lowest));
            let open = |lane: &LaneState| lane.shards.values().filter(|s| !s.ended).count();
            let (fewest, most) = (next.iter().map(open).min(), next.iter().map(open).max());
            prop_assert!(most <= fewest.map(|fewest| fewest + 1));
        }
    }
}
