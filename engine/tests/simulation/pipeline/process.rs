//! A process that runs the real readers, lineage, flows and logs over a simulated stream and target.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use shardmill_engine::budget::Budget;
use shardmill_engine::log::{
    Cleaned, Cleanup, Identity, LaneLog, LaneOver, LaneState, LogError, Retention, SourceOptions,
    claim_lanes, open_source, take_generation,
};
use shardmill_engine::ports::{Host, ShardFilter, Store, Stream};
use shardmill_engine::source::{EARLIEST_WINDOW, Lineage, first_lanes};
use shardmill_engine::types::{LaneId, ProcessId, TimestampMs, Window, WindowLength};

use crate::executor::{ProcessNo, World};
use crate::host::SimulatedHost;
use crate::retention::{self, Manners, Orders};
use crate::store::Target;
use crate::stream::Kinesis;

use super::tip::Tip;

/// How a process behaves; "once in so many rounds", 0 is never.
#[derive(Clone, Debug)]
pub struct Habits {
    pub lanes: usize,
    pub window_length: WindowLength,
    pub start: Option<TimestampMs>,
    /// Reading ends at this arrival time.
    pub end: Option<TimestampMs>,
    pub max_open_windows: u32,
    pub checkpoint_every: u64,
    /// A lane restarts, in the middle of whatever it does.
    pub restart_lane: u64,
    /// The process stops in good order.
    pub stop: u64,
    pub retention: Manners,
    /// A raw copy is kept; it may change from process to process.
    pub raw_copy: bool,
    /// Decoding a batch takes so long at most, ms.
    pub decode: i64,
    /// The longest rest between two rounds of a lane, ms.
    pub rest: i64,
    /// Commits without files are made so often, ms.
    pub progress_every: i64,
    /// ListShards is asked so often, ms.
    pub list_every: i64,
    /// What one answer can bring at most, in bytes.
    pub fetch_bytes: usize,
    /// The memory budget beyond the kept fetches, in bytes.
    pub budget: usize,
}

/// How a process ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Fenced,
    Stopped,
}

/// Where processes tell how they ended.
pub type Exits = Arc<Mutex<BTreeMap<u64, Exit>>>;

/// Cheap to clone: every task of the process has one.
#[derive(Clone)]
pub struct Process {
    pub world: World,
    pub number: ProcessNo,
    pub store: Arc<dyn Store>,
    pub host: Arc<dyn Host>,
    pub stream: Arc<dyn Stream>,
    pub habits: Habits,
    pub budget: Budget,
    /// Rows of all commits that are on the target.
    committed_rows: Arc<AtomicU64>,
    shared: Arc<Mutex<Shared>>,
    pub orders: Orders,
}

/// What the lanes of a process share.
#[derive(Default)]
pub struct Shared {
    pub tips: BTreeMap<LaneId, Tip>,
    pub lineage: Lineage,
    pub stopping: bool,
    pub over: Vec<LaneOver>,
    pub cleaned: BTreeMap<LaneId, Cleaned>,
}

impl Process {
    pub fn new(
        world: &World,
        number: ProcessNo,
        target: &Target,
        kinesis: &Kinesis,
        committed_rows: &Arc<AtomicU64>,
        habits: Habits,
    ) -> Self {
        let host = SimulatedHost {
            world: world.clone(),
            process: number,
        };
        Self {
            world: world.clone(),
            number,
            store: target.for_process(world, number),
            host: Arc::new(host),
            stream: kinesis.for_process(world, number),
            budget: Budget::new(habits.budget + habits.lanes * habits.fetch_bytes),
            habits,
            committed_rows: Arc::clone(committed_rows),
            shared: Arc::default(),
            orders: Orders::default(),
        }
    }

    /// Begins the process as a task of the world.
    pub fn spawn(self, exits: &Exits) {
        let exits = Arc::clone(exits);
        let (world, number) = (self.world.clone(), self.number);
        world.begin_process(number);
        let run = async move {
            let exit = self.run().await;
            self.world.trace(|| format!("p{} ends: {exit:?}", number.0));
            let mut exits = exits.lock().unwrap_or_else(PoisonError::into_inner);
            exits.insert(number.0, exit);
            drop(exits);
            // Readers and decoders of the process must not outlive it.
            self.world.crash(number);
        };
        world.spawn(number, Box::pin(run));
    }

    pub fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn committed_rows(&self) -> u64 {
        self.committed_rows.load(Ordering::Relaxed)
    }

    pub fn chance(&self, one_in: u64) -> bool {
        self.world.random(|random| random.one_in(one_in))
    }

    /// Sleeps for a random time up to `longest` ms.
    pub async fn rest(&self, longest: i64) {
        let rest = self
            .world
            .random(|random| random.between(1, longest.max(1)));
        self.host.sleep(rest.unsigned_abs()).await;
    }

    async fn claim(&self) -> Result<Vec<LaneLog>, LogError> {
        let options = SourceOptions {
            name: "source".into(),
            stream: "stream".into(),
            window_length: self.habits.window_length,
            start: self.habits.start,
            version: "simulated".into(),
        };
        let source = open_source(&self.store, &self.host, options).await?;
        let identity = Identity {
            process: ProcessId::new(format!("process-{}", self.number.0)),
            host: format!("host-{}", self.number.0),
            version: "simulated".into(),
        };
        let generation = take_generation(&self.store, &self.host, &identity).await?;
        let first = || async { Ok(self.first_lanes(source.start_ms).await) };
        let lanes = self.habits.lanes;
        claim_lanes(&self.store, &self.host, &identity, generation, lanes, first).await
    }

    async fn first_lanes(&self, start: Option<TimestampMs>) -> Vec<LaneState> {
        let all = self.list(ShardFilter::All).await;
        let open_at_start = match start {
            Some(start) => Some(self.list(ShardFilter::AtTimestamp(start)).await),
            None => None,
        };
        let window = start.map_or(EARLIEST_WINDOW, |start| {
            self.habits.window_length.window_of(start)
        });
        first_lanes(&all, open_at_start.as_ref(), self.habits.lanes, window)
    }

    async fn list(&self, filter: ShardFilter) -> shardmill_engine::ports::ShardList {
        loop {
            match self.stream.list_shards(filter).await {
                Ok(list) => return list,
                Err(_) => self.host.sleep(300).await,
            }
        }
    }

    async fn run(&self) -> Exit {
        let mut lanes = match self.claim().await {
            Ok(lanes) => lanes,
            Err(error) if error.is_fenced() => return Exit::Fenced,
            Err(error) => panic!("p{} cannot start: {error}", self.number.0),
        };
        for lane in &mut lanes {
            lane.set_checkpoint_every(self.habits.checkpoint_every);
            self.orders.note(lane.claim().lane, lane.state());
        }
        let retention = Retention::new(&lanes).expect("there are lanes");
        let states: Vec<LaneState> = lanes.iter().map(|lane| lane.state().clone()).collect();
        self.shared().lineage = Lineage::new(&states);
        let cleanup = Cleanup::new(&lanes).expect("there are lanes");
        let mut work: FuturesUnordered<BoxFuture<'_, Result<Exit, LogError>>> =
            FuturesUnordered::new();
        work.push(Box::pin(self.clean_hourly(cleanup)));
        work.push(Box::pin(self.retain(retention)));
        work.push(Box::pin(self.list_now_and_then()));
        work.push(Box::pin(self.roll_now_and_then()));
        work.push(Box::pin(self.ask_now_and_then()));
        let mut running = lanes.len();
        for lane in lanes {
            work.push(Box::pin(self.run_lane(lane)));
        }
        loop {
            match work.next().await {
                Some(Ok(Exit::Stopped)) => {
                    running -= 1;
                    if running == 0 {
                        return Exit::Stopped;
                    }
                }
                Some(Ok(exit)) => return exit,
                Some(Err(error)) if error.is_fenced() => return Exit::Fenced,
                Some(Err(error)) => panic!("p{} ends with {error}", self.number.0),
                None => return Exit::Stopped,
            }
        }
    }

    async fn retain(&self, retention: Retention) -> Result<Exit, LogError> {
        let (world, host) = ((self.world.clone(), self.number), Arc::clone(&self.host));
        let (orders, manners) = (self.orders.clone(), self.habits.retention.clone());
        retention::retain(world, host, orders, retention, manners).await?;
        Ok(Exit::Stopped)
    }

    async fn clean_hourly(&self, mut cleanup: Cleanup) -> Result<Exit, LogError> {
        loop {
            for over in std::mem::take(&mut self.shared().over) {
                cleanup.lane_claimed(over);
            }
            let swept = cleanup.run().await?;
            for (lane, cleaned) in swept.cleaned {
                let mut shared = self.shared();
                let known = shared.cleaned.entry(lane).or_default();
                *known = (*known).max(cleaned);
            }
            self.host.sleep(3_600_000).await;
        }
    }

    async fn list_now_and_then(&self) -> Result<Exit, LogError> {
        loop {
            let token = self.shared().lineage.listing_begins();
            if let Ok(list) = self.stream.list_shards(ShardFilter::All).await {
                self.shared().lineage.listed(token, &list);
            }
            let until = self.host.now() + self.habits.list_every;
            while self.host.now() < until && !self.shared().lineage.wants_listing() {
                self.rest(1_000).await;
            }
            self.rest(200).await;
        }
    }

    /// How far a lane without open Kinesis shards may close: what all that have some have closed.
    pub fn others_closed(&self) -> Option<Window> {
        let shared = self.shared();
        let with_some = shared
            .tips
            .values()
            .filter(|tip| tip.flow.has_open_shards());
        with_some
            .map(|tip| tip.flow.closed_through())
            .min()
            .flatten()
    }
}
