//! What outputs have still to take, for the source's retention.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use shardmill_engine::types::{TimestampMs, Window, WindowLength};

/// How far outputs hold the source's retention back.
#[derive(Default)]
pub(crate) struct Holds {
    outputs: Mutex<BTreeMap<String, Hold>>,
}

#[derive(Clone, Copy)]
struct Hold {
    max_lag_ms: i64,
    /// `None` until it is known.
    needed: Option<Window>,
}

impl Holds {
    /// Takes note of an output before anything is known of it: it needs all windows.
    pub(super) fn begin(&self, output: &str, max_lag_ms: i64) {
        let hold = Hold {
            max_lag_ms,
            needed: None,
        };
        self.lock().insert(output.to_owned(), hold);
    }

    /// Takes note of the first window that an output has still to take.
    pub(super) fn needs(&self, output: &str, window: Option<Window>) {
        if let Some(hold) = self.lock().get_mut(output) {
            hold.needed = window;
        }
    }

    /// The first window that must not expire, for a source that keeps windows for `retention_ms`;
    /// `None` where nothing holds retention back.
    pub(crate) fn first_held(
        &self,
        now: TimestampMs,
        retention_ms: i64,
        length: WindowLength,
    ) -> Option<Window> {
        let outputs = self.lock();
        let held = outputs.values().map(|hold| {
            let waited = retention_ms.saturating_add(hold.max_lag_ms);
            let least = length.window_of(now.saturating_sub(waited));
            hold.needed.map_or(least, |needed| needed.max(least))
        });
        held.min()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Hold>> {
        // A map of plain values is whole whatever panicked.
        self.outputs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_waits_for_the_slowest_output_as_long_as_it_may() {
        let minute = WindowLength::MINUTE;
        let at = |number: i64| minute.start_of(Window(number));
        let holds = Holds::default();
        let held = |now: i64| holds.first_held(at(now), 10 * 60_000, minute);
        assert_eq!(held(1_000), None);
        holds.begin("fast", 60_000);
        holds.begin("slow", 100 * 60_000);
        // Nothing is known yet: all windows, within the bounds.
        assert_eq!(held(1_000), Some(Window(890)));
        holds.needs("fast", Some(Window(999)));
        holds.needs("slow", Some(Window(950)));
        assert_eq!(held(1_000), Some(Window(950)));
        // It has waited long enough.
        assert_eq!(held(1_100), Some(Window(990)));
        holds.needs("slow", Some(Window(1_100)));
        assert_eq!(held(1_100), Some(Window(1_089)));
    }
}
