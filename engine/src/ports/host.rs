//! Time and randomness, passed in (I9).

use futures::future::BoxFuture;

use crate::types::TimestampMs;

/// The clock and the dice of whoever runs the engine.
pub trait Host: Send + Sync + 'static {
    /// Wall-clock time. Never decides which window a committed payload is in.
    fn now(&self) -> TimestampMs;

    /// Resolves after `millis`.
    fn sleep(&self, millis: u64) -> BoxFuture<'static, ()>;

    /// A random number, for jitter and ids.
    fn random(&self) -> u64;
}
