//! Which values there were most often.

use std::hash::BuildHasher;
use std::sync::{Arc, LazyLock};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// Counters for each value that is asked for: more make the error smaller.
const COUNTERS_A_VALUE: usize = 4;

/// One hasher for all; what is counted does not depend on it.
static HASHER: LazyLock<FixedState> = LazyLock::new(Default::default);

/// The counts of the values that were there most often (Misra and Gries, merged as Agarwal et al.
/// do): of each value it knows a count that is not above the true one and at most
/// [`error`](Self::error) below it; a value that it does not know was there at most `error` times.
///
/// The error is at most the number of all values divided by twice the number of those that are asked
/// for, and mostly far less: what is rare in a batch does not get in. (The sketch of DataSketches takes a value
/// at a time, each with an allocation; a whole batch costs less here than its rare values there.)
#[derive(Clone, Debug, Default)]
pub struct TopValues {
    counters: usize,
    counted: HashTable<Counter>,
    /// Bytes of the texts.
    texts: usize,
    error: u64,
}

#[derive(Clone, Debug)]
struct Counter {
    /// Shared by the clones that readers are given.
    value: Arc<str>,
    count: u64,
}

/// A value with what is known of its count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopValue<'a> {
    /// The value; texts of more than 256 bytes are cut there.
    pub value: &'a str,
    /// It was there at least so many times, and at most so many and the error more.
    pub count: u64,
}

impl TopValues {
    /// Of no value yet; the `top` most frequent values are what it will be asked for.
    pub fn new(top: usize) -> Self {
        Self {
            counters: top.max(1) * COUNTERS_A_VALUE,
            counted: HashTable::new(),
            texts: 0,
            error: 0,
        }
    }

    /// Takes in the values of a batch, each once: their counts, and how the text of one is written.
    pub(in crate::statistics) fn add(
        &mut self,
        counts: impl ExactSizeIterator<Item = u64> + Clone,
        mut write: impl FnMut(usize, &mut String),
    ) {
        let cut = nth_largest(counts.clone(), self.counters / 2);
        self.error += cut;
        let mut text = String::new();
        for (place, count) in counts.enumerate().filter(|(_, count)| *count > cut) {
            text.clear();
            write(place, &mut text);
            self.count(&text, count - cut);
        }
        // Rarely, and so that at least as many as are kept go.
        if self.counted.len() > 2 * self.counters {
            self.shrink();
        }
    }

    /// Counts a value some more.
    fn count(&mut self, value: &str, count: u64) {
        let rehash = |counter: &Counter| HASHER.hash_one(&*counter.value);
        let hash = HASHER.hash_one(value);
        match self.counted.entry(hash, |own| *own.value == *value, rehash) {
            Entry::Occupied(mut own) => own.get_mut().count += count,
            Entry::Vacant(vacant) => {
                self.texts += value.len();
                vacant.insert(Counter {
                    value: value.into(),
                    count,
                });
            }
        }
    }

    /// Takes in what another has counted, among `top` values as this one.
    pub fn merge(&mut self, other: &Self) {
        self.counters = self.counters.max(other.counters);
        self.error += other.error;
        for counter in &other.counted {
            self.count(&counter.value, counter.count);
        }
        self.shrink();
    }

    /// Back to the number of counters.
    fn shrink(&mut self) {
        let cut = nth_largest(
            self.counted.iter().map(|counter| counter.count),
            self.counters,
        );
        if cut == 0 {
            return;
        }
        self.error += cut;
        let texts = &mut self.texts;
        self.counted.retain(|counter| {
            counter.count = counter.count.saturating_sub(cut);
            if counter.count == 0 {
                *texts -= counter.value.len();
            }
            counter.count > 0
        });
    }

    /// How much the counts may be too low.
    pub fn error(&self) -> u64 {
        self.error
    }

    /// How many of the most frequent values it is asked for.
    pub fn top(&self) -> usize {
        self.counters / COUNTERS_A_VALUE
    }

    /// The `most` most frequent values, the first one first; equal counts by their values.
    pub fn values(&self, most: usize) -> Vec<TopValue<'_>> {
        let mut values: Vec<_> = self
            .counted
            .iter()
            .map(|counter| TopValue {
                value: &counter.value,
                count: counter.count,
            })
            .collect();
        let order = |a: &TopValue<'_>, b: &TopValue<'_>| {
            b.count.cmp(&a.count).then_with(|| a.value.cmp(b.value))
        };
        if values.len() > most {
            values.select_nth_unstable_by(most, order);
            values.truncate(most);
        }
        values.sort_unstable_by(order);
        values
    }

    /// All that it knows: the counters and the error.
    pub fn from_values<'a>(
        top: usize,
        values: impl IntoIterator<Item = TopValue<'a>>,
        error: u64,
    ) -> Self {
        let mut read = Self {
            error,
            ..Self::new(top)
        };
        for value in values {
            read.count(value.value, value.count);
        }
        read
    }

    /// How many values it has counters for.
    pub fn len(&self) -> usize {
        self.counted.len()
    }

    /// Whether it knows no value.
    pub fn is_empty(&self) -> bool {
        self.counted.is_empty()
    }

    /// Bytes of memory.
    pub fn memory_size(&self) -> usize {
        self.texts + self.counted.capacity() * (size_of::<Counter>() + 1)
    }
}

impl PartialEq for TopValues {
    fn eq(&self, other: &Self) -> bool {
        let all = usize::MAX;
        self.error == other.error && self.values(all) == other.values(all)
    }
}

/// The count that at most `most` of all are above; 0 if there are no more than that.
fn nth_largest(counts: impl ExactSizeIterator<Item = u64> + Clone, most: usize) -> u64 {
    if counts.len() <= most {
        return 0;
    }
    // Of many values nearly all are there once.
    if counts.clone().filter(|count| *count > 1).count() <= most {
        return 1;
    }
    let mut counts: Vec<u64> = counts.collect();
    *counts.select_nth_unstable_by(most, |a, b| b.cmp(a)).1
}
