//! The last values there were.

use std::cmp::Ordering;

use crate::types::TimestampMs;

/// How many values are kept.
const KEPT: usize = 3;

/// Where in the stream a value was: by arrival, then by its event's place among those that arrived in
/// the same millisecond, then by its place in the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// When its Kinesis record arrived.
    pub arrival: TimestampMs,
    /// The sequence number of that record.
    pub sequence: Box<str>,
    /// The payload's place in the record.
    pub subsequence: i64,
    /// The event's place in the payload.
    pub index: i32,
    /// The value's place among those of its path in the event's batch.
    pub item: u32,
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        // Sequence numbers compare as numbers; they have no leading zeros.
        let sequences = (self.sequence.len(), &self.sequence);
        self.arrival
            .cmp(&other.arrival)
            .then_with(|| sequences.cmp(&(other.sequence.len(), &other.sequence)))
            .then(self.subsequence.cmp(&other.subsequence))
            .then(self.index.cmp(&other.index))
            .then(self.item.cmp(&other.item))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A value and where it was.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LatestValue {
    /// Where in the stream.
    pub place: Place,
    /// The value as text; long texts are cut.
    pub value: Box<str>,
}

/// The last three values there were, latest first. Merging keeps the latest of both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latest(Vec<LatestValue>);

impl Latest {
    /// How many values are kept.
    pub const KEPT: usize = KEPT;

    /// The values, latest first.
    pub fn values(&self) -> &[LatestValue] {
        &self.0
    }

    /// Whether a value at this arrival could be among the latest.
    pub fn admits(&self, arrival: TimestampMs) -> bool {
        let last = self.0.get(KEPT - 1);
        last.is_none_or(|last| last.place.arrival <= arrival)
    }

    /// Takes a value in.
    pub fn add(&mut self, value: LatestValue) {
        let at = self.0.partition_point(|own| *own > value);
        if at < KEPT && self.0.get(at) != Some(&value) {
            self.0
                .truncate(KEPT.max(at + 1) - usize::from(self.0.len() >= KEPT));
            self.0.insert(at, value);
        }
    }

    /// Takes in what another has kept.
    pub fn merge(&mut self, other: &Self) {
        for value in &other.0 {
            self.add(value.clone());
        }
    }

    /// Bytes of memory.
    pub fn memory_size(&self) -> usize {
        let texts = self.0.iter();
        let texts: usize = texts
            .map(|own| own.value.len() + own.place.sequence.len())
            .sum();
        texts + self.0.capacity() * size_of::<LatestValue>()
    }
}
