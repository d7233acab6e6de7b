//! Whose events values are, and when those arrived.

use arrow::array::{Array, AsArray, Int32Array, Int64Array, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{Int32Type, Int64Type, TimestampMillisecondType};

use super::both;
use crate::statistics::field::FieldStatistics;
use crate::statistics::sketch::{Latest, LatestValue, Place};
use crate::types::{Rows, TimestampMs};

/// The places of an array's values: which are any, and to which rows they belong.
pub(super) struct Slots<'a> {
    len: usize,
    /// The row of each; each is its own where there is none. Never falling.
    rows: Option<Rowed<'a>>,
    valid: Option<NullBuffer>,
}

enum Rowed<'a> {
    Owned(Vec<u32>),
    Borrowed(&'a [u32]),
}

impl Rowed<'_> {
    fn as_slice(&self) -> &[u32] {
        match self {
            Rowed::Owned(rows) => rows,
            Rowed::Borrowed(rows) => rows,
        }
    }
}

impl<'a> Slots<'a> {
    /// The rows themselves, all of them.
    pub(super) fn rows(len: usize) -> Self {
        Self {
            len,
            rows: None,
            valid: None,
        }
    }

    /// The same places, fewer of them with a value.
    pub(super) fn with_nulls(&self, nulls: Option<&NullBuffer>) -> Slots<'_> {
        Slots {
            len: self.len,
            rows: self
                .rows
                .as_ref()
                .map(|rows| Rowed::Borrowed(rows.as_slice())),
            valid: both(self.valid.as_ref(), nulls),
        }
    }

    /// The same places, without those where an array is null.
    pub(super) fn with_nulls_of(self, array: &dyn Array) -> Self {
        Self {
            valid: both(self.valid.as_ref(), array.nulls()),
            ..self
        }
    }

    /// The `len` places of what lists or maps hold, by their offsets.
    pub(super) fn below(&self, offsets: &[i32], len: usize) -> Slots<'static> {
        let at = |slot: usize| offsets[slot] as usize;
        let mut rows = vec![0; len];
        // What belongs to no list, or to one that is null, is no value.
        let mut held = vec![false; len];
        for slot in self.valid() {
            let range = at(slot)..at(slot + 1);
            rows[range.clone()].fill(self.row(slot) as u32);
            held[range].fill(true);
        }
        let valid = held.contains(&false).then(|| NullBuffer::from(held));
        Slots {
            len,
            rows: Some(Rowed::Owned(rows)),
            valid,
        }
    }

    pub(super) fn all_valid(&self) -> bool {
        self.valid
            .as_ref()
            .is_none_or(|valid| valid.null_count() == 0)
    }

    pub(super) fn valid_count(&self) -> usize {
        self.len - self.valid.as_ref().map_or(0, NullBuffer::null_count)
    }

    /// The places that hold a value, in order.
    pub(super) fn valid(&self) -> Valid<'_> {
        match self.valid.as_ref().filter(|valid| valid.null_count() > 0) {
            Some(valid) => Valid::Some(valid.valid_indices()),
            None => Valid::All(0..self.len),
        }
    }

    fn is_valid(&self, slot: usize) -> bool {
        self.valid.as_ref().is_none_or(|valid| valid.is_valid(slot))
    }

    /// The row that a place belongs to.
    pub(super) fn row(&self, slot: usize) -> usize {
        self.rows
            .as_ref()
            .map_or(slot, |rows| rows.as_slice()[slot] as usize)
    }

    /// Which of its row's places it is.
    fn item(&self, slot: usize) -> u32 {
        let Some(rows) = &self.rows else { return 0 };
        let before = rows.as_slice()[..slot].iter().rev();
        before
            .take_while(|row| **row == rows.as_slice()[slot])
            .count() as u32
    }
}

pub(super) enum Valid<'a> {
    All(std::ops::Range<usize>),
    Some(arrow::util::bit_iterator::BitIndexIterator<'a>),
}

impl Iterator for Valid<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        match self {
            Valid::All(range) => range.next(),
            Valid::Some(indices) => indices.next(),
        }
    }

    fn fold<B, F: FnMut(B, usize) -> B>(self, init: B, fold: F) -> B {
        match self {
            Valid::All(range) => range.fold(init, fold),
            Valid::Some(indices) => indices.fold(init, fold),
        }
    }
}

/// Who the rows of a table are.
pub(super) struct Events<'r> {
    arrivals: &'r [TimestampMs],
    /// Whether arrivals never fall, as they mostly do not.
    in_order: bool,
    sequence: &'r StringArray,
    subsequence: &'r Int64Array,
    index: &'r Int32Array,
}

impl<'r> Events<'r> {
    pub(super) fn of(rows: &'r Rows) -> Self {
        let arrivals: &[TimestampMs] = rows
            .arrival
            .as_primitive::<TimestampMillisecondType>()
            .values();
        Self {
            arrivals,
            in_order: arrivals.is_sorted(),
            sequence: rows.sequence.as_string(),
            subsequence: rows.subsequence.as_primitive::<Int64Type>(),
            index: rows.index.as_primitive::<Int32Type>(),
        }
    }

    /// Counts the events that have a value, and when they arrived. There is one at least.
    pub(super) fn count(&self, field: &mut FieldStatistics, slots: &Slots<'_>) {
        field.events += match &slots.rows {
            None => slots.valid_count() as u64,
            Some(_) => {
                let mut last = None;
                let mut events = 0;
                for row in slots.valid().map(|slot| slots.row(slot)) {
                    events += u64::from(last != Some(row));
                    last = Some(row);
                }
                events
            }
        };
        let arrival = |slot| self.arrivals[slots.row(slot)];
        let seen = if self.in_order {
            let last = (0..slots.len).rev().find(|slot| slots.is_valid(*slot));
            slots.valid().next().map(arrival).zip(last.map(arrival))
        } else {
            let arrivals = slots.valid().map(arrival);
            arrivals.fold(None, |seen, at| match seen {
                Some((first, last)) => Some((at.min(first), at.max(last))),
                None => Some((at, at)),
            })
        };
        if let Some(seen) = seen {
            field.add_seen(seen);
        }
    }

    /// Keeps the latest values as text.
    pub(super) fn latest(
        &self,
        field: &mut FieldStatistics,
        slots: &Slots<'_>,
        write: impl Fn(usize, &mut String),
    ) {
        for slot in self.latest_slots(slots) {
            let row = slots.row(slot);
            if !field.latest.admits(self.arrivals[row]) {
                break;
            }
            let mut value = String::new();
            write(slot, &mut value);
            field.latest.add(LatestValue {
                place: self.place(row, slots.item(slot)),
                value: value.into(),
            });
        }
    }

    pub(super) fn place(&self, row: usize, item: u32) -> Place {
        Place {
            arrival: self.arrivals[row],
            sequence: self.sequence.value(row).into(),
            subsequence: self.subsequence.value(row),
            index: self.index.value(row),
            item,
        }
    }

    /// The places of the latest values, the latest first. A table is of one Kinesis shard, so of
    /// rows that arrived together the later one is later in the stream, too.
    fn latest_slots(&self, slots: &Slots<'_>) -> Vec<usize> {
        let mut latest: Vec<usize> = Vec::with_capacity(Latest::KEPT + 1);
        if self.in_order {
            let valid = (0..slots.len).rev().filter(|slot| slots.is_valid(*slot));
            latest.extend(valid.take(Latest::KEPT));
            return latest;
        }
        let order = |slot: usize| (self.arrivals[slots.row(slot)], slot);
        for slot in slots.valid() {
            let at = latest.partition_point(|own| order(*own) > order(slot));
            if at < Latest::KEPT {
                latest.insert(at, slot);
                latest.truncate(Latest::KEPT);
            }
        }
        latest
    }

    pub(super) fn arrival(&self, row: usize) -> TimestampMs {
        self.arrivals[row]
    }
}
