//! The walk over all epochs and the logs of their lanes.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::de::DeserializeOwned;

use super::reading::Target;
use super::violation::{VerifyError, Violation};
use super::{Named, Verified, files};
use crate::log::names::{self, FileName};
use crate::log::{
    Checkpoint, Commit, Entry, EntryBody, LaneFold, LanesRecord, LogError, ShardState,
    SourceRecord, parse,
};
use crate::types::{
    ClaimNumber, ClaimRef, Epoch, Generation, KinesisShardId, LaneId, TimestampMs, WindowLength,
};

/// Who held which lane when, as far as leftovers are concerned.
#[derive(Default)]
pub(super) struct Claims {
    /// The generation of every claim.
    pub generations: HashMap<ClaimRef, Generation>,
    /// For each generation that has put a commit: the time of its first claim. Its first clean-up
    /// came after that claim and before that commit.
    pub cleaned: BTreeMap<Generation, TimestampMs>,
    first_claims: HashMap<Generation, TimestampMs>,
}

impl Claims {
    fn note(&mut self, fold: &LaneFold, entry: &Entry) {
        let head = &entry.head;
        match &entry.body {
            EntryBody::Claim { .. } => {
                let claim = ClaimRef {
                    epoch: fold.epoch,
                    lane: fold.lane,
                    claim: ClaimNumber(fold.next().entry),
                };
                self.generations.insert(claim, head.generation);
                let first = self
                    .first_claims
                    .entry(head.generation)
                    .or_insert(head.time_ms);
                *first = head.time_ms.min(*first);
            }
            EntryBody::Commit(_) => {
                let begun = self.first_claims.get(&head.generation);
                let begun = begun.copied().unwrap_or(head.time_ms);
                let cleaned = self.cleaned.entry(head.generation).or_insert(begun);
                *cleaned = begun.min(*cleaned);
            }
            EntryBody::Expire { .. } | EntryBody::Seal { .. } => {}
        }
    }
}

pub(super) struct Walk<'w> {
    target: &'w Target,
    progress: &'w mut (dyn FnMut(&Verified) + Send),
    pub window_length: WindowLength,
    pub verified: Verified,
    pub named: Named,
    pub claims: Claims,
    /// Every Kinesis shard that ever was in a lane.
    entered: HashSet<KinesisShardId>,
}

impl<'w> Walk<'w> {
    pub(super) async fn begin(
        target: &'w Target,
        progress: &'w mut (dyn FnMut(&Verified) + Send),
    ) -> Result<Self, VerifyError> {
        let source: Option<SourceRecord> = get(target, names::SOURCE).await?;
        let source = source.ok_or_else(|| missing(names::SOURCE))?;
        Ok(Self {
            target,
            progress,
            window_length: source.window_length_ms,
            verified: Verified::default(),
            named: Named::default(),
            claims: Claims::default(),
            entered: HashSet::new(),
        })
    }

    /// Walks every epoch from the first on.
    pub(super) async fn all_epochs(&mut self) -> Result<(), VerifyError> {
        let mut before: Option<Vec<LaneFold>> = None;
        for number in 1.. {
            let name = names::lanes(Epoch(number));
            let Some(record) = get::<LanesRecord>(self.target, &name).await? else {
                break;
            };
            if record.epoch != Epoch(number) {
                let detail = format!("it says that it is epoch {}", record.epoch);
                return Err(Violation::new("verify.epoch_join", &name, detail).into());
            }
            self.check_epoch(&name, &record, before.as_deref())?;
            let mut folds = Vec::new();
            for lane in 0..record.lanes.len() {
                let lane = LaneId(u32::try_from(lane).unwrap_or(u32::MAX));
                folds.push(self.lane(&record, lane).await?);
            }
            before = Some(folds);
            self.verified.epochs += 1;
        }
        self.verified.kinesis_shards = self.entered.len() as u64;
        Ok(())
    }

    /// An epoch must begin where the one before it was sealed.
    fn check_epoch(
        &mut self,
        name: &str,
        record: &LanesRecord,
        before: Option<&[LaneFold]>,
    ) -> Result<(), VerifyError> {
        let wrong = |detail: String| Err(Violation::new("verify.epoch_join", name, detail).into());
        let mut shards: BTreeMap<&KinesisShardId, &ShardState> = BTreeMap::new();
        for lane in &record.lanes {
            for (shard, state) in &lane.shards {
                if shards.insert(shard, state).is_some() {
                    return wrong(format!("Kinesis shard {shard} is in two lanes"));
                }
            }
        }
        let Some(before) = before else {
            self.entered.extend(shards.into_keys().cloned());
            return Ok(());
        };
        let mut left: BTreeMap<&KinesisShardId, &ShardState> = BTreeMap::new();
        for fold in before {
            if !fold.folded.sealed {
                return wrong(format!(
                    "lane {} of the epoch before it is not sealed",
                    fold.lane
                ));
            }
            left.extend(&fold.folded.state.shards);
        }
        for (shard, state) in &shards {
            match left.remove(shard) {
                Some(old) if old.position == state.position && old.ended == state.ended => {}
                Some(old) => {
                    return wrong(format!(
                        "Kinesis shard {shard} begins at {}, but it was sealed at {}",
                        state.position, old.position
                    ));
                }
                None => {
                    return wrong(format!("Kinesis shard {shard} was in no lane before it"));
                }
            }
        }
        match left.keys().next() {
            Some(shard) => wrong(format!(
                "Kinesis shard {shard} of the epoch before is missing"
            )),
            None => Ok(()),
        }
    }

    /// Walks the log of one lane to its head or its seal.
    async fn lane(&mut self, record: &LanesRecord, lane: LaneId) -> Result<LaneFold, VerifyError> {
        let mut fold = LaneFold::begin(record, lane).ok_or_else(|| missing("_lanes/"))?;
        let mut checkpoints = self.checkpoints(record.epoch, lane).await?;
        loop {
            let at = fold.next();
            let name = names::entry(at.epoch, at.lane, at.entry);
            let entry: Option<Entry> = get(self.target, &name).await?;
            // A process that did not know may have put a claim into the hole that retention left.
            let follows = entry
                .as_ref()
                .map(|entry| fold.check(entry, self.window_length));
            match (entry, follows) {
                (Some(entry), Some(Ok(()))) => self.entry(&name, &mut fold, &entry).await?,
                (_, follows) => {
                    checkpoints = self.checkpoints(at.epoch, at.lane).await?;
                    match (checkpoints.last().copied(), follows) {
                        (Some(newest), _) if newest >= at.entry => {
                            fold = self.from_checkpoint(&fold, newest).await?;
                            continue;
                        }
                        (_, Some(Err(fault))) => {
                            return Err(
                                Violation::new(fault.code(), &name, fault.to_string()).into()
                            );
                        }
                        _ => return Ok(fold),
                    }
                }
            }
            if checkpoints.contains(&fold.folded.entry) {
                self.compare_checkpoint(&fold).await?;
            }
            if fold.folded.sealed {
                return self.after_seal(fold).await;
            }
        }
    }

    async fn entry(
        &mut self,
        name: &str,
        fold: &mut LaneFold,
        entry: &Entry,
    ) -> Result<(), VerifyError> {
        self.claims.note(fold, entry);
        if let EntryBody::Commit(commit) = &entry.body {
            self.commit(name, commit).await?;
        }
        fold.apply(entry);
        self.verified.entries += 1;
        (self.progress)(&self.verified);
        Ok(())
    }

    async fn commit(&mut self, name: &str, commit: &Commit) -> Result<(), VerifyError> {
        for entered in &commit.entered {
            if !self.entered.insert(entered.shard.clone()) {
                let detail = format!("Kinesis shard {} enters for the second time", entered.shard);
                return Err(Violation::new("verify.shard_twice", name, detail).into());
            }
        }
        for file in commit.files.iter().chain(&commit.rejects) {
            // The fold has checked that the name is one of ours.
            let fresh = FileName::parse(&file.name).is_some_and(|name| self.named.insert(name));
            if !fresh {
                let detail = format!("`{}` is named by another commit, too", file.name);
                return Err(Violation::new("verify.file_twice", name, detail).into());
            }
        }
        files::check(
            self.target,
            self.window_length,
            name,
            commit,
            &mut self.verified,
        )
        .await?;
        self.verified.commits += 1;
        Ok(())
    }

    async fn checkpoints(&self, epoch: Epoch, lane: LaneId) -> Result<Vec<u64>, VerifyError> {
        let folder = names::checkpoint_folder(epoch, lane);
        let mut numbers = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = self
                .target
                .retry(|store| store.list(&folder, after.as_deref(), 1_000))
                .await?;
            numbers.extend(
                page.objects
                    .iter()
                    .filter_map(|object| names::number(&object.name)),
            );
            match page.objects.last() {
                Some(last) if page.more => after = Some(last.name.clone()),
                _ => return Ok(numbers),
            }
        }
    }

    async fn from_checkpoint(
        &mut self,
        fold: &LaneFold,
        number: u64,
    ) -> Result<LaneFold, VerifyError> {
        let name = names::checkpoint(fold.epoch, fold.lane, number);
        let checkpoint: Option<Checkpoint> = get(self.target, &name).await?;
        let checkpoint = checkpoint.ok_or_else(|| missing(&name))?;
        self.verified.expired_entries += number - fold.folded.entry;
        self.entered
            .extend(checkpoint.folded.state.shards.keys().cloned());
        Ok(LaneFold::from_checkpoint(fold.epoch, fold.lane, checkpoint))
    }

    /// A checkpoint must be what the entries up to it come to.
    async fn compare_checkpoint(&mut self, fold: &LaneFold) -> Result<(), VerifyError> {
        let name = names::checkpoint(fold.epoch, fold.lane, fold.folded.entry);
        // A running process deletes old ones.
        let Some(found) = get::<Checkpoint>(self.target, &name).await? else {
            return Ok(());
        };
        if found.folded != fold.folded {
            let detail = "it is not what the entries up to it come to".to_owned();
            return Err(Violation::new("verify.checkpoint", &name, detail).into());
        }
        self.verified.checkpoints += 1;
        Ok(())
    }

    /// Nothing comes after a seal.
    async fn after_seal(&self, fold: LaneFold) -> Result<LaneFold, VerifyError> {
        let at = fold.next();
        let name = names::entry(at.epoch, at.lane, at.entry);
        match self.target.retry(|store| store.head(&name)).await? {
            None => Ok(fold),
            Some(_) => {
                let detail = "it comes after the seal of its log".to_owned();
                Err(Violation::new("log.sealed", &name, detail).into())
            }
        }
    }
}

fn missing(name: &str) -> LogError {
    LogError::Missing {
        name: name.to_owned(),
    }
}

/// Reads an object of the log; `None` where there is none.
async fn get<T: DeserializeOwned>(target: &Target, name: &str) -> Result<Option<T>, VerifyError> {
    let Some(body) = target.retry(|store| store.get(name)).await? else {
        return Ok(None);
    };
    Ok(Some(parse(name, &body)?))
}
