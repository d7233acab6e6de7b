//! A process that runs a source as the protocol says, with a model of the data path: it claims,
//! reads the model stream, puts files, commits, closes windows, lets children in, restarts lanes,
//! cleans up, expires, and stops.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future::{self, BoxFuture, Either};
use futures::stream::{FuturesUnordered, StreamExt};
use shardmill_engine::log::{
    Cleaned, Cleanup, Identity, LaneClaimer, LaneLog, LaneOver, LaneState, LogError, Retention,
    SourceOptions, claim_lanes, names, open_source, take_generation,
};
use shardmill_engine::ports::{Host, Store, StoreError};
use shardmill_engine::types::{FileKind, KinesisShardId, LaneId, ProcessId, Window};

use crate::executor::{Failures, ProcessNo, World};
use crate::host::SimulatedHost;
use crate::lane_model;
use crate::model_stream::ModelStream;
use crate::retention::{self, Manners, Orders};
use crate::store::Target;

/// How a process behaves, each "once in so many steps" of a lane; 0 is never.
#[derive(Clone, Debug)]
pub struct Habits {
    /// Lanes that it wants.
    pub lanes: usize,
    pub checkpoint_every: u64,
    /// A lane restarts between two steps.
    pub restart: u64,
    /// A lane restarts in the middle of a step, whatever it is waiting for.
    pub restart_midway: u64,
    /// The process stops with a commit of a part of a window.
    pub stop: u64,
    pub retention: Manners,
    /// A window has so many parts at most.
    pub parts: i64,
    /// The longest rest between two steps, in milliseconds.
    pub rest: i64,
}

/// How a process ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Another process won.
    Fenced,
    /// It stopped in good order.
    Stopped,
}

/// Where processes tell how they ended.
pub type Exits = Arc<Mutex<BTreeMap<u64, Exit>>>;

/// A process and what it works on.
#[derive(Clone)]
pub struct Process {
    pub world: World,
    pub number: ProcessNo,
    pub store: Arc<dyn Store>,
    pub host: Arc<dyn Host>,
    pub stream: Arc<ModelStream>,
    pub habits: Habits,
    pub shared: Arc<Mutex<Shared>>,
    pub orders: Orders,
}

/// What the lanes of a process know of one another (the lineage, in the real thing).
#[derive(Default)]
pub struct Shared {
    /// Each lane's state as last committed.
    pub states: BTreeMap<LaneId, LaneState>,
    /// Kinesis shards that a lane has read to their end, committed or not, and the window in which
    /// they ended.
    pub read_to_end: BTreeMap<KinesisShardId, Window>,
    /// Kinesis shards that are about to enter a lane.
    pub entering: BTreeMap<KinesisShardId, LaneId>,
    pub cleaned: BTreeMap<LaneId, Cleaned>,
    pub over: Vec<LaneOver>,
}

impl Process {
    pub fn new(
        world: &World,
        number: ProcessNo,
        target: &Target,
        stream: &Arc<ModelStream>,
        habits: Habits,
    ) -> Self {
        Self {
            world: world.clone(),
            number,
            store: target.for_process(world, number),
            host: Arc::new(SimulatedHost {
                world: world.clone(),
                process: number,
            }),
            stream: Arc::clone(stream),
            habits,
            shared: Arc::default(),
            orders: Orders::default(),
        }
    }

    /// Begins the process as a task of the world.
    pub fn spawn(self, exits: &Exits) {
        let exits = Arc::clone(exits);
        let (world, number) = (self.world.clone(), self.number);
        world.begin_process(number);
        world.clone().spawn(
            number,
            Box::pin(async move {
                let exit = self.run().await;
                world.trace(|| format!("p{} ends: {exit:?}", number.0));
                let mut exits = exits.lock().unwrap_or_else(PoisonError::into_inner);
                exits.insert(number.0, exit);
            }),
        );
    }

    pub fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn identity(&self) -> Identity {
        Identity {
            process: ProcessId::new(format!("process-{}", self.number.0)),
            host: format!("host-{}", self.number.0),
            version: "simulated".into(),
        }
    }

    /// Steps 1 to 4 of a start.
    pub async fn claim(&self) -> Result<Vec<LaneLog>, LogError> {
        let options = SourceOptions {
            name: "source".into(),
            stream: "stream".into(),
            window_length: self.stream.window_length,
            start: Some(crate::START_MS),
            version: "simulated".into(),
        };
        open_source(&self.store, &self.host, options).await?;
        let identity = self.identity();
        let generation = take_generation(&self.store, &self.host, &identity).await?;
        let first = || async {
            let lanes = self.stream.first_lanes(self.habits.lanes, crate::START_MS);
            Ok::<_, LogError>(lanes)
        };
        let lanes = self.habits.lanes;
        claim_lanes(&self.store, &self.host, &identity, generation, lanes, first).await
    }

    async fn run(&self) -> Exit {
        let mut lanes = match self.claim().await {
            Ok(lanes) => lanes,
            Err(error) if error.is_fenced() => return Exit::Fenced,
            Err(error) => panic!("p{} cannot start: {error}", self.number.0),
        };
        for lane in &mut lanes {
            lane.set_checkpoint_every(self.habits.checkpoint_every);
            let state = lane.state().clone();
            self.orders.note(lane.claim().lane, &state);
            self.shared().states.insert(lane.claim().lane, state);
        }
        let retention = Retention::new(&lanes).expect("there are lanes");
        let mut cleanup = Cleanup::new(&lanes).expect("there are lanes");
        self.clean(&mut cleanup).await;
        let mut work: FuturesUnordered<BoxFuture<'_, Result<Exit, LogError>>> =
            FuturesUnordered::new();
        for lane in lanes {
            work.push(Box::pin(self.run_lane(lane)));
        }
        work.push(Box::pin(self.clean_hourly(cleanup)));
        work.push(Box::pin(self.retain(retention)));
        match work.next().await {
            Some(Ok(exit)) => exit,
            Some(Err(error)) if error.is_fenced() => Exit::Fenced,
            Some(Err(error)) => panic!("p{} ends with {error}", self.number.0),
            None => Exit::Stopped,
        }
    }

    async fn clean(&self, cleanup: &mut Cleanup) {
        for over in std::mem::take(&mut self.shared().over) {
            cleanup.lane_claimed(over);
        }
        let swept = cleanup.run().await;
        let swept = swept.unwrap_or_else(|error| panic!("clean-up fails with {error}"));
        let mut shared = self.shared();
        for (lane, cleaned) in swept.cleaned {
            let known = shared.cleaned.entry(lane).or_default();
            *known = known.max(cleaned);
        }
    }

    async fn clean_hourly(&self, mut cleanup: Cleanup) -> Result<Exit, LogError> {
        loop {
            self.host.sleep(3_600_000).await;
            self.clean(&mut cleanup).await;
        }
    }

    async fn retain(&self, retention: Retention) -> Result<Exit, LogError> {
        let (world, host) = ((self.world.clone(), self.number), Arc::clone(&self.host));
        let (orders, manners) = (self.orders.clone(), self.habits.retention.clone());
        retention::retain(world, host, orders, retention, manners).await?;
        Ok(Exit::Stopped)
    }

    async fn run_lane(&self, mut lane: LaneLog) -> Result<Exit, LogError> {
        loop {
            if self.chance(self.habits.stop) {
                lane_model::stop(self, &mut lane).await?;
                return Ok(Exit::Stopped);
            }
            let claimer = lane.claimer();
            if self.chance(self.habits.restart) {
                lane_model::leave_behind(self, &lane).await?;
                lane = self.restart(lane.claim().lane, &claimer).await?;
            }
            let id = lane.claim().lane;
            let mut behind = false;
            if self.chance(self.habits.restart_midway) {
                lane = self.give_up_midway(lane).await?;
            } else {
                behind = self.step(&mut lane).await?;
            }
            let state = lane.state().clone();
            self.shared().states.insert(id, state);
            let rest = if behind { 1_000 } else { self.habits.rest };
            let rest = self.world.random(|random| random.between(100, rest));
            self.host.sleep(rest.unsigned_abs()).await;
        }
    }

    /// One commit and what goes with it; whether there is more to commit at once.
    async fn step(&self, lane: &mut LaneLog) -> Result<bool, LogError> {
        let id = lane.claim().lane;
        if let Some(cleaned) = self.shared().cleaned.get(&id) {
            lane.note_cleaned(*cleaned);
        }
        let behind = lane_model::commit_next(self, lane).await?;
        self.orders.obey(lane).await?;
        lane.checkpoint_if_due().await?;
        Ok(behind)
    }

    /// The lane faults while it waits for whatever it waits for, and starts again.
    async fn give_up_midway(&self, mut lane: LaneLog) -> Result<LaneLog, LogError> {
        let (id, claimer) = (lane.claim().lane, lane.claimer());
        let limit = self.world.random(|random| random.between(1, 400));
        let done = {
            let step = Box::pin(self.step(&mut lane));
            match future::select(step, self.host.sleep(limit.unsigned_abs())).await {
                Either::Left((done, _)) => Some(done),
                Either::Right(_) => None,
            }
        };
        match done {
            Some(done) => done.map(|_| lane),
            None => self.restart(id, &claimer).await,
        }
    }

    async fn restart(&self, id: LaneId, claimer: &LaneClaimer) -> Result<LaneLog, LogError> {
        self.world
            .trace(|| format!("p{} restarts lane {id}", self.number.0));
        // Several tries may be given up, and their claims may come late.
        let lane = loop {
            let patience = self.world.random(|random| random.between(1, 400));
            let claim = Box::pin(claimer.claim());
            if !self.chance(3) {
                break claim.await?;
            }
            let patience = self.host.sleep(patience.unsigned_abs());
            if let Either::Left((claimed, _)) = future::select(claim, patience).await {
                break claimed?;
            }
        };
        self.shared().over.push(lane.over());
        lane_model::restarted(self, id, lane.state());
        Ok(lane)
    }

    pub fn chance(&self, one_in: u64) -> bool {
        self.world.random(|random| random.one_in(one_in))
    }

    /// The server's time, as an answer of the stream brings it.
    pub async fn server_time(&self) -> i64 {
        loop {
            let clock = self.world.clone();
            let failures = Failures {
                unavailable: Box::new(|| None),
                conflict: None,
            };
            let answer = self
                .world
                .call(self.number, move || Some(clock.now()), failures);
            if let Some(time) = answer.await {
                return time;
            }
        }
    }

    /// Puts a file of the lane, as an uploader does: guarded, asked again, in one piece or in parts.
    pub async fn put_file(&self, lane: &LaneLog, name: &str, body: Bytes) -> Result<(), LogError> {
        let in_parts = self.chance(3);
        loop {
            let put = if in_parts {
                self.upload(lane, name, &body).await?
            } else {
                lane.guard().await?;
                self.store.put_if_absent(name, body.clone()).await
            };
            match put {
                Ok(()) => return Ok(()),
                // Nobody else writes that name: an earlier try took effect.
                Err(StoreError::Exists { .. }) => return Ok(()),
                Err(_) => self.host.sleep(200).await,
            }
        }
    }

    async fn upload(
        &self,
        lane: &LaneLog,
        name: &str,
        body: &Bytes,
    ) -> Result<Result<(), StoreError>, LogError> {
        let mut upload = match self.store.begin_upload(name).await {
            Ok(upload) => upload,
            Err(error) => return Ok(Err(error)),
        };
        let half = body.len() / 2;
        for part in [body.slice(..half), body.slice(half..)] {
            loop {
                match upload.put_part(part.clone()).await {
                    Ok(()) => break,
                    Err(lost @ StoreError::UploadLost { .. }) => return Ok(Err(lost)),
                    Err(_) => self.host.sleep(100).await,
                }
            }
        }
        loop {
            lane.guard().await?;
            match upload.complete_if_absent().await {
                Err(StoreError::UploadLost { .. }) => {
                    // An earlier try may have taken effect, and then the object is there.
                    match self.store.head(name).await {
                        Ok(Some(len)) if len == body.len() as u64 => return Ok(Ok(())),
                        Ok(_) => {
                            return Ok(Err(StoreError::UploadLost {
                                name: name.into(),
                                detail: "lost".into(),
                            }));
                        }
                        Err(_) => self.host.sleep(100).await,
                    }
                }
                Err(error) if error.retryable() => self.host.sleep(100).await,
                answer => return Ok(answer),
            }
        }
    }

    pub fn file_name(&self, lane: &LaneLog, kind: FileKind, window: Window, part: u32) -> String {
        names::file(kind, self.stream.window_length, lane.claim(), window, part)
    }
}
