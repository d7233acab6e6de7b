//! A deterministic world: virtual time, processes, tasks polled by hand, and calls with faults.
//!
//! Everything that waits is an event at a virtual time. A call to a simulated service has two
//! events: when it takes effect there, and when the caller learns the answer. The dice decide both
//! times, so they decide who moves next; and for each call they decide whether the answer is lost,
//! the effect is lost, or the effect comes after the caller has been told that nothing happened.
//! At every call the calling process may also pause or crash. One seed gives one history.
//!
//! To simulate another service (a stream, say), keep its state behind an `Arc<Mutex<_>>` and wrap
//! each of its calls in [`World::call`].

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::BoxFuture;

use crate::random::Random;

/// A process of the simulation. Each start has a number of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessNo(pub u64);

/// How often what goes wrong, each "once in so many calls"; 0 is never.
#[derive(Clone, Debug, Default)]
pub struct Chaos {
    /// The call takes effect and the caller hears of a failure.
    pub lost_answer: u64,
    /// Nothing happens and the caller hears of a failure.
    pub lost_call: u64,
    /// The caller hears of a failure, and then the call takes effect.
    pub late_effect: u64,
    /// The service answers that another request is under way.
    pub conflict: u64,
    /// The call takes seconds instead of milliseconds.
    pub slow: u64,
    /// The process pauses for seconds up to hours.
    pub pause: u64,
    /// No pause is longer than this, in milliseconds.
    pub longest_pause: Option<i64>,
    /// The process crashes.
    pub crash: u64,
}

/// What a call answers when it fails without telling what happened.
pub struct Failures<T> {
    /// A time-out, a 5xx.
    pub unavailable: Box<dyn FnOnce() -> T + Send>,
    /// A 409; `None` for calls that never answer so.
    pub conflict: Option<Box<dyn FnOnce() -> T + Send>>,
}

type Action = Box<dyn FnOnce() + Send>;

enum Event {
    /// Something happens in a service.
    Effect(Action),
    /// A process learns something; waits while it is paused.
    Tell(ProcessNo, Action),
    Pause(ProcessNo, i64),
    Crash(ProcessNo),
}

struct Process {
    paused_until: i64,
    clock_skew: i64,
    /// It neither pauses nor crashes.
    is_observer: bool,
    /// What its clock shows for ever.
    stands_at: Option<i64>,
}

/// The shared part of a world: what calls and hosts need.
#[derive(Clone)]
pub struct World {
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    random: Random,
    now: i64,
    sequence: u64,
    events: BTreeMap<(i64, u64), Event>,
    processes: BTreeMap<ProcessNo, Process>,
    chaos: Chaos,
    calls: u64,
    spawned: Vec<(ProcessNo, BoxFuture<'static, ()>)>,
    tracing: bool,
    clocks_stand: bool,
}

impl World {
    pub fn now(&self) -> i64 {
        self.lock().now
    }

    /// The time as a process's own clock shows it.
    pub fn clock_of(&self, process: ProcessNo) -> i64 {
        let inner = self.lock();
        let Some(process) = inner.processes.get(&process) else {
            return inner.now;
        };
        process.stands_at.unwrap_or(inner.now) + process.clock_skew
    }

    /// Whether the clocks of processes that begin from now on stand still: such a process never
    /// notices that it was paused.
    pub fn let_clocks_stand(&self, stand: bool) {
        self.lock().clocks_stand = stand;
    }

    /// Rolls the dice.
    pub fn random<T>(&self, roll: impl FnOnce(&mut Random) -> T) -> T {
        roll(&mut self.lock().random)
    }

    /// Changes what goes wrong from now on.
    pub fn set_chaos(&self, chaos: Chaos) {
        self.lock().chaos = chaos;
    }

    /// How many calls were made.
    pub fn calls(&self) -> u64 {
        self.lock().calls
    }

    pub fn is_alive(&self, process: ProcessNo) -> bool {
        self.lock().processes.contains_key(&process)
    }

    /// Begins a process; its clock is off by seconds, or by up to twenty minutes.
    pub fn begin_process(&self, process: ProcessNo) {
        let mut inner = self.lock();
        let most = if inner.random.one_in(4) {
            1_200_000
        } else {
            3_000
        };
        let clock_skew = inner.random.between(-most, most);
        let fresh = Process {
            paused_until: 0,
            clock_skew,
            is_observer: false,
            stands_at: inner.clocks_stand.then_some(inner.now),
        };
        inner.processes.insert(process, fresh);
    }

    /// Begins a process that only looks: its calls fail like others, but it never pauses or crashes.
    pub fn begin_observer(&self, process: ProcessNo) {
        let observer = Process {
            paused_until: 0,
            clock_skew: 0,
            is_observer: true,
            stands_at: None,
        };
        self.lock().processes.insert(process, observer);
    }

    /// Ends a process: its tasks are dropped where they stand. What it has sent is on its way.
    pub fn crash(&self, process: ProcessNo) {
        self.lock().at(0, Event::Crash(process));
    }

    /// Runs a future as a task of a process.
    pub fn spawn(&self, process: ProcessNo, task: BoxFuture<'static, ()>) {
        self.lock().spawned.push((process, task));
    }

    /// Prints a line for whoever replays a seed.
    pub fn trace(&self, line: impl FnOnce() -> String) {
        let inner = self.lock();
        if inner.tracing {
            println!("{:>10} {}", inner.now - crate::START_MS, line());
        }
    }

    /// Resolves after `millis` of virtual time.
    pub fn sleep(&self, process: ProcessNo, millis: u64) -> BoxFuture<'static, ()> {
        let world = self.clone();
        Box::pin(async move {
            let (signal, tell) = signal();
            let millis = i64::try_from(millis).unwrap_or(i64::MAX / 4);
            world.lock().at(millis, Event::Tell(process, tell(())));
            signal.await;
        })
    }

    /// A call of a process to a service: `effect` happens there at some time, and its answer comes
    /// back at a later time, unless something goes wrong. The call begins when it is first polled.
    pub fn call<T: Send + 'static>(
        &self,
        process: ProcessNo,
        effect: impl FnOnce() -> T + Send + 'static,
        failures: Failures<T>,
    ) -> BoxFuture<'static, T> {
        let world = self.clone();
        Box::pin(async move {
            let signal = world.lock().begin_call(process, effect, failures);
            signal.await
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A failed check panics while effects run, never while the world is changed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn at(&mut self, after: i64, event: Event) {
        self.sequence += 1;
        let sequence = self.sequence;
        self.events
            .insert((self.now.saturating_add(after), sequence), event);
    }

    fn begin_call<T: Send + 'static>(
        &mut self,
        process: ProcessNo,
        effect: impl FnOnce() -> T + Send + 'static,
        failures: Failures<T>,
    ) -> Signal<T> {
        self.calls += 1;
        let chaos = self.chaos.clone();
        let longest = if self.random.one_in(chaos.slow) {
            40_000
        } else {
            40
        };
        let effect_at = self.random.between(1, longest);
        let answer_at = effect_at + self.random.between(1, longest);
        self.befall(process, answer_at);

        let (signal, tell) = signal();
        let Failures {
            unavailable,
            conflict,
        } = failures;
        if let Some(conflict) = conflict.filter(|_| self.random.one_in(chaos.conflict)) {
            self.at(answer_at, Event::Tell(process, tell(conflict())));
        } else if self.random.one_in(chaos.lost_call) {
            self.at(answer_at, Event::Tell(process, tell(unavailable())));
        } else if self.random.one_in(chaos.lost_answer) {
            self.at(effect_at, Event::Effect(Box::new(move || drop(effect()))));
            self.at(answer_at, Event::Tell(process, tell(unavailable())));
        } else if self.random.one_in(chaos.late_effect) {
            let late = answer_at + self.random.between(1, 90_000);
            self.at(late, Event::Effect(Box::new(move || drop(effect()))));
            self.at(answer_at, Event::Tell(process, tell(unavailable())));
        } else {
            let slot = Arc::new(Mutex::new(None));
            let answer = Arc::clone(&slot);
            let take = move || {
                let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
                answer.expect("a call takes effect before it is answered")
            };
            let put = move || {
                *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(effect());
            };
            self.at(effect_at, Event::Effect(Box::new(put)));
            let told = Box::new(move || tell(take())());
            self.at(answer_at, Event::Tell(process, told));
        }
        signal
    }

    /// What happens to a process while it waits for an answer.
    fn befall(&mut self, process: ProcessNo, until: i64) {
        let chaos = self.chaos.clone();
        if self.processes.get(&process).is_none_or(|of| of.is_observer) {
            return;
        }
        if self.random.one_in(chaos.crash) {
            let after = self.random.between(0, until);
            self.at(after, Event::Crash(process));
        }
        if self.random.one_in(chaos.pause) {
            let after = self.random.between(0, until);
            let length = match self.random.below(16) {
                // Longer than clean-up looks after a claim.
                0 => 26 * 3_600_000,
                1..4 => self.random.between(1_000, 4 * 3_600_000),
                4..8 => self.random.between(1_000, 1_000_000),
                _ => self.random.between(1_000, 90_000),
            };
            let length = length.min(chaos.longest_pause.unwrap_or(length));
            self.at(after, Event::Pause(process, length));
        }
    }
}

/// The driver of a world: polls its tasks and lets its events happen.
pub struct Simulation {
    world: World,
    tasks: BTreeMap<u64, Task>,
    ready: Arc<Mutex<BTreeSet<u64>>>,
    next_task: u64,
}

struct Task {
    process: ProcessNo,
    future: BoxFuture<'static, ()>,
    waker: Waker,
}

impl Drop for Simulation {
    /// Events and tasks hold the world that holds them.
    fn drop(&mut self) {
        let (events, spawned) = {
            let mut inner = self.world.lock();
            (
                std::mem::take(&mut inner.events),
                std::mem::take(&mut inner.spawned),
            )
        };
        self.tasks.clear();
        drop((events, spawned));
    }
}

impl Simulation {
    pub fn new(seed: u64, start: i64, tracing: bool) -> Self {
        let inner = Inner {
            random: Random::new(seed),
            now: start,
            sequence: 0,
            events: BTreeMap::new(),
            processes: BTreeMap::new(),
            chaos: Chaos::default(),
            calls: 0,
            spawned: Vec::new(),
            tracing,
            clocks_stand: false,
        };
        Self {
            world: World {
                inner: Arc::new(Mutex::new(inner)),
            },
            tasks: BTreeMap::new(),
            ready: Arc::default(),
            next_task: 0,
        }
    }

    pub fn world(&self) -> World {
        self.world.clone()
    }

    /// One move: a task is polled, or the next event happens. False if there is nothing to do up to
    /// `until`; then the time is `until`.
    pub fn step(&mut self, until: i64) -> bool {
        self.take_spawned();
        if let Some(task) = self.next_ready() {
            self.poll(task);
            return true;
        }
        let event = {
            let mut inner = self.world.lock();
            match inner.events.first_key_value() {
                Some((&(time, _), _)) if time <= until => {
                    inner.now = inner.now.max(time);
                    inner.events.pop_first()
                }
                _ => {
                    inner.now = inner.now.max(until);
                    None
                }
            }
        };
        let Some((_, event)) = event else {
            return false;
        };
        self.happen(event);
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Effect(action) => action(),
            Event::Tell(process, action) => {
                let paused = {
                    let mut inner = self.world.lock();
                    let now = inner.now;
                    match inner.processes.get(&process).map(|of| of.paused_until) {
                        None => return,
                        Some(until) if until > now => {
                            inner.at(until - now, Event::Tell(process, action));
                            return;
                        }
                        Some(_) => action,
                    }
                };
                paused();
            }
            Event::Pause(process, length) => {
                self.world
                    .trace(|| format!("p{} pauses for {length} ms", process.0));
                let mut inner = self.world.lock();
                let until = inner.now + length;
                if let Some(process) = inner.processes.get_mut(&process) {
                    process.paused_until = process.paused_until.max(until);
                }
            }
            Event::Crash(process) => {
                if self.world.lock().processes.remove(&process).is_some() {
                    self.world.trace(|| format!("p{} crashes", process.0));
                }
                self.take_spawned();
                self.tasks.retain(|_, task| task.process != process);
            }
        }
    }

    fn take_spawned(&mut self) {
        let spawned = std::mem::take(&mut self.world.lock().spawned);
        for (process, future) in spawned {
            if !self.world.is_alive(process) {
                continue;
            }
            let id = self.next_task;
            self.next_task += 1;
            let waker = Waker::from(Arc::new(TaskWaker {
                id,
                ready: Arc::clone(&self.ready),
            }));
            waker.wake_by_ref();
            let task = Task {
                process,
                future,
                waker,
            };
            self.tasks.insert(id, task);
        }
    }

    fn next_ready(&mut self) -> Option<u64> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        let tasks = &self.tasks;
        ready.retain(|id| tasks.contains_key(id));
        let place = match ready.len() {
            0 => return None,
            1 => 0,
            len => self.world.random(|random| random.below(len)),
        };
        let id = *ready.iter().nth(place)?;
        ready.remove(&id);
        Some(id)
    }

    fn poll(&mut self, id: u64) {
        let Some(task) = self.tasks.get_mut(&id) else {
            return;
        };
        let waker = task.waker.clone();
        if task
            .future
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_ready()
        {
            self.tasks.remove(&id);
        }
    }
}

struct TaskWaker {
    id: u64,
    ready: Arc<Mutex<BTreeSet<u64>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(self.id);
    }
}

/// A value that is told later.
struct Signal<T> {
    state: Arc<Mutex<SignalState<T>>>,
}

struct SignalState<T> {
    value: Option<T>,
    waker: Option<Waker>,
}

fn signal<T: Send + 'static>() -> (Signal<T>, impl FnOnce(T) -> Action + Send + 'static) {
    let state = Arc::new(Mutex::new(SignalState {
        value: None,
        waker: None,
    }));
    let told = Arc::clone(&state);
    let tell = move |value: T| -> Action {
        Box::new(move || {
            let waker = {
                let mut state = told.lock().unwrap_or_else(PoisonError::into_inner);
                state.value = Some(value);
                state.waker.take()
            };
            if let Some(waker) = waker {
                waker.wake();
            }
        })
    };
    (Signal { state }, tell)
}

impl<T> Future for Signal<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
