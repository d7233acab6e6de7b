//! Names of all objects, and what they say.
//!
//! Numbers of state objects have 20 digits, so that their names sort as the numbers do. Names of
//! files carry epoch, lane, claim, window and part, so no two claims ever write the same name.

use crate::types::{
    ClaimNumber, ClaimRef, Epoch, FileKind, Generation, LaneId, Level, TimestampMs, Window,
    WindowLength,
};

/// `_source.json`.
pub const SOURCE: &str = "_source.json";

/// `_preview.json`.
pub const PREVIEW: &str = "_preview.json";

/// The folder of generation records.
pub const GENERATIONS: &str = "_generations/";

/// The folder of epoch records.
pub const LANES: &str = "_lanes/";

/// The folder of the format decisions.
pub const FORMATS: &str = "_formats/";

/// The folder of hours and days of statistics.
pub const ROLLUPS: &str = "_rollups/";

/// `_deleted.json`.
pub const DELETED: &str = "_deleted.json";

/// What every name of state begins with, and no name of a file of rows, rejects or raw copies.
pub const STATE: &str = "_";

const JSON: &str = ".json";
const PARQUET: &str = ".parquet";
const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;

/// `_generations/NUMBER.json`.
pub fn generation(generation: Generation) -> String {
    numbered(GENERATIONS, generation.0)
}

/// The name of a format decision.
pub fn format(number: u64) -> String {
    numbered(FORMATS, number)
}

/// `_lanes/EPOCH.json`.
pub fn lanes(epoch: Epoch) -> String {
    numbered(LANES, epoch.0)
}

/// The folder of a lane's log.
pub fn log_folder(epoch: Epoch, lane: LaneId) -> String {
    format!("_commits/{:020}/{:020}/", epoch.0, lane.0)
}

/// `_commits/EPOCH/LANE/NUMBER.json`: an entry of a lane's log.
pub fn entry(epoch: Epoch, lane: LaneId, number: u64) -> String {
    numbered(&log_folder(epoch, lane), number)
}

/// The folder of a lane's checkpoints.
pub fn checkpoint_folder(epoch: Epoch, lane: LaneId) -> String {
    format!("_checkpoints/{:020}/{:020}/", epoch.0, lane.0)
}

/// `_checkpoints/EPOCH/LANE/NUMBER.json`.
pub fn checkpoint(epoch: Epoch, lane: LaneId, number: u64) -> String {
    numbered(&checkpoint_folder(epoch, lane), number)
}

/// The folder of the hours or days of statistics.
pub fn rollup_folder(level: Level) -> String {
    let level = match level {
        Level::Hour => "hour",
        Level::Day => "day",
    };
    format!("{ROLLUPS}{level}/")
}

/// `_rollups/hour/NUMBER.parquet` or `_rollups/day/NUMBER.parquet`.
pub fn rollup(level: Level, number: u64) -> String {
    format!("{}{number:020}{PARQUET}", rollup_folder(level))
}

/// The number in the name of a roll-up; `None` for names that are not ours.
pub fn rollup_number(name: &str) -> Option<u64> {
    let digits = name.rsplit('/').next()?.strip_suffix(PARQUET)?;
    twenty_digits(digits)
}

/// The number at the end of a numbered object's name, from 1; `None` for names that are not ours.
pub fn number(name: &str) -> Option<u64> {
    let digits = name.rsplit('/').next()?.strip_suffix(JSON)?;
    twenty_digits(digits).filter(|number| *number > 0)
}

fn twenty_digits(digits: &str) -> Option<u64> {
    let ours = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    ours.then(|| digits.parse().ok()).flatten()
}

pub(crate) fn numbered(folder: &str, number: u64) -> String {
    format!("{folder}{number:020}{JSON}")
}

/// The folder of the hour that begins at or before `time`, with its last `/`:
/// `data/date=2026-11-22/hour=10/`. Folders of one kind sort by time in the years 0 to 9999.
pub fn hour_folder(kind: FileKind, time: TimestampMs) -> String {
    let hour = time.rem_euclid(DAY_MS) / HOUR_MS;
    format!("{}/date={}/hour={hour:02}/", kind.folder(), date(time))
}

/// The name of a file: `data/date=2026-11-22/hour=10/W29745123-E1-L0-C17-P0.parquet` with the
/// numbers padded. `W` is the window's number, `C` the claim's, `P` the part's.
pub fn file(
    kind: FileKind,
    window_length: WindowLength,
    claim: ClaimRef,
    window: Window,
    part: u32,
) -> String {
    let folder = hour_folder(kind, window_length.start_of(window));
    let ClaimRef { epoch, lane, claim } = claim;
    format!(
        "{folder}W{window:012}-E{epoch:06}-L{lane:04}-C{claim:010}-P{part:04}{extension}",
        window = window.0,
        epoch = epoch.0,
        lane = lane.0,
        claim = claim.0,
        extension = kind.extension(),
    )
}

/// What the name of a file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileName {
    /// What it holds.
    pub kind: FileKind,
    /// Under which claim it was written.
    pub claim: ClaimRef,
    /// The window of all its rows.
    pub window: Window,
    /// Its place among the claim's files of that kind and window.
    pub part: u32,
}

impl FileName {
    /// Reads a name that [`file()`] made; `None` for any other.
    pub fn parse(name: &str) -> Option<Self> {
        let (folder, rest) = name.split_once('/')?;
        let kind = FileKind::ALL
            .into_iter()
            .find(|kind| kind.folder() == folder)?;
        let stem = rest.rsplit('/').next()?;
        let stem = stem.strip_suffix(kind.extension())?;
        // A window before 1970 has a minus sign, so the stem is not simply split at each `-`.
        let (window, stem) = stem.strip_prefix('W')?.split_once("-E")?;
        let (epoch, stem) = stem.split_once("-L")?;
        let (lane, stem) = stem.split_once("-C")?;
        let (claim, part) = stem.split_once("-P")?;
        Some(Self {
            kind,
            claim: ClaimRef {
                epoch: Epoch(epoch.parse().ok()?),
                lane: LaneId(lane.parse().ok()?),
                claim: ClaimNumber(claim.parse().ok()?),
            },
            window: Window(window.parse().ok()?),
            part: part.parse().ok()?,
        })
    }
}

impl FileName {
    /// The same, `None` also for a copy that somebody has put elsewhere.
    pub fn parse_exactly(name: &str, window_length: WindowLength) -> Option<Self> {
        Self::parse(name).filter(|file| {
            let FileName {
                kind,
                claim,
                window,
                part,
            } = *file;
            self::file(kind, window_length, claim, window, part) == name
        })
    }
}

/// `YYYY-MM-DD` of a time, UTC, in the Gregorian calendar.
fn date(time: TimestampMs) -> String {
    // Years are counted from March, so that the leap day is a year's last one; 400 such years
    // always have 146,097 days. Day 0 of 1970 is day 719,468 of the count from 0000-03-01.
    let days = time.div_euclid(DAY_MS) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let leap_free = day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096;
    let year_of_era = leap_free / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // The months from March on have 31 30 31 30 31 days, twice over: 153 days in five months.
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbered_names_sort_as_their_numbers() {
        let names: Vec<String> = [1, 9, 10, 99, u64::MAX]
            .map(|number| entry(Epoch(1), LaneId(0), number))
            .into();
        assert!(names.is_sorted());
        assert_eq!(
            names[2],
            "_commits/00000000000000000001/00000000000000000000/00000000000000000010.json"
        );
        assert_eq!(number(&names[4]), Some(u64::MAX));
        let name = rollup(Level::Hour, 498_706);
        assert_eq!(name, "_rollups/hour/00000000000000498706.parquet");
        assert_eq!(rollup_number(&name), Some(498_706));
        assert_eq!(rollup_number(&rollup(Level::Day, 0)), Some(0));
        assert_eq!(rollup_number("_rollups/day/7.parquet"), None);
        assert_eq!(number("_commits/1/0/10.json"), None);
        assert_eq!(number("_commits/1/0/00000000000000000000.json"), None);
        assert_eq!(number("_commits/1/0/+0000000000000000010.json"), None);
    }

    #[test]
    fn files_lie_in_the_hour_of_their_window() {
        let claim = ClaimRef {
            epoch: Epoch(1),
            lane: LaneId(2),
            claim: ClaimNumber(17),
        };
        // 2026-11-22T10:03:00Z.
        let window = WindowLength::MINUTE.window_of(1_795_341_780_000);
        let name = file(FileKind::Data, WindowLength::MINUTE, claim, window, 3);
        assert_eq!(
            name,
            "data/date=2026-11-22/hour=10/W000029922363-E000001-L0002-C0000000017-P0003.parquet"
        );
        let name = file(FileKind::Raw, WindowLength::MINUTE, claim, window, 0);
        assert_eq!(
            name,
            "raw/date=2026-11-22/hour=10/W000029922363-E000001-L0002-C0000000017-P0000.jsonl.lz4"
        );
    }

    #[test]
    fn dates_around_leap_days_and_centuries() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (11_016, "2000-02-29"),
            (11_017, "2000-03-01"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
            (20_453, "2025-12-31"),
        ] {
            assert_eq!(date(days * DAY_MS), expected);
            assert_eq!(date(days * DAY_MS + DAY_MS - 1), expected);
        }
    }

    #[test]
    fn other_names_are_not_files_of_ours() {
        for name in [
            "",
            "data/x.parquet",
            "notes/date=2026-11-22/hour=10/W1-E1-L0-C1-P0.parquet",
            "data/date=2026-11-22/hour=10/W1-E1-L0-C1.parquet",
            "data/date=2026-11-22/hour=10/W1-E1-L0-C1-P0.parquet.tmp",
            "data/date=2026-11-22/hour=10/W1-E1-L0-C1-P0.jsonl.lz4",
            "raw/date=2026-11-22/hour=10/W1-E1-L0-C1-P0.parquet",
        ] {
            assert_eq!(FileName::parse(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn what_a_name_says_is_read_back(
            window in -1_000_000_000i64..100_000_000_000,
            epoch: u64, lane: u32, claim: u64, part: u32, kind in 0..FileKind::ALL.len(),
        ) {
            let kind = FileKind::ALL[kind];
            let claim = ClaimRef {
                epoch: Epoch(epoch), lane: LaneId(lane), claim: ClaimNumber(claim),
            };
            let window = Window(window);
            let name = file(kind, WindowLength::MINUTE, claim, window, part);
            let parsed = FileName::parse(&name);
            prop_assert_eq!(parsed, Some(FileName { kind, claim, window, part }));
        }

        #[test]
        fn hour_folders_sort_by_time(a in 0i64..200_000_000_000_000, b in 0i64..200_000_000_000_000) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(hour_folder(FileKind::Data, low) <= hour_folder(FileKind::Data, high));
        }
    }
}
