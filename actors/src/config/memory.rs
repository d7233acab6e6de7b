//! What the memory budget must hold, and how many windows may be open under it (I6).
//!
//! Per lane the budget must hold one kept fetch, expanded, plus what every open window holds that
//! cannot be sent yet. Whatever is left is for reading and decoding side by side.

/// The most that one answer of GetRecords brings, in bytes.
pub const FETCH_BYTES: u64 = 10 << 20;

/// How many times the bytes of a fetch are held at once while they become columns: the payloads,
/// the columns, and the row group that is encoded from them.
pub const FETCH_EXPANSION: u64 = 3;

/// The bytes of a file that wait until there are enough for one part of an upload.
pub const UNSENT_PART_BYTES: u64 = 8 << 20;

/// Files that one window of a lane may have open at once: one of data, one of rejects.
pub const OPEN_FILES: u64 = 2;

/// With fewer than two windows a Kinesis shard that is ahead could not wait for another.
pub const MIN_OPEN_WINDOWS: u32 = 2;

/// More would not make catching up faster; files are full-size with these.
pub const MAX_OPEN_WINDOWS: u32 = 8;

/// How a memory budget is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryPlan {
    /// The budget in bytes.
    pub budget: u64,
    /// The lanes that share it.
    pub lanes: u32,
    /// Windows that each lane may have open at once.
    pub max_open_windows: u32,
}

impl MemoryPlan {
    /// Bytes that one lane keeps for the fetch of the Kinesis shard that holds its watermark.
    pub const KEPT_FETCH: u64 = FETCH_BYTES * FETCH_EXPANSION;

    /// Bytes that one open window of one lane may hold without being able to send them.
    pub const OPEN_WINDOW: u64 = OPEN_FILES * UNSENT_PART_BYTES;

    /// The smallest budget that a number of lanes can live with.
    pub fn least(lanes: u32) -> u64 {
        u64::from(lanes) * (Self::KEPT_FETCH + u64::from(MIN_OPEN_WINDOWS) * Self::OPEN_WINDOW)
    }

    /// Divides a budget. `None` if it is less than [`MemoryPlan::least`]. Half of what the kept
    /// fetches leave is for open windows, within the two bounds.
    pub fn new(budget: u64, lanes: u32) -> Option<Self> {
        if lanes == 0 || budget < Self::least(lanes) {
            return None;
        }
        let each = u64::from(lanes);
        let for_windows = (budget - each * Self::KEPT_FETCH) / 2 / each;
        let windows = u32::try_from(for_windows / Self::OPEN_WINDOW).unwrap_or(u32::MAX);
        let max_open_windows = windows.clamp(MIN_OPEN_WINDOWS, MAX_OPEN_WINDOWS);
        Some(Self {
            budget,
            lanes,
            max_open_windows,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_default_budget_holds_four_lanes_and_not_five() {
        let budget = 256 << 20;
        assert_eq!(
            MemoryPlan::new(budget, 1).map(|plan| plan.max_open_windows),
            Some(7)
        );
        assert_eq!(
            MemoryPlan::new(budget, 4).map(|plan| plan.max_open_windows),
            Some(2)
        );
        assert_eq!(MemoryPlan::new(budget, 5), None);
    }

    proptest! {
        #[test]
        fn kept_fetches_and_open_windows_always_fit(budget in 0u64..1 << 34, lanes in 0u32..64) {
            match MemoryPlan::new(budget, lanes) {
                None => prop_assert!(lanes == 0 || budget < MemoryPlan::least(lanes)),
                Some(plan) => {
                    let windows = u64::from(plan.max_open_windows) * MemoryPlan::OPEN_WINDOW;
                    let needed = u64::from(lanes) * (MemoryPlan::KEPT_FETCH + windows);
                    prop_assert!(needed <= budget);
                }
            }
        }
    }
}
