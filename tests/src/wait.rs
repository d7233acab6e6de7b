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
