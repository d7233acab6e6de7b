//! A claimed lane: the one place from which entries are put.

use std::sync::Arc;

use bytes::Bytes;

use super::guard::Guard;
use super::load::{self, Reading};
use super::objects::{Objects, Put, parse, to_json};
use super::{
    Cleaned, Commit, Entry, EntryAt, EntryBody, EntryHead, FORMAT_VERSION, Folded,
    GenerationRecord, Identity, LaneFold, LaneState, LanesRecord, LogError, OtherProcess, names,
};
use crate::types::{ClaimNumber, ClaimRef, Generation, LaneId, Window, WindowLength};

/// What every lane of a process stands on.
#[derive(Clone)]
pub(super) struct Ground {
    pub(super) objects: Objects,
    pub(super) identity: Identity,
    pub(super) generation: Generation,
    pub(super) window_length: WindowLength,
}

/// A lane's log under a claim of this process.
///
/// Everything that is put into the log goes through here, one entry at a time. Dropping a call
/// midway leaves the log whole, but this value may not know any more what stands in it: the lane
/// must then be claimed again ([`LaneLog::reclaim`]); going on is refused with `log.lost_track`.
pub struct LaneLog {
    ground: Ground,
    record: Arc<LanesRecord>,
    fold: LaneFold,
    claim: ClaimRef,
    guard: Guard,
    /// The number of the newest checkpoint that this value has read or put; 0 for none.
    pub(super) checkpoint: u64,
    pub(super) checkpoint_every: u64,
    /// What clean-up is through with and the log does not say yet.
    cleaned: Cleaned,
}

/// Claims a lane again under the same generation: see [`LaneLog::claimer`].
#[derive(Clone)]
pub struct LaneClaimer {
    ground: Ground,
    record: Arc<LanesRecord>,
    lane: LaneId,
    cleaned: Cleaned,
    checkpoint_every: u64,
}

impl LaneClaimer {
    /// Claims the lane. The claim before it is over.
    ///
    /// # Errors
    /// `log.fenced`, also if the lane was sealed by another process; what reading can bring.
    pub async fn claim(&self) -> Result<LaneLog, LogError> {
        let ground = &self.ground;
        match LaneLog::claim_with(ground, &self.record, self.lane, self.cleaned).await? {
            Claimed::Ours(claimed) => Ok(LaneLog {
                checkpoint_every: self.checkpoint_every,
                ..*claimed
            }),
            Claimed::Sealed(fold) => {
                let at = EntryAt {
                    entry: fold.folded.entry,
                    ..fold.next()
                };
                // Only a process that has claimed the lane seals it, and this one has not.
                let head = fold.folded.claim.ok_or(LogError::Superseded { at })?;
                Err(fenced(ground, at, &head).await?)
            }
        }
    }
}

/// A lane at a start.
pub(super) enum Claimed {
    /// It is this process's now.
    Ours(Box<LaneLog>),
    /// Its log has ended.
    Sealed(Box<LaneFold>),
}

impl Claimed {
    pub(super) fn ours(self) -> Option<LaneLog> {
        match self {
            Claimed::Ours(lane) => Some(*lane),
            Claimed::Sealed(_) => None,
        }
    }
}

impl LaneLog {
    /// Claims a lane of an epoch (step 3).
    pub(super) async fn claim_lane(
        ground: &Ground,
        record: &Arc<LanesRecord>,
        lane: LaneId,
    ) -> Result<Claimed, LogError> {
        Self::claim_with(ground, record, lane, Cleaned::default()).await
    }

    async fn claim_with(
        ground: &Ground,
        record: &Arc<LanesRecord>,
        lane: LaneId,
        cleaned: Cleaned,
    ) -> Result<Claimed, LogError> {
        let objects = &ground.objects;
        loop {
            let mut reading = Reading::begin(objects, record, lane).await?;
            let (at, entry) = loop {
                let window_length = ground.window_length;
                reading = reading.read_to_head(objects, record, window_length).await?;
                let fold = &reading.fold;
                if fold.folded.sealed {
                    return Ok(Claimed::Sealed(Box::new(reading.fold)));
                }
                if let Some(error) = fenced_by_claim(ground, fold).await? {
                    return Err(error);
                }
                let (at, entry) = ground.claim_entry(fold, cleaned);
                let name = names::entry(at.epoch, at.lane, at.entry);
                let body = to_json(&entry);
                match objects.put(&name, body.clone()).await? {
                    Put::Done => break (at, entry),
                    Put::Exists if objects.get_bytes(&name).await? == Some(body) => {
                        break (at, entry);
                    }
                    // Somebody was faster: read on from there.
                    Put::Exists => {}
                }
            };
            let newest = load::checkpoints(objects, at.epoch, at.lane).await?.pop();
            if newest.is_some_and(|newest| newest >= at.entry) {
                // The head was out of date, and retention had deleted what stood there.
                continue;
            }
            let Reading { mut fold, from } = reading;
            fold.apply(&entry);
            let claim = ClaimRef {
                epoch: at.epoch,
                lane: at.lane,
                claim: ClaimNumber(at.entry),
            };
            let guard = Guard::new(ground, claim, entry.head.time_ms);
            return Ok(Claimed::Ours(Box::new(LaneLog {
                ground: Ground {
                    objects: objects.running(),
                    ..ground.clone()
                },
                record: Arc::clone(record),
                fold,
                claim,
                guard,
                checkpoint: from,
                checkpoint_every: super::checkpoint::EVERY,
                cleaned,
            })));
        }
    }

    /// The same for work whose refusal somebody waits for.
    pub(super) fn for_a_command(mut self) -> Self {
        self.ground.objects = self.ground.objects.starting_again();
        self
    }

    /// The claim under which this value puts.
    pub fn claim(&self) -> ClaimRef {
        self.claim
    }

    /// The lane's state after its last entry.
    pub fn state(&self) -> &LaneState {
        &self.fold.folded.state
    }

    /// The fold of the log up to its last entry.
    pub fn folded(&self) -> &Folded {
        &self.fold.folded
    }

    /// The record of the lane's epoch.
    pub fn lanes_record(&self) -> &Arc<LanesRecord> {
        &self.record
    }

    /// The generation of this process.
    pub fn generation(&self) -> Generation {
        self.ground.generation
    }

    /// The source's window length.
    pub fn window_length(&self) -> WindowLength {
        self.ground.window_length
    }

    /// A handle for whoever puts or completes data objects under this claim.
    pub fn guard_handle(&self) -> Guard {
        self.guard.clone()
    }

    /// To be asked before a data object is put or completed: see [`Guard::check`].
    pub async fn guard(&self) -> Result<(), LogError> {
        self.guard.check().await
    }

    /// How many entries may follow a checkpoint before the next one is due; 16 unless it is set.
    pub fn set_checkpoint_every(&mut self, entries: u64) {
        self.checkpoint_every = entries.max(1);
    }

    /// Notes what clean-up is through with; the next entry records it.
    pub fn note_cleaned(&mut self, cleaned: Cleaned) {
        self.cleaned = self.cleaned.max(cleaned);
    }

    /// Makes a commit true. All that it names is on the target already.
    ///
    /// Asks again until the target has answered; drop the future to give up.
    ///
    /// # Errors
    /// `log.fenced`, `log.superseded`, `log.lost_track`, and every code of an entry that is refused
    /// before the put, after which the log is as it was.
    pub async fn append(&mut self, mut commit: Commit) -> Result<(), LogError> {
        commit.cleaned = self.news_of_cleaning();
        self.put_entry(EntryBody::Commit(Box::new(commit))).await
    }

    /// Records that windows up to `through` are gone or going; with `soft` their files stay.
    ///
    /// # Errors
    /// As [`LaneLog::append`].
    pub async fn expire(&mut self, through: Window, soft: bool) -> Result<(), LogError> {
        self.put_entry(EntryBody::Expire { through, soft }).await
    }

    /// Ends the log (step 4).
    pub(super) async fn seal(mut self: Box<Self>) -> Result<LaneFold, LogError> {
        let closed_through = self.state().closed_through;
        self.put_entry(EntryBody::Seal { closed_through }).await?;
        // The sealed state is read by the next epoch's clean-up, and in one piece if this succeeds.
        self.put_checkpoint().await;
        Ok(self.fold)
    }

    /// Ends this incarnation of the lane and claims it again under the same generation.
    ///
    /// # Errors
    /// As [`LaneClaimer::claim`].
    pub async fn reclaim(self) -> Result<LaneLog, LogError> {
        self.claimer().claim().await
    }

    /// What it takes to claim this lane again, also when this value is lost with a call that was
    /// given up midway.
    pub fn claimer(&self) -> LaneClaimer {
        LaneClaimer {
            ground: self.ground.clone(),
            record: Arc::clone(&self.record),
            lane: self.claim.lane,
            cleaned: self.cleaned,
            checkpoint_every: self.checkpoint_every,
        }
    }

    fn news_of_cleaning(&self) -> Cleaned {
        let known = self.fold.folded.state.cleaned;
        Cleaned {
            claim: self
                .cleaned
                .claim
                .filter(|_| self.cleaned.claim > known.claim),
            epoch: self
                .cleaned
                .epoch
                .filter(|_| self.cleaned.epoch > known.epoch),
        }
    }

    async fn put_entry(&mut self, body: EntryBody) -> Result<(), LogError> {
        let at = self.fold.next();
        let entry = self.ground.entry(self.claim.claim, body);
        self.fold
            .check(&entry, self.ground.window_length)
            .map_err(|fault| LogError::Refused { at, fault })?;
        self.guard.put_begins();
        self.put_or_lose(at, to_json(&entry)).await?;
        self.fold.apply(&entry);
        // The answer may have come after a long pause: what counts is when it was asked.
        self.guard.put_succeeded(at.entry, entry.head.time_ms);
        Ok(())
    }

    /// Puts an entry; an error if another one stands in its place.
    async fn put_or_lose(&self, at: EntryAt, body: Bytes) -> Result<(), LogError> {
        let objects = &self.ground.objects;
        let name = names::entry(at.epoch, at.lane, at.entry);
        while objects.put(&name, body.clone()).await? == Put::Exists {
            match objects.get_bytes(&name).await? {
                // An earlier try took effect.
                Some(there) if there == body => return Ok(()),
                Some(there) => {
                    let there = parse(&name, &there)?;
                    return Err(lost_to(&self.ground, self.claim, at, &there).await?);
                }
                // Claims are never deleted, so it was this very entry, and the retention of
                // whoever took the lane over has deleted it: the claim stands behind it.
                None => {
                    let behind = EntryAt {
                        entry: at.entry + 1,
                        ..at
                    };
                    let name = names::entry(behind.epoch, behind.lane, behind.entry);
                    if let Some(there) = objects.get(&name).await? {
                        return Err(lost_to(&self.ground, self.claim, behind, &there).await?);
                    }
                }
            }
        }
        Ok(())
    }

    pub(super) fn objects(&self) -> &Objects {
        &self.ground.objects
    }

    pub(super) fn fold(&self) -> &LaneFold {
        &self.fold
    }
}

impl Ground {
    /// The claim that would be the next entry.
    fn claim_entry(&self, fold: &LaneFold, cleaned: Cleaned) -> (EntryAt, Entry) {
        let at = fold.next();
        let body = EntryBody::Claim {
            closed_through: fold.folded.state.closed_through,
            cleaned,
        };
        (at, self.entry(ClaimNumber(at.entry), body))
    }

    fn entry(&self, claim: ClaimNumber, body: EntryBody) -> Entry {
        Entry {
            format_version: FORMAT_VERSION,
            head: EntryHead {
                process: self.identity.process.clone(),
                generation: self.generation,
                claim,
                time_ms: self.objects.now(),
            },
            body,
        }
    }
}

/// What it means for `claim` that `there` stands at `at`.
pub(super) async fn lost_to(
    ground: &Ground,
    claim: ClaimRef,
    at: EntryAt,
    there: &Entry,
) -> Result<LogError, LogError> {
    if there.head.process != ground.identity.process {
        return fenced(ground, at, &there.head).await;
    }
    if there.head.claim == claim.claim {
        return Ok(LogError::LostTrack { at });
    }
    Ok(LogError::Superseded { at })
}

/// The error of a fenced process if the lane's last claim is of a higher generation.
async fn fenced_by_claim(ground: &Ground, fold: &LaneFold) -> Result<Option<LogError>, LogError> {
    let Some(head) = &fold.folded.claim else {
        return Ok(None);
    };
    if head.generation <= ground.generation {
        return Ok(None);
    }
    let at = EntryAt {
        entry: head.claim.0,
        ..fold.next()
    };
    fenced(ground, at, head).await.map(Some)
}

/// The error that names the process which won.
async fn fenced(ground: &Ground, at: EntryAt, winner: &EntryHead) -> Result<LogError, LogError> {
    let name = names::generation(winner.generation);
    // The message is better with the host in it, but nothing hangs on that.
    let record = ground.objects.get::<GenerationRecord>(&name).await;
    let record = record.ok().flatten();
    Ok(LogError::Fenced {
        at,
        other: OtherProcess {
            process: winner.process.clone(),
            generation: winner.generation,
            record: record.map(|record| (record.host, record.time_ms)),
        },
    })
}
