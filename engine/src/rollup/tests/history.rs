//! Random histories: commits, changes of lanes, roll-ups put, lost and damaged, windows expired.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// A lane commits rows so many minutes after what it has closed; the time to close is shared.
    Commit {
        lane: usize,
        ahead: i64,
        rows: u64,
    },
    /// A stop's part of a window, which stays open.
    Part {
        lane: usize,
        ahead: i64,
    },
    /// All lanes close up to the furthest, and so much more.
    Close {
        ahead: i64,
    },
    Start {
        lanes: usize,
    },
    Roll,
    Lose {
        which: usize,
    },
    Damage {
        which: usize,
    },
    Expire {
        share: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..4usize, 1..90i64, 0..4u64)
            .prop_map(|(lane, ahead, rows)| Step::Commit { lane, ahead, rows }),
        1 => (0..4usize, 1..50i64).prop_map(|(lane, ahead)| Step::Part { lane, ahead }),
        3 => prop_oneof![0..200i64, 1_000..2_000i64].prop_map(|ahead| Step::Close { ahead }),
        1 => (1..4usize).prop_map(|lanes| Step::Start { lanes }),
        3 => Just(Step::Roll),
        1 => (0..50usize).prop_map(|which| Step::Lose { which }),
        1 => (0..50usize).prop_map(|which| Step::Damage { which }),
        1 => (0..100i64).prop_map(|share| Step::Expire { share }),
    ]
}

impl Lake {
    fn closed(&self, lane: usize) -> Window {
        let state = self.lanes[lane].state();
        let (_, shard) = state.shards.iter().next().expect("a lane has some");
        let before = shard.current_window.previous();
        state
            .closed_through
            .map_or(before, |closed| closed.max(before))
    }

    fn take_step(&mut self, step: &Step) {
        let lanes = self.lanes.len();
        match *step {
            Step::Commit { lane, ahead, rows } => {
                let lane = lane % lanes;
                let window = Window(self.closed(lane).0 + ahead);
                self.commit(lane, window, rows);
            }
            Step::Part { lane, ahead } => {
                let lane = lane % lanes;
                let closed = self.lanes[lane].state().closed_through;
                let window = Window(self.closed(lane).0 + ahead);
                let (mut commit, pane) = self.put_commit(lane, window, 2);
                commit.closed_through = closed;
                for range in commit.ranges.values_mut() {
                    range.current_window = window;
                }
                self.append(lane, (commit, pane));
                // Only a stop does that.
                self.start(lanes);
            }
            Step::Close { ahead } => {
                let furthest = (0..lanes).map(|lane| self.closed(lane)).max();
                let furthest = furthest.expect("there are lanes");
                self.close(Window(furthest.0 + ahead));
            }
            Step::Start { lanes } => self.start(lanes),
            Step::Roll => {
                self.roll();
            }
            Step::Lose { which } => {
                let rollups = self.rollups();
                if let Some(name) = rollups.get(which) {
                    self.memory.objects().remove(name);
                }
            }
            Step::Damage { which } => {
                let rollups = self.rollups();
                if let Some(name) = rollups.get(which) {
                    self.memory.objects().insert(name.clone(), "damaged".into());
                }
            }
            Step::Expire { share } => {
                let furthest = (0..lanes).map(|lane| self.closed(lane)).min();
                let length = furthest.expect("there are lanes").0 - FIRST.0;
                let through = minute(length * share / 100);
                let before = self.lanes.iter().map(|lane| lane.state().expired_through);
                let closed = self.lanes[0].state().closed_through;
                if before.max().flatten() < Some(through) && Some(through) <= closed {
                    now(self.lanes[0].expire(through, true)).unwrap();
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn i8_whatever_was_rolled_up_lost_or_damaged_every_commit_counts_once(
        steps in prop::collection::vec(step(), 1..60),
        ranges in prop::collection::vec((0..6_000i64, 0..4_000i64), 3),
    ) {
        let mut lake = Lake::new(2);
        for step in &steps {
            lake.take_step(step);
        }
        let found = lake.assert_whole();
        let begin = found.expired_through.map_or(Window(i64::MIN), Window::next);
        for (from, length) in ranges {
            let from = minute(from).max(begin);
            let to = Window(from.0 + length);
            lake.assert_range(from..to);
        }
    }
}
