//! A model of retention, so that holes in logs and void claims are part of the histories.

use shardmill_engine::log::{Entry, EntryBody, LaneLog, LogError, names};
use shardmill_engine::ports::StoreError;
use shardmill_engine::types::Window;

use crate::process::Process;

/// How many closed windows stay.
const KEEP: i64 = 2;

/// Expires old windows of a lane: the entry first, then files, then entries that a checkpoint on
/// the target covers. What fails is left to the next time.
pub async fn expire(process: &Process, lane: &mut LaneLog) -> Result<(), LogError> {
    let Some(closed) = lane.state().closed_through else {
        return Ok(());
    };
    let through = Window(closed.0 - KEEP);
    if Some(through) > lane.state().expired_through {
        lane.expire(through, false).await?;
    }
    if let Err(error) = delete_expired(process, lane, through).await {
        process.world.trace(|| format!("retention stops: {error}"));
    }
    Ok(())
}

async fn delete_expired(
    process: &Process,
    lane: &LaneLog,
    through: Window,
) -> Result<(), StoreError> {
    let claim = lane.claim();
    let folder = names::checkpoint_folder(claim.epoch, claim.lane);
    let checkpoints = process.store.list(&folder, None, 7).await?;
    let last = checkpoints.objects.last();
    let Some(covered) = last.and_then(|last| names::number(&last.name)) else {
        return Ok(());
    };
    let folder = names::log_folder(claim.epoch, claim.lane);
    let mut after = None;
    loop {
        let page = process.store.list(&folder, after.as_deref(), 7).await?;
        for object in &page.objects {
            if names::number(&object.name).is_none_or(|number| number > covered) {
                return Ok(());
            }
            delete_commit(process, &object.name, through).await?;
        }
        match page.objects.last() {
            Some(last) if page.more => after = Some(last.name.clone()),
            _ => return Ok(()),
        }
    }
}

async fn delete_commit(process: &Process, name: &str, through: Window) -> Result<(), StoreError> {
    let Some(body) = process.store.get(name).await? else {
        return Ok(());
    };
    let entry: Entry = serde_json::from_slice(&body).expect("an entry");
    let EntryBody::Commit(commit) = entry.body else {
        return Ok(());
    };
    let files: Vec<_> = commit.names().collect();
    let expired = files.iter().all(|(_, _, window)| *window <= through);
    if !expired || commit.closed_through > Some(through) {
        return Ok(());
    }
    for (_, file, _) in files {
        process.store.delete(file).await?;
    }
    process.store.delete(name).await
}
