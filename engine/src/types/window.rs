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

    /// The first millisecond of a window.
    pub fn start_of(self, window: Window) -> TimestampMs {
        window.0.saturating_mul(self.0)
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
        assert_eq!(minute.start_of(Window(-1)), -60_000);
    }

    #[test]
    fn a_length_that_would_cross_an_hour_is_refused() {
        assert!(WindowLength::from_millis(7_000).is_none());
        assert!(WindowLength::from_millis(0).is_none());
        assert!(WindowLength::from_millis(1_000).is_some());
    }
}
