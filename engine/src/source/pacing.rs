//! When the next call for one Kinesis shard may be made: Kinesis's limits, and backoff after errors.

use crate::ports::Delivery;
use crate::types::TimestampMs;

/// Milliseconds between calls: Kinesis admits 5 calls a second for each Kinesis shard.
const CALL_INTERVAL_MS: i64 = 200;
/// Bytes a millisecond: Kinesis admits 2 MB a second for each Kinesis shard.
const BYTES_PER_MS: i64 = 2_000;
/// How much of the past second's unused bytes may still be used.
const BURST_MS: i64 = 1_000;
/// From this size on an answer counts as a full one (10 MiB with some room for what we do not see).
const FULL_ANSWER_BYTES: usize = 10_000_000;
/// After a full answer Kinesis throttles for this long.
const FULL_ANSWER_PAUSE_MS: i64 = 5_000;
/// The first backoff after an error.
const BACKOFF_BASE_MS: u64 = 250;
/// The longest backoff.
const BACKOFF_CAP_MS: u64 = 20_000;
/// No wait that this module asks for is longer, so one that is was made by a clock that went back.
const LONGEST_WAIT_MS: i64 = 30_000;

/// A token bucket for calls and one for bytes, and the pause after a full answer. What is pushed,
/// or lies there, has no limits.
#[derive(Debug)]
pub(super) struct Pacing {
    delivery: Delivery,
    next_call: TimestampMs,
    bytes_paid: TimestampMs,
}

impl Pacing {
    pub(super) fn new(delivery: Delivery) -> Self {
        Self {
            delivery,
            next_call: TimestampMs::MIN,
            bytes_paid: TimestampMs::MIN,
        }
    }

    /// The earliest time of the next GetRecords.
    pub(super) fn fetch_at(&self) -> TimestampMs {
        self.next_call.max(self.bytes_paid)
    }

    /// The earliest time of the next call that brings no records.
    pub(super) fn call_at(&self) -> TimestampMs {
        self.next_call
    }

    /// A pause of a reader that polls, ms.
    pub(super) fn pause(&self, millis: i64) -> i64 {
        match self.delivery {
            Delivery::Polled => millis,
            Delivery::Pushed | Delivery::Stored => 0,
        }
    }

    /// An answer came at `now` with so many bytes of payload. The interval counts from the answer:
    /// when Kinesis counted the call, we do not see.
    pub(super) fn answered(&mut self, now: TimestampMs, bytes: usize) {
        if self.delivery != Delivery::Polled {
            return;
        }
        self.next_call = now + CALL_INTERVAL_MS;
        let cost = i64::try_from(bytes).unwrap_or(i64::MAX / 2) / BYTES_PER_MS;
        self.bytes_paid = self.bytes_paid.max(now - BURST_MS) + cost;
        if bytes >= FULL_ANSWER_BYTES {
            self.bytes_paid = self.bytes_paid.max(now + FULL_ANSWER_PAUSE_MS);
        }
    }
}

/// Exponential backoff with jitter: between half and the whole of a step that doubles.
#[derive(Debug)]
pub(super) struct Backoff {
    failures: u32,
    seed: u64,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self { failures: 0, seed }
    }

    /// Errors in a row.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// One more error: how long to wait, ms.
    pub(super) fn failed(&mut self) -> i64 {
        let step = BACKOFF_BASE_MS
            .saturating_mul(1 << self.failures.min(16))
            .min(BACKOFF_CAP_MS);
        self.failures = self.failures.saturating_add(1);
        let wait = step / 2 + self.random() % (step / 2 + 1);
        i64::try_from(wait).unwrap_or(LONGEST_WAIT_MS)
    }

    /// Something worked.
    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// SplitMix64: enough to spread the retries of many readers.
    fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

/// Whether to wait until `until`: not if it is past, nor if only a clock that went back could have
/// put it so far away.
pub(super) fn must_wait(now: TimestampMs, until: TimestampMs) -> bool {
    until > now && until.saturating_sub(now) <= LONGEST_WAIT_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_calls_a_second() {
        let mut pacing = Pacing::new(Delivery::Polled);
        let mut now = 0;
        let mut calls = 0;
        while now < 10_000 {
            pacing.answered(now, 0);
            calls += 1;
            now = pacing.fetch_at();
        }
        assert_eq!(calls, 50);
    }

    #[test]
    fn where_there_are_no_limits_nothing_waits() {
        for delivery in [Delivery::Pushed, Delivery::Stored] {
            let mut pacing = Pacing::new(delivery);
            pacing.answered(1_000, 10 * 1024 * 1024);
            assert!(pacing.fetch_at() < 1_000 && pacing.call_at() < 1_000);
        }
    }

    #[test]
    fn two_megabytes_a_second_over_time() {
        let mut pacing = Pacing::new(Delivery::Polled);
        let (mut now, mut bytes) = (0, 0_usize);
        while now < 100_000 {
            pacing.answered(now, 1_500_000);
            bytes += 1_500_000;
            now = pacing.fetch_at();
        }
        let seconds = usize::try_from(now).unwrap() / 1_000;
        assert!(bytes <= 2_000_000 * (seconds + 2));
        assert!(bytes >= 2_000_000 * (seconds - 2));
    }

    #[test]
    fn a_full_answer_is_followed_by_five_seconds() {
        let mut pacing = Pacing::new(Delivery::Polled);
        pacing.answered(1_000, 10 * 1024 * 1024);
        assert!(pacing.fetch_at() >= 6_000);
        assert!(pacing.fetch_at() < 6_500);
    }

    #[test]
    fn what_is_pushed_is_not_paced() {
        let mut pacing = Pacing::new(Delivery::Pushed);
        pacing.answered(1_000, 10 * 1024 * 1024);
        assert!(pacing.fetch_at() <= 1_000 && pacing.call_at() <= 1_000);
        assert_eq!(pacing.pause(500), 0);
    }

    #[test]
    fn backoff_grows_to_its_cap_and_starts_over() {
        let mut backoff = Backoff::new(7);
        let first = backoff.failed();
        assert!((125..=250).contains(&first));
        let last = (0..20).map(|_| backoff.failed()).last().unwrap();
        assert!((10_000..=20_000).contains(&last));
        backoff.succeeded();
        assert!(backoff.failed() <= 250);
    }

    #[test]
    fn a_clock_that_goes_back_stalls_nobody() {
        assert!(must_wait(1_000, 1_001));
        assert!(!must_wait(1_000, 1_000));
        assert!(!must_wait(1_000, 1_000 + 3_600_000));
    }
}
