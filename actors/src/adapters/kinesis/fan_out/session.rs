//! One Kinesis shard's subscription, as a state machine without IO: where it goes on, when it may be
//! made, when it is dead, and what an event means.

use std::time::Duration;

use shardmill_engine::ports::{IteratorFrom, Records, StreamError, StreamRecord};
use shardmill_engine::types::{KinesisShardId, TimestampMs};
use tokio::time::Instant;

/// The times that subscriptions go by.
#[derive(Clone, Copy, Debug)]
pub struct FanOutTiming {
    /// Without an event for so long, while one was waited for, a connection is dead. Kinesis sends
    /// one every 5 seconds or so.
    pub silence: Duration,
    /// Between two calls of SubscribeToShard for a Kinesis shard: Kinesis admits one a second.
    pub between_calls: Duration,
    /// A subscription cannot be taken over before it is so old: until then Kinesis answers
    /// ResourceInUse.
    pub takeover: Duration,
    /// The longest wait before a subscription that others take is taken again.
    pub longest_wait: Duration,
    /// One that lives so long was not taken by anybody.
    pub steady: Duration,
    /// How long SubscribeToShard may take.
    pub call: Duration,
    /// How long the rest of an event is waited for at once.
    pub patience: Duration,
}

impl Default for FanOutTiming {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(35),
            between_calls: Duration::from_secs(1),
            takeover: Duration::from_secs(5),
            longest_wait: Duration::from_secs(60),
            steady: Duration::from_secs(60),
            call: Duration::from_secs(40),
            patience: Duration::from_secs(1),
        }
    }
}

/// Where a subscription begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    /// Where the reader asked for.
    Asked(IteratorFrom),
    /// At the ContinuationSequenceNumber of the last event. AT and not AFTER: no record can be
    /// missed, and one that comes again is known by its number.
    Continue(String),
}

/// An event as it came.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) records: Vec<StreamRecord>,
    /// ContinuationSequenceNumber; empty at the end.
    pub(super) continuation: String,
    pub(super) millis_behind: i64,
    pub(super) children: Vec<(KinesisShardId, Vec<KinesisShardId>)>,
}

/// How a subscription ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Kinesis has ended it, as it does with each after 5 minutes, or it broke.
    Ended,
    /// Somebody else has it.
    InUse,
}

#[derive(Debug)]
pub(super) struct Session {
    timing: FanOutTiming,
    begin: Begin,
    called: Option<Instant>,
    /// Not before, whatever else.
    held_until: Option<Instant>,
    subscribed: Option<Instant>,
    /// Subscriptions in a row that others took or that ended early.
    cut_short: u32,
    /// How long an event has been waited for.
    listened: Duration,
    /// The server's clock when it accepted the subscription, and our clock when we heard it.
    date: TimestampMs,
    heard: Instant,
}

impl Session {
    pub(super) fn new(timing: FanOutTiming, from: IteratorFrom) -> Self {
        Self {
            timing,
            begin: Begin::Asked(from),
            called: None,
            held_until: None,
            subscribed: None,
            cut_short: 0,
            listened: Duration::ZERO,
            date: TimestampMs::MIN,
            heard: Instant::now(),
        }
    }

    /// The reader begins again from a position of its own. What Kinesis remembers of our calls, it
    /// remembers all the same.
    pub(super) fn restart(&mut self, from: IteratorFrom) {
        self.begin = Begin::Asked(from);
        self.listened = Duration::ZERO;
    }

    pub(super) fn timing(&self) -> &FanOutTiming {
        &self.timing
    }

    pub(super) fn begin(&self) -> &Begin {
        &self.begin
    }

    /// When SubscribeToShard may be called; `None` is at once.
    pub(super) fn may_call_at(&self) -> Option<Instant> {
        let paced = self.called.map(|at| at + self.timing.between_calls);
        let accepted = self.subscribed.map(|at| at + self.timing.takeover);
        paced.max(accepted).max(self.held_until)
    }

    pub(super) fn calling(&mut self, now: Instant) {
        self.called = Some(now);
    }

    /// Kinesis has accepted the subscription; its answer was heard at `heard` and bears `date`.
    pub(super) fn subscribed(&mut self, now: Instant, heard: Instant, date: TimestampMs) {
        self.subscribed = Some(now);
        self.listened = Duration::ZERO;
        (self.date, self.heard) = (date, heard);
    }

    /// Kinesis has not accepted it. Gives what the reader is told.
    pub(super) fn refused(
        &mut self,
        error: StreamError,
        in_use: bool,
        now: Instant,
        dice: u64,
    ) -> StreamError {
        if in_use {
            self.cut_short += 1;
            self.hold(now, dice);
        }
        match error {
            // Not what is committed but what the last event said: the reader knows its position.
            StreamError::PositionRefused(detail) if matches!(self.begin, Begin::Continue(_)) => {
                StreamError::IteratorExpired(detail)
            }
            error => error,
        }
    }

    /// A subscription is over. The next one may have to wait: two processes must not take it from
    /// one another without pause.
    pub(super) fn over(&mut self, how: Over, now: Instant, dice: u64) {
        let lived = self.subscribed.map(|at| now.duration_since(at));
        let early = lived.is_none_or(|lived| lived < self.timing.steady);
        self.listened = Duration::ZERO;
        if !early {
            self.cut_short = 0;
        }
        // Not every takeover says that it is one.
        if early || how == Over::InUse {
            self.cut_short += 1;
            self.hold(now, dice);
        }
    }

    /// The first wait is one takeover, then it doubles; jitter makes it up to half longer.
    fn hold(&mut self, now: Instant, dice: u64) {
        let doublings = self.cut_short.saturating_sub(1).min(10);
        let wait = self.timing.takeover * 2_u32.pow(doublings);
        let wait = wait.min(self.timing.longest_wait);
        let jitter = wait.mul_f64((dice % 1_024) as f64 / 2_048.0);
        self.held_until = Some(now + wait + jitter);
    }

    /// An event was waited for so long.
    pub(super) fn listened(&mut self, span: Duration) {
        self.listened += span;
    }

    /// How long an event may still be waited for.
    pub(super) fn silence_left(&self) -> Duration {
        self.timing.silence.saturating_sub(self.listened)
    }

    /// Something came, if only a part of an event.
    pub(super) fn heard_something(&mut self) {
        self.listened = Duration::ZERO;
    }

    /// What an event says. `token` is what asks for the next one; the connection was last seen
    /// without anything of this one at `empty_at`.
    pub(super) fn event(
        &mut self,
        event: Event,
        empty_at: Option<Instant>,
        token: String,
    ) -> Records {
        // Kinesis has no continuation after the last event. One that names children and has records
        // may be followed by others, so what ends the reading is one that has none.
        let ends = event.continuation.is_empty()
            || (event.records.is_empty() && !event.children.is_empty());
        if !event.continuation.is_empty() {
            self.begin = Begin::Continue(event.continuation);
        }
        self.listened = Duration::ZERO;
        Records {
            records: event.records,
            next_iterator: (!ends).then_some(token),
            millis_behind: Some(event.millis_behind),
            children: if ends { event.children } else { Vec::new() },
            server_time: self.server_time(empty_at),
        }
    }

    /// A time that the server's clock had reached when an event was made that had not come at
    /// `empty_at`.
    fn server_time(&self, empty_at: Option<Instant>) -> TimestampMs {
        let since = empty_at.map_or(Duration::ZERO, |at| {
            at.saturating_duration_since(self.heard)
        });
        let millis = TimestampMs::try_from(since.as_millis()).unwrap_or(0);
        self.date.saturating_add(millis)
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
