//! Folding a lane's log into its state.
//!
//! The fold is a pure function of the entries, so whoever reads a log comes to the same state, and
//! a checkpoint is nothing but a fold that was written down. What an entry may say is checked in
//! [`super::check`], by the same code before a put and when reading.

use super::check;
use super::names::FileName;
use super::{
    Checkpoint, Cleaned, Commit, EndedClaim, Entry, EntryAt, EntryBody, EntryFault, EntryHead,
    FORMAT_VERSION, Folded, LaneState, LanesRecord, LogError, ShardState,
};
use crate::types::{ClaimNumber, ClaimRef, Epoch, LaneId, Window, WindowLength};

/// A lane's log as far as it has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneFold {
    /// The epoch of the lane.
    pub epoch: Epoch,
    /// The lane.
    pub lane: LaneId,
    /// What its entries come to.
    pub folded: Folded,
}

impl LaneFold {
    /// A lane before its first entry. `None` if the epoch has no such lane.
    pub fn begin(record: &LanesRecord, lane: LaneId) -> Option<Self> {
        let state = record.lanes.get(usize::try_from(lane.0).ok()?)?.clone();
        let folded = Folded {
            state,
            ..Folded::default()
        };
        Some(Self {
            epoch: record.epoch,
            lane,
            folded,
        })
    }

    /// Goes on from a checkpoint of the lane.
    pub fn from_checkpoint(epoch: Epoch, lane: LaneId, checkpoint: Checkpoint) -> Self {
        Self {
            epoch,
            lane,
            folded: checkpoint.folded,
        }
    }

    /// The checkpoint of this state.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            format_version: FORMAT_VERSION,
            folded: self.folded.clone(),
        }
    }

    /// The place of the next entry.
    pub fn next(&self) -> EntryAt {
        EntryAt {
            epoch: self.epoch,
            lane: self.lane,
            entry: self.folded.entry.saturating_add(1),
        }
    }

    /// The claim in force.
    pub fn claim(&self) -> Option<ClaimRef> {
        self.folded.claim.as_ref().map(|head| ClaimRef {
            epoch: self.epoch,
            lane: self.lane,
            claim: head.claim,
        })
    }

    /// Whether `entry` may be the next one.
    pub fn check(&self, entry: &Entry, window_length: WindowLength) -> Result<(), EntryFault> {
        let folded = &self.folded;
        if folded.sealed {
            return Err(EntryFault::Sealed);
        }
        self.check_claim(entry)?;
        match &entry.body {
            EntryBody::Claim { closed_through, .. } | EntryBody::Seal { closed_through } => {
                check::closed_as_found(*closed_through, folded.state.closed_through)
            }
            EntryBody::Commit(commit) => {
                let claim = ClaimRef {
                    epoch: self.epoch,
                    lane: self.lane,
                    claim: entry.head.claim,
                };
                check::commit(&folded.state, claim, window_length, commit)
            }
            EntryBody::Expire { through, .. } => check::expire(&folded.state, *through),
        }
    }

    fn check_claim(&self, entry: &Entry) -> Result<(), EntryFault> {
        let in_force = match &entry.body {
            EntryBody::Claim { .. } => ClaimNumber(self.next().entry),
            _ => match &self.folded.claim {
                Some(head) if head.process == entry.head.process => head.claim,
                _ => ClaimNumber(0),
            },
        };
        if entry.head.claim == in_force {
            return Ok(());
        }
        Err(EntryFault::ForeignClaim {
            found: entry.head.claim,
            in_force,
        })
    }

    /// Folds the next entry in, which [`LaneFold::check`] has let pass.
    pub fn apply(&mut self, entry: &Entry) {
        let folded = &mut self.folded;
        folded.entry = folded.entry.saturating_add(1);
        match &entry.body {
            EntryBody::Claim { cleaned, .. } => {
                folded.end_claim(entry);
                folded.claim = Some(entry.head.clone());
                folded.cleaned(*cleaned);
            }
            EntryBody::Commit(commit) => {
                folded.state.apply(commit);
                folded.note_files(commit);
                folded.cleaned(commit.cleaned);
            }
            EntryBody::Expire { through, soft } => {
                let LaneState {
                    expired_through,
                    kept_through,
                    ..
                } = &mut folded.state;
                *expired_through = (*expired_through).max(Some(*through));
                *kept_through = (*kept_through).max(Some(*through).filter(|_| *soft));
            }
            EntryBody::Seal { .. } => {
                folded.end_claim(entry);
                folded.sealed = true;
            }
        }
    }

    /// Checks an entry that was read from the target, and folds it in.
    pub fn read(&mut self, entry: &Entry, window_length: WindowLength) -> Result<(), LogError> {
        let at = self.next();
        self.check(entry, window_length)
            .map_err(|fault| LogError::Broken { at, fault })?;
        self.apply(entry);
        Ok(())
    }
}

impl Folded {
    /// The claim in force is over, by this claim or seal.
    fn end_claim(&mut self, by: &Entry) {
        let Some(EntryHead { claim, .. }) = self.claim else {
            return;
        };
        self.ended_claims.push(EndedClaim {
            claim,
            closed_through: self.state.closed_through,
            ended_ms: by.head.time_ms,
            committed: std::mem::take(&mut self.open_files),
        });
    }

    /// Keeps the names of what the claim has committed in windows that are not closed yet: a stop
    /// may commit a part of one, and clean-up must know it from what the claim left unnamed.
    fn note_files(&mut self, commit: &Commit) {
        let closed = self.state.closed_through;
        let open = |window| Some(window) > closed;
        self.open_files
            .retain(|name| FileName::parse(name).is_some_and(|name| open(name.window)));
        let names = commit.names().filter(|(_, _, window)| open(*window));
        let names = names.map(|(_, name, _)| name.to_owned());
        self.open_files.extend(names);
    }

    fn cleaned(&mut self, cleaned: Cleaned) {
        self.state.cleaned = self.state.cleaned.max(cleaned);
        let through = self.state.cleaned.claim;
        self.ended_claims
            .retain(|ended| Some(ended.claim) > through);
    }
}

impl LaneState {
    /// Whether `commit`, whose answer is not known, is part of this state. For a commit of the same
    /// lane that moves positions, made on a state that this one goes on from.
    pub fn has_taken(&self, commit: &Commit) -> bool {
        let mut ranges = commit.ranges.iter();
        ranges.all(|(shard, range)| {
            let state = self.shards.get(shard);
            // What is forgotten was read to its end.
            state.is_none_or(|state| state.position >= range.to)
        })
    }

    /// The state after a commit that `check::commit` has let pass.
    pub fn apply(&mut self, commit: &Commit) {
        for entered in &commit.entered {
            let state = ShardState {
                position: entered.position.clone(),
                current_window: entered.current_window,
                parents: entered.parents.clone(),
                ended: false,
                arrival_at_position: None,
                caught_up_at: None,
                cut: None,
            };
            self.shards.insert(entered.shard.clone(), state);
        }
        for (shard, range) in &commit.ranges {
            if let Some(state) = self.shards.get_mut(shard) {
                state.position = range.to.clone();
                state.current_window = range.current_window;
                state.arrival_at_position = Some(range.arrival_at_to);
                // It is read on, to a later end or to none.
                state.cut = None;
            }
        }
        for cut in &commit.cuts {
            if let Some(state) = self.shards.get_mut(&cut.shard) {
                state.cut = Some(cut.end_ms);
                state.current_window = state.current_window.max(cut.current_window);
            }
        }
        for caught_up in &commit.caught_up {
            if let Some(state) = self.shards.get_mut(&caught_up.shard) {
                state.caught_up_at = state.caught_up_at.max(Some(caught_up.at_ms));
            }
        }
        for shard in &commit.ended {
            if let Some(state) = self.shards.get_mut(shard) {
                state.ended = true;
            }
        }
        for shard in &commit.forgotten {
            self.shards.remove(shard);
        }
        self.format = commit.format;
        if let Some(schema) = &commit.schema {
            self.schema = schema.clone();
        }
        self.closed_through = commit.closed_through;
        self.move_on();
    }

    /// Every open Kinesis shard is past the closed windows. One without a record in them is moved
    /// on by lag, and its current window must not go back with a restart (I5).
    fn move_on(&mut self) {
        let Some(least) = self.closed_through.map(Window::next) else {
            return;
        };
        for shard in self.shards.values_mut().filter(|shard| !shard.ended) {
            shard.current_window = shard.current_window.max(least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{KinesisShardId, Position};

    fn shard(window: i64, ended: bool) -> ShardState {
        ShardState {
            position: Position::Horizon,
            current_window: Window(window),
            parents: Vec::new(),
            ended,
            arrival_at_position: None,
            caught_up_at: None,
            cut: None,
        }
    }

    #[test]
    fn open_kinesis_shards_move_on_with_what_is_closed() {
        let id = |name: &str| KinesisShardId::new(name);
        let mut state = LaneState {
            shards: [
                (id("ended"), shard(3, true)),
                (id("idle"), shard(3, false)),
                (id("ahead"), shard(9, false)),
            ]
            .into(),
            ..LaneState::default()
        };
        state.apply(&Commit {
            closed_through: Some(Window(5)),
            ..Commit::default()
        });
        let windows: Vec<i64> = ["ended", "idle", "ahead"]
            .map(|name| state.shards[&id(name)].current_window.0)
            .into();
        assert_eq!(windows, [3, 6, 9]);
    }
}
