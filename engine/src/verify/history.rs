//! The walk over all epochs and the logs of their lanes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::reading::Target;
use super::violation::{VerifyError, Violation};
use super::{Named, Verified, files};
use crate::log::names::{self, FileName};
use crate::log::{
    Commit, Entry, EntryAt, EntryBody, ExpiredMarks, LogError, Walk, Walked, read_state,
};
use crate::types::{
    ClaimNumber, ClaimRef, Generation, KinesisShardId, TimestampMs, Window, WindowLength,
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
    fn note(&mut self, at: EntryAt, entry: &Entry) {
        let head = &entry.head;
        match &entry.body {
            EntryBody::Claim { .. } => {
                let claim = ClaimRef {
                    epoch: at.epoch,
                    lane: at.lane,
                    claim: ClaimNumber(at.entry),
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

/// What a walk has come by.
pub(super) struct History {
    pub window_length: WindowLength,
    pub verified: Verified,
    pub named: Named,
    pub claims: Claims,
    /// The files of windows up to this one are gone, or going, or not ours any more.
    expired_through: Option<Window>,
    /// Every Kinesis shard that ever was in a lane.
    entered: HashSet<KinesisShardId>,
    /// Whether statistics are compared with the files.
    statistics: bool,
}

/// Walks over every entry and reads the files of every commit.
pub(super) async fn walk(
    target: &Target,
    statistics: bool,
    progress: &mut (dyn FnMut(&Verified) + Send),
) -> Result<History, VerifyError> {
    let missing = || LogError::Missing {
        name: names::SOURCE.to_owned(),
    };
    let (store, host) = (Arc::clone(&target.store), Arc::clone(&target.host));
    let mut walk = Walk::begin(store, host).await?.ok_or_else(missing)?;
    let mut history = History {
        window_length: walk.window_length(),
        verified: Verified::default(),
        named: Named::default(),
        claims: Claims::default(),
        expired_through: expired_through(target).await?,
        entered: HashSet::new(),
        statistics,
    };
    while let Some(walked) = walk.next().await? {
        match walked {
            Walked::Epoch(record) => {
                history.verified.epochs += 1;
                let mut seen = HashSet::new();
                for shard in record.lanes.iter().flat_map(|lane| lane.shards.keys()) {
                    if !seen.insert(shard) {
                        let detail = format!("Kinesis shard {shard} is in two lanes");
                        let name = names::lanes(record.epoch);
                        return Err(Violation::new("verify.shard_twice", &name, detail).into());
                    }
                }
                history.entered.extend(seen.into_iter().cloned());
            }
            Walked::Entry { at, entry, checked } => {
                history.entry(target, at, &entry, checked).await?;
            }
            Walked::Lane(fold) => {
                // What retention has deleted may have entered.
                history
                    .entered
                    .extend(fold.folded.state.shards.keys().cloned());
            }
        }
        progress(&history.verified);
    }
    history.verified.kinesis_shards = history.entered.len() as u64;
    Ok(history)
}

impl History {
    async fn entry(
        &mut self,
        target: &Target,
        at: EntryAt,
        entry: &Entry,
        checked: bool,
    ) -> Result<(), VerifyError> {
        self.verified.entries += 1;
        self.verified.unchecked_entries += u64::from(!checked);
        self.claims.note(at, entry);
        if let EntryBody::Commit(commit) = &entry.body {
            let name = names::entry(at.epoch, at.lane, at.entry);
            self.commit(target, &name, commit).await?;
        }
        Ok(())
    }

    async fn commit(
        &mut self,
        target: &Target,
        name: &str,
        commit: &Commit,
    ) -> Result<(), VerifyError> {
        for entered in &commit.entered {
            if !self.entered.insert(entered.shard.clone()) {
                let detail = format!("Kinesis shard {} enters for the second time", entered.shard);
                return Err(Violation::new("verify.shard_twice", name, detail).into());
            }
        }
        for (_, file, _) in commit.names() {
            // The log's own checks refuse a name that is not one of ours.
            let fresh = FileName::parse(file).is_some_and(|name| self.named.insert(name));
            if !fresh {
                let detail = format!("`{file}` is named by another commit, too");
                return Err(Violation::new("verify.file_twice", name, detail).into());
            }
        }
        self.verified.commits += 1;
        if self.is_expired(commit) {
            self.verified.expired_commits += 1;
            return Ok(());
        }
        let before = self.verified;
        let Err(error) = self.objects(target, name, commit).await else {
            return Ok(());
        };
        // Retention may have gone on since the mark was read.
        self.expired_through = expired_through(target).await?;
        if !self.is_expired(commit) {
            return Err(error);
        }
        self.verified = before;
        self.verified.expired_commits += 1;
        Ok(())
    }

    fn is_expired(&self, commit: &Commit) -> bool {
        let expired = |window| Some(window) <= self.expired_through;
        commit.window().is_some_and(expired)
    }

    /// What the commit names, read.
    async fn objects(
        &mut self,
        target: &Target,
        name: &str,
        commit: &Commit,
    ) -> Result<(), VerifyError> {
        if let Some(object) = &commit.statistics {
            target.there(&object.name, object.bytes).await?;
            self.verified.statistics_objects += 1;
            self.verified.statistics_bytes += object.bytes;
        }
        let (length, verified) = (self.window_length, &mut self.verified);
        files::check(target, length, name, commit, verified, self.statistics).await
    }
}

/// Up to where windows are expired now.
pub(super) async fn expired_through(target: &Target) -> Result<Option<Window>, VerifyError> {
    let (store, host) = (Arc::clone(&target.store), Arc::clone(&target.host));
    let view = read_state(store, host).await?;
    let lanes = view.iter().flat_map(|view| &view.lanes);
    let states = lanes.map(|lane| &lane.fold.folded.state);
    Ok(ExpiredMarks::of(states).through)
}
