//! A Kinesis stream in memory: jumbled arrival times, splits, merges, retention, aggregates,
//! throttling, expiring iterators, empty answers while behind, ends that name no child. Some processes
//! poll it and some subscribe to it.
//!
//! What is on it is decided by the seed before the first process starts; how it answers is decided
//! by the dice of the world.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::BoxFuture;
use shardmill_engine::ports::{
    Delivery, IteratorFrom, Records, ShardFilter, ShardInfo, ShardList, Stream, StreamError,
};
use shardmill_engine::types::{KinesisShardId, SequenceNumber, TimestampMs};

use crate::executor::{Failures, ProcessNo, World};
use crate::random::Random;
use crate::stream_content::{Shard, generate};

/// How a stream is made.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The first record comes about here.
    pub begin: TimestampMs,
    /// And the last one about here.
    pub end: TimestampMs,
    /// The longest time between two reshards.
    pub reshard_every: i64,
    /// The longest time between two records of a Kinesis shard.
    pub pace: i64,
    /// How far arrival times go back at most.
    pub jumble: i64,
}

/// How a stream answers.
#[derive(Clone, Debug)]
pub struct Manners {
    /// Iterators live so long, ms.
    pub iterator_life: i64,
    /// Records in an answer at most.
    pub answer: usize,
    /// Says a lag of 0 whenever it gives records.
    pub always_zero: bool,
    /// A new Kinesis shard is named by its parents at once, but known only so much later, ms.
    pub hidden: i64,
    /// A closed Kinesis shard is kept so long after it was closed, if it is read.
    pub retention: i64,
    /// "Once in so many answers", 0 is never: empty though there is more; an end that names no
    /// child; no next iterator though this is not the end.
    pub empty_while_behind: u64,
    pub childless_end: u64,
    pub false_end: u64,
    /// "Once in so many processes", 0 is never: one that subscribes instead of polling.
    pub pushed: u64,
    /// "Once in so many events" of a subscription: it ends, because somebody else has taken it.
    pub taken_over: u64,
}

/// Between two events of a subscription without records, ms.
const HEARTBEAT: i64 = 5_000;

/// What the commits on the target say of the Kinesis shards; the checker keeps it up to date.
#[derive(Default)]
pub struct Committed {
    pub entered: BTreeSet<KinesisShardId>,
    pub ended: BTreeSet<KinesisShardId>,
}

/// The stream itself, shared by all processes.
#[derive(Clone)]
pub struct Kinesis {
    state: Arc<Mutex<State>>,
}

struct State {
    shards: BTreeMap<KinesisShardId, Shard>,
    manners: Manners,
    /// Who has been told of whose end.
    ends_seen: BTreeSet<(ProcessNo, KinesisShardId)>,
    committed: Arc<Mutex<Committed>>,
    /// The token that each process's subscription has now. An event is given once, so an older
    /// token is good for nothing.
    subscriptions: BTreeMap<(ProcessNo, KinesisShardId), String>,
}

impl Kinesis {
    pub fn new(
        random: &mut Random,
        plan: &Plan,
        manners: Manners,
        committed: Arc<Mutex<Committed>>,
    ) -> Self {
        let state = State {
            shards: generate(random, plan),
            manners,
            ends_seen: BTreeSet::new(),
            committed,
            subscriptions: BTreeMap::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The stream as a process reaches it.
    pub fn for_process(&self, world: &World, process: ProcessNo) -> Arc<dyn Stream> {
        let one_in = self.lock().manners.pushed;
        let delivery = match world.random(|random| random.one_in(one_in)) {
            true => Delivery::Pushed,
            false => Delivery::Polled,
        };
        Arc::new(Client {
            kinesis: self.clone(),
            world: world.clone(),
            process,
            delivery,
        })
    }

    /// A look at all Kinesis shards there ever were.
    pub fn with_shards<T>(&self, look: impl FnOnce(&BTreeMap<KinesisShardId, Shard>) -> T) -> T {
        look(&self.lock().shards)
    }

    /// From now on answers are as good as can be.
    pub fn behave(&self) {
        let manners = &mut self.lock().manners;
        manners.empty_while_behind = 0;
        manners.childless_end = 0;
        manners.false_end = 0;
        manners.taken_over = 0;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn committed(&self) -> MutexGuard<'_, Committed> {
        self.committed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets retention pass over what is closed long enough. What is not read is kept: this is a
    /// stream whose retention is long enough.
    fn trim(&mut self, now: TimestampMs) {
        let kept_since = now - self.manners.retention;
        let ended = self.committed().ended.clone();
        for (id, shard) in &mut self.shards {
            let over = shard.closed.is_some_and(|closed| closed < kept_since);
            shard.trimmed |= over && ended.contains(id);
        }
    }

    fn list(&mut self, filter: ShardFilter, now: TimestampMs) -> ShardList {
        self.trim(now);
        let since = now - self.manners.hidden;
        let shown = |shard: &&Shard| match filter {
            ShardFilter::All => shard.opened <= since && !shard.trimmed,
            ShardFilter::AtTimestamp(time) => {
                let closed_before = shard.closed.is_some_and(|closed| closed < time);
                shard.opened <= time && !closed_before && !shard.trimmed
            }
        };
        let shards = self.shards.values().filter(shown).map(|shard| ShardInfo {
            id: shard.id.clone(),
            parents: shard.parents.clone(),
            closed: shard.is_closed(now),
            hash_keys: shard.hash_keys,
        });
        ShardList {
            shards: shards.collect(),
            server_time: to_the_second(now),
        }
    }

    fn iterator(
        &mut self,
        id: &KinesisShardId,
        from: &IteratorFrom,
        now: TimestampMs,
    ) -> Result<String, StreamError> {
        self.trim(now);
        let since = now - self.manners.hidden;
        let shard = self
            .shards
            .get(id)
            .filter(|shard| shard.opened <= since && !shard.trimmed);
        let shard = shard.ok_or_else(|| StreamError::NotFound(id.to_string()))?;
        let place = match from {
            IteratorFrom::TrimHorizon => 0,
            IteratorFrom::AtTimestamp(time) => shard.first_at(*time),
            IteratorFrom::After(sequence) => number_of(sequence),
        };
        Ok(format!("{place} {now} {id}"))
    }

    /// I7: reading begins when all parents have been read to their end, by this process or in
    /// commits, or when the child's entry is committed.
    fn check_parents(&self, process: ProcessNo, id: &KinesisShardId) {
        let committed = self.committed();
        if committed.entered.contains(id) {
            return;
        }
        for parent in &self.shards[id].parents {
            let read = committed.ended.contains(parent)
                || self.ends_seen.contains(&(process, parent.clone()))
                || self.shards[parent].trimmed;
            assert!(
                read,
                "I7: p{} reads {id} before its parent {parent} is read",
                process.0
            );
        }
    }

    fn records(
        &mut self,
        iterator: &str,
        limit: usize,
        now: TimestampMs,
        random: &mut Random,
    ) -> Result<Records, StreamError> {
        let expired = || StreamError::IteratorExpired(iterator.to_owned());
        let mut parts = iterator.splitn(3, ' ');
        let mut number = || parts.next().and_then(|part| part.parse::<i64>().ok());
        let (place, issued) = (number().ok_or_else(expired)?, number().ok_or_else(expired)?);
        let id = KinesisShardId::new(parts.next().ok_or_else(expired)?);
        self.trim(now);
        if now - issued > self.manners.iterator_life {
            return Err(expired());
        }
        let shard = self.shards.get(&id).filter(|shard| !shard.trimmed);
        let shard = shard.ok_or_else(|| StreamError::NotFound(id.to_string()))?;
        let place = usize::try_from(place).map_err(|_| expired())?;
        Ok(self.answer(shard, place, limit, now, random))
    }

    /// The next event of a subscription; now and then only a part of one has come, or its end.
    fn event(
        &mut self,
        process: ProcessNo,
        token: &str,
        now: TimestampMs,
        random: &mut Random,
    ) -> Result<Records, StreamError> {
        let (place, id) = place_of(token);
        let key = (process, id);
        if self.subscriptions.get(&key).map(String::as_str) != Some(token) {
            return Err(StreamError::IteratorExpired(token.to_owned()));
        }
        if random.one_in(self.manners.taken_over) {
            self.subscriptions.remove(&key);
            return Err(StreamError::Unavailable("taken over".to_owned()));
        }
        if random.one_in(10) {
            return Ok(Records {
                records: Vec::new(),
                next_iterator: Some(token.to_owned()),
                millis_behind: None,
                children: Vec::new(),
                server_time: 0,
            });
        }
        self.trim(now);
        let shard = self.shards.get(&key.1).filter(|shard| !shard.trimmed);
        let shard = shard.ok_or_else(|| StreamError::NotFound(key.1.to_string()))?;
        let event = self.answer(shard, place, usize::MAX, now, random);
        match &event.next_iterator {
            Some(next) => self.subscriptions.insert(key, next.clone()),
            None => self.subscriptions.remove(&key),
        };
        Ok(event)
    }

    /// Whether a subscription has something to send.
    fn is_due(&self, token: &str, now: TimestampMs) -> bool {
        let (place, id) = place_of(token);
        let shard = &self.shards[&id];
        shard.trimmed || shard.ready(now) > place || shard.is_end(place, now)
    }

    fn answer(
        &self,
        shard: &Shard,
        place: usize,
        limit: usize,
        now: TimestampMs,
        random: &mut Random,
    ) -> Records {
        let manners = &self.manners;
        let ready = shard.ready(now);
        let most = ready.saturating_sub(place).min(limit).min(manners.answer);
        let count = match most {
            0 => 0,
            _ if random.one_in(manners.empty_while_behind) => 0,
            most => random.below(most) + 1,
        };
        let next = place + count;
        let behind = shard.records[..ready]
            .get(next)
            .map_or(0, |record| now - record.visible);
        let at_end = shard.is_end(next, now);
        // Of a closed one nobody could tell it from the end.
        let false_end = !shard.is_closed(now) && random.one_in(manners.false_end);
        let named = at_end && !random.one_in(manners.childless_end);
        let children = self
            .shards
            .values()
            .filter(|child| named && child.parents.contains(&shard.id));
        Records {
            records: (place..next).map(|place| shard.record(place)).collect(),
            next_iterator: (!at_end && !false_end).then(|| format!("{next} {now} {}", shard.id)),
            millis_behind: Some(if manners.always_zero && count > 0 {
                0
            } else {
                behind
            }),
            children: children
                .map(|child| (child.id.clone(), child.parents.clone()))
                .collect(),
            server_time: to_the_second(now),
        }
    }
}

/// The place that an iterator or a token stands for, and its Kinesis shard.
fn place_of(iterator: &str) -> (usize, KinesisShardId) {
    let mut parts = iterator.splitn(3, ' ');
    let place = parts.next().and_then(|part| part.parse().ok());
    let id = KinesisShardId::new(parts.nth(1).unwrap_or_default());
    (place.unwrap_or(0), id)
}

/// An answer's `Date` has no milliseconds.
fn to_the_second(now: TimestampMs) -> TimestampMs {
    now - now % 1_000
}

/// Record `n` (from 1) of a Kinesis shard has the sequence number `n`.
pub fn number_of(sequence: &SequenceNumber) -> usize {
    sequence
        .as_str()
        .parse()
        .expect("a sequence number of this stream")
}

struct Client {
    kinesis: Kinesis,
    world: World,
    process: ProcessNo,
    delivery: Delivery,
}

impl Client {
    /// Waits for what a subscription sends: records, or the lag now and then.
    async fn wait_for_event(&self, token: &str) {
        let until = self.world.now() + HEARTBEAT;
        while self.world.now() < until && !self.kinesis.lock().is_due(token, self.world.now()) {
            self.world.sleep(self.process, 100).await;
        }
    }

    fn call<T: Send + 'static>(
        &self,
        what: String,
        effect: impl FnOnce(&mut State, TimestampMs) -> Result<T, StreamError> + Send + 'static,
    ) -> BoxFuture<'static, Result<T, StreamError>> {
        let (kinesis, world, process) = (self.kinesis.clone(), self.world.clone(), self.process);
        let effect = move || {
            let now = world.now();
            let answer = effect(&mut kinesis.lock(), now);
            world.trace(|| {
                let outcome = answer.as_ref().map(|_| "ok").map_err(ToString::to_string);
                format!("p{} {what}: {outcome:?}", process.0)
            });
            answer
        };
        let failures = Failures {
            unavailable: Box::new(|| Err(StreamError::Unavailable("simulated".to_owned()))),
            conflict: Some(Box::new(|| {
                Err(StreamError::Throttled("simulated".to_owned()))
            })),
        };
        self.world.call(self.process, effect, failures)
    }
}

impl Stream for Client {
    fn list_shards(&self, filter: ShardFilter) -> BoxFuture<'_, Result<ShardList, StreamError>> {
        self.call("list shards".to_owned(), move |state, now| {
            Ok(state.list(filter, now))
        })
    }

    fn shard_iterator<'a>(
        &'a self,
        shard: &'a KinesisShardId,
        from: IteratorFrom,
    ) -> BoxFuture<'a, Result<String, StreamError>> {
        self.kinesis.lock().check_parents(self.process, shard);
        let id = shard.clone();
        let (process, delivery) = (self.process, self.delivery);
        self.call(format!("iterator {shard} {from:?}"), move |state, now| {
            let iterator = state.iterator(&id, &from, now)?;
            if delivery == Delivery::Pushed {
                state.subscriptions.insert((process, id), iterator.clone());
            }
            Ok(iterator)
        })
    }

    fn delivery(&self) -> Delivery {
        self.delivery
    }

    fn get_records<'a>(
        &'a self,
        iterator: &'a str,
        limit: u32,
    ) -> BoxFuture<'a, Result<Records, StreamError>> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        // The dice are rolled before: the world is not at hand while the call takes effect.
        let mut random = Random::new(self.world.random(Random::next));
        let key = iterator.to_owned();
        let (process, delivery) = (self.process, self.delivery);
        let effect = move |state: &mut State, now| match delivery {
            Delivery::Polled | Delivery::Stored => state.records(&key, limit, now, &mut random),
            Delivery::Pushed => state.event(process, &key, now, &mut random),
        };
        let (place, id) = place_of(iterator);
        Box::pin(async move {
            if delivery == Delivery::Pushed {
                self.wait_for_event(iterator).await;
            }
            let answer = self.call(format!("records {iterator}"), effect).await?;
            let mut state = self.kinesis.lock();
            let read = place + answer.records.len();
            if answer.next_iterator.is_none() && state.shards[&id].is_end(read, self.world.now()) {
                state.ends_seen.insert((self.process, id));
            }
            Ok(answer)
        })
    }
}
