//! The different values of a column, and how often each is there.

use std::hash::{BuildHasher, Hash};

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// Values with their counts, in the order in which they came first.
#[derive(Debug)]
pub(super) struct Groups<T> {
    hasher: FixedState,
    places: HashTable<u32>,
    groups: Vec<(T, u64)>,
    /// Of each group: a table that grows need not look at the values again.
    hashes: Vec<u64>,
}

impl<T> Default for Groups<T> {
    fn default() -> Self {
        Self::with_seed(0)
    }
}

impl<T> Groups<T> {
    /// No value yet. Who sends events should not know the seed, or could make values that all fall
    /// into one place.
    pub(super) fn with_seed(seed: u64) -> Self {
        Self {
            hasher: FixedState::with_seed(seed),
            places: HashTable::new(),
            groups: Vec::new(),
            hashes: Vec::new(),
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
        let Self {
            hasher,
            places,
            groups,
            hashes,
        } = self;
        let hash = hasher.hash_one(value);
        // Runs are common.
        if hashes.last() == Some(&hash)
            && let Some((last, count)) = groups.last_mut()
            && *last == value
        {
            *count += times;
            return;
        }
        let same = |place: &u32| {
            let place = *place as usize;
            hashes[place] == hash && groups[place].0 == value
        };
        match places.entry(hash, same, |place| hashes[*place as usize]) {
            Entry::Occupied(place) => groups[*place.get() as usize].1 += times,
            Entry::Vacant(vacant) => {
                vacant.insert(groups.len() as u32);
                groups.push((value, times));
                hashes.push(hash);
            }
        }
    }

    /// Counts a value of a column in which equal values stand together, and which has no others.
    #[inline]
    pub(super) fn add_in_order(&mut self, value: T) {
        match self.groups.last_mut() {
            Some((last, count)) if *last == value => *count += 1,
            _ => self.groups.push((value, 1)),
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
        self.hashes.clear();
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
