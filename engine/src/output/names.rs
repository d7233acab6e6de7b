//! Names of an output's objects, and what they say.

use crate::log::names::{hour_folder, numbered};
use crate::types::{FileKind, Window, WindowLength};

/// `_output.json`.
pub(super) const OUTPUT: &str = "_output.json";

/// The folder of the log.
pub(super) const LOG: &str = "_log/";

/// The folder of the files.
pub(super) const DATA: &str = "data/";

/// `_log/NUMBER.json`.
pub(super) fn entry(number: u64) -> String {
    numbered(LOG, number)
}

/// The name of a file: `data/date=2026-11-22/hour=10/W29922363-C17-N18-P0.parquet` with the numbers
/// padded. `W` is the window's number, `C` the claim's, `N` that of the commit that it is meant for,
/// `P` the part's. So no two claims write one name.
pub(super) fn file(
    length: WindowLength,
    window: Window,
    claim: u64,
    number: u64,
    part: u32,
    extension: &str,
) -> String {
    let folder = folder(length, window);
    let window = window.0;
    format!("{folder}W{window:012}-C{claim:010}-N{number:010}-P{part:04}.{extension}")
}

/// The folder of the hour of a window.
pub(super) fn folder(length: WindowLength, window: Window) -> String {
    hour_folder(FileKind::Data, length.start_of(window))
}

/// What the name of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileName {
    pub window: Window,
    pub claim: u64,
    /// The commit that it is meant for.
    pub number: u64,
}

impl FileName {
    /// Reads a name that [`file`] made; `None` for any other.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let stem = name.strip_prefix(DATA)?.rsplit('/').next()?;
        let (stem, _) = stem.split_once('.')?;
        let (window, stem) = stem.strip_prefix('W')?.split_once("-C")?;
        let (claim, stem) = stem.split_once("-N")?;
        let (number, part) = stem.split_once("-P")?;
        let _: u32 = part.parse().ok()?;
        Some(Self {
            window: Window(window.parse().ok()?),
            claim: claim.parse().ok()?,
            number: number.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn files_lie_in_the_hour_of_their_window() {
        let window = WindowLength::MINUTE.window_of(1_795_341_780_000);
        let name = file(WindowLength::MINUTE, window, 17, 18, 0, "json.gz");
        assert_eq!(
            name,
            "data/date=2026-11-22/hour=10/W000029922363-C0000000017-N0000000018-P0000.json.gz"
        );
        for other in ["data/x.json", "raw/W1-C1-N1-P1.json", "data/W1-C1-P1.json"] {
            assert_eq!(FileName::parse(other), None);
        }
    }

    proptest! {
        #[test]
        fn what_a_name_says_is_read_back(
            window in -1_000_000_000i64..100_000_000_000, claim: u64, number: u64, part: u32,
        ) {
            let window = Window(window);
            let name = file(WindowLength::MINUTE, window, claim, number, part, "csv.zst");
            let parsed = FileName::parse(&name);
            prop_assert_eq!(parsed, Some(FileName { window, claim, number }));
        }
    }
}
