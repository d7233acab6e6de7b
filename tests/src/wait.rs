//! Waiting for what a test expects to happen.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(50);

/// Waits until `condition` gives a value.
///
/// # Panics
/// When `limit` has passed, with `what` and the last thing that `condition` said.
pub async fn until<T>(
    what: &str,
    limit: Duration,
    mut condition: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let begun = Instant::now();
    loop {
        match condition().await {
            Ok(value) => return value,
            Err(reason) if begun.elapsed() > limit => {
                panic!("{what}: not within {limit:?}: {reason}")
            }
            Err(_) => tokio::time::sleep(INTERVAL).await,
        }
    }
}

/// How far something has come that is not yet where it has to be.
pub struct Reached {
    /// Grows as long as there is progress.
    pub count: u64,
    /// For the message if there is none.
    pub said: String,
}

/// Waits until `condition` gives a value, for as long as what it has reached grows.
///
/// # Panics
/// When nothing has grown for `patience`, with `what` and the last thing that `condition` said.
pub async fn while_it_grows<T>(
    what: &str,
    patience: Duration,
    mut condition: impl AsyncFnMut() -> Result<T, Reached>,
) -> T {
    let mut most = None;
    let mut grown = Instant::now();
    loop {
        let reached = match condition().await {
            Ok(value) => return value,
            Err(reached) => reached,
        };
        if most < Some(reached.count) {
            most = Some(reached.count);
            grown = Instant::now();
        }
        assert!(
            grown.elapsed() < patience,
            "{what}: no progress for {patience:?}: {}",
            reached.said
        );
        tokio::time::sleep(INTERVAL).await;
    }
}
