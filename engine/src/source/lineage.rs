//! Which Kinesis shard enters which lane, and when (I7).
//!
//! [`Lineage`] knows the lanes of one process: what their logs say, what their readers have read to
//! the end, and what listings show. A child is offered once all its known parents have been read to
//! their end. What it decides becomes true with the commit that names it.

use std::collections::{BTreeMap, BTreeSet};

use crate::log::{Commit, Entered, LaneState};
use crate::ports::ShardList;
use crate::types::{KinesisShardId, LaneId, Position, ShardEnd, Window};

use super::EARLIEST_WINDOW;

/// A Kinesis shard that shall enter a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The lane.
    pub lane: LaneId,
    /// What enters. The lane may start it in a later window: above what it has closed.
    pub entered: Entered,
}

/// Marks when a listing was begun; see [`Lineage::listing_begins`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListingToken(u64);

/// The lineage of the stream's Kinesis shards, as far as the lanes need it.
#[derive(Debug, Default)]
pub struct Lineage {
    lanes: BTreeMap<LaneId, BTreeMap<KinesisShardId, Member>>,
    /// Kinesis shards in no lane yet, from listings and from ends.
    /// Each with its parents, the one that its ParentShardId names first.
    candidates: BTreeMap<KinesisShardId, Vec<KinesisShardId>>,
    /// Every child that is known, by parent.
    children: BTreeMap<KinesisShardId, BTreeSet<KinesisShardId>>,
    /// What was forgotten or offered for forgetting never comes back.
    forgotten: BTreeSet<KinesisShardId>,
    shown: BTreeSet<KinesisShardId>,
    /// The newest listing that has been taken in.
    newest: Option<ListingToken>,
    /// The clock: one tick for each thing that happens.
    tick: u64,
}

/// A Kinesis shard in a lane.
#[derive(Debug)]
struct Member {
    parents: Vec<KinesisShardId>,
    current_window: Window,
    /// Whether a commit, or the epoch, holds its entry.
    entry_committed: bool,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    /// Read to its end by this incarnation of the lane.
    Read,
    /// The end is committed, at this tick.
    Committed(u64),
    /// Given out by [`Lineage::forgettable`].
    Forgetting,
}

impl Lineage {
    /// Takes in what the lanes' logs say; the place is the [`LaneId`].
    pub fn new(lanes: &[LaneState]) -> Self {
        let mut lineage = Lineage::default();
        for (lane, state) in (0..).map(LaneId).zip(lanes) {
            lineage.lane_restarted(lane, state);
        }
        lineage
    }

    /// A lane begins anew from its log: what it had not committed is forgotten, and offered again
    /// once it is due.
    pub fn lane_restarted(&mut self, lane: LaneId, state: &LaneState) {
        self.tick += 1;
        let before = self.lanes.remove(&lane).unwrap_or_default();
        for (id, member) in before {
            if state.shards.contains_key(&id) {
                continue;
            }
            if member.entry_committed {
                // A commit that forgot it took effect, and nobody told us.
                self.forgotten.insert(id);
            } else {
                self.candidate(&id, &member.parents);
            }
        }
        let tick = self.tick;
        let mut members = BTreeMap::new();
        for (id, shard) in &state.shards {
            for parent in &shard.parents {
                self.children
                    .entry(parent.clone())
                    .or_default()
                    .insert(id.clone());
            }
            self.candidates.remove(id);
            self.forgotten.remove(id);
            let member = Member {
                parents: shard.parents.clone(),
                current_window: shard.current_window,
                entry_committed: true,
                end: if shard.ended {
                    End::Committed(tick)
                } else {
                    End::Open
                },
            };
            members.insert(id.clone(), member);
        }
        self.lanes.insert(lane, members);
    }

    /// To be called before a listing of all Kinesis shards is begun; the token goes to
    /// [`Lineage::listed`] with its result.
    pub fn listing_begins(&mut self) -> ListingToken {
        self.tick += 1;
        ListingToken(self.tick)
    }

    /// Takes in a listing without filter, read to its last page. One that was begun before the
    /// newest is ignored: it may show what has aged out since.
    pub fn listed(&mut self, token: ListingToken, list: &ShardList) {
        if self.newest.is_some_and(|newest| token <= newest) {
            return;
        }
        self.tick += 1;
        self.newest = Some(token);
        self.shown = list.shards.iter().map(|info| info.id.clone()).collect();
        for info in &list.shards {
            self.learn(&info.id, &info.parents);
            if let Some(known) = self.candidates.get_mut(&info.id) {
                // ChildShards may have named them in another order.
                known.sort_by_key(|parent| {
                    let place = info.parents.iter().position(|listed| listed == parent);
                    place.unwrap_or(usize::MAX)
                });
            }
        }
    }

    /// A reader of `lane` has read a Kinesis shard to its end, and everything has arrived.
    pub fn read_to_end(&mut self, lane: LaneId, end: &ShardEnd) {
        self.tick += 1;
        if let Some(member) = self
            .lanes
            .get_mut(&lane)
            .and_then(|lane| lane.get_mut(&end.shard))
        {
            member.current_window = member.current_window.max(end.current_window);
            if member.end == End::Open {
                member.end = End::Read;
            }
        }
        for (child, parents) in &end.children {
            self.learn(child, parents);
        }
    }

    /// A commit of `lane` is on the target.
    pub fn committed(&mut self, lane: LaneId, commit: &Commit) {
        self.tick += 1;
        let tick = self.tick;
        let Some(members) = self.lanes.get_mut(&lane) else {
            return;
        };
        for entered in &commit.entered {
            if let Some(member) = members.get_mut(&entered.shard) {
                member.entry_committed = true;
                member.current_window = member.current_window.max(entered.current_window);
            }
        }
        for id in &commit.ended {
            if let Some(member) = members.get_mut(id) {
                member.end = End::Committed(tick);
            }
        }
        for id in &commit.forgotten {
            members.remove(id);
            self.forgotten.insert(id.clone());
        }
    }

    /// Kinesis shards that may enter a lane now, each once.
    pub fn offers(&mut self) -> Vec<Offer> {
        let mut offers = Vec::new();
        let mut due: Vec<KinesisShardId> = Vec::new();
        for (id, parents) in &self.candidates {
            if parents.iter().all(|parent| self.parent_done(parent, id)) {
                due.push(id.clone());
            }
        }
        for id in due {
            let Some(parents) = self.candidates.remove(&id) else {
                continue;
            };
            let lane = self.lane_for(&parents);
            let current_window = parents
                .iter()
                .filter_map(|parent| self.member(parent))
                .map(|(_, member)| member.current_window)
                .max()
                .unwrap_or(EARLIEST_WINDOW);
            self.lanes.entry(lane).or_default().insert(
                id.clone(),
                Member {
                    parents: parents.clone(),
                    current_window,
                    entry_committed: false,
                    end: End::Open,
                },
            );
            offers.push(Offer {
                lane,
                entered: Entered {
                    shard: id,
                    parents,
                    position: Position::Horizon,
                    current_window,
                },
            });
        }
        offers
    }

    /// Whether some child waits for a listing: a parent of it is in no lane, and only a listing that
    /// shows the child can show that the parent has aged out.
    pub fn wants_listing(&self) -> bool {
        self.candidates.iter().any(|(child, parents)| {
            parents.iter().any(|parent| {
                self.member(parent).is_none()
                    && !self.forgotten.contains(parent)
                    && !self.candidates.contains_key(parent)
                    && !self.aged_out(parent, child)
            })
        })
    }

    /// Whether a Kinesis shard has been offered to a lane and no commit names its entry yet.
    pub fn is_letting_in(&self) -> bool {
        let mut members = self.lanes.values().flat_map(BTreeMap::values);
        members.any(|member| !member.entry_committed)
    }

    /// Ended Kinesis shards that need not be remembered any more, each once: their end is
    /// committed, a listing begun after that no longer shows them, their known children have
    /// entered, and no parent of theirs is still remembered: a parent without children in the state
    /// would look as if it had lost them.
    pub fn forgettable(&mut self) -> Vec<(LaneId, KinesisShardId)> {
        let Some(newest) = self.newest else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for (lane, members) in &self.lanes {
            for (id, member) in members {
                let End::Committed(tick) = member.end else {
                    continue;
                };
                let aged_out = newest.0 > tick && !self.shown.contains(id);
                let children_entered = self
                    .children
                    .get(id)
                    .is_none_or(|children| children.iter().all(|child| self.has_entered(child)));
                let parents_forgotten = member
                    .parents
                    .iter()
                    .all(|parent| self.member(parent).is_none());
                if aged_out && children_entered && parents_forgotten {
                    found.push((*lane, id.clone()));
                }
            }
        }
        for (lane, id) in &found {
            if let Some(member) = self.lanes.get_mut(lane).and_then(|lane| lane.get_mut(id)) {
                member.end = End::Forgetting;
            }
        }
        found
    }

    fn learn(&mut self, id: &KinesisShardId, parents: &[KinesisShardId]) {
        for parent in parents {
            self.children
                .entry(parent.clone())
                .or_default()
                .insert(id.clone());
        }
        if self.member(id).is_none() && !self.forgotten.contains(id) {
            self.candidate(id, parents);
        }
    }

    fn candidate(&mut self, id: &KinesisShardId, parents: &[KinesisShardId]) {
        let known = self.candidates.entry(id.clone()).or_default();
        for parent in parents {
            if !known.contains(parent) {
                known.push(parent.clone());
            }
        }
    }

    fn member(&self, id: &KinesisShardId) -> Option<(LaneId, &Member)> {
        self.lanes
            .iter()
            .find_map(|(lane, members)| members.get(id).map(|member| (*lane, member)))
    }

    fn has_entered(&self, child: &KinesisShardId) -> bool {
        self.forgotten.contains(child)
            || self
                .member(child)
                .is_some_and(|(_, member)| member.entry_committed)
    }

    /// Read to its end, or aged out while nobody held it unfinished.
    fn parent_done(&self, parent: &KinesisShardId, child: &KinesisShardId) -> bool {
        match self.member(parent) {
            Some((_, member)) => member.end != End::Open,
            None => {
                self.forgotten.contains(parent)
                    || (!self.candidates.contains_key(parent) && self.aged_out(parent, child))
            }
        }
    }

    /// Whether the newest listing shows the child and not the parent, which is older.
    fn aged_out(&self, parent: &KinesisShardId, child: &KinesisShardId) -> bool {
        self.shown.contains(child) && !self.shown.contains(parent)
    }

    /// The lane of the first parent that is in one, else the lane with the fewest open ones.
    fn lane_for(&self, parents: &[KinesisShardId]) -> LaneId {
        let of_parent = parents.iter().find_map(|parent| self.member(parent));
        let fewest = || {
            let open = |members: &BTreeMap<_, Member>| {
                members
                    .values()
                    .filter(|member| member.end == End::Open)
                    .count()
            };
            self.lanes.iter().min_by_key(|(_, members)| open(members))
        };
        let lane = of_parent.map(|(lane, _)| lane);
        lane.or_else(|| fewest().map(|(lane, _)| *lane))
            .unwrap_or(LaneId(0))
    }
}

#[cfg(test)]
mod tests;
