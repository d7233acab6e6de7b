//! The whole path under simulation: the real readers, lineage, flows and logs, from a simulated
//! stream to a simulated target, with processes that crash, pause, stop, race and change lanes.

mod books;
mod lane;
mod process;
mod reader;
mod statistics;
mod tip;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use shardmill_engine::types::WindowLength;

use crate::START_MS;
use crate::checker::Checker;
use crate::executor::{Chaos, ProcessNo, Simulation, World};
use crate::random::Random;
use crate::retention;
use crate::seeds;
use crate::store::{Defect, Target};
use crate::stream::{Committed, Kinesis, Manners, Plan};

use books::{Books, Figures};
use process::{Exits, Habits, Process};

/// Seeds that found something once, in the path or in the simulation.
const KNOWN: &[u64] = &[
    3,
    191,
    10_021,
    6_090_913_361_235_249_173,
    6_133_772_652_077_735_913,
];

/// A history has to come to rest in this time, ms.
const PATIENCE_MS: i64 = 24 * 3_600_000;

/// And with so many starts of processes.
const MOST_PROCESSES: u64 = 200;

/// One history of a whole source.
struct History {
    simulation: Simulation,
    world: World,
    target: Target,
    kinesis: Kinesis,
    books: Arc<Mutex<Books>>,
    rows: Arc<AtomicU64>,
    exits: Exits,
    next_process: u64,
    habits: Habits,
    chaos: Chaos,
    end: i64,
    /// Whether some processes are told to end.
    ends: bool,
}

fn plan(random: &mut Random) -> Plan {
    let length = random.between(30, 240) * 1_000;
    Plan {
        begin: START_MS - random.between(0, 60_000),
        end: START_MS + length,
        reshard_every: random.between(5, 120) * 1_000,
        pace: random.between(300, 6_000),
        jumble: random.between(100, 15_000),
    }
}

fn manners(random: &mut Random) -> Manners {
    Manners {
        iterator_life: random.between(2, 300) * 1_000,
        answer: random.below(60) + 1,
        always_zero: random.one_in(4),
        hidden: [0, 0, 1_000, 4_000][random.below(4)],
        retention: random.between(5, 600) * 1_000,
        empty_while_behind: [0, 3, 20][random.below(3)],
        childless_end: [0, 1, 2][random.below(3)],
        false_end: [0, 30, 200][random.below(3)],
        pushed: [0, 1, 2][random.below(3)],
        taken_over: [0, 30, 300][random.below(3)],
    }
}

fn chaos(random: &mut Random) -> Chaos {
    let mut rate = |rates: [u64; 3]| rates[random.below(3)];
    Chaos {
        lost_answer: rate([0, 20, 100]),
        lost_call: rate([0, 20, 100]),
        late_effect: rate([0, 30, 200]),
        conflict: rate([0, 15, 100]),
        slow: rate([0, 30, 300]),
        pause: rate([0, 400, 2_000]),
        crash: rate([0, 300, 2_000]),
        longest_pause: None,
    }
}

fn habits(random: &mut Random, start: Option<i64>) -> Habits {
    let length = [1_000, 2_000, 5_000][random.below(3)];
    Habits {
        lanes: 1,
        window_length: WindowLength::from_millis(length).expect("it divides an hour"),
        start,
        end: None,
        max_open_windows: u32::try_from(random.between(1, 6)).expect("small"),
        checkpoint_every: random.between(1, 12).unsigned_abs(),
        restart_lane: [0, 1, 3][random.below(3)],
        stop: [0, 100, 1_000][random.below(3)],
        raw_copy: false,
        retention: retention::Manners {
            expire: [0, 0, 2][random.below(3)],
            keep: random.between(1, 150),
            soft: [0, 1, 3][random.below(3)],
            rest: random.between(1, 60) * 1_000,
        },
        decode: random.between(1, 3_000),
        rest: random.between(50, 2_000),
        progress_every: random.between(500, 20_000),
        list_every: random.between(1_000, 60_000),
        fetch_bytes: 1_000,
        budget: [0, 1_000, 1_000_000][random.below(3)],
    }
}

impl History {
    fn new(seed: u64, tracing: bool) -> Self {
        let simulation = Simulation::new(seed, START_MS, tracing);
        let world = simulation.world();
        let mut random = Random::new(seed ^ 0x5EED);
        let plan = plan(&mut random);
        let start = random
            .one_in(2)
            .then(|| START_MS - random.between(0, 20_000));
        let habits = habits(&mut random, start);
        let chaos = chaos(&mut random);
        let manners = manners(&mut random);
        let committed: Arc<Mutex<Committed>> = Arc::default();
        let kinesis = Kinesis::new(&mut random, &plan, manners, Arc::clone(&committed));
        let books = Books::new(&kinesis, habits.window_length, start, &committed);
        let rows = Arc::clone(&books.rows);
        let books = Arc::new(Mutex::new(books));
        let target = Target::new(Defect::None);
        let checker = start.is_none().then(|| Checker::new(habits.window_length));
        let observed = Arc::clone(&books);
        target.observe(Box::new(move |change, objects, _| {
            let mut books = observed.lock().unwrap_or_else(PoisonError::into_inner);
            books.on(&change, objects);
            if let Some(checker) = &checker {
                let mut checker = checker.lock().unwrap_or_else(PoisonError::into_inner);
                checker.on(change, objects);
            }
        }));
        Self {
            simulation,
            world,
            target,
            kinesis,
            books,
            rows,
            exits: Exits::default(),
            next_process: 1,
            habits,
            chaos,
            end: plan.end,
            ends: seed.is_multiple_of(3),
        }
    }

    fn start_process(&mut self, habits: Habits) -> ProcessNo {
        let number = ProcessNo(self.next_process);
        self.next_process += 1;
        self.process(number, habits).spawn(&self.exits);
        number
    }

    fn process(&self, number: ProcessNo, habits: Habits) -> Process {
        let (kinesis, rows) = (&self.kinesis, &self.rows);
        Process::new(&self.world, number, &self.target, kinesis, rows, habits)
    }

    /// Statistics are those of what is committed (I8).
    fn check_statistics(&mut self, last: ProcessNo) {
        self.world.crash(last);
        let number = ProcessNo(self.next_process);
        let process = self.process(number, self.habits.clone());
        let done = statistics::check(&self.world, process, self.target.clone());
        let until = self.world.now() + PATIENCE_MS;
        while !done.load(Ordering::Relaxed) {
            assert!(self.world.now() < until, "the statistics are never found");
            self.run_for(1_000);
        }
    }

    /// An end of the reading, or none.
    fn some_end(&self) -> Option<i64> {
        let (now, end) = (self.world.now(), self.end);
        self.world.random(|random| {
            let at = random.between(now.min(end) - 60_000, end);
            (self.ends && random.one_in(2)).then_some(at)
        })
    }

    fn lanes(&self) -> usize {
        self.world.random(|random| [1, 1, 2, 3, 4][random.below(5)])
    }

    fn run_for(&mut self, millis: i64) {
        let until = self.world.now() + millis;
        while self.simulation.step(until) {}
    }

    /// Processes come and go until the stream is at its end; then one of them comes to rest.
    fn run(&mut self) -> Figures {
        self.world.set_chaos(self.chaos.clone());
        let mut last = None;
        while self.world.now() < self.end || self.next_process < 3 {
            let alone = last.is_none_or(|last| !self.world.is_alive(last));
            if alone || self.world.random(|random| random.one_in(4)) {
                let habits = Habits {
                    lanes: self.lanes(),
                    end: self.some_end(),
                    raw_copy: self.world.random(|random| random.one_in(2)),
                    ..self.habits.clone()
                };
                last = Some(self.start_process(habits));
            }
            let pause = self.world.random(|random| random.between(200, 40_000));
            self.run_for(pause);
        }
        self.world.set_chaos(Chaos::default());
        self.kinesis.behave();
        let calm = Habits {
            lanes: self.lanes(),
            restart_lane: 0,
            stop: 0,
            ..self.habits.clone()
        };
        let mut last = self.start_process(calm.clone());
        // Lag closes what holds no record, also in lanes that have nothing to read.
        let length = self.habits.window_length;
        let complete = length.window_of(self.world.now().max(self.end));
        let until = self.world.now() + PATIENCE_MS;
        loop {
            self.run_for(1_000);
            if !self.world.is_alive(last) {
                // An older process that took its generation later has won.
                last = self.start_process(calm.clone());
            }
            let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
            let all_complete = books.complete_through() >= Some(complete);
            if all_complete && books.all_committed(self.world.now()) {
                drop(books);
                self.check_statistics(last);
                let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
                return books.figures;
            }
            let late = self.world.now() > until || self.next_process > MOST_PROCESSES;
            assert!(
                !late,
                "it never comes to rest, complete through {:?} of {complete}: {:?}\n{}",
                books.complete_through(),
                self.exits.lock().unwrap_or_else(PoisonError::into_inner),
                books.missing().join("\n")
            );
        }
    }
}

#[test]
fn the_whole_path_holds_under_chaos() {
    let total = Mutex::new(Figures::default());
    seeds::run(KNOWN, 40, |seed, tracing| {
        let figures = History::new(seed, tracing).run();
        total
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(figures);
    });
    println!(
        "{:#?}",
        total.lock().unwrap_or_else(PoisonError::into_inner)
    );
}
