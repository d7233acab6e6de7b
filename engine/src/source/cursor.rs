//! The reading of one Kinesis shard, as a state machine without IO.
//!
//! Whoever runs it asks [`ShardCursor::next`] what to do, does it, and hands the answer back. Only
//! one call may be under way at a time.

use crate::budget::Budget;
use crate::ports::{Delivery, IteratorFrom, Records, ShardList, StreamError};
use crate::types::{
    ClaimRef, KinesisShardId, Position, ReadFrom, ShardCut, ShardEnd, TimestampMs, Watermark,
    Window, WindowLength,
};

mod step;

pub use step::{CursorError, CursorOutput, CursorStep, Trouble};

use super::batcher::Batcher;
use super::pacing::{Backoff, Pacing, must_wait};

/// Records asked for in one GetRecords: the most that Kinesis admits.
pub const FETCH_LIMIT: u32 = 10_000;
/// The least that it is lowered to, when most of what was asked for could not be taken.
const LEAST_FETCH_LIMIT: u32 = 100;
/// How far a record may arrive behind the lag that an answer without records states.
pub const LAG_MARGIN_MS: i64 = 5_000;
/// The pause after an answer that said that nothing more is there.
const CAUGHT_UP_PAUSE_MS: i64 = 500;
/// Kinesis may name a child before it can be read, so only after so many errors in a row (about a
/// minute) what it does not know is gone.
const FAILURES_UNTIL_GONE: u32 = 10;
/// After so many errors in a row the shard iterator is given up too: it may be what is wrong.
const FAILURES_PER_ITERATOR: u32 = 5;

/// One Kinesis shard's reading.
#[derive(Debug)]
pub struct ShardCursor {
    claim: ClaimRef,
    shard: KinesisShardId,
    start: Option<TimestampMs>,
    window_length: WindowLength,
    hash_keys: Option<(u128, u128)>,
    end: Option<TimestampMs>,
    position: Position,
    current_window: Window,
    phase: Phase,
    pacing: Pacing,
    backoff: Backoff,
    fetch_limit: u32,
    not_before: TimestampMs,
    blocked: Option<Window>,
    trouble: Option<Trouble>,
    /// The children that a listing named which says that this Kinesis shard is closed.
    closed: Option<Children>,
    outside: u64,
}

type Children = Vec<(KinesisShardId, Vec<KinesisShardId>)>;

#[derive(Clone, Debug)]
enum Phase {
    NeedIterator,
    Reading { iterator: String },
    AskEnd,
    Done,
    Failed(CursorError),
}

impl ShardCursor {
    /// Begins reading at `from`. `start` is the source's resolved start, which the position
    /// [`Position::Start`] stands for (`None`: TRIM_HORIZON). `seed` spreads the retries.
    pub fn new(
        claim: ClaimRef,
        from: ReadFrom,
        start: Option<TimestampMs>,
        window_length: WindowLength,
        seed: u64,
    ) -> Self {
        Self {
            claim,
            shard: from.shard,
            start,
            window_length,
            hash_keys: None,
            end: None,
            position: from.position,
            current_window: from.current_window,
            phase: Phase::NeedIterator,
            pacing: Pacing::new(Delivery::Polled),
            backoff: Backoff::new(seed),
            fetch_limit: FETCH_LIMIT,
            not_before: TimestampMs::MIN,
            blocked: None,
            trouble: None,
            closed: None,
            outside: 0,
        }
    }

    /// Tells how records come: only polling is paced.
    pub fn with_delivery(mut self, delivery: Delivery) -> Self {
        self.pacing = Pacing::new(delivery);
        self
    }

    /// Tells the range of hash keys (both ends included), so that user records of KPL aggregates
    /// outside it are counted.
    pub fn with_hash_keys(mut self, hash_keys: (u128, u128)) -> Self {
        self.hash_keys = Some(hash_keys);
        self
    }

    /// Reads up to `end` (`end_read_at`): the first record whose arrival time reaches it, and all
    /// after that one, are out.
    pub fn with_end(mut self, end: Option<TimestampMs>) -> Self {
        self.end = end;
        self
    }

    /// The claim that it reads under.
    pub fn claim(&self) -> ClaimRef {
        self.claim
    }

    /// The Kinesis shard.
    pub fn shard(&self) -> &KinesisShardId {
        &self.shard
    }

    /// Everything up to here has been given out.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// The current window at the position.
    pub fn current_window(&self) -> Window {
        self.current_window
    }

    /// The error that is being tried again after, if there is one.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// User records of KPL aggregates whose hash key lies outside the Kinesis shard. They are kept.
    pub fn outside_hash_keys(&self) -> u64 {
        self.outside
    }

    /// What to do next.
    pub fn next(&self, now: TimestampMs) -> CursorStep {
        let paced = match &self.phase {
            Phase::Done => return CursorStep::Done,
            Phase::Failed(error) => return CursorStep::Failed(error.clone()),
            Phase::NeedIterator | Phase::AskEnd => self.pacing.call_at(),
            Phase::Reading { .. } => self.pacing.fetch_at(),
        };
        if let Some(window) = self.blocked {
            return CursorStep::Blocked { window };
        }
        let until = paced.max(self.not_before);
        if must_wait(now, until) {
            return CursorStep::Wait { until };
        }
        match &self.phase {
            Phase::NeedIterator => CursorStep::Iterator(self.iterator_from()),
            Phase::Reading { iterator } => CursorStep::Fetch {
                iterator: iterator.clone(),
                limit: self.fetch_limit,
            },
            Phase::AskEnd => CursorStep::AskEnd,
            Phase::Done => CursorStep::Done,
            Phase::Failed(error) => CursorStep::Failed(error.clone()),
        }
    }

    fn iterator_from(&self) -> IteratorFrom {
        match (&self.position, self.start) {
            (Position::At(sequence), _) => IteratorFrom::After(sequence.clone()),
            (Position::Start, Some(start)) => IteratorFrom::AtTimestamp(start),
            (Position::Start, None) | (Position::Horizon, _) => IteratorFrom::TrimHorizon,
        }
    }

    /// The lane's window limit is now `limit` (inclusive). Cheap; may be called before every
    /// [`ShardCursor::next`].
    pub fn limit_moved(&mut self, limit: Window) {
        if self.blocked.is_some_and(|window| window <= limit) {
            self.blocked = None;
        }
    }

    /// The answer to [`CursorStep::Iterator`].
    pub fn on_iterator(&mut self, answer: Result<String, StreamError>, now: TimestampMs) {
        self.pacing.answered(now, 0);
        match answer {
            // The backoff goes on: only records show that an iterator works.
            Ok(iterator) => self.phase = Phase::Reading { iterator },
            Err(StreamError::PositionRefused(detail)) => self.position_lost(detail),
            Err(StreamError::NotFound(detail)) => self.not_found(detail, now),
            Err(StreamError::Unusable { code, detail }) => self.unusable(code, detail),
            Err(error) => self.retry(error.to_string(), now),
        }
    }

    /// The answer to [`CursorStep::Fetch`]. Records in windows past `window_limit` (inclusive) are
    /// not taken, nor is anything after them: they are fetched again later. What is given out is
    /// charged to `budget`.
    pub fn on_records(
        &mut self,
        answer: Result<Records, StreamError>,
        now: TimestampMs,
        window_limit: Window,
        budget: &Budget,
    ) -> Vec<CursorOutput> {
        match answer {
            Ok(records) => self.take_records(records, now, window_limit, budget),
            Err(error) => {
                self.pacing.answered(now, 0);
                self.fetch_failed(error, now);
                Vec::new()
            }
        }
    }

    /// The answer to [`CursorStep::AskEnd`]. That the Kinesis shard is closed does not say that it
    /// was closed when the answer without a next iterator came, so an answer from a fresh iterator
    /// has to say once more that nothing follows.
    pub fn on_shard_info(&mut self, answer: Result<&ShardList, StreamError>, now: TimestampMs) {
        self.pacing.answered(now, 0);
        let list = match answer {
            Ok(list) => list,
            Err(error) => return self.retry(error.to_string(), now),
        };
        self.phase = Phase::NeedIterator;
        let closed = match list.shards.iter().find(|info| info.id == self.shard) {
            Some(info) => info.closed,
            // Only a closed Kinesis shard ages out of the list. An empty list proves nothing.
            None => !list.shards.is_empty(),
        };
        if !closed {
            let error = "GetRecords gave no next iterator, but the Kinesis shard is open";
            return self.retry(error.to_string(), now);
        }
        let children = list
            .shards
            .iter()
            .filter(|info| info.parents.contains(&self.shard));
        self.closed = Some(
            children
                .map(|info| (info.id.clone(), info.parents.clone()))
                .collect(),
        );
        self.worked();
    }

    fn take_records(
        &mut self,
        answer: Records,
        now: TimestampMs,
        window_limit: Window,
        budget: &Budget,
    ) -> Vec<CursorOutput> {
        let bytes = answer.records.iter().map(|record| record.data.len()).sum();
        self.pacing.answered(now, bytes);
        let mut outputs = Vec::new();
        if let Some(millis_behind) = answer.millis_behind {
            outputs.push(CursorOutput::Lag { millis_behind });
        }
        let stop = self.take(&answer, now, window_limit, budget, &mut outputs);
        match stop {
            Some(Stop::Beyond { window, taken }) => {
                // What is fetched in vain counts against Kinesis's limits all the same.
                let middle = u32::try_from((taken + answer.records.len()) / 2);
                let middle = middle.unwrap_or(FETCH_LIMIT);
                self.fetch_limit = middle.clamp(LEAST_FETCH_LIMIT, FETCH_LIMIT);
                // The next record decides: whatever comes from here on is in its window or later.
                self.current_window = window;
                self.blocked = Some(window);
                self.phase = Phase::NeedIterator;
                self.worked();
                outputs.push(self.watermark(answer.server_time, false));
            }
            Some(Stop::End) => {
                self.worked();
                outputs.extend(self.cut());
            }
            Some(Stop::Disorder(error)) => {
                self.phase = Phase::NeedIterator;
                self.retry(error, now);
            }
            None => {
                self.fetch_limit = (self.fetch_limit * 2).min(FETCH_LIMIT);
                self.worked();
                self.after_all(answer, now, &mut outputs);
            }
        }
        outputs
    }

    /// Turns records into batches up to the first one that must not be taken.
    fn take(
        &mut self,
        answer: &Records,
        now: TimestampMs,
        window_limit: Window,
        budget: &Budget,
        outputs: &mut Vec<CursorOutput>,
    ) -> Option<Stop> {
        let mut batcher = Batcher {
            claim: self.claim,
            shard: &self.shard,
            hash_keys: self.hash_keys,
            budget,
            received: now,
            position: self.position.clone(),
            open: None,
            done: Vec::new(),
            outside: 0,
        };
        let (mut stop, mut taken) = (None, 0);
        for record in &answer.records {
            if let Some(position) = batcher.position.sequence()
                && record.sequence <= *position
            {
                // At the head of an answer: read before, a server that resumes at the position
                // and not after it. Later on, order is broken and a record might be missed.
                if taken > 0 {
                    stop = Some(Stop::Disorder(format!(
                        "GetRecords gave {} after {position}",
                        record.sequence
                    )));
                    break;
                }
                continue;
            }
            if self.end.is_some_and(|end| record.arrival >= end) {
                stop = Some(Stop::End);
                break;
            }
            let window = self
                .window_length
                .window_of(record.arrival)
                .max(self.current_window);
            if window > window_limit {
                stop = Some(Stop::Beyond { window, taken });
                break;
            }
            self.current_window = window;
            taken += 1;
            batcher.add(record, window);
        }
        batcher.close();
        let Batcher {
            position,
            done,
            outside,
            ..
        } = batcher;
        self.position = position;
        self.outside += outside;
        outputs.extend(done.into_iter().map(CursorOutput::Batch));
        stop
    }

    /// Every record of the answer is taken: what it says besides.
    fn after_all(&mut self, answer: Records, now: TimestampMs, outputs: &mut Vec<CursorOutput>) {
        let empty = answer.records.is_empty();
        let behind = answer.millis_behind.map(|millis| millis.max(0));
        if empty && let Some(behind) = behind {
            let passed = answer.server_time - behind - LAG_MARGIN_MS;
            self.current_window = self
                .window_length
                .window_of(passed)
                .max(self.current_window);
            outputs.push(self.watermark(answer.server_time, behind == 0));
            // Whatever comes from here on arrives after that.
            if self.end.is_some_and(|end| passed >= end) && answer.next_iterator.is_some() {
                return outputs.extend(self.cut());
            }
        }
        match answer.next_iterator {
            Some(iterator) => {
                self.phase = Phase::Reading { iterator };
                if empty && behind == Some(0) {
                    self.not_before = now + self.pacing.pause(CAUGHT_UP_PAUSE_MS);
                }
            }
            None if !answer.children.is_empty() => outputs.push(self.end(answer.children)),
            None => match self.closed.take() {
                Some(children) => outputs.push(self.end(children)),
                None => self.phase = Phase::AskEnd,
            },
        }
    }

    fn watermark(&self, server_time: TimestampMs, caught_up: bool) -> CursorOutput {
        CursorOutput::Watermark(Watermark {
            claim: self.claim,
            shard: self.shard.clone(),
            position: self.position.clone(),
            window: self.current_window,
            server_time,
            caught_up,
        })
    }

    fn cut(&mut self) -> Option<CursorOutput> {
        let end = self.end?;
        self.phase = Phase::Done;
        let after = self.window_length.last_before(end).next();
        self.current_window = self.current_window.max(after);
        Some(CursorOutput::Cut(ShardCut {
            claim: self.claim,
            shard: self.shard.clone(),
            position: self.position.clone(),
            end,
            window: self.current_window,
        }))
    }

    fn end(&mut self, children: Children) -> CursorOutput {
        self.phase = Phase::Done;
        CursorOutput::End(ShardEnd {
            claim: self.claim,
            shard: self.shard.clone(),
            position: self.position.clone(),
            current_window: self.current_window,
            children,
        })
    }

    fn fetch_failed(&mut self, error: StreamError, now: TimestampMs) {
        match error {
            StreamError::NotFound(detail) => self.not_found(detail, now),
            // Of a subscription, which begins only when its first event is asked for.
            StreamError::PositionRefused(detail) => self.position_lost(detail),
            StreamError::IteratorExpired(_) if self.backoff.failures() == 0 => {
                // Ordinary after a long wait; only a second one in a row is worth a backoff.
                self.phase = Phase::NeedIterator;
                self.backoff.failed();
            }
            StreamError::IteratorExpired(_) => {
                self.phase = Phase::NeedIterator;
                self.retry(error.to_string(), now);
            }
            StreamError::Throttled(_) => self.retry(error.to_string(), now),
            StreamError::Unusable { code, detail } => self.unusable(code, detail),
            StreamError::Refused(_) | StreamError::Unavailable(_) => {
                if self.backoff.failures() % FAILURES_PER_ITERATOR == FAILURES_PER_ITERATOR - 1 {
                    self.phase = Phase::NeedIterator;
                }
                self.retry(error.to_string(), now);
            }
        }
    }

    fn retry(&mut self, error: String, now: TimestampMs) {
        self.not_before = now + self.backoff.failed();
        self.trouble = Some(Trouble {
            error,
            failures: self.backoff.failures(),
            retry_at: self.not_before,
        });
    }

    fn worked(&mut self) {
        self.backoff.succeeded();
        self.trouble = None;
    }

    fn unusable(&mut self, code: &'static str, detail: String) {
        self.phase = Phase::Failed(CursorError::Unusable {
            code,
            position: self.position.clone(),
            detail,
        });
    }

    fn position_lost(&mut self, detail: String) {
        self.phase = Phase::Failed(CursorError::PositionLost {
            shard: self.shard.clone(),
            position: self.position.clone(),
            detail,
        });
    }

    fn not_found(&mut self, detail: String, now: TimestampMs) {
        self.phase = Phase::NeedIterator;
        if self.backoff.failures() < FAILURES_UNTIL_GONE {
            return self.retry(StreamError::NotFound(detail).to_string(), now);
        }
        self.phase = Phase::Failed(CursorError::ShardGone {
            shard: self.shard.clone(),
            position: self.position.clone(),
            detail,
        });
    }
}

/// Why not every record of an answer was taken.
enum Stop {
    Beyond {
        window: Window,
        taken: usize,
    },
    /// The end that was asked for.
    End,
    Disorder(String),
}

#[cfg(test)]
mod tests;
