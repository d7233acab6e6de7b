//! The reading of one Kinesis shard in a simulated process: the real cursor, and its calls.

use shardmill_engine::budget::{Credit, KeptPermit};
use shardmill_engine::ports::ShardFilter;
use shardmill_engine::source::{CursorOutput, CursorStep, ShardCursor};
use shardmill_engine::types::{ClaimRef, KinesisShardId, PayloadBatch, ReadFrom};

use super::process::Process;
use super::tip::{Tip, decode_batch};

/// Reads until the Kinesis shard ends, the claim is over or the process stops.
pub async fn read(process: Process, claim: ClaimRef, from: ReadFrom) {
    let habits = &process.habits;
    let (host, stream) = (&process.host, &process.stream);
    let seed = host.random();
    let mut cursor = ShardCursor::new(claim, from, habits.start, habits.window_length, seed)
        .with_hash_keys((0, u128::MAX / 2))
        .with_end(habits.end)
        .with_delivery(stream.delivery());
    loop {
        let Some(limit) = with_tip(&process, claim, |tip| tip.flow.window_limit()) else {
            return;
        };
        if process.shared().stopping {
            return;
        }
        cursor.limit_moved(limit);
        match cursor.next(host.now()) {
            CursorStep::Iterator(from) => {
                let shard = cursor.shard().clone();
                let answer = stream.shard_iterator(&shard, from).await;
                cursor.on_iterator(answer, host.now());
            }
            CursorStep::Fetch { iterator, limit } => {
                let Some((credit, permit)) = credit(&process, claim, cursor.shard()).await else {
                    return;
                };
                let answer = stream.get_records(&iterator, limit).await;
                let limit = with_tip(&process, claim, |tip| tip.flow.window_limit());
                let Some(limit) = limit else { return };
                let outputs = cursor.on_records(answer, host.now(), limit, &process.budget);
                drop(credit);
                for output in outputs {
                    hand_on(&process, claim, output, permit.as_ref());
                }
            }
            CursorStep::AskEnd => {
                let answer = stream.list_shards(ShardFilter::All).await;
                cursor.on_shard_info(answer.as_ref().map_err(Clone::clone), host.now());
            }
            CursorStep::Wait { until } => {
                let wait = (until - host.now()).clamp(1, 5_000);
                host.sleep(wait.unsigned_abs()).await;
            }
            CursorStep::Blocked { .. } => host.sleep(300).await,
            CursorStep::Done => return,
            CursorStep::Failed(error) => {
                // Only of a process that slept while another read on: the lane finds out.
                with_tip(&process, claim, |tip| tip.lost = Some(error.to_string()));
                return;
            }
        }
    }
}

/// Credit for one fetch, or the kept fetch of the lane if the Kinesis shard holds its watermark.
/// `None` once there is nothing to fetch for.
async fn credit(
    process: &Process,
    claim: ClaimRef,
    shard: &KinesisShardId,
) -> Option<(Option<Credit>, Option<KeptPermit>)> {
    loop {
        if process.shared().stopping {
            return None;
        }
        if let Some(credit) = process.budget.try_take(process.habits.fetch_bytes) {
            return Some((Some(credit), None));
        }
        let permit = with_tip(process, claim, |tip| {
            let holds = tip.flow.watermark_shard().as_ref() == Some(shard);
            holds.then(|| tip.kept.try_use()).flatten()
        })?;
        if let Some(permit) = permit {
            return Some((None, Some(permit)));
        }
        process
            .shared()
            .tips
            .values_mut()
            .for_each(Tip::encode_early);
        process.rest(300).await;
    }
}

/// The tip of the claim's lane, as long as the claim is in force.
fn with_tip<T>(process: &Process, claim: ClaimRef, act: impl FnOnce(&mut Tip) -> T) -> Option<T> {
    let mut shared = process.shared();
    let tip = shared.tips.get_mut(&claim.lane)?;
    (tip.flow.claim() == claim).then(|| act(tip))
}

/// Control goes straight to the flow; batches through a decoder, each in its own time.
fn hand_on(process: &Process, claim: ClaimRef, output: CursorOutput, permit: Option<&KeptPermit>) {
    with_tip(process, claim, |tip| match output {
        CursorOutput::Batch(mut batch) => {
            if let Some(permit) = permit {
                batch.credit.ride(permit.clone());
            }
            tip.under_way += 1;
            let task = decode(process.clone(), claim, batch);
            process.world.spawn(process.number, Box::pin(task));
        }
        CursorOutput::Watermark(watermark) => {
            let taken = tip.flow.watermark(watermark);
            tip.note(taken);
        }
        CursorOutput::End(end) => {
            let taken = tip.flow.end(end);
            tip.note(taken);
        }
        CursorOutput::Cut(cut) => {
            let taken = tip.flow.cut(cut);
            tip.note(taken);
        }
        CursorOutput::Lag { millis_behind } => assert!(millis_behind >= 0),
    });
}

async fn decode(process: Process, claim: ClaimRef, batch: PayloadBatch) {
    process.rest(process.habits.decode).await;
    let raw_copy = process.habits.raw_copy.then_some(&process.budget);
    let (decoded, content) = decode_batch(batch, raw_copy);
    with_tip(&process, claim, |tip| tip.take(decoded, content));
}
