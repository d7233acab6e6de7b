//! One Kinesis shard's subscription at work: its connection, and the one task that makes it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::operation::subscribe_to_shard::SubscribeToShardOutput;
use aws_sdk_kinesis::types::SubscribeToShardEventStream;
use shardmill_engine::ports::{IteratorFrom, Records, StreamError};
use shardmill_engine::types::KinesisShardId;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};

use super::super::error::{self, Refusal};
use super::Link;
use super::gate::Gate;
use super::session::{Over, Session};
use super::subscribe::{Accepted, event};
use super::token::Token;

pub(super) struct Slot {
    link: Arc<Link>,
    shard: KinesisShardId,
    state: Mutex<State>,
    /// The phase is another.
    changed: Notify,
}

struct State {
    session: Session,
    /// What the next call must say: each event is given once, so an older token is good for
    /// nothing.
    token: Token,
    phase: Phase,
    /// Of the last subscription, if it ended well: its connection can be used again.
    client: Option<Client>,
}

enum Phase {
    /// Nothing is under way.
    Idle,
    Subscribing {
        _task: Task,
    },
    Live(Live),
    /// What the reader is to be told.
    Failed(StreamError),
    /// The Kinesis shard has been read to its end.
    Ended,
}

#[derive(Clone)]
struct Live {
    gate: Arc<Gate>,
    events: Arc<tokio::sync::Mutex<SubscribeToShardOutput>>,
    client: Client,
}

/// Ends with this value.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a look at a slot says.
enum Look {
    /// A call has something to say.
    Say,
    /// Wait until the phase is another.
    Wait,
    /// Wait for the connection, for so long at most.
    Listen(Arc<Gate>, Duration),
    /// The token is an old one.
    Expired,
}

impl Slot {
    pub(super) fn new(link: Arc<Link>, shard: KinesisShardId, from: IteratorFrom) -> Arc<Self> {
        let state = State {
            session: Session::new(link.timing, from),
            token: Token::first(shard.clone()),
            phase: Phase::Idle,
            client: None,
        };
        Arc::new(Self {
            link,
            shard,
            state: Mutex::new(state),
            changed: Notify::new(),
        })
    }

    /// Begins again elsewhere. The subscription that there was ends.
    pub(super) fn restart(&self, from: IteratorFrom) {
        let mut state = self.state();
        state.session.restart(from);
        state.token = state.token.next();
        state.phase = Phase::Idle;
        state.client = None;
        drop(state);
        self.changed.notify_waiters();
    }

    /// What stands for the subscription.
    pub(super) fn token(&self) -> Token {
        self.state().token.clone()
    }

    /// Whether a call with this token has something to say at once. Where there is no subscription,
    /// one is made meanwhile.
    pub(super) fn is_ready(self: &Arc<Self>, token: &Token) -> bool {
        matches!(self.look(token), Look::Say | Look::Expired)
    }

    /// Waits until a call has something to say. Only this waiting counts as silence.
    pub(super) async fn ready(self: Arc<Self>, token: Token) {
        loop {
            let changed = self.changed.notified();
            match self.look(&token) {
                Look::Say | Look::Expired => return,
                Look::Wait => changed.await,
                Look::Listen(gate, left) => {
                    let _listening = Listening::begin(&self);
                    tokio::select! {
                        () = gate.arrived() => return,
                        () = sleep(left) => {}
                        () = changed => {}
                    }
                }
            }
        }
    }

    /// The next event. An answer that says nothing where none is whole yet.
    pub(super) async fn next(self: &Arc<Self>, token: &Token) -> Result<Records, StreamError> {
        let patience = self.link.timing.patience;
        let ready = Arc::clone(self).ready(token.clone());
        if timeout(patience, ready).await.is_err() {
            return Ok(nothing(token));
        }
        let Some(live) = self.take_turn(token)? else {
            return Ok(nothing(token));
        };
        let listening = Listening::begin(self);
        let mut events = live.events.lock().await;
        let came = timeout(patience, events.event_stream.recv()).await;
        drop((events, listening));
        let mut state = self.state();
        if state.token != *token {
            return Err(StreamError::IteratorExpired(token.to_string()));
        }
        match came {
            Err(_) => {
                // The rest of it is on its way.
                state.session.heard_something();
                Ok(nothing(token))
            }
            Ok(Ok(Some(SubscribeToShardEventStream::SubscribeToShardEvent(came)))) => {
                // From here on the token asks for what is past.
                let next = state.token.next();
                state.token = next.clone();
                let came = event(came).inspect_err(|_| state.over(Over::Ended))?;
                let empty_at = live.gate.empty_at();
                let records = state.session.event(came, empty_at, next.to_string());
                if records.next_iterator.is_none() {
                    state.phase = Phase::Ended;
                }
                Ok(records)
            }
            // A kind of event that is not known says nothing.
            Ok(Ok(Some(_))) => Ok(nothing(token)),
            Ok(Ok(None)) => {
                state.over(Over::Ended);
                state.client = Some(live.client);
                Ok(nothing(token))
            }
            Ok(Err(error)) => {
                let Refusal { error, in_use } = error::event_error(error);
                state.over(if in_use { Over::InUse } else { Over::Ended });
                self.doubt_consumer(&error);
                Err(error)
            }
        }
    }

    /// The connection to take an event from; `None` where there is none (yet).
    fn take_turn(&self, token: &Token) -> Result<Option<Live>, StreamError> {
        let mut state = self.state();
        if state.token != *token {
            return Err(StreamError::IteratorExpired(token.to_string()));
        }
        let silent = state.session.silence_left().is_zero();
        match std::mem::replace(&mut state.phase, Phase::Idle) {
            Phase::Failed(error) => Err(error),
            Phase::Live(live) if silent && !live.gate.has_something() => {
                state.over(Over::Ended);
                Err(StreamError::Unavailable(format!(
                    "no event for {} s, though Kinesis sends one every 5 s or so: the connection \
                     is taken for dead",
                    state.session.timing().silence.as_secs()
                )))
            }
            phase => {
                let live = match &phase {
                    Phase::Live(live) => Some(live.clone()),
                    _ => None,
                };
                state.phase = phase;
                Ok(live)
            }
        }
    }

    fn look(self: &Arc<Self>, token: &Token) -> Look {
        let mut state = self.state();
        if state.token != *token {
            return Look::Expired;
        }
        if let Phase::Idle = state.phase {
            let _task = self.subscribe(&state);
            state.phase = Phase::Subscribing { _task };
        }
        match &state.phase {
            Phase::Idle | Phase::Subscribing { .. } => Look::Wait,
            Phase::Failed(_) | Phase::Ended => Look::Say,
            Phase::Live(live) => {
                let left = state.session.silence_left();
                match live.gate.has_something() || left.is_zero() {
                    true => Look::Say,
                    false => Look::Listen(Arc::clone(&live.gate), left),
                }
            }
        }
    }

    /// Makes the subscription in a task of its own: whoever waits for it may go and come again.
    fn subscribe(self: &Arc<Self>, state: &State) -> Task {
        let slot = Arc::downgrade(self);
        let (link, shard) = (Arc::clone(&self.link), self.shard.clone());
        let (begin, at) = (state.session.begin().clone(), state.session.may_call_at());
        let (client, token) = (state.client.clone(), state.token.clone());
        let task = tokio::spawn(async move {
            if let Some(at) = at {
                tokio::time::sleep_until(at).await;
            }
            if let Some(slot) = slot.upgrade() {
                slot.state().session.calling(Instant::now());
            }
            let outcome = link.subscribe(client, &shard, &begin).await;
            if let Some(slot) = slot.upgrade() {
                slot.answered(&token, outcome);
            }
        });
        Task(task.abort_handle())
    }

    fn answered(&self, token: &Token, outcome: Result<Accepted, Refusal>) {
        let mut state = self.state();
        if state.token != *token {
            return;
        }
        let now = Instant::now();
        state.phase = match outcome {
            Ok(Accepted {
                events,
                opening,
                client,
            }) => {
                state.session.subscribed(now, opening.heard, opening.date);
                let events = Arc::new(tokio::sync::Mutex::new(events));
                Phase::Live(Live {
                    gate: opening.gate,
                    events,
                    client,
                })
            }
            Err(Refusal { error, in_use }) => {
                self.doubt_consumer(&error);
                let told = state.session.refused(error, in_use, now, dice());
                state.client = None;
                Phase::Failed(told)
            }
        };
        drop(state);
        self.changed.notify_waiters();
    }

    /// What is not found may be the consumer.
    fn doubt_consumer(&self, error: &StreamError) {
        if let StreamError::NotFound(_) = error {
            self.link.consumer.forget();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn over(&mut self, how: Over) {
        self.session.over(how, Instant::now(), dice());
        self.phase = Phase::Idle;
        self.client = None;
    }
}

/// Counts the time that somebody waits for an event.
struct Listening<'s> {
    slot: &'s Slot,
    since: Instant,
}

impl<'s> Listening<'s> {
    fn begin(slot: &'s Slot) -> Self {
        let since = Instant::now();
        Self { slot, since }
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        let span = self.since.elapsed();
        self.slot.state().session.listened(span);
    }
}

/// An answer that says nothing.
fn nothing(token: &Token) -> Records {
    Records {
        records: Vec::new(),
        next_iterator: Some(token.to_string()),
        millis_behind: None,
        children: Vec::new(),
        server_time: 0,
    }
}

fn dice() -> u64 {
    use shardmill_engine::ports::Host;
    crate::adapters::SystemHost.random()
}
