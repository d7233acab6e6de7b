//! The different values of a column, and how often each is there.

use std::hash::{BuildHasher, Hash};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// Values with their counts, in the order in which they came first.
#[derive(Debug)]
pub(super) struct Groups<T> {
    hasher: foldhash::fast::RandomState,
    places: HashTable<u32>,
    groups: Vec<(T, u64)>,
}

impl<T> Default for Groups<T> {
    fn default() -> Self {
        Self {
            hasher: foldhash::fast::RandomState::default(),
            places: HashTable::new(),
            groups: Vec::new(),
        }
    }
}

impl<T: Hash + Eq + Copy> Groups<T> {
    /// Counts a value.
    #[inline]
    pub(super) fn add(&mut self, value: T) {
        self.add_many(value, 1);
    }

    #[inline]
    pub(super) fn add_many(&mut self, value: T, times: u64) {
        // Runs are common.
        if let Some((last, count)) = self.groups.last_mut()
            && *last == value
        {
            *count += times;
            return;
        }
        let Self {
            hasher,
            places,
            groups,
        } = self;
        let hash = hasher.hash_one(value);
        let same = |place: &u32| groups[*place as usize].0 == value;
        match places.entry(hash, same, |place| {
            hasher.hash_one(groups[*place as usize].0)
        }) {
            Entry::Occupied(place) => groups[*place.get() as usize].1 += times,
            Entry::Vacant(vacant) => {
                vacant.insert(groups.len() as u32);
                groups.push((value, times));
            }
        }
    }

    pub(super) fn extend(&mut self, values: impl Iterator<Item = T>) {
        values.for_each(|value| self.add(value));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The values so far. The next call of this begins with none.
    pub(super) fn drain(&mut self) -> Drained<'_, T> {
        self.places.clear();
        Drained(&mut self.groups)
    }
}

/// Values of [`Groups`], which are forgotten when this is dropped.
pub(super) struct Drained<'g, T>(&'g mut Vec<(T, u64)>);

impl<T> std::ops::Deref for Drained<'_, T> {
    type Target = [(T, u64)];

    fn deref(&self) -> &Self::Target {
        self.0
    }
}

impl<T> Drop for Drained<'_, T> {
    fn drop(&mut self) {
        self.0.clear();
    }
}
