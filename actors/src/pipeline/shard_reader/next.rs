//! What a reader does next: which of its Kinesis shards is served, and with what credit.

use shardmill_engine::budget::{Credit, KeptPermit};
use shardmill_engine::source::{CursorError, CursorStep};
use shardmill_engine::types::{KinesisShardId, TimestampMs};

use super::ShardReader;
use crate::pipeline::settings::FETCH_BYTES;

/// What a reader may do next.
pub(super) enum Next {
    Call {
        shard: KinesisShardId,
        step: CursorStep,
        credit: Option<Credit>,
        kept: Option<KeptPermit>,
    },
    AwaitCredit {
        /// Whether the kept fetch would do as well, once it is free again.
        or_kept: bool,
    },
    AwaitTime(TimestampMs),
    AwaitTip,
    /// Until a subscription has something to say.
    AwaitEvents,
    /// Until the registry of schemas answers.
    AwaitSchemas,
    Fail(CursorError),
}

impl ShardReader {
    /// Picks the due cursor that was served longest ago. While there is no credit only the Kinesis
    /// shard that holds the lane's watermark goes on, by the kept fetch.
    pub(super) fn next(&mut self) -> Next {
        let now = self.context.host.now();
        let limit = self.tip.borrow().window_limit;
        let mut due: Vec<(u64, KinesisShardId, CursorStep)> =
            Vec::with_capacity(self.cursors.len());
        let mut soonest: Option<TimestampMs> = None;
        for (shard, reading) in &mut self.cursors {
            let Some(cursor) = &mut reading.cursor else {
                continue;
            };
            cursor.limit_moved(limit);
            match cursor.next(now) {
                CursorStep::Wait { until } => {
                    soonest = Some(soonest.map_or(until, |soonest| soonest.min(until)));
                }
                CursorStep::Blocked { .. } | CursorStep::Done => {}
                step => due.push((reading.served, shard.clone(), step)),
            }
        }
        due.sort_by_key(|(served, ..)| *served);
        // What a fetch would bring has to wait for the schemas of what there is.
        let stalled = self.context.schemas.is_stalled();
        let (mut hungry, mut or_kept) = (false, false);
        self.awaited.clear();
        for (_, shard, step) in due {
            if let CursorStep::Failed(error) = step {
                return Next::Fail(error);
            }
            if !matches!(step, CursorStep::Fetch { .. }) {
                return Next::Call {
                    shard,
                    step,
                    credit: None,
                    kept: None,
                };
            }
            if stalled {
                continue;
            }
            // One that has nothing to say holds nobody up, and credit is not asked for it.
            if let CursorStep::Fetch { iterator, .. } = &step
                && let Some(ready) = self.context.stream.ready(iterator)
            {
                self.awaited.push(ready);
                continue;
            }
            let granted = self.granted.take();
            if let Some(credit) = granted.or_else(|| self.context.budget.try_take(FETCH_BYTES)) {
                return Next::Call {
                    shard,
                    step,
                    credit: Some(credit),
                    kept: None,
                };
            }
            hungry = true;
            if self.tip.borrow().watermark_shard.as_ref() != Some(&shard) {
                continue;
            }
            if let Some(permit) = self.kept.try_use() {
                return Next::Call {
                    shard,
                    step,
                    credit: None,
                    kept: Some(permit),
                };
            }
            or_kept = true;
        }
        match soonest {
            _ if stalled => Next::AwaitSchemas,
            _ if hungry => Next::AwaitCredit { or_kept },
            Some(until) => Next::AwaitTime(until),
            None if self.awaited.is_empty() => Next::AwaitTip,
            None => Next::AwaitEvents,
        }
    }
}
