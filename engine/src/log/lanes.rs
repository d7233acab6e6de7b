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
