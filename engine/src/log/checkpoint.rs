//! Checkpoints: a lane's state written down, so that a start reads a few objects.

use super::objects::to_json;
use super::{LaneLog, LogError, load, names};
use crate::ports::StoreError;

/// Entries after which a checkpoint is due.
pub(super) const EVERY: u64 = 16;

/// How many of the newest checkpoints stay.
const KEEP: usize = 2;

impl LaneLog {
    /// Puts a checkpoint if enough entries have come since the last one, and deletes all but the
    /// newest two. A checkpoint holds nothing that the log does not say, so one that cannot be put
    /// is left out and the next entry makes it due again.
    ///
    /// # Errors
    /// What listing and deleting can bring; a refusal is not asked again. Nothing hangs on it: the
    /// lane may go on.
    pub async fn checkpoint_if_due(&mut self) -> Result<(), LogError> {
        if self.fold().folded.entry < self.checkpoint + self.checkpoint_every {
            return Ok(());
        }
        if !self.put_checkpoint().await {
            return Ok(());
        }
        // A process that may not delete must not wait here for ever: its commits come first.
        let (claim, objects) = (self.claim(), self.objects().starting_again());
        let mut numbers = load::checkpoints(&objects, claim.epoch, claim.lane).await?;
        numbers.truncate(numbers.len().saturating_sub(KEEP));
        for number in numbers {
            let name = names::checkpoint(claim.epoch, claim.lane, number);
            objects.delete(&name).await?;
        }
        Ok(())
    }

    /// One try to put the state after the last entry; whether it is there.
    pub(super) async fn put_checkpoint(&mut self) -> bool {
        let fold = self.fold();
        let number = fold.folded.entry;
        let name = names::checkpoint(fold.epoch, fold.lane, number);
        let body = to_json(&fold.checkpoint());
        match self.objects().try_put(&name, body).await {
            Ok(()) | Err(StoreError::Exists { .. }) => {
                self.checkpoint = number;
                true
            }
            Err(error) => {
                tracing::debug!(checkpoint = %name, %error, "a checkpoint is left out");
                false
            }
        }
    }
}
