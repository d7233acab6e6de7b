//! The real clock and the operating system's random numbers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use shardmill_engine::ports::Host;
use shardmill_engine::types::TimestampMs;
use uuid::Uuid;

/// The host that every engine outside of a simulation runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemHost;

impl Host for SystemHost {
    fn now(&self) -> TimestampMs {
        timestamp(SystemTime::now())
    }

    /// Needs a tokio runtime with timers, as every actor has.
    fn sleep(&self, millis: u64) -> BoxFuture<'static, ()> {
        // The timer is made on the first poll: only then a runtime is certain to be there.
        Box::pin(async move { tokio::time::sleep(Duration::from_millis(millis)).await })
    }

    fn random(&self) -> u64 {
        // The fixed bits of a version 4 UUID stand at different places in its two halves, so every
        // bit of their exclusive or is random.
        let (high, low) = Uuid::new_v4().as_u64_pair();
        high ^ low
    }
}

/// A time of the operating system in milliseconds since the Unix epoch.
pub(super) fn timestamp(time: SystemTime) -> TimestampMs {
    let millis = |span: Duration| TimestampMs::try_from(span.as_millis()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => millis(after),
        Err(before) => -millis(before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_of_a_random_number_takes_both_values() {
        let numbers: Vec<u64> = (0..256).map(|_| SystemHost.random()).collect();
        assert_eq!(
            numbers.iter().fold(0, |seen, number| seen | number),
            u64::MAX
        );
        assert_eq!(
            numbers.iter().fold(u64::MAX, |seen, number| seen & number),
            0
        );
    }
}
