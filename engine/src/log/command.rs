//! What commands do that write: they take the source over as a process does, and so stop one that
//! runs.

use std::sync::Arc;

use super::objects::{Objects, to_json};
use super::start::{claim_all, newest_epoch};
use super::{Forgotten, Identity, LaneLog, LogError, Retention, names, take_generation};
use crate::ports::{Host, Store};
use crate::types::Window;

/// Claims every lane of a source as it is; none where no process has ever claimed any. A process
/// that runs the source is fenced by it.
///
/// # Errors
/// As [`claim_lanes`](super::claim_lanes).
pub async fn take_over(
    store: &Arc<dyn Store>,
    host: &Arc<dyn Host>,
    identity: &Identity,
) -> Result<Vec<LaneLog>, LogError> {
    let lanes = take_over_deleted(store, host, identity).await?;
    let objects = Objects::starting(Arc::clone(store), Arc::clone(host));
    super::deletion::refuse(&objects).await?;
    Ok(lanes)
}

/// The same, also of a source that is being deleted.
pub(super) async fn take_over_deleted(
    store: &Arc<dyn Store>,
    host: &Arc<dyn Host>,
    identity: &Identity,
) -> Result<Vec<LaneLog>, LogError> {
    let objects = Objects::starting(Arc::clone(store), Arc::clone(host));
    let Some(newest) = newest_epoch(&objects, 0).await? else {
        return Ok(Vec::new());
    };
    let generation = take_generation(store, host, identity).await?;
    let lanes = newest.lanes.len();
    let lanes = claim_all(&objects, identity, generation, lanes, newest).await?;
    Ok(lanes.into_iter().map(LaneLog::for_a_command).collect())
}

/// Expires windows up to `through` in lanes that were just claimed, and deletes what that covers.
///
/// # Errors
/// `log.fenced`; what reading, listing and deleting can bring.
pub async fn expire_now(
    lanes: &mut [LaneLog],
    through: Window,
    soft: bool,
) -> Result<Forgotten, LogError> {
    let mut gone = Forgotten::default();
    let Some(mut retention) = Retention::new(lanes) else {
        return Ok(gone);
    };
    // What has expired in another way before is finished in that way.
    gone += retention.run().await?;
    for lane in lanes.iter_mut() {
        if Some(through) > lane.state().expired_through {
            lane.expire(through, soft).await?;
        }
        lane.checkpoint_now().await?;
    }
    retention.expired(through, soft);
    gone += retention.run().await?;
    Ok(gone)
}

impl LaneLog {
    /// Puts the state after the last entry, and asks again until it is there.
    pub(super) async fn checkpoint_now(&mut self) -> Result<(), LogError> {
        let fold = self.fold();
        let name = names::checkpoint(fold.epoch, fold.lane, fold.folded.entry);
        let body = to_json(&fold.checkpoint());
        self.objects().starting_again().put(&name, body).await?;
        self.set_checkpoint_every(1);
        self.checkpoint_if_due().await
    }
}
