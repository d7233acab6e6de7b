//! The rule of 60 s: who has not put an entry for so long looks whether the lane is still its own
//! before it puts a data object, so that no object appears long after its claim was over.

use std::sync::{Arc, Mutex, PoisonError};

use super::lane::{Ground, lost_to};
use super::{Entry, EntryAt, EntryBody, LogError, names};
use crate::types::{ClaimRef, TimestampMs};

/// How old the last successful put of an entry may be, in milliseconds.
const LOOK_AFTER_MS: i64 = 60_000;

/// Guards the data objects of one claim. Clones share what they know.
#[derive(Clone)]
pub struct Guard {
    ground: Arc<Ground>,
    claim: ClaimRef,
    last: Arc<Mutex<LastPut>>,
}

#[derive(Clone, Copy)]
struct LastPut {
    entry: u64,
    at: TimestampMs,
    /// Whether the next entry has been sent and is not answered yet.
    under_way: bool,
}

impl Guard {
    pub(super) fn new(ground: &Ground, claim: ClaimRef, at: TimestampMs) -> Self {
        let ground = Ground {
            objects: ground.objects.running(),
            ..ground.clone()
        };
        Self {
            ground: Arc::new(ground),
            claim,
            last: Arc::new(Mutex::new(LastPut {
                entry: claim.claim.0,
                at,
                under_way: false,
            })),
        }
    }

    /// The claim that is guarded.
    pub fn claim(&self) -> ClaimRef {
        self.claim
    }

    pub(super) fn put_begins(&self) {
        self.lock().under_way = true;
    }

    pub(super) fn put_succeeded(&self, entry: u64, at: TimestampMs) {
        *self.lock() = LastPut {
            entry,
            at,
            under_way: false,
        };
    }

    /// To be asked right before a data object of this claim is put or completed. Answers at once
    /// while the last successful put of an entry is younger than 60 s, and else reads the head of
    /// the log.
    ///
    /// # Errors
    /// `log.fenced` or `log.superseded` if the claim is over: the object must not be put.
    pub async fn check(&self) -> Result<(), LogError> {
        if self.is_recent(self.lock().at) {
            return Ok(());
        }
        loop {
            let asked = self.ground.objects.now();
            self.look().await?;
            if self.is_recent(asked) {
                return Ok(());
            }
            // The process has been paused while it waited: the answer is of another time.
        }
    }

    /// Reads the head of the log.
    async fn look(&self) -> Result<(), LogError> {
        let LastPut {
            mut entry,
            under_way,
            ..
        } = *self.lock();
        // The entry that is under way may have taken effect, and the retention of whoever took the
        // lane over may have deleted it; the claim behind it is never deleted.
        let mut may_be_gone = under_way;
        loop {
            entry += 1;
            let at = EntryAt {
                epoch: self.claim.epoch,
                lane: self.claim.lane,
                entry,
            };
            let name = names::entry(at.epoch, at.lane, at.entry);
            let Some(there) = self.ground.objects.get::<Entry>(&name).await? else {
                if std::mem::take(&mut may_be_gone) {
                    continue;
                }
                return Ok(());
            };
            // An append of this claim that is under way may stand there already.
            let ours = there.head.process == self.ground.identity.process
                && there.head.claim == self.claim.claim
                && !matches!(there.body, EntryBody::Seal { .. });
            if !ours {
                return Err(lost_to(&self.ground, self.claim, at, &there).await?);
            }
            may_be_gone = false;
        }
    }

    fn is_recent(&self, time: TimestampMs) -> bool {
        // A clock that was set back counts as old.
        (0..LOOK_AFTER_MS).contains(&(self.ground.objects.now() - time))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LastPut> {
        // Two plain numbers are whole whatever panicked.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
