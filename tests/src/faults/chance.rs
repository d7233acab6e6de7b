//! The dice that decide which call fails and how.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A seeded chance, shared by all calls.
pub struct Chance {
    random: Mutex<StdRng>,
    rate: f64,
}

impl Chance {
    /// So many of all calls fail: 0 for none, 1 for all.
    pub fn new(seed: u64, rate: f64) -> Self {
        Self {
            random: Mutex::new(StdRng::seed_from_u64(seed)),
            rate,
        }
    }

    /// One of `ways`, if this call is to fail.
    pub fn pick<T: Copy>(&self, ways: &[T]) -> Option<T> {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let fails = random.random_bool(self.rate);
        fails.then(|| ways[random.random_range(0..ways.len())])
    }

    /// How long a slow call takes.
    pub fn delay(&self) -> Duration {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        Duration::from_millis(random.random_range(20..400))
    }
}
