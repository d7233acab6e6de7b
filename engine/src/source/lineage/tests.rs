use proptest::collection::vec;
use proptest::prelude::*;

use crate::log::{LaneState, ShardState};
use crate::ports::ShardInfo;
use crate::types::{ClaimNumber, ClaimRef, Epoch};

use super::*;

fn shard(name: &str) -> KinesisShardId {
    KinesisShardId::new(name)
}

fn state(parents: &[KinesisShardId], window: i64) -> ShardState {
    ShardState {
        position: Position::Start,
        current_window: Window(window),
        parents: parents.to_vec(),
        ended: false,
        arrival_at_position: None,
        caught_up_at: None,
        cut: None,
    }
}

fn lane(shards: &[(&str, i64)]) -> LaneState {
    LaneState {
        shards: shards
            .iter()
            .map(|(name, window)| (shard(name), state(&[], *window)))
            .collect(),
        ..LaneState::default()
    }
}

fn list(shards: &[(&str, &[&str])]) -> ShardList {
    let info = |(name, parents): &(&str, &[&str])| ShardInfo {
        id: shard(name),
        parents: parents.iter().copied().map(shard).collect(),
        closed: false,
        hash_keys: (0, 0),
    };
    ShardList {
        shards: shards.iter().map(info).collect(),
        server_time: 0,
    }
}

fn end(name: &str, window: i64, children: &[(&str, &[&str])]) -> ShardEnd {
    ShardEnd {
        claim: ClaimRef {
            epoch: Epoch(1),
            lane: LaneId(0),
            claim: ClaimNumber(1),
        },
        shard: shard(name),
        position: Position::Start,
        current_window: Window(window),
        children: children
            .iter()
            .map(|(child, parents)| {
                let parents = parents.iter().copied().map(shard).collect();
                (shard(child), parents)
            })
            .collect(),
    }
}

fn ended(names: &[&str]) -> Commit {
    Commit {
        ended: names.iter().copied().map(shard).collect(),
        ..Commit::default()
    }
}

fn listed(lineage: &mut Lineage, shown: &ShardList) {
    let token = lineage.listing_begins();
    lineage.listed(token, shown);
}

fn offered(lineage: &mut Lineage) -> Vec<(u32, String, i64)> {
    let offers = lineage.offers().into_iter();
    offers
        .map(|Offer { lane, entered }| {
            assert_eq!(entered.position, Position::Horizon);
            (lane.0, entered.shard.to_string(), entered.current_window.0)
        })
        .collect()
}

#[test]
fn a_merged_child_waits_for_both_parents_and_goes_to_the_lane_of_the_first() {
    let mut lineage = Lineage::new(&[lane(&[("a", 3)]), lane(&[("b", 4)])]);
    let children: &[(&str, &[&str])] = &[("c", &["b", "a"])];
    lineage.read_to_end(LaneId(0), &end("a", 9, children));
    assert_eq!(offered(&mut lineage), []);
    lineage.read_to_end(LaneId(1), &end("b", 7, children));
    assert_eq!(offered(&mut lineage), [(1, "c".to_owned(), 9)]);
    assert_eq!(offered(&mut lineage), [], "each once");
}

#[test]
fn a_child_of_a_listing_waits_for_its_parent_to_be_read() {
    let mut lineage = Lineage::new(&[lane(&[("a", 3)])]);
    listed(&mut lineage, &list(&[("a", &[]), ("b", &["a"])]));
    assert_eq!(offered(&mut lineage), []);
    lineage.read_to_end(LaneId(0), &end("a", 5, &[]));
    assert_eq!(offered(&mut lineage), [(0, "b".to_owned(), 5)]);
}

#[test]
fn a_parent_that_has_aged_out_counts_as_done_only_if_nobody_holds_it() {
    let mut lineage = Lineage::new(&[lane(&[("a", 3)]), lane(&[])]);
    // `a` has aged out too, but is not read to its end.
    listed(&mut lineage, &list(&[("b", &["a"]), ("c", &["gone"])]));
    assert_eq!(
        offered(&mut lineage),
        [(1, "c".to_owned(), EARLIEST_WINDOW.0)]
    );
}

#[test]
fn an_unknown_parent_is_asked_after() {
    let mut lineage = Lineage::new(&[lane(&[("a", 3)])]);
    listed(&mut lineage, &list(&[("a", &[])]));
    let before = lineage.listing_begins();
    // The other parent is the child of something that ended in an earlier process.
    lineage.read_to_end(LaneId(0), &end("a", 5, &[("c", &["a", "b"])]));
    assert!(lineage.wants_listing());
    lineage.listed(before, &list(&[("a", &[])]));
    assert_eq!(
        offered(&mut lineage),
        [],
        "that listing was begun too early to show b"
    );
    listed(
        &mut lineage,
        &list(&[("a", &[]), ("b", &[]), ("c", &["a", "b"])]),
    );
    assert!(!lineage.wants_listing());
    assert_eq!(offered(&mut lineage), [(0, "b".to_owned(), 0)]);
    lineage.read_to_end(LaneId(0), &end("b", 6, &[]));
    assert_eq!(offered(&mut lineage), [(0, "c".to_owned(), 6)]);
}

#[test]
fn a_lane_that_restarts_offers_again_what_it_had_not_committed() {
    let mut lineage = Lineage::new(&[lane(&[("a", 3)])]);
    lineage.read_to_end(LaneId(0), &end("a", 5, &[("b", &["a"])]));
    assert_eq!(offered(&mut lineage).len(), 1);
    lineage.lane_restarted(LaneId(0), &lane(&[("a", 3)]));
    assert_eq!(offered(&mut lineage), [], "a must be read to its end again");
    lineage.read_to_end(LaneId(0), &end("a", 4, &[]));
    assert_eq!(offered(&mut lineage), [(0, "b".to_owned(), 4)]);

    let mut state = lane(&[("a", 3), ("b", 4)]);
    state.shards.get_mut(&shard("a")).unwrap().ended = true;
    lineage.lane_restarted(LaneId(0), &state);
    assert_eq!(offered(&mut lineage), [], "its entry is committed");
}

#[test]
fn an_entered_child_stays_entered_when_the_lane_of_its_parent_restarts() {
    let mut lineage = Lineage::new(&[lane(&[("a", 3)]), lane(&[("b", 3)])]);
    let children: &[(&str, &[&str])] = &[("c", &["b", "a"])];
    lineage.read_to_end(LaneId(0), &end("a", 5, children));
    lineage.read_to_end(LaneId(1), &end("b", 5, children));
    assert_eq!(offered(&mut lineage).len(), 1);
    lineage.lane_restarted(LaneId(0), &lane(&[("a", 3)]));
    lineage.read_to_end(LaneId(0), &end("a", 5, children));
    assert_eq!(offered(&mut lineage), []);
}

#[test]
fn an_end_is_forgotten_only_after_a_later_listing_and_the_entry_of_its_children() {
    let mut lineage = Lineage::new(&[lane(&[("a", 3)])]);
    lineage.read_to_end(LaneId(0), &end("a", 5, &[("b", &["a"])]));
    let early = lineage.listing_begins();
    lineage.committed(LaneId(0), &ended(&["a"]));
    lineage.listed(early, &list(&[("b", &["a"])]));
    assert_eq!(
        lineage.forgettable(),
        [],
        "that listing was begun before the commit"
    );
    listed(&mut lineage, &list(&[("b", &["a"])]));
    let entered = lineage.offers().remove(0).entered;
    assert_eq!(lineage.forgettable(), [], "b's entry is not committed");
    let entry = Commit {
        entered: vec![entered],
        ..Commit::default()
    };
    lineage.committed(LaneId(0), &entry);
    listed(&mut lineage, &list(&[("a", &[]), ("b", &["a"])]));
    assert_eq!(lineage.forgettable(), [], "it is still shown");
    listed(&mut lineage, &list(&[("b", &["a"])]));
    assert_eq!(lineage.forgettable(), [(LaneId(0), shard("a"))]);
    assert_eq!(lineage.forgettable(), [], "each once");
}

#[test]
fn a_child_is_not_forgotten_before_its_parent() {
    let mut lineage = Lineage::new(&[lane(&[("a", 3)])]);
    lineage.read_to_end(LaneId(0), &end("a", 5, &[("b", &["a"])]));
    let entered = lineage.offers().remove(0).entered;
    lineage.read_to_end(LaneId(0), &end("b", 6, &[]));
    let both = Commit {
        entered: vec![entered],
        ..ended(&["a", "b"])
    };
    lineage.committed(LaneId(0), &both);
    listed(&mut lineage, &list(&[]));
    assert_eq!(lineage.forgettable(), [(LaneId(0), shard("a"))]);
    let forgotten = Commit {
        forgotten: vec![shard("a")],
        ..Commit::default()
    };
    lineage.committed(LaneId(0), &forgotten);
    assert_eq!(lineage.forgettable(), [(LaneId(0), shard("b"))]);
}

#[test]
fn the_lane_of_a_child_is_that_of_the_parent_that_a_listing_names_first() {
    let lanes = [lane(&[("a", 3)]), lane(&[("b", 3)])];
    let mut lineage = Lineage::new(&lanes);
    lineage.read_to_end(LaneId(1), &end("b", 5, &[("c", &["b", "a"])]));
    listed(
        &mut lineage,
        &list(&[("a", &[]), ("b", &[]), ("c", &["a", "b"])]),
    );
    lineage.read_to_end(LaneId(0), &end("a", 5, &[]));
    assert_eq!(lineage.offers()[0].lane, LaneId(0));
}

#[test]
fn a_listing_that_comes_late_brings_nothing_back() {
    let mut lineage = Lineage::new(&[lane(&[("a", 3), ("b", 3)])]);
    lineage.read_to_end(LaneId(0), &end("a", 5, &[]));
    lineage.committed(LaneId(0), &ended(&["a"]));
    let early = lineage.listing_begins();
    listed(&mut lineage, &list(&[("b", &[])]));
    assert_eq!(lineage.forgettable().len(), 1);
    let forgotten = Commit {
        forgotten: vec![shard("a")],
        ..Commit::default()
    };
    lineage.committed(LaneId(0), &forgotten);
    lineage.listed(early, &list(&[("a", &[]), ("b", &[])]));
    assert_eq!(offered(&mut lineage), []);
    // The same if the news of the commit got lost with its lane.
    let mut lineage = Lineage::new(&[lane(&[("a", 3), ("b", 3)])]);
    lineage.read_to_end(LaneId(0), &end("a", 5, &[]));
    lineage.committed(LaneId(0), &ended(&["a"]));
    lineage.lane_restarted(LaneId(0), &lane(&[("b", 3)]));
    listed(&mut lineage, &list(&[("a", &[]), ("b", &[])]));
    assert_eq!(offered(&mut lineage), []);
}

/// A Kinesis shard of the simulated stream.
#[derive(Clone)]
struct Real {
    id: KinesisShardId,
    parents: Vec<KinesisShardId>,
    closed: bool,
    trimmed: bool,
}

/// A stream that is resharded and trimmed, lanes with logs, and the lineage of a process.
struct World {
    stream: Vec<Real>,
    lanes: Vec<LaneState>,
    /// What each lane has taken up and not committed: entries, ends, what it forgets.
    tips: Vec<Commit>,
    lineage: Lineage,
    listings: Vec<(ListingToken, ShardList)>,
    forgotten: BTreeSet<KinesisShardId>,
}

impl World {
    fn new(lanes: usize) -> Self {
        let mut world = World {
            stream: Vec::new(),
            lanes: vec![LaneState::default(); lanes],
            tips: vec![Commit::default(); lanes],
            lineage: Lineage::default(),
            listings: Vec::new(),
            forgotten: BTreeSet::new(),
        };
        for number in 0..3 {
            let id = world.create(Vec::new());
            world.lanes[number % lanes].shards.insert(id, state(&[], 0));
        }
        world.lineage = Lineage::new(&world.lanes);
        world
    }

    fn create(&mut self, parents: Vec<KinesisShardId>) -> KinesisShardId {
        let id = shard(&format!("s{:03}", self.stream.len()));
        let (closed, trimmed) = (false, false);
        self.stream.push(Real {
            id: id.clone(),
            parents,
            closed,
            trimmed,
        });
        id
    }

    /// Splits an open Kinesis shard, or merges two.
    fn reshard(&mut self, pick: usize) {
        let mut open: Vec<usize> = (0..self.stream.len())
            .filter(|at| !self.stream[*at].closed)
            .collect();
        if self.stream.len() > 40 || open.is_empty() {
            return;
        }
        let first = open.remove(pick % open.len());
        self.stream[first].closed = true;
        let first = self.stream[first].id.clone();
        if (pick / 8).is_multiple_of(2) && !open.is_empty() {
            let second = open[pick / 16 % open.len()];
            self.stream[second].closed = true;
            let second = self.stream[second].id.clone();
            self.create(vec![first, second]);
        } else {
            self.create(vec![first.clone()]);
            self.create(vec![first]);
        }
    }

    fn ended_in_log(&self, id: &KinesisShardId) -> bool {
        self.forgotten.contains(id)
            || self
                .lanes
                .iter()
                .any(|lane| lane.shards.get(id).is_some_and(|state| state.ended))
    }

    /// Retention passes the oldest Kinesis shard, if it is done with.
    fn trim(&mut self) {
        let oldest = self.stream.iter().position(|real| !real.trimmed);
        if let Some(oldest) = oldest.filter(|at| self.stream[*at].closed)
            && self.ended_in_log(&self.stream[oldest].id)
        {
            self.stream[oldest].trimmed = true;
        }
    }

    fn begin_listing(&mut self) {
        let retained = self.stream.iter().filter(|real| !real.trimmed);
        let shards = retained.map(|real| ShardInfo {
            id: real.id.clone(),
            parents: real.parents.clone(),
            closed: real.closed,
            hash_keys: (0, 0),
        });
        let shards = shards.collect();
        let token = self.lineage.listing_begins();
        self.listings.push((
            token,
            ShardList {
                shards,
                server_time: 0,
            },
        ));
    }

    fn finish_listing(&mut self, pick: usize) {
        if !self.listings.is_empty() {
            let (token, list) = self.listings.swap_remove(pick % self.listings.len());
            self.lineage.listed(token, &list);
        }
    }

    /// Whether the lane has the end of it, committed or not.
    fn ended_in_tip(&self, id: &KinesisShardId) -> bool {
        self.ended_in_log(id) || self.tips.iter().any(|tip| tip.ended.contains(id))
    }

    /// A reader comes to the end of a closed Kinesis shard that its lane holds.
    fn read(&mut self, pick: usize) {
        let lane = pick % self.lanes.len();
        let held = self.lanes[lane].shards.keys().cloned();
        let entered = self.tips[lane]
            .entered
            .iter()
            .map(|entered| entered.shard.clone());
        let closed =
            |id: &KinesisShardId| self.stream.iter().any(|real| real.id == *id && real.closed);
        let mut due: Vec<KinesisShardId> = held.chain(entered).filter(closed).collect();
        due.retain(|id| !self.ended_in_tip(id));
        if due.is_empty() {
            return;
        }
        let id = due.swap_remove(pick / 8 % due.len());
        let children = self.stream.iter().filter(|real| real.parents.contains(&id));
        let children = children.map(|real| (real.id.clone(), real.parents.clone()));
        let end = ShardEnd {
            shard: id.clone(),
            children: children.collect(),
            ..end("", i64::try_from(pick % 7).unwrap(), &[])
        };
        self.tips[lane].ended.push(id);
        self.lineage.read_to_end(LaneId(lane as u32), &end);
    }

    /// I7: what is offered is in no lane, and its parents are read or gone.
    fn enter(&mut self) {
        for Offer { lane, entered } in self.lineage.offers() {
            let id = &entered.shard;
            let real = self
                .stream
                .iter()
                .find(|real| real.id == *id)
                .unwrap()
                .clone();
            assert!(!self.forgotten.contains(id), "{id} was forgotten");
            assert!(
                self.lanes
                    .iter()
                    .all(|state| !state.shards.contains_key(id)),
                "{id} twice"
            );
            let in_tip = |tip: &Commit| tip.entered.iter().any(|entered| entered.shard == *id);
            assert!(!self.tips.iter().any(in_tip), "{id} twice");
            for parent in &real.parents {
                assert!(self.ended_in_tip(parent), "{id} before its parent {parent}");
            }
            self.tips[lane.0 as usize].entered.push(entered);
        }
        for (lane, id) in self.lineage.forgettable() {
            let real = self.stream.iter().find(|real| real.id == id).unwrap();
            assert!(real.trimmed, "{id} is still listed");
            for child in self.stream.iter().filter(|real| real.parents.contains(&id)) {
                let entered = |state: &LaneState| state.shards.contains_key(&child.id);
                assert!(self.lanes.iter().any(entered) || self.forgotten.contains(&child.id));
            }
            self.tips[lane.0 as usize].forgotten.push(id);
        }
    }

    /// The lane's tip becomes true; the news may be lost.
    fn commit(&mut self, lane: usize, told: bool) {
        let lane = lane % self.lanes.len();
        let commit = std::mem::take(&mut self.tips[lane]);
        self.forgotten.extend(commit.forgotten.iter().cloned());
        self.lanes[lane].apply(&commit);
        if told {
            self.lineage.committed(LaneId(lane as u32), &commit);
        } else {
            self.restart_lane(lane);
        }
    }

    fn restart_lane(&mut self, lane: usize) {
        let lane = lane % self.lanes.len();
        self.tips[lane] = Commit::default();
        self.lineage
            .lane_restarted(LaneId(lane as u32), &self.lanes[lane]);
    }

    fn restart(&mut self) {
        self.tips.fill(Commit::default());
        self.listings.clear();
        self.lineage = Lineage::new(&self.lanes);
    }

    fn step(&mut self, kind: u8, pick: usize) {
        match kind {
            0..=1 => self.reshard(pick),
            2..=5 => self.read(pick),
            6..=8 => self.enter(),
            9 => self.begin_listing(),
            10 => self.finish_listing(pick),
            11..=12 => self.commit(pick, true),
            13 => self.commit(pick, false),
            14 => self.restart_lane(pick),
            15 => self.restart(),
            _ => self.trim(),
        }
    }

    /// Lets everything be read: no Kinesis shard may be left out, or be in two lanes.
    fn finish(&mut self) {
        for _ in 0..200 {
            self.begin_listing();
            self.finish_listing(0);
            (0..32).for_each(|pick| self.read(pick));
            self.enter();
            (0..self.lanes.len()).for_each(|lane| self.commit(lane, true));
            self.trim();
            if self
                .stream
                .iter()
                .all(|real| real.closed == self.forgotten.contains(&real.id))
            {
                break;
            }
        }
        for real in &self.stream {
            let holds = self
                .lanes
                .iter()
                .filter(|lane| lane.shards.contains_key(&real.id))
                .count();
            let forgotten = usize::from(self.forgotten.contains(&real.id));
            assert_eq!(holds + forgotten, 1, "{}", real.id);
            assert_eq!(self.ended_in_log(&real.id), real.closed, "{}", real.id);
            assert_eq!(
                forgotten == 1,
                real.trimmed,
                "{} is remembered for ever",
                real.id
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn every_kinesis_shard_enters_one_lane_once_after_its_parents(
        lanes in 1_usize..4,
        steps in vec((0_u8..17, any::<u16>()), 0..200),
    ) {
        let mut world = World::new(lanes);
        for (kind, pick) in steps {
            world.step(kind, usize::from(pick));
        }
        world.finish();
    }
}
