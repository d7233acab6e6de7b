//! What the memory budget must hold, and how many windows may be open under it (I6).
//!
//! Per lane the budget must hold one kept fetch, expanded, plus what every open window holds that
//! cannot be sent yet, and its statistics. The source holds those of its whole life besides.
//! Whatever is left is for reading and decoding side by side.

/// The most that one answer of GetRecords brings, in bytes.
pub const FETCH_BYTES: u64 = 10 << 20;

/// How many times the bytes of a fetch are held at once while they become columns: the payloads,
/// the columns, and the row group that is encoded from them.
pub const FETCH_EXPANSION: u64 = 3;

/// The bytes of a file that wait until there are enough for one part of an upload.
pub const UNSENT_PART_BYTES: u64 = 8 << 20;

/// Files that one window of a lane may have open at once: one of data, one of rejects. Where a raw
/// copy is kept there is one more.
pub const OPEN_FILES: u64 = 2;

/// Statistics of a source's whole life: those that answers are given from, and those that the next
/// committed window is being merged into.
pub const LIFETIME_STATISTICS: u64 = 2;

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
    /// Most bytes of one window's statistics; 0 where there are only counters.
    pub statistics: u64,
    /// Whether a raw copy is kept.
    pub raw_copy: bool,
    /// Windows that each lane may have open at once.
    pub max_open_windows: u32,
}

impl MemoryPlan {
    /// Bytes that one lane keeps for the fetch of the Kinesis shard that holds its watermark.
    pub const KEPT_FETCH: u64 = FETCH_BYTES * FETCH_EXPANSION;

    /// Bytes that one open window of one lane may hold without being able to send them: of its files,
    /// the raw copy's among them or not, and its statistics of so many bytes.
    pub fn open_window(statistics: u64, raw_copy: bool) -> u64 {
        (OPEN_FILES + u64::from(raw_copy)) * UNSENT_PART_BYTES + statistics
    }

    /// The smallest budget that a number of lanes can live with, with statistics of so many bytes a
    /// window.
    pub fn least(lanes: u32, statistics: u64, raw_copy: bool) -> u64 {
        let windows = u64::from(MIN_OPEN_WINDOWS) * Self::open_window(statistics, raw_copy);
        u64::from(lanes) * (Self::KEPT_FETCH + windows) + LIFETIME_STATISTICS * statistics
    }

    /// Divides a budget. `None` if it is less than [`MemoryPlan::least`]. Half of what the kept
    /// fetches leave is for open windows, within the two bounds.
    pub fn new(budget: u64, lanes: u32, statistics: u64, raw_copy: bool) -> Option<Self> {
        if lanes == 0 || budget < Self::least(lanes, statistics, raw_copy) {
            return None;
        }
        let each = u64::from(lanes);
        let kept = each * Self::KEPT_FETCH + LIFETIME_STATISTICS * statistics;
        let for_windows = (budget - kept) / 2 / each;
        let windows = for_windows / Self::open_window(statistics, raw_copy);
        let windows = u32::try_from(windows).unwrap_or(u32::MAX);
        let max_open_windows = windows.clamp(MIN_OPEN_WINDOWS, MAX_OPEN_WINDOWS);
        Some(Self {
            budget,
            lanes,
            statistics,
            raw_copy,
            max_open_windows,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The default of `statistics.max_bytes_per_window`.
    const STATISTICS: u64 = 4 << 20;

    #[test]
    fn the_default_budget_holds_three_lanes_and_four_without_statistics() {
        let windows = |lanes, statistics| {
            let plan = MemoryPlan::new(256 << 20, lanes, statistics, false);
            plan.map(|plan| plan.max_open_windows)
        };
        assert_eq!(windows(1, STATISTICS), Some(5));
        assert_eq!(windows(3, STATISTICS), Some(2));
        assert_eq!(windows(4, STATISTICS), None);
        assert_eq!((windows(1, 0), windows(4, 0)), (Some(7), Some(2)));
        assert_eq!(windows(5, 0), None);
        let with_raw_copy = MemoryPlan::new(256 << 20, 2, STATISTICS, true);
        assert_eq!(with_raw_copy.map(|plan| plan.max_open_windows), Some(2));
    }

    proptest! {
        #[test]
        fn kept_fetches_and_open_windows_always_fit(
            budget in 0u64..1 << 34,
            lanes in 0u32..64,
            statistics in 0u64..1 << 28,
            raw_copy: bool,
        ) {
            let least = MemoryPlan::least(lanes, statistics, raw_copy);
            match MemoryPlan::new(budget, lanes, statistics, raw_copy) {
                None => prop_assert!(lanes == 0 || budget < least),
                Some(plan) => {
                    let window = MemoryPlan::open_window(statistics, raw_copy);
                    let windows = u64::from(plan.max_open_windows) * window;
                    let needed = u64::from(lanes) * (MemoryPlan::KEPT_FETCH + windows)
                        + LIFETIME_STATISTICS * statistics;
                    prop_assert!(needed <= budget);
                }
            }
        }
    }
}
