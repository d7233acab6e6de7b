//! An output under chaos: processes take a source over from one another, change its lanes, commit
//! numbered rows and run an output of it on a target of its own, while calls fail, processes pause
//! and crash anywhere, and steps are given up midway. Each row that the output has to have is in
//! exactly one of its commits, at every moment at most once, and nothing is left behind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{ArrayRef, AsArray, BooleanArray, Int64Array};
use arrow::datatypes::Int64Type;
use futures::future::{Either, select};
use serde_json::Value as Json;
use shardmill_engine::budget::Budget;
use shardmill_engine::log::{
    Commit, DataFile, Identity, LaneLog, LaneState, LogError, ShardRange, ShardState,
    SourceOptions, claim_lanes, names, open_source, take_generation,
};
use shardmill_engine::output::{
    Begin, Definition, FileTransform, Output, OutputError, OutputFormat, OutputPlan, RowTransform,
    Table, Take, TextCompression, TransformError, World as OutputWorld, verify_output,
};
use shardmill_engine::parquet::{ParquetOptions, TableFile};
use shardmill_engine::ports::{Host, Inline, Store};
use shardmill_engine::schema::{DataType, Field, Schema};
use shardmill_engine::types::{
    Counts, FileKind, Generation, KinesisShardId, Position, ProcessId, SequenceNumber, Window,
    WindowLength,
};

use crate::START_MS;
use crate::executor::{Chaos, ProcessNo, Simulation, World};
use crate::host::SimulatedHost;
use crate::random::Random;
use crate::seeds;
use crate::store::{Change, Defect, Objects, Target};

/// Seeds that found something once.
const KNOWN: &[u64] = &[
    // An output that began in a window of which the epoch before had committed a part.
    6_134_919_479_482_207_867,
    // A put that took effect late, once retention had deleted its file.
    6_134_981_670_647_781_617,
    // A file whose put was not answered, and that was gone when the next try looked at it.
    6_135_097_348_396_815_847,
];

const SLOTS: usize = 2;
const KINESIS_SHARDS: u64 = 4;
const MINUTE_MS: i64 = 60_000;

#[test]
fn an_output_is_exactly_once_under_chaos() {
    seeds::run(KNOWN, 60, |seed, tracing| {
        History::new(seed, tracing, Defect::None).run();
    });
}

#[test]
fn an_output_on_a_target_that_overwrites_is_noticed() {
    let noticed = (0..100).any(|seed| {
        let run = || History::new(seed, false, Defect::Overwrites).run();
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err()
    });
    assert!(noticed);
}

fn length() -> WindowLength {
    WindowLength::from_millis(10_000).expect("it divides an hour")
}

/// What the source has committed and what the output has.
#[derive(Default)]
struct Books {
    /// What is in a data file of the source: its window and its rows.
    written: BTreeMap<String, (Window, Vec<i64>)>,
    committed: BTreeMap<i64, Window>,
    /// The rows of the output's commits.
    taken: BTreeSet<i64>,
    /// Files that the output's commits name, with their windows.
    named: BTreeMap<String, i64>,
    expired: Option<i64>,
    fenced: u64,
}

impl Books {
    fn source_changed(&mut self, change: &Change<'_>) {
        let Change::Put { name, body } = change else {
            return;
        };
        if !name.starts_with("_commits/") {
            return;
        }
        let entry: Json = serde_json::from_slice(body).expect("entries are JSON");
        for file in entry["files"].as_array().into_iter().flatten() {
            let name = file["name"].as_str().expect("a name");
            let (window, rows) = &self.written[name];
            self.committed
                .extend(rows.iter().map(|row| (*row, *window)));
        }
    }

    fn output_changed(&mut self, change: &Change<'_>, objects: &Objects) {
        match change {
            Change::Put { name, body } if name.starts_with("_log/") => {
                let entry: Json = serde_json::from_slice(body).expect("entries are JSON");
                if entry["kind"] == "expire" {
                    self.expired = self.expired.max(entry["through"].as_i64());
                }
                for file in entry["files"].as_array().into_iter().flatten() {
                    self.take(file, objects);
                }
            }
            Change::Put { .. } => {}
            Change::Deleted { name } => {
                if let Some(window) = self.named.get(*name) {
                    assert!(Some(*window) <= self.expired, "{name} was deleted");
                }
            }
        }
    }

    fn take(&mut self, file: &Json, objects: &Objects) {
        let name = file["name"].as_str().expect("a name");
        let window = file["window"].as_i64().expect("a window");
        if self.named.insert(name.to_owned(), window).is_some() {
            // A commit that retention had deleted, and whose put was made again.
            assert!(Some(window) <= self.expired, "{name} is named twice");
            return;
        }
        let body = objects.get(name);
        let body = body.unwrap_or_else(|| panic!("{name} is named and not there"));
        assert_eq!(file["bytes"], body.len() as u64);
        let mut rows = 0;
        for line in body
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let line: Json = serde_json::from_slice(line).expect("lines are JSON");
            let row = line["number"].as_i64().expect("a number");
            assert!(self.taken.insert(row), "row {row} is there twice");
            assert_eq!(self.committed[&row], Window(window), "row {row}");
            rows += 1;
        }
        assert_eq!(file["rows"], rows);
    }
}

/// Two rows of three, as `number`.
struct Thirds;

fn is_kept(row: i64) -> bool {
    row % 3 != 0
}

impl RowTransform for Thirds {
    fn wanted(&self) -> Option<Vec<String>> {
        Some(vec!["id".to_owned()])
    }

    fn for_file(&self, _: &[Field]) -> Result<Arc<dyn FileTransform>, TransformError> {
        Ok(Arc::new(Thirds))
    }
}

impl FileTransform for Thirds {
    fn apply(&self, rows: Table) -> Result<Table, TransformError> {
        let ids = rows.columns()[0].as_primitive::<Int64Type>();
        let keep: BooleanArray = ids.iter().map(|id| id.map(is_kept)).collect();
        let fields = [Field::new("number", DataType::Int64)].into();
        let named = Table::new(fields, rows.columns().to_vec(), rows.len());
        Ok(named
            .and_then(|rows| rows.filtered(&keep))
            .expect("columns fit"))
    }
}

/// A process and what it works on.
#[derive(Clone)]
struct Node {
    world: World,
    number: ProcessNo,
    source: Arc<dyn Store>,
    target: Arc<dyn Store>,
    host: Arc<dyn Host>,
    books: Arc<Mutex<Books>>,
    begin: Begin,
    retention_ms: Option<i64>,
    lanes: usize,
    budget: Budget,
}

impl Node {
    fn dice<T>(&self, roll: impl FnOnce(&mut Random) -> T) -> T {
        self.world.random(roll)
    }

    fn identity(&self) -> Identity {
        Identity {
            process: ProcessId::new(format!("process-{}", self.number.0)),
            host: "simulated".into(),
            version: "simulated".into(),
        }
    }

    async fn claim(&self) -> Result<(Generation, Vec<LaneLog>), LogError> {
        let options = SourceOptions {
            name: "clicks".into(),
            stream: "clickstream".into(),
            window_length: length(),
            start: None,
            version: "simulated".into(),
        };
        open_source(&self.source, &self.host, options).await?;
        let identity = self.identity();
        let generation = take_generation(&self.source, &self.host, &identity).await?;
        let first = || async { Ok::<_, LogError>(first_lanes(self.lanes)) };
        let (store, host) = (&self.source, &self.host);
        let logs = claim_lanes(store, host, &identity, generation, self.lanes, first).await?;
        Ok((generation, logs))
    }

    /// Commits for a while, or until another process has the source.
    async fn run(self) {
        let Ok((generation, mut logs)) = self.claim().await else {
            return;
        };
        let output = self.clone();
        let work = async move { output.run_output(generation).await };
        self.world.spawn(self.number, Box::pin(work));
        let mut part = 0;
        for _ in 0..self.dice(|dice| dice.between(5, 200)) {
            let rest = self.dice(|dice| dice.between(0, 4_000)).unsigned_abs();
            self.host.sleep(rest).await;
            let place = self.dice(|dice| dice.below(logs.len()));
            part += 1;
            if self.commit(&mut logs[place], part).await.is_err() {
                return;
            }
        }
    }

    /// Commits some rows of a Kinesis shard, or only that nothing came.
    async fn commit(&self, log: &mut LaneLog, part: u32) -> Result<(), LogError> {
        let state = log.state().clone();
        let now = length().window_of(self.world.now());
        let closed = state.closed_through;
        let window = closed.map_or(now, |closed| now.max(closed.next()));
        let is_whole = self.dice(|dice| !dice.one_in(5));
        let shards: Vec<_> = state.shards.keys().cloned().collect();
        let mut commit = Commit {
            closed_through: if is_whole { Some(window) } else { closed },
            ..Commit::default()
        };
        if !shards.is_empty() && self.dice(|dice| !dice.one_in(6)) {
            let shard = &shards[self.dice(|dice| dice.below(shards.len()))];
            let window = window.max(state.shards[shard].current_window);
            if is_whole {
                commit.closed_through = Some(window);
            }
            let count = self.dice(|dice| dice.between(1, 6)).unsigned_abs();
            self.rows(log, &mut commit, shard, window, count, part)
                .await?;
        }
        log.append(commit).await?;
        log.checkpoint_if_due().await
    }

    async fn rows(
        &self,
        log: &LaneLog,
        commit: &mut Commit,
        shard: &KinesisShardId,
        window: Window,
        count: u64,
        part: u32,
    ) -> Result<(), LogError> {
        let position = &log.state().shards[shard].position;
        let read: u64 = position
            .sequence()
            .map_or(0, |read| read.as_str().parse().expect("a number"));
        let begin: i64 = shard.as_str().parse().expect("a number");
        let rows = (read + 1..=read + count).map(|row| begin * 1_000_000 + row.cast_signed());
        let rows: Vec<i64> = rows.collect();
        let name = names::file(FileKind::Data, length(), log.claim(), window, part);
        self.books()
            .written
            .insert(name.clone(), (window, rows.clone()));
        let fields = vec![Field::new("id", DataType::Int64)];
        let mut file = TableFile::new(&fields, &ParquetOptions::default(), &self.budget);
        let column: ArrayRef = Arc::new(Int64Array::from(rows));
        file.push(vec![column]).expect("a column");
        let (body, _) = file.finish(Vec::new()).expect("a file");
        log.guard().await?;
        while self
            .source
            .put_if_absent(&name, body.clone())
            .await
            .is_err()
        {
            if self
                .source
                .head(&name)
                .await
                .is_ok_and(|there| there.is_some())
            {
                break;
            }
        }
        commit.files.push(DataFile {
            name,
            window,
            rows: count,
            bytes: body.len() as u64,
            schema: Some(Arc::new(Schema { fields })),
        });
        let is_whole = commit.closed_through >= Some(window);
        let range = ShardRange {
            from: position.clone(),
            to: Position::At(SequenceNumber::from(read + count)),
            arrival_at_to: self.world.now(),
            counts: Counts {
                records: count,
                payloads: count,
                bytes: count,
                rows: count,
                ..Counts::default()
            },
            current_window: if is_whole { window.next() } else { window },
        };
        commit.ranges.insert(shard.clone(), range);
        Ok(())
    }

    fn plan(&self) -> OutputPlan {
        OutputPlan {
            name: "thirds".into(),
            begin: self.begin,
            format: OutputFormat::Json(TextCompression::None),
            definition: Definition::default(),
            retention_ms: self.retention_ms,
        }
    }

    async fn open(&self, generation: Generation) -> Result<Output, OutputError> {
        let world = OutputWorld {
            source: Arc::clone(&self.source),
            target: Arc::clone(&self.target),
            host: Arc::clone(&self.host),
            budget: self.budget.clone(),
            threads: Arc::new(Inline),
            identity: self.identity(),
            generation,
        };
        Output::open(world, self.plan(), Arc::new(Thirds)).await
    }

    async fn run_output(&self, generation: Generation) {
        let mut output = match self.open(generation).await {
            Ok(output) => output,
            Err(error) => return self.ended(&error),
        };
        loop {
            let take = match self.dice(|dice| dice.one_in(8)) {
                true => Take::All,
                false => Take::Complete,
            };
            let midway = self.dice(|dice| dice.one_in(20));
            let outcome = {
                let step = Box::pin(output.step(take));
                let longest = if midway { 2_000 } else { i64::MAX / 8 };
                let limit = self.dice(|dice| dice.between(longest / 2, longest));
                match select(step, self.host.sleep(limit.unsigned_abs())).await {
                    Either::Left((outcome, _)) => outcome.map(|stepped| stepped.committed),
                    Either::Right(_) => Ok(false),
                }
            };
            let rest = match outcome {
                Ok(true) => 0,
                Ok(false) => self.dice(|dice| dice.between(100, 10_000)),
                Err(error) if error.is_passing() => 100,
                Err(error) => return self.ended(&error),
            };
            self.host.sleep(rest.unsigned_abs()).await;
            let tidied = match self.dice(|dice| dice.below(10)) {
                0 => output.clean_up().await,
                1 => output.expire().await,
                _ => Ok(0),
            };
            if let Err(error) = tidied
                && !error.is_passing()
            {
                return self.ended(&error);
            }
        }
    }

    fn ended(&self, error: &OutputError) {
        match error {
            OutputError::Fenced { .. } => self.books().fenced += 1,
            error => panic!("p{}: {error}", self.number.0),
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn first_lanes(lanes: usize) -> Vec<LaneState> {
    let mut states = vec![LaneState::default(); lanes];
    for shard in 0..KINESIS_SHARDS {
        let state = ShardState {
            position: Position::Horizon,
            current_window: Window(0),
            parents: Vec::new(),
            ended: false,
            arrival_at_position: None,
            caught_up_at: None,
            cut: None,
        };
        let lane = shard as usize % lanes;
        let id = KinesisShardId::new(shard.to_string());
        states[lane].shards.insert(id, state);
    }
    states
}

/// A history and what it runs in.
struct History {
    simulation: Simulation,
    world: World,
    source: Target,
    target: Target,
    books: Arc<Mutex<Books>>,
    dice: Random,
    begin: Begin,
    retention_ms: Option<i64>,
    slots: [Option<ProcessNo>; SLOTS],
    next_start: [i64; SLOTS],
    next_process: u64,
    budget: Budget,
}

impl History {
    fn new(seed: u64, tracing: bool, defect: Defect) -> Self {
        let mut dice = Random::new(!seed);
        let simulation = Simulation::new(seed, START_MS, tracing);
        let world = simulation.world();
        let (source, target) = (Target::new(Defect::None), Target::new(defect));
        let books: Arc<Mutex<Books>> = Arc::default();
        let of = |books: &Arc<Mutex<Books>>| Arc::clone(books);
        let (of_source, of_output) = (of(&books), of(&books));
        source.observe(Box::new(move |change, _, _| {
            let mut books = of_source.lock().unwrap_or_else(PoisonError::into_inner);
            books.source_changed(&change);
        }));
        target.observe(Box::new(move |change, objects, _| {
            let mut books = of_output.lock().unwrap_or_else(PoisonError::into_inner);
            books.output_changed(&change, objects);
        }));
        let begin = match dice.below(3) {
            0 => Begin::FirstSeen,
            1 => Begin::At(START_MS + dice.between(-MINUTE_MS, 10 * MINUTE_MS)),
            _ => Begin::Start,
        };
        let retention_ms = dice
            .one_in(3)
            .then(|| dice.between(MINUTE_MS, 10 * MINUTE_MS));
        Self {
            simulation,
            world,
            source,
            target,
            books,
            begin,
            retention_ms,
            slots: [None; SLOTS],
            next_start: [0; SLOTS].map(|_| START_MS + dice.between(0, 2 * MINUTE_MS)),
            dice,
            next_process: 1,
            budget: Budget::new(1 << 30),
        }
    }

    fn node(&mut self) -> Node {
        let number = ProcessNo(self.next_process);
        self.next_process += 1;
        Node {
            world: self.world.clone(),
            number,
            source: self.source.for_process(&self.world, number),
            target: self.target.for_process(&self.world, number),
            host: Arc::new(SimulatedHost {
                world: self.world.clone(),
                process: number,
            }),
            books: Arc::clone(&self.books),
            begin: self.begin,
            retention_ms: self.retention_ms,
            lanes: [1, 2, 2, 3][self.dice.below(4)],
            budget: self.budget.clone(),
        }
    }

    fn chaos(&mut self) -> Chaos {
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

    fn run(&mut self) {
        let chaos = self.chaos();
        self.world.set_chaos(chaos);
        let ends = START_MS + self.dice.between(5, 40) * MINUTE_MS;
        while self.world.now() < ends {
            for place in 0..SLOTS {
                self.tend(place);
            }
            let next = self
                .next_start
                .iter()
                .copied()
                .filter(|at| *at > self.world.now());
            let until = next.min().unwrap_or(ends).min(ends);
            self.simulation.step(until);
        }
        self.world.set_chaos(Chaos::default());
        for process in self.slots.into_iter().flatten() {
            self.world.crash(process);
        }
        // What was on its way has landed.
        let landed = self.world.now() + 10 * MINUTE_MS;
        while self.simulation.step(landed) {}
        self.last();
    }

    fn tend(&mut self, place: usize) {
        let now = self.world.now();
        if let Some(process) = self.slots[place] {
            if self.world.is_alive(process) && !self.dice.one_in(20_000) {
                return;
            }
            self.world.crash(process);
            self.slots[place] = None;
            self.next_start[place] = now + self.dice.between(100, 3 * MINUTE_MS);
        } else if self.next_start[place] <= now {
            let node = self.node();
            let (world, number) = (node.world.clone(), node.number);
            world.begin_process(number);
            world.spawn(number, Box::pin(node.run()));
            self.slots[place] = Some(number);
        }
    }

    /// One last process takes all that is there, alone.
    fn last(&mut self) {
        let node = self.node();
        let (world, number) = (node.world.clone(), node.number);
        world.begin_observer(number);
        let done = Arc::new(Mutex::new(false));
        let is_done = Arc::clone(&done);
        let last = node.clone();
        world.spawn(
            number,
            Box::pin(async move {
                finish(&last).await;
                *is_done.lock().unwrap_or_else(PoisonError::into_inner) = true;
            }),
        );
        while !*done.lock().unwrap_or_else(PoisonError::into_inner) {
            let until = self.world.now() + MINUTE_MS;
            self.simulation.step(until);
        }
        self.check(&node);
    }

    fn check(&self, node: &Node) {
        let books = node.books();
        let record = self.target.with_objects(|objects| {
            let record: Json = serde_json::from_slice(&objects["_output.json"]).expect("JSON");
            for name in objects.keys().filter(|name| name.starts_with("data/")) {
                assert!(books.named.contains_key(name), "{name} was left behind");
            }
            for (name, window) in &books.named {
                let there = objects.contains_key(name);
                assert_eq!(there, Some(*window) > books.expired, "{name}");
            }
            record
        });
        let start = record["start"].as_i64().map(Window);
        let due = books.committed.iter();
        let due = due.filter(|(row, window)| is_kept(**row) && Some(**window) >= start);
        let due: BTreeSet<i64> = due.map(|(row, _)| *row).collect();
        assert_eq!(due, books.taken, "rows that the output has to have");
        assert_eq!(self.budget.used(), 0, "bytes of memory are still charged");
    }
}

async fn finish(node: &Node) {
    let (generation, _logs) = node.claim().await.expect("nobody else runs");
    let mut output = node.open(generation).await.expect("nobody else runs");
    while output
        .step(Take::All)
        .await
        .expect("nothing fails")
        .committed
    {}
    output.clean_up().await.expect("nothing fails");
    output.expire().await.expect("nothing fails");
    drop(output);
    let (source, target) = (Arc::clone(&node.source), Arc::clone(&node.target));
    let make = |_: &Definition| Ok(Arc::new(Thirds) as Arc<dyn RowTransform>);
    let verified = verify_output(source, target, Arc::clone(&node.host), &make, &mut |_| ()).await;
    let verified = verified.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(verified.unnamed_files, 0);
}
