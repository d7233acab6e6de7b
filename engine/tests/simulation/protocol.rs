//! The log protocol under chaos: three processes at a time start, claim, commit, restart lanes,
//! change the number of lanes, clean up, expire, pause for up to hours and crash anywhere, while a
//! follower reads along. Then the chaos ends, one last process runs for more than a day, and what
//! is left on the target must be whole and tidy.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use shardmill_engine::log::{EntryBody, Followed, Follower, Retention, Walk, Walked, read_state};
use shardmill_engine::ports::{Host, Store};
use shardmill_engine::types::{Position, Window, WindowLength};

use crate::START_MS;
use crate::checker::{Checker, Seen};
use crate::executor::{Chaos, ProcessNo, Simulation, World};
use crate::host::SimulatedHost;
use crate::model_stream::{ModelStream, position_at};
use crate::process::{Exit, Exits, Habits, Process};
use crate::random::Random;
use crate::retention::Manners;
use crate::seeds;
use crate::store::{Defect, Target};

/// Seeds that found something once.
const KNOWN: &[u64] = &[
    // A follower that read a void claim did not say that the commit before it was gone.
    6_088_348_048_464_333_982,
    // A walk that lost its thread at a hole that begins right after a checkpoint.
    6_088_599_096_890_476_944,
    // A walk that took what retention had deleted before its checkpoint knew of it for missing.
    6_090_530_787_748_532_797,
    // A commit that took effect unanswered, and was gone by retention when the retry looked at it.
    6_090_531_126_894_549_966,
    // The 60 s rule counted from a late answer, and an object came a day after its claim.
    6_089_218_750_864_433_292,
    // A void claim that stood where the newest checkpoint was made.
    6_091_367_588_144_926_068,
];

/// Processes that try to run the source at a time.
const SLOTS: usize = 3;
/// The number of the process that only looks.
const OBSERVER: ProcessNo = ProcessNo(1_000_000);
const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
/// How long the last process runs: longer than what clean-up waits before it calls a claim settled.
const CALM_MS: i64 = 27 * HOUR_MS;

#[test]
fn the_protocol_holds_under_chaos() {
    let total = Mutex::new((0u64, Seen::default(), Exited::default()));
    seeds::run(KNOWN, 100, |seed, tracing| {
        let outcome = simulate(seed, tracing, Defect::None);
        let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
        total.0 += 1;
        total.1.add(&outcome.seen);
        total.2.add(&outcome.exited);
    });
    let total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{total:#?}");
}

#[test]
fn a_target_that_overwrites_is_noticed() {
    assert!(is_noticed(Defect::Overwrites));
}

#[test]
fn a_claim_that_is_not_held_against_the_checkpoints_is_noticed() {
    assert!(is_noticed(Defect::HidesCheckpointsOnce));
}

#[test]
fn a_process_that_never_looks_after_a_pause_is_noticed() {
    assert!(is_noticed(Defect::ClocksStand));
}

/// Whether some of a few seeds fails when the target breaks its word.
fn is_noticed(defect: Defect) -> bool {
    (0..200).any(|seed| {
        let run = || simulate(seed, false, defect);
        catch_unwind(AssertUnwindSafe(run)).is_err()
    })
}

/// How processes ended.
#[derive(Clone, Debug, Default)]
struct Exited {
    crashed: u64,
    fenced: u64,
    stopped: u64,
}

impl Exited {
    fn add(&mut self, other: &Self) {
        self.crashed += other.crashed;
        self.fenced += other.fenced;
        self.stopped += other.stopped;
    }
}

struct Outcome {
    seen: Seen,
    exited: Exited,
}

/// A history and what it runs in.
struct History {
    simulation: Simulation,
    world: World,
    target: Target,
    checker: Arc<Mutex<Checker>>,
    stream: Arc<ModelStream>,
    dice: Random,
    exits: Exits,
    exited: Exited,
    slots: [Slot; SLOTS],
    next_process: u64,
    /// Retention follows close behind the commits.
    is_hasty: bool,
}

#[derive(Clone, Copy)]
enum Slot {
    Runs(ProcessNo),
    Starts(i64),
}

fn simulate(seed: u64, tracing: bool, defect: Defect) -> Outcome {
    History::new(seed, tracing, defect).run()
}

impl History {
    fn new(seed: u64, tracing: bool, defect: Defect) -> Self {
        let mut dice = Random::new(!seed);
        let is_hasty = dice.one_in(4);
        let length = match is_hasty {
            true => 10_000,
            false => [10_000, 60_000, 60_000][dice.below(3)],
        };
        let window_length = WindowLength::from_millis(length).expect("it divides an hour");
        let chaos_ends = START_MS + dice.between(15, 90) * MINUTE_MS;
        let stream = ModelStream::new(&mut dice, window_length, START_MS, chaos_ends);
        let simulation = Simulation::new(seed, START_MS, tracing);
        let world = simulation.world();
        world.let_clocks_stand(defect == Defect::ClocksStand);
        let target = Target::new(defect);
        let checker = Checker::new(window_length);
        let books = Arc::clone(&checker);
        target.observe(Box::new(move |change, objects, _| {
            let mut books = books.lock().unwrap_or_else(PoisonError::into_inner);
            books.on(change, objects);
        }));
        let slots = [0; SLOTS].map(|_| Slot::Starts(START_MS + dice.between(0, 2 * MINUTE_MS)));
        Self {
            simulation,
            world,
            target,
            checker,
            stream: Arc::new(stream),
            dice,
            exits: Exits::default(),
            exited: Exited::default(),
            slots,
            next_process: 1,
            is_hasty,
        }
    }

    fn run(&mut self) -> Outcome {
        let followed = Arc::new(Mutex::new(FollowedSoFar::default()));
        self.world.begin_observer(OBSERVER);
        let follow = follow(self.observer_store(), self.observer_host(), &followed);
        self.world.spawn(OBSERVER, Box::pin(follow));

        let (chaos, chaos_ends) = (self.chaos(), self.stream.ends);
        self.world.set_chaos(chaos);
        while self.world.now() < chaos_ends {
            self.tend_slots();
            let until = self.next_start().min(chaos_ends);
            self.simulation.step(until);
        }
        self.world.set_chaos(Chaos::default());
        self.world.let_clocks_stand(false);
        let last = self.run_last();
        self.check_the_others_ended(last);
        self.check_end();
        self.world.crash(last);
        self.tidy();
        self.check_left_behind();
        self.check_readers(&followed);
        self.check_start_is_short();
        Outcome {
            seen: self.checker().seen.clone(),
            exited: self.exited.clone(),
        }
    }

    /// Lets one last process run for long, alone in the end.
    fn run_last(&mut self) -> ProcessNo {
        loop {
            let usual = habits(&mut self.dice);
            let habits = Habits {
                restart: 0,
                restart_midway: 0,
                stop: 0,
                rest: HOUR_MS,
                retention: Manners {
                    rest: HOUR_MS,
                    ..usual.retention
                },
                ..usual
            };
            let last = self.start_process(habits);
            let end = self.world.now() + CALM_MS;
            while self.world.now() < end && self.exit_of(last).is_none() {
                let until = self.world.now() + 10 * MINUTE_MS;
                while self.simulation.step(until) {}
            }
            match self.exit_of(last) {
                None => return last,
                // One that began before it took its generation after it, and so is newer.
                Some(exit) => assert_eq!(exit, Exit::Fenced),
            }
            for slot in self.slots {
                if let Slot::Runs(process) = slot {
                    self.world.crash(process);
                }
            }
        }
    }

    fn chaos(&mut self) -> Chaos {
        if self.is_hasty {
            // Many pauses of a minute or so and little else: processes act on heads that are out of
            // date, and what comes after those has expired.
            return Chaos {
                pause: self.dice.between(15, 60).unsigned_abs(),
                longest_pause: Some(self.dice.between(30_000, 200_000)),
                late_effect: 50,
                ..Chaos::default()
            };
        }
        let mut rate = |low, high| match self.dice.one_in(4) {
            true => 0,
            false => self.dice.between(low, high).unsigned_abs(),
        };
        Chaos {
            lost_answer: rate(10, 200),
            lost_call: rate(10, 200),
            late_effect: rate(10, 200),
            conflict: rate(10, 200),
            slow: rate(10, 300),
            pause: rate(50, 1_000),
            longest_pause: None,
            crash: rate(50, 1_000),
        }
    }

    fn tend_slots(&mut self) {
        for place in 0..SLOTS {
            match self.slots[place] {
                Slot::Runs(process) => {
                    let exit = self.exit_of(process);
                    if exit.is_none() && self.world.is_alive(process) {
                        continue;
                    }
                    self.note_exit(exit);
                    self.world.crash(process);
                    let longest = [5_000, MINUTE_MS, 10 * MINUTE_MS][self.dice.below(3)];
                    let wait = self.dice.between(100, longest);
                    self.slots[place] = Slot::Starts(self.world.now() + wait);
                }
                Slot::Starts(time) if time <= self.world.now() => {
                    let mut habits = habits(&mut self.dice);
                    if self.is_hasty {
                        habits.lanes = [2, 2, 2, 2, 1][self.dice.below(5)];
                        habits.retention = Manners {
                            expire: 1,
                            keep: 2,
                            rest: 20_000,
                            ..habits.retention
                        };
                        (habits.rest, habits.stop, habits.checkpoint_every) = (5_000, 0, 2);
                    }
                    self.slots[place] = Slot::Runs(self.start_process(habits));
                }
                Slot::Starts(_) => {}
            }
        }
    }

    fn next_start(&self) -> i64 {
        let starts = self.slots.iter().filter_map(|slot| match slot {
            Slot::Starts(time) => Some(*time),
            Slot::Runs(_) => None,
        });
        starts.min().unwrap_or(i64::MAX)
    }

    fn start_process(&mut self, habits: Habits) -> ProcessNo {
        let number = ProcessNo(self.next_process);
        self.next_process += 1;
        self.world
            .trace(|| format!("p{} starts: {habits:?}", number.0));
        Process::new(&self.world, number, &self.target, &self.stream, habits).spawn(&self.exits);
        number
    }

    fn exit_of(&self, process: ProcessNo) -> Option<Exit> {
        let exits = self.exits.lock().unwrap_or_else(PoisonError::into_inner);
        exits.get(&process.0).cloned()
    }

    fn note_exit(&mut self, exit: Option<Exit>) {
        match exit {
            None => self.exited.crashed += 1,
            Some(Exit::Fenced) => self.exited.fenced += 1,
            Some(Exit::Stopped) => self.exited.stopped += 1,
        }
    }

    fn check_the_others_ended(&mut self, last: ProcessNo) {
        for slot in self.slots {
            if let Slot::Runs(process) = slot {
                let over = self.exit_of(process).is_some() || !self.world.is_alive(process);
                assert!(over, "p{} runs beside p{}", process.0, last.0);
                self.note_exit(self.exit_of(process));
            }
        }
    }

    /// A process claims the lanes and finishes what retention was at when the last one crashed.
    fn tidy(&mut self) {
        let lanes = self.checker().last_folds().count();
        let number = ProcessNo(self.next_process);
        self.next_process += 1;
        let habits = Habits {
            lanes,
            ..habits(&mut self.dice)
        };
        let process = Process::new(&self.world, number, &self.target, &self.stream, habits);
        self.world.begin_process(number);
        let done = Arc::new(AtomicBool::new(false));
        let tell = Arc::clone(&done);
        let tidy = async move {
            let lanes = process.claim().await.expect("nobody else runs");
            let mut retention = Retention::new(&lanes).expect("there are lanes");
            retention.run().await.expect("nothing fails");
            tell.store(true, Ordering::Relaxed);
        };
        self.world.spawn(number, Box::pin(tidy));
        let until = self.world.now() + HOUR_MS;
        while !done.load(Ordering::Relaxed) && self.simulation.step(until) {}
        assert!(done.load(Ordering::Relaxed), "retention takes an hour");
        self.world.crash(number);
    }

    /// Nothing is left that had to go, and nothing is gone that had to stay.
    fn check_left_behind(&self) {
        let checker = self.checker();
        let left = self
            .target
            .with_objects(|objects| checker.left_behind(objects));
        let none = Vec::<String>::new();
        assert_eq!(left, none, "clean-up and retention left these");
        let lost = self.target.with_objects(|objects| checker.lost(objects));
        assert_eq!(lost, none, "these are not expired and gone");
    }

    /// Everything is committed once.
    fn check_end(&self) {
        let checker = self.checker();
        for id in self.stream.shards.keys() {
            let committed = checker.positions().get(id);
            let committed = committed.unwrap_or_else(|| panic!("I7: {id} never entered"));
            match self.stream.records(id) {
                0 => assert!(committed.sequence().is_none(), "{id}"),
                records => assert_eq!(*committed, position_at(records), "I1: {id}"),
            }
        }

        let uploads = self.target.pending_uploads();
        assert_eq!(uploads, Vec::<String>::new(), "clean-up left these uploads");
        let mut settled = None;
        let mut epoch = 0;
        for fold in checker.last_folds() {
            let ended = &fold.folded.ended_claims;
            assert!(
                ended.is_empty(),
                "lane {}: {ended:?} are listed for ever",
                fold.lane
            );
            settled = settled.max(fold.folded.state.cleaned.epoch);
            epoch = fold.epoch.0;
        }
        let before = settled.map_or(0, |settled| settled.0) + 1;
        assert_eq!(before, epoch, "epochs before this one are listed for ever");
    }

    /// Whoever follows has seen every commit once; a walk finds nothing wrong; a view is right.
    fn check_readers(&mut self, followed: &Mutex<FollowedSoFar>) {
        // One more round of the follower.
        let until = self.world.now() + 3 * HOUR_MS;
        while self.simulation.step(until) {}
        self.check_followed(&followed.lock().unwrap_or_else(PoisonError::into_inner));

        let report = Arc::new(Mutex::new(None));
        let look = look(self.observer_store(), self.observer_host(), &report);
        self.world.spawn(OBSERVER, Box::pin(look));
        let until = self.world.now() + HOUR_MS;
        while self.simulation.step(until) {}
        let report = report.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (walked, viewed) = report.expect("an hour is enough to look");
        let checker = self.checker();
        let folds: Vec<_> = checker.last_folds().cloned().collect();
        assert_eq!(walked, folds, "the walk ends elsewhere");
        assert_eq!(viewed, folds, "the view is of another state");
    }

    fn check_followed(&self, followed: &FollowedSoFar) {
        let checker = self.checker();
        for at in checker.commits() {
            let seen = followed.commits.contains(&at) || followed.skipped_over(at);
            assert!(seen, "the follower has missed {at:?}");
        }
        assert_eq!(followed.epochs, checker.seen.epochs);
        assert_eq!(followed.complete, checker.complete_through());
    }

    /// A start reads little, however long the history was.
    fn check_start_is_short(&mut self) {
        let before = self.world.calls();
        let lanes = self.checker().last_folds().count();
        let habits = Habits {
            lanes,
            ..habits(&mut self.dice)
        };
        let number = ProcessNo(self.next_process);
        let process = Process::new(&self.world, number, &self.target, &self.stream, habits);
        let lanes = Arc::new(Mutex::new(0));
        let claimed = Arc::clone(&lanes);
        self.world.begin_process(number);
        self.world.spawn(
            number,
            Box::pin(async move {
                let lanes = process.claim().await.expect("nobody else runs");
                *claimed.lock().unwrap_or_else(PoisonError::into_inner) = lanes.len() as u64;
            }),
        );
        self.world.crash(OBSERVER);
        let until = self.world.now() + HOUR_MS;
        while self.simulation.step(until) {}
        let lanes = *lanes.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(lanes > 0, "the start takes an hour");
        let calls = self.world.calls() - before;
        let digits = 64 - self.next_process.leading_zeros();
        let bound = 10 + 4 * u64::from(digits) + 4 * 4 + lanes * (16 + 8);
        assert!(
            calls <= bound,
            "a start took {calls} calls, more than {bound}"
        );
    }

    fn checker(&self) -> std::sync::MutexGuard<'_, Checker> {
        self.checker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn observer_store(&self) -> Arc<dyn Store> {
        self.target.for_process(&self.world, OBSERVER)
    }

    fn observer_host(&self) -> Arc<dyn Host> {
        Arc::new(SimulatedHost {
            world: self.world.clone(),
            process: OBSERVER,
        })
    }
}

fn habits(dice: &mut Random) -> Habits {
    let mut sometimes = |often: i64| match dice.one_in(3) {
        true => 0,
        false => dice.between(often, 8 * often).unsigned_abs(),
    };
    let (restart, restart_midway, stop) = (sometimes(5), sometimes(4), sometimes(12));
    let expire = sometimes(1);
    let soft = [0, 0, 1, 3][dice.below(4)];
    Habits {
        // Mostly the same number, so that not every start changes it.
        lanes: [2, 2, 2, 1, 3][dice.below(5)],
        checkpoint_every: [2, 4, 16][dice.below(3)],
        restart,
        restart_midway,
        stop,
        retention: Manners {
            expire,
            keep: dice.between(1, 20),
            soft,
            rest: [10_000, 5 * MINUTE_MS, HOUR_MS][dice.below(3)],
        },
        parts: dice.between(1, 3),
        rest: [5_000, MINUTE_MS, 3 * MINUTE_MS][dice.below(3)],
    }
}

#[derive(Default)]
struct FollowedSoFar {
    epochs: u64,
    commits: BTreeSet<(u64, u32, u64)>,
    skipped: BTreeMap<(u64, u32), Vec<(u64, u64)>>,
    complete: Option<Window>,
}

impl FollowedSoFar {
    fn skipped_over(&self, (epoch, lane, number): (u64, u32, u64)) -> bool {
        let skipped = self.skipped.get(&(epoch, lane));
        skipped.is_some_and(|of| of.iter().any(|(from, to)| (*from..=*to).contains(&number)))
    }
}

/// Follows for ever, and holds what it sees against what a follower is promised.
fn follow(
    store: Arc<dyn Store>,
    host: Arc<dyn Host>,
    so_far: &Arc<Mutex<FollowedSoFar>>,
) -> impl Future<Output = ()> + Send + use<> {
    let so_far = Arc::clone(so_far);
    async move {
        let mut follower = Follower::new(store, Arc::clone(&host));
        loop {
            let news = follower.poll().await;
            let news = news.unwrap_or_else(|error| panic!("the follower fails with {error}"));
            let is_quiet = news.is_empty();
            {
                let mut so_far = so_far.lock().unwrap_or_else(PoisonError::into_inner);
                for news in news {
                    so_far.take(news);
                }
                let complete = follower.complete_through();
                assert!(
                    complete >= so_far.complete,
                    "what was complete is not any more"
                );
                so_far.complete = complete;
            }
            if is_quiet {
                // The observer's calls are in the way of nobody, but they take time to simulate.
                host.sleep(20 * 60_000).await;
            }
        }
    }
}

impl FollowedSoFar {
    fn take(&mut self, news: Followed) {
        match news {
            Followed::Epoch(record) => {
                self.epochs += 1;
                assert_eq!(record.epoch.0, self.epochs);
            }
            Followed::Entry(at, entry) => {
                if let EntryBody::Commit(_) = entry.body {
                    let new = self.commits.insert((at.epoch.0, at.lane.0, at.entry));
                    assert!(new, "{at} was followed twice");
                }
            }
            Followed::Skipped { from, through } => {
                let lane = self.skipped.entry((from.epoch.0, from.lane.0)).or_default();
                lane.push((from.entry, through));
            }
        }
    }
}

type Folds = Vec<shardmill_engine::log::LaneFold>;

/// Walks over everything and takes a view.
fn look(
    store: Arc<dyn Store>,
    host: Arc<dyn Host>,
    report: &Arc<Mutex<Option<(Folds, Folds)>>>,
) -> impl Future<Output = ()> + Send + use<> {
    let report = Arc::clone(report);
    async move {
        let walk = Walk::begin(Arc::clone(&store), Arc::clone(&host)).await;
        let mut walk = walk.expect("it can be read").expect("there is a source");
        let mut last = Folds::new();
        loop {
            let walked = walk.next().await;
            match walked.unwrap_or_else(|error| panic!("the walk finds {error}")) {
                None => break,
                Some(Walked::Epoch(_)) => last.clear(),
                Some(Walked::Lane(fold)) => last.push(*fold),
                Some(Walked::Entry { .. }) => {}
            }
        }
        let view = read_state(store, host).await.expect("it can be read");
        let view = view.expect("there is a source");
        let viewed = view.lanes.into_iter().map(|lane| lane.fold).collect();
        *report.lock().unwrap_or_else(PoisonError::into_inner) = Some((last, viewed));
    }
}

/// A position is a number of records here, so the whole stream can be told from the books.
#[test]
fn positions_of_the_model_count_records() {
    assert_eq!(crate::model_stream::read_records(&Position::Horizon), 0);
    assert_eq!(crate::model_stream::read_records(&position_at(7)), 7);
}
