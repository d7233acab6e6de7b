//! Whether a committed position can still be read on from.

use crate::log::ShardState;
use crate::types::{KinesisShardId, Position, TimestampMs};

/// Retention has passed a committed position: records after it may be gone unread.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "Kinesis shard {shard}: the stream keeps records since {kept_since} (ms), but the newest time up \
     to which it is known to be read is {read_until} (position {position}): what arrived in between \
     may be lost"
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
}

impl LostPosition {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        "source.position_lost"
    }
}

/// Checks a committed position against the stream's retention, by the server's clock. Positions
/// without a record (`start`, `horizon`) and ended Kinesis shards have none to lose.
pub fn check_retention(
    shard: &KinesisShardId,
    state: &ShardState,
    server_time: TimestampMs,
    retention_ms: i64,
) -> Result<(), LostPosition> {
    let kept_since = server_time.saturating_sub(retention_ms);
    match state.arrival_at_position.max(state.caught_up_at) {
        Some(read_until) if !state.ended && read_until < kept_since => Err(LostPosition {
            shard: shard.clone(),
            position: state.position.clone(),
            read_until,
            kept_since,
        }),
        _ => Ok(()),
    }
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

    #[test]
    fn a_position_is_lost_only_if_both_times_have_passed() {
        let shard = KinesisShardId::new("shardId-0");
        let check = |state: &ShardState| check_retention(&shard, state, 10_000, 1_000);
        assert!(check(&state(Some(9_500), None)).is_ok());
        assert!(check(&state(Some(100), Some(9_000))).is_ok());
        assert!(check(&state(None, None)).is_ok());
        let lost = check(&state(Some(100), Some(200))).unwrap_err();
        assert_eq!((lost.read_until, lost.kept_since), (200, 9_000));
        let ended = ShardState {
            ended: true,
            ..state(Some(100), None)
        };
        assert!(check(&ended).is_ok());
    }
}
