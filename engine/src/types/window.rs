//! Windows of arrival time.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::TimestampMs;

/// A window by its number: window `n` of length `L` ms covers arrival times `[n * L, (n + 1) * L)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Window(pub i64);

impl Window {
    /// The window after this one.
    pub fn next(self) -> Self {
        Window(self.0.saturating_add(1))
    }

    /// The window before this one.
    pub fn previous(self) -> Self {
        Window(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The length of a source's windows in milliseconds; one minute unless a test says otherwise. It is
/// stored with the source and never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WindowLength(i64);

impl WindowLength {
    /// One minute: the length of every source that is not a test's.
    pub const MINUTE: WindowLength = WindowLength(60_000);

    /// A length in milliseconds. `None` unless it is between 1 ms and one hour and divides an hour,
    /// so that a window lies in one hour folder.
    pub fn from_millis(millis: i64) -> Option<Self> {
        ((1..=3_600_000).contains(&millis) && 3_600_000 % millis == 0).then_some(Self(millis))
    }

    /// The length in milliseconds.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// The window that an arrival time falls in.
    pub fn window_of(self, arrival: TimestampMs) -> Window {
        Window(arrival.div_euclid(self.0))
    }

    /// The last window that reading up to `end` can fill: arrival times from `end` on are out.
    pub fn last_before(self, end: TimestampMs) -> Window {
        self.window_of(end.saturating_sub(1))
    }

    /// The first millisecond of a window.
    pub fn start_of(self, window: Window) -> TimestampMs {
        window.0.saturating_mul(self.0)
    }
}

/// A stretch of windows that has statistics of its own. With windows of a minute these are the hours
/// and the days of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// 60 windows.
    Hour,
    /// 1,440 windows: 24 hours.
    Day,
}

impl Level {
    /// How many windows.
    pub fn windows(self) -> i64 {
        match self {
            Level::Hour => 60,
            Level::Day => 1_440,
        }
    }

    /// The number of the stretch that a window lies in. Negative before 1970.
    pub fn number_of(self, window: Window) -> i64 {
        window.0.div_euclid(self.windows())
    }

    /// The first window of a stretch.
    pub fn first(self, number: i64) -> Window {
        Window(number.saturating_mul(self.windows()))
    }

    /// The last window of a stretch.
    pub fn last(self, number: i64) -> Window {
        Window(self.first(number).0.saturating_add(self.windows() - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_its_first_millisecond_and_not_the_next_ones() {
        let minute = WindowLength::MINUTE;
        assert_eq!(minute.window_of(0), Window(0));
        assert_eq!(minute.window_of(59_999), Window(0));
        assert_eq!(minute.window_of(60_000), Window(1));
        assert_eq!(minute.window_of(-1), Window(-1));
        assert_eq!(minute.last_before(60_000), Window(0));
        assert_eq!(minute.last_before(60_001), Window(1));
        assert_eq!(minute.start_of(Window(-1)), -60_000);
    }

    #[test]
    fn hours_and_days_join() {
        for level in [Level::Hour, Level::Day] {
            for number in [-2, -1, 0, 1, 498_706] {
                assert_eq!(level.last(number).next(), level.first(number + 1));
                assert_eq!(level.number_of(level.first(number)), number);
                assert_eq!(level.number_of(level.last(number)), number);
            }
        }
        // 2026-11-22T10:03:00Z.
        let window = WindowLength::MINUTE.window_of(1_795_341_780_000);
        let hour = Level::Hour.first(Level::Hour.number_of(window));
        assert_eq!(WindowLength::MINUTE.start_of(hour), 1_795_341_600_000);
        let day = Level::Day.first(Level::Day.number_of(window));
        assert_eq!(WindowLength::MINUTE.start_of(day), 1_795_305_600_000);
    }

    #[test]
    fn a_length_that_would_cross_an_hour_is_refused() {
        assert!(WindowLength::from_millis(7_000).is_none());
        assert!(WindowLength::from_millis(0).is_none());
        assert!(WindowLength::from_millis(1_000).is_some());
    }
}
