//! The statistics of one field.

use super::sketch::Latest;
use super::typed::{TypeStatistics, ValueType};
use crate::types::TimestampMs;

/// What is known of the values of a path. Null and absent are one here, as they are in Arrow's
/// columns: neither is a value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FieldStatistics {
    /// Events in which it has a value.
    pub events: u64,
    /// So many events more may have had it: while it was tracked no more, or not yet.
    pub missed: u64,
    /// The first and the last arrival of an event in which it has a value.
    pub seen: Option<(TimestampMs, TimestampMs)>,
    /// The last values; of types that are no containers.
    pub latest: Latest,
    /// Its values by their types, in the order of the types.
    pub(super) types: Vec<(ValueType, TypeStatistics)>,
    /// Whether this pane keeps no sketches of it any more, because memory was short.
    pub(super) without_sketches: bool,
}

impl FieldStatistics {
    /// How many values it has.
    pub fn values(&self) -> u64 {
        self.types.iter().map(|(_, typed)| typed.values).sum()
    }

    /// Its values by type, in the order of the types.
    pub fn types(&self) -> impl Iterator<Item = (ValueType, &TypeStatistics)> {
        self.types.iter().map(|(kind, typed)| (*kind, typed))
    }

    /// Its values of one type.
    pub fn of(&self, kind: ValueType) -> Option<&TypeStatistics> {
        let at = self.types.binary_search_by_key(&kind, |own| own.0).ok()?;
        Some(&self.types[at].1)
    }

    /// The values of one type, to add to.
    pub(super) fn of_mut(&mut self, kind: ValueType) -> &mut TypeStatistics {
        let at = match self.types.binary_search_by_key(&kind, |own| own.0) {
            Ok(at) => at,
            Err(at) => {
                self.types.insert(at, (kind, TypeStatistics::default()));
                at
            }
        };
        &mut self.types[at].1
    }

    /// Items of all its lists, or entries of all its maps.
    pub fn slots(&self, kind: ValueType) -> u64 {
        let measures = self.of(kind).and_then(|typed| typed.measures.as_ref());
        measures.map_or(0, |measures| measures.sum.to_float() as u64)
    }

    /// Widens the time in which it was seen.
    pub(super) fn add_seen(&mut self, (first, last): (TimestampMs, TimestampMs)) {
        let own = self.seen.get_or_insert((first, last));
        *own = (own.0.min(first), own.1.max(last));
    }

    /// Takes in the statistics of the same path in other events.
    pub fn merge(&mut self, other: &Self) {
        self.events += other.events;
        self.missed += other.missed;
        if let Some(seen) = other.seen {
            self.add_seen(seen);
        }
        self.latest.merge(&other.latest);
        for (kind, typed) in &other.types {
            self.of_mut(*kind).merge(typed);
        }
        self.without_sketches &= other.without_sketches;
    }

    /// Gives up the sketches.
    pub(super) fn give_up_sketches(&mut self) {
        self.without_sketches = true;
        for (_, typed) in &mut self.types {
            typed.give_up();
        }
    }

    /// Whether it has sketches that could be given up.
    pub(super) fn has_sketches(&self) -> bool {
        self.types.iter().any(|(_, typed)| typed.sketched > 0)
    }

    /// Bytes of memory.
    pub fn memory_size(&self) -> usize {
        let types: usize = self
            .types
            .iter()
            .map(|(_, typed)| typed.memory_size())
            .sum();
        size_of::<Self>()
            + self.types.capacity() * size_of::<(ValueType, TypeStatistics)>()
            + types
            + self.latest.memory_size()
    }
}
