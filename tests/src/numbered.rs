//! A stream whose events are numbered, so that statistics of them show any that is missing or counted
//! twice: of each Kinesis shard a view holds the first so many events, whatever is committed or live.

use shardmill_engine::log::{EntryBody, Followed, Follower, LogError};
use shardmill_engine::statistics::{Bound, Sum, ValueType, View};

use crate::memory_stream::MemoryStream;

/// Milliseconds between the arrivals of two records of a Kinesis shard.
pub const EVERY_MS: i64 = 10;

/// Arrival of the first record: the beginning of a window of any length up to an hour.
pub const BEGIN_MS: i64 = 1_760_000_400_000;

/// A stream of numbered events.
pub fn stream(kinesis_shards: u64, records_each: u64) -> MemoryStream {
    MemoryStream::new(kinesis_shards, records_each, arrival, payload)
}

fn arrival(number: u64) -> i64 {
    BEGIN_MS + number as i64 * EVERY_MS
}

fn payload(shard: u64, number: u64) -> Vec<u8> {
    let word = ["even", "odd"][number as usize % 2];
    format!(r#"{{"of_{shard}":{number},"word":"{word}"}}"#).into_bytes()
}

/// Checks that a view holds the first so many events of each Kinesis shard, each once. Gives how many
/// that is of each.
///
/// # Errors
/// What does not hold.
pub fn check(view: &View, kinesis_shards: u64) -> Result<Vec<u64>, String> {
    let mut all = Vec::new();
    for shard in 0..kinesis_shards {
        let path = format!("of_{shard}");
        let Some(field) = view.field_statistics(&path) else {
            all.push(0);
            continue;
        };
        let Some(numbers) = field.of(ValueType::Integer) else {
            return Err(format!("{path} has no integers: {field:?}"));
        };
        let last = field.events as i64 - 1;
        let bounds = Some((Bound::Integer(0), Bound::Integer(last)));
        if numbers.bounds != bounds {
            let found = &numbers.bounds;
            return Err(format!("{path}: {} events within {found:?}", field.events));
        }
        let sum = i128::from(last) * i128::from(last + 1) / 2;
        let found = numbers.measures.as_ref().map(|measures| measures.sum);
        if found != Some(Sum::Integer(sum)) {
            return Err(format!("{path}: the sum is {found:?}, not {sum}"));
        }
        all.push(field.events);
    }
    let (rows, events) = (view.counts().rows, all.iter().sum::<u64>());
    match rows == events {
        true => Ok(all),
        false => Err(format!("{rows} rows, but {events} events have a number")),
    }
}

/// What the logs of a source say, read by somebody who has nothing to do with statistics.
pub struct Committed {
    follower: Follower,
    rows: u64,
}

impl Committed {
    /// Reads from the first entry on.
    pub fn new(follower: Follower) -> Self {
        Self { follower, rows: 0 }
    }

    /// Rows of all commits that are there by now.
    ///
    /// # Errors
    /// What keeps the log from being read.
    pub async fn rows(&mut self) -> Result<u64, LogError> {
        loop {
            let news = self.follower.poll().await?;
            if news.is_empty() {
                return Ok(self.rows);
            }
            for news in news {
                if let Followed::Entry(_, entry) = news
                    && let EntryBody::Commit(commit) = entry.body
                {
                    let ranges = commit.ranges.values();
                    self.rows += ranges.map(|range| range.counts.rows).sum::<u64>();
                }
            }
        }
    }
}
