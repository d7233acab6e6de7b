//! Puts events on the demonstration's stream at a steady rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::STREAM;
use super::events::Events;
use crate::error::Error;

/// How often events are put.
const TICK: Duration = Duration::from_millis(50);
/// The most that PutRecords takes.
const MAX_RECORDS: usize = 500;

/// Events on their way to the stream.
pub struct Producer {
    shared: Arc<Shared>,
    ended: watch::Receiver<Option<Result<(), Error>>>,
}

struct Shared {
    sent: AtomicU64,
    stop: AtomicBool,
}

impl Producer {
    pub(super) fn start(client: Client, runtime: Handle, rate: u64, duration: Duration) -> Self {
        let shared = Arc::new(Shared {
            sent: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        let (end, ended) = watch::channel(None);
        let work = Arc::clone(&shared);
        runtime.spawn(async move {
            let result = produce(&client, &work, rate, duration).await;
            end.send_replace(Some(result));
        });
        Self { shared, ended }
    }

    /// Events that the stream has taken.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::Acquire)
    }

    /// Puts no more.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    /// Whether no more will be put.
    pub fn is_finished(&self) -> bool {
        self.ended.borrow().is_some()
    }

    /// Waits until no more is put and tells how many were.
    ///
    /// # Errors
    /// `demo.endpoint` when the stream did not take an event.
    pub fn finish(mut self) -> Result<u64, Error> {
        self.stop();
        let ended = futures::executor::block_on(self.ended.wait_for(Option::is_some));
        match ended.ok().and_then(|ended| (*ended).clone()) {
            Some(Ok(())) => Ok(self.shared.sent.load(Ordering::Acquire)),
            Some(Err(error)) => Err(error),
            None => Err(Error::new("demo.endpoint", "the demo's producer has died")),
        }
    }
}

async fn produce(
    client: &Client,
    shared: &Shared,
    rate: u64,
    duration: Duration,
) -> Result<(), Error> {
    let mut events = Events::new(rand::random());
    let begun = Instant::now();
    let mut made = 0;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    while begun.elapsed() < duration && !shared.stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        let due = due(rate, begun.elapsed().min(duration));
        while made < due && !shared.stop.load(Ordering::Relaxed) {
            let count = usize::try_from(due - made)
                .unwrap_or(MAX_RECORDS)
                .min(MAX_RECORDS);
            let records = events.by_ref().take(count).collect();
            let taken = |count| {
                shared.sent.fetch_add(count, Ordering::Release);
            };
            put(client, STREAM, records, taken).await?;
            made += count as u64;
        }
    }
    Ok(())
}

/// Events that should be on the stream after `elapsed`.
fn due(rate: u64, elapsed: Duration) -> u64 {
    let due = u128::from(rate) * elapsed.as_millis() / 1_000;
    u64::try_from(due).unwrap_or(u64::MAX)
}

/// Puts records, and those that were throttled again, until all are taken; tells of each call how
/// many were.
pub(super) async fn put(
    client: &Client,
    stream: &str,
    mut records: Vec<(String, Vec<u8>)>,
    taken: impl Fn(u64),
) -> Result<(), Error> {
    while !records.is_empty() {
        let entries = records.iter().map(|(key, data)| {
            PutRecordsRequestEntry::builder()
                .partition_key(key)
                .data(Blob::new(data.clone()))
                .build()
                .map_err(|error| refused(&error))
        });
        let entries = entries.collect::<Result<Vec<_>, Error>>()?;
        let request = client
            .put_records()
            .stream_name(stream)
            .set_records(Some(entries));
        let answer = request.send().await.map_err(|error| refused(&error))?;
        let records_taken = answer
            .records()
            .iter()
            .filter(|record| record.error_code().is_none())
            .count();
        taken(records_taken as u64);
        let mut refused = answer
            .records()
            .iter()
            .map(|record| record.error_code().is_some());
        records.retain(|_| refused.next().unwrap_or(false));
        if !records.is_empty() {
            tokio::time::sleep(TICK).await;
        }
    }
    Ok(())
}

fn refused(error: &dyn std::fmt::Display) -> Error {
    let message = format!("the demo's endpoint did not take an event: {error}");
    Error::new("demo.endpoint", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_over_any_stretch() {
        assert_eq!(due(2_000, Duration::from_millis(50)), 100);
        assert_eq!(due(3, Duration::from_millis(999)), 2);
        assert_eq!(due(3, Duration::from_secs(10)), 30);
    }
}
