//! What an entry may say after the state before it (I3). The same checks stand before every put
//! and behind every read; what they refuse is never repaired in silence.

use std::collections::BTreeSet;

use super::names::FileName;
use super::{Commit, Cut, Entered, EntryFault, LaneState, ShardRange};
use crate::types::{ClaimRef, KinesisShardId, Position, Window, WindowLength};

/// A claim or seal must say what the log says.
pub(super) fn closed_as_found(
    found: Option<Window>,
    closed: Option<Window>,
) -> Result<(), EntryFault> {
    if found == closed {
        return Ok(());
    }
    let lowest = Window(i64::MIN);
    Err(EntryFault::WindowOrder {
        what: "closed_through as found",
        found: found.unwrap_or(lowest),
        limit: closed.unwrap_or(lowest),
    })
}

/// Windows expire once they are closed, and stay expired.
pub(super) fn expire(state: &LaneState, through: Window) -> Result<(), EntryFault> {
    match (state.expired_through, state.closed_through) {
        (Some(before), _) if before > through => Err(EntryFault::GoesBack {
            what: "the expired mark",
            before: before.0.into(),
            found: through.0.into(),
        }),
        (_, closed) if Some(through) > closed => Err(EntryFault::WindowOrder {
            what: "the expired mark",
            found: through,
            limit: closed.unwrap_or(Window(i64::MIN)),
        }),
        _ => Ok(()),
    }
}

/// A commit under `claim` after `state`.
pub(super) fn commit(
    state: &LaneState,
    claim: ClaimRef,
    window_length: WindowLength,
    commit: &Commit,
) -> Result<(), EntryFault> {
    closed_through(state, commit)?;
    files(state, claim, window_length, commit)?;
    entered(state, commit)?;
    for (shard, range) in &commit.ranges {
        self::range(state, commit, shard, range)?;
    }
    ended(state, commit)?;
    cuts(state, commit)?;
    for caught_up in &commit.caught_up {
        position_of(state, commit, &caught_up.shard)?;
    }
    counts(commit)?;
    if commit.format < state.format {
        return Err(EntryFault::GoesBack {
            what: "the format decision",
            before: state.format.into(),
            found: commit.format.into(),
        });
    }
    Ok(())
}

fn closed_through(state: &LaneState, commit: &Commit) -> Result<(), EntryFault> {
    if commit.closed_through >= state.closed_through {
        return Ok(());
    }
    Err(EntryFault::WindowOrder {
        what: "closed_through",
        found: commit.closed_through.unwrap_or(Window(i64::MIN)),
        limit: state.closed_through.unwrap_or(Window(i64::MIN)),
    })
}

/// All files and the statistics are of one window, which is not closed yet, and bear names of this
/// claim.
fn files(
    state: &LaneState,
    claim: ClaimRef,
    window_length: WindowLength,
    commit: &Commit,
) -> Result<(), EntryFault> {
    let mut names = BTreeSet::new();
    let mut first = None;
    for (kind, name, window) in commit.names() {
        let first = *first.get_or_insert(window);
        if first != window {
            return Err(EntryFault::TwoWindows {
                first,
                second: window,
            });
        }
        let name_is_right = FileName::parse(name).is_some_and(|parsed| {
            parsed.kind == kind
                && parsed.claim == claim
                && parsed.window == window
                && super::names::file(kind, window_length, claim, window, parsed.part) == name
        });
        if !name_is_right || !names.insert(name) {
            return Err(EntryFault::ForeignFile { name: name.into() });
        }
    }
    match (first, state.closed_through) {
        (Some(found), Some(limit)) if found <= limit => Err(EntryFault::WindowOrder {
            what: "the files' window",
            found,
            limit,
        }),
        _ => Ok(()),
    }
}

fn entered(state: &LaneState, commit: &Commit) -> Result<(), EntryFault> {
    let mut seen = BTreeSet::new();
    for entered in &commit.entered {
        let Entered {
            shard, position, ..
        } = entered;
        let why = if state.shards.contains_key(shard) || !seen.insert(shard) {
            "it is in this lane already"
        } else if matches!(position, Position::At(_)) {
            "its reading begins at `start` or `horizon`, not at a sequence number"
        } else if entered.parents.contains(shard) {
            "it is named as its own parent"
        } else {
            let least = state.closed_through.map(Window::next);
            match least {
                Some(least) if entered.current_window < least => {
                    return Err(EntryFault::CurrentWindow {
                        shard: shard.clone(),
                        found: entered.current_window,
                        least,
                    });
                }
                _ => continue,
            }
        };
        return Err(EntryFault::CannotEnter {
            shard: shard.clone(),
            why,
        });
    }
    Ok(())
}

/// Where a Kinesis shard stands before the commit's ranges: position and current window.
fn position_of<'a>(
    state: &'a LaneState,
    commit: &'a Commit,
    shard: &KinesisShardId,
) -> Result<(&'a Position, Window), EntryFault> {
    if let Some(known) = state.shards.get(shard) {
        return if known.ended {
            Err(EntryFault::ShardEnded {
                shard: shard.clone(),
            })
        } else {
            Ok((&known.position, known.current_window))
        };
    }
    let entered = commit
        .entered
        .iter()
        .find(|entered| entered.shard == *shard);
    entered
        .map(|entered| (&entered.position, entered.current_window))
        .ok_or_else(|| EntryFault::UnknownShard {
            shard: shard.clone(),
        })
}

fn range(
    state: &LaneState,
    commit: &Commit,
    shard: &KinesisShardId,
    range: &ShardRange,
) -> Result<(), EntryFault> {
    let (position, window) = position_of(state, commit, shard)?;
    if range.from != *position {
        return Err(EntryFault::RangeGap {
            shard: shard.clone(),
            from: range.from.clone(),
            position: position.clone(),
        });
    }
    if range.to.sequence().is_none() || range.to <= range.from {
        return Err(EntryFault::RangeBackwards {
            shard: shard.clone(),
            from: range.from.clone(),
            to: range.to.clone(),
        });
    }
    // An ended Kinesis shard has no payload to come, so its current window may stay behind.
    let open = !commit.ended.contains(shard);
    let above_closed = commit.closed_through.map(Window::next).filter(|_| open);
    let least = above_closed.map_or(window, |above_closed| above_closed.max(window));
    if range.current_window < least {
        return Err(EntryFault::CurrentWindow {
            shard: shard.clone(),
            found: range.current_window,
            least,
        });
    }
    Ok(())
}

fn ended(state: &LaneState, commit: &Commit) -> Result<(), EntryFault> {
    let mut seen = BTreeSet::new();
    for shard in &commit.ended {
        position_of(state, commit, shard)?;
        if !seen.insert(shard) {
            return Err(EntryFault::ShardEnded {
                shard: shard.clone(),
            });
        }
    }
    for shard in &commit.forgotten {
        // Only an end that an earlier commit holds: a parent is forgotten last of all.
        if !state.shards.get(shard).is_some_and(|known| known.ended) || !seen.insert(shard) {
            return Err(EntryFault::CannotForget {
                shard: shard.clone(),
            });
        }
    }
    Ok(())
}

/// A cut is of a Kinesis shard that is being read, and of one that has not ended.
fn cuts(state: &LaneState, commit: &Commit) -> Result<(), EntryFault> {
    let mut seen: BTreeSet<&KinesisShardId> = commit.ended.iter().collect();
    for Cut {
        shard,
        current_window,
        ..
    } in &commit.cuts
    {
        let (_, window) = position_of(state, commit, shard)?;
        let least = commit.closed_through.map(Window::next).max(Some(window));
        if let Some(least) = least
            && *current_window < least
        {
            return Err(EntryFault::CurrentWindow {
                shard: shard.clone(),
                found: *current_window,
                least,
            });
        }
        if !seen.insert(shard) {
            return Err(EntryFault::ShardEnded {
                shard: shard.clone(),
            });
        }
    }
    Ok(())
}

/// The files hold what the ranges count: a dropped batch cannot pass.
fn counts(commit: &Commit) -> Result<(), EntryFault> {
    let counts = commit.ranges.values().map(|range| range.counts);
    let rows = sum(counts.clone().map(|counts| counts.rows));
    let rejects = sum(counts.clone().map(|counts| counts.rejects));
    // A raw copy is kept or not; where it is kept it has everything.
    let payloads = match commit.raw.is_empty() {
        true => 0,
        false => sum(counts.map(|counts| counts.payloads)),
    };
    for (what, files, ranges) in [
        ("rows", &commit.files, rows),
        ("rejects", &commit.rejects, rejects),
        ("payloads", &commit.raw, payloads),
    ] {
        let files = sum(files.iter().map(|file| file.rows));
        if files != ranges {
            return Err(EntryFault::Counts {
                what,
                files,
                ranges,
            });
        }
    }
    Ok(())
}

/// A sum that damaged numbers do not overflow.
fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{DataFile, ShardState, StatisticsObject};
    use crate::types::{ClaimNumber, Counts, Epoch, FileKind, LaneId, SequenceNumber};

    const LENGTH: WindowLength = WindowLength::MINUTE;

    fn id(name: &str) -> KinesisShardId {
        KinesisShardId::new(name)
    }

    fn at(number: u64) -> Position {
        Position::At(SequenceNumber::new(&number.to_string()).unwrap())
    }

    fn claim() -> ClaimRef {
        ClaimRef {
            epoch: Epoch(1),
            lane: LaneId(0),
            claim: ClaimNumber(3),
        }
    }

    /// Closed through 9; `open` is read up to 20, `over` to its end.
    fn state() -> LaneState {
        let shard = |ended| ShardState {
            position: at(20),
            current_window: Window(10),
            parents: Vec::new(),
            ended,
            arrival_at_position: Some(0),
            caught_up_at: None,
            cut: None,
        };
        LaneState {
            shards: [(id("open"), shard(false)), (id("over"), shard(true))].into(),
            closed_through: Some(Window(9)),
            format: 2,
            ..LaneState::default()
        }
    }

    fn file(kind: FileKind, window: i64, rows: u64) -> DataFile {
        DataFile {
            name: crate::log::names::file(kind, LENGTH, claim(), Window(window), 0),
            window: Window(window),
            rows,
            bytes: 1,
            schema: None,
        }
    }

    fn statistics(window: i64) -> StatisticsObject {
        StatisticsObject {
            name: file(FileKind::Statistics, window, 0).name,
            window: Window(window),
            bytes: 1,
        }
    }

    /// One row and one reject of `open` in window 10, which it closes.
    fn right() -> Commit {
        let range = ShardRange {
            from: at(20),
            to: at(22),
            arrival_at_to: 0,
            counts: Counts {
                records: 2,
                payloads: 2,
                rows: 1,
                rejects: 1,
                ..Counts::default()
            },
            current_window: Window(11),
        };
        Commit {
            files: vec![file(FileKind::Data, 10, 1)],
            rejects: vec![file(FileKind::Rejects, 10, 1)],
            statistics: Some(statistics(10)),
            ranges: [(id("open"), range)].into(),
            format: 2,
            closed_through: Some(Window(10)),
            ..Commit::default()
        }
    }

    fn code(change: impl FnOnce(&mut Commit)) -> Option<&'static str> {
        let mut commit = right();
        change(&mut commit);
        let checked = super::commit(&state(), claim(), LENGTH, &commit);
        checked.err().map(|fault| fault.code())
    }

    fn range(commit: &mut Commit) -> &mut ShardRange {
        commit.ranges.get_mut(&id("open")).unwrap()
    }

    fn entering(name: &str) -> Entered {
        Entered {
            shard: id(name),
            parents: vec![id("over")],
            position: Position::Horizon,
            current_window: Window(10),
        }
    }

    #[test]
    fn what_is_right_passes() {
        assert_eq!(code(|_| {}), None);
        assert_eq!(code(|c| c.entered.push(entering("child"))), None);
        assert_eq!(code(|c| c.forgotten.push(id("over"))), None);
        // At its end a Kinesis shard has no payload to come.
        let ends = |c: &mut Commit| {
            c.ended.push(id("open"));
            range(c).current_window = Window(10);
        };
        assert_eq!(code(ends), None);
        // A stop commits a part of the window and does not close it.
        let part = |c: &mut Commit| {
            c.closed_through = Some(Window(9));
            range(c).current_window = Window(10);
        };
        assert_eq!(code(part), None);
    }

    #[test]
    fn ranges_that_do_not_join_are_refused() {
        assert_eq!(code(|c| range(c).from = at(21)), Some("log.range_gap"));
        assert_eq!(code(|c| range(c).from = at(19)), Some("log.range_gap"));
        assert_eq!(
            code(|c| range(c).from = Position::Start),
            Some("log.range_gap")
        );
        for to in [at(20), at(19), Position::Horizon] {
            assert_eq!(code(|c| range(c).to = to), Some("log.range_backwards"));
        }
        let elsewhere = |name: &'static str| {
            move |c: &mut Commit| {
                let range = range(c).clone();
                c.ranges = [(id(name), range)].into();
            }
        };
        assert_eq!(code(elsewhere("unknown")), Some("log.unknown_shard"));
        assert_eq!(code(elsewhere("over")), Some("log.shard_ended"));
    }

    #[test]
    fn windows_out_of_order_are_refused() {
        let closed = |window| move |c: &mut Commit| c.closed_through = window;
        assert_eq!(code(closed(Some(Window(8)))), Some("log.window_order"));
        assert_eq!(code(closed(None)), Some("log.window_order"));
        // An open Kinesis shard would not be past what is closed.
        assert_eq!(code(closed(Some(Window(11)))), Some("log.current_window"));
        assert_eq!(
            code(|c| range(c).current_window = Window(9)),
            Some("log.current_window")
        );
        let late = |c: &mut Commit| {
            c.files = vec![file(FileKind::Data, 9, 1)];
            c.rejects = vec![file(FileKind::Rejects, 9, 1)];
        };
        assert_eq!(code(late), Some("log.window_order"));
        let two = |c: &mut Commit| c.files.push(file(FileKind::Data, 11, 0));
        assert_eq!(code(two), Some("log.window_order"));
        // The statistics are of the files' window, and without files of one that is open.
        let other = |c: &mut Commit| c.statistics = Some(statistics(11));
        assert_eq!(code(other), Some("log.window_order"));
        let alone = |window| {
            move |c: &mut Commit| {
                (c.files, c.rejects) = (Vec::new(), Vec::new());
                range(c).counts = Counts::default();
                c.statistics = Some(statistics(window));
            }
        };
        assert_eq!(code(alone(10)), None);
        assert_eq!(code(alone(9)), Some("log.window_order"));
    }

    #[test]
    fn a_cut_is_of_a_kinesis_shard_that_is_being_read() {
        let cut = |name: &str| Cut {
            shard: id(name),
            end_ms: 660_000,
            current_window: Window(11),
        };
        assert_eq!(code(|c| c.cuts.push(cut("open"))), None);
        let behind = |c: &mut Commit| {
            c.cuts.push(Cut {
                current_window: Window(10),
                ..cut("open")
            });
        };
        assert_eq!(code(behind), Some("log.current_window"));
        assert_eq!(
            code(|c| c.cuts.push(cut("unknown"))),
            Some("log.unknown_shard")
        );
        assert_eq!(code(|c| c.cuts.push(cut("over"))), Some("log.shard_ended"));
        let twice = |c: &mut Commit| c.cuts = vec![cut("open"), cut("open")];
        assert_eq!(code(twice), Some("log.shard_ended"));
        let ended_too = |c: &mut Commit| {
            c.ended.push(id("open"));
            c.cuts.push(cut("open"));
        };
        assert_eq!(code(ended_too), Some("log.shard_ended"));
    }

    #[test]
    fn files_of_others_and_wrong_counts_are_refused() {
        let named = |name: String| move |c: &mut Commit| c.files[0].name = name;
        let other = ClaimRef {
            claim: ClaimNumber(2),
            ..claim()
        };
        let others = crate::log::names::file(FileKind::Data, LENGTH, other, Window(10), 0);
        assert_eq!(code(named(others)), Some("log.foreign_file"));
        assert_eq!(
            code(named("data/mine.parquet".into())),
            Some("log.foreign_file")
        );
        // The name says the window, the folder another hour.
        let moved = file(FileKind::Data, 10, 1)
            .name
            .replace("hour=00", "hour=01");
        assert_eq!(code(named(moved)), Some("log.foreign_file"));
        let twice = |c: &mut Commit| c.files.push(c.files[0].clone());
        assert_eq!(code(twice), Some("log.foreign_file"));
        let statistics = |name: String| {
            move |c: &mut Commit| {
                c.statistics
                    .as_mut()
                    .into_iter()
                    .for_each(|s| s.name = name.clone())
            }
        };
        let others = crate::log::names::file(FileKind::Statistics, LENGTH, other, Window(10), 0);
        assert_eq!(code(statistics(others)), Some("log.foreign_file"));
        let data = file(FileKind::Data, 10, 1).name;
        assert_eq!(code(statistics(data)), Some("log.foreign_file"));
        assert_eq!(code(|c| c.files[0].rows = 2), Some("log.counts"));
        assert_eq!(code(|c| c.rejects.clear()), Some("log.counts"));
        let raw = |payloads| move |c: &mut Commit| c.raw = vec![file(FileKind::Raw, 10, payloads)];
        assert_eq!(code(raw(2)), None);
        assert_eq!(code(raw(1)), Some("log.counts"));
        let data = |c: &mut Commit| c.raw = vec![file(FileKind::Data, 10, 2)];
        assert_eq!(code(data), Some("log.foreign_file"));
    }

    #[test]
    fn entries_ends_and_what_is_forgotten_must_make_sense() {
        let enters = |entered: Entered| move |c: &mut Commit| c.entered.push(entered);
        assert_eq!(code(enters(entering("open"))), Some("log.cannot_enter"));
        let twice = |c: &mut Commit| c.entered.extend([entering("child"), entering("child")]);
        assert_eq!(code(twice), Some("log.cannot_enter"));
        let midway = Entered {
            position: at(3),
            ..entering("child")
        };
        assert_eq!(code(enters(midway)), Some("log.cannot_enter"));
        let early = Entered {
            current_window: Window(9),
            ..entering("child")
        };
        assert_eq!(code(enters(early)), Some("log.current_window"));
        assert_eq!(code(|c| c.ended.push(id("over"))), Some("log.shard_ended"));
        assert_eq!(
            code(|c| c.ended.push(id("unknown"))),
            Some("log.unknown_shard")
        );
        // Its end must be in an earlier commit.
        let at_once = |c: &mut Commit| {
            c.ended.push(id("open"));
            c.forgotten.push(id("open"));
        };
        assert_eq!(code(at_once), Some("log.cannot_forget"));
        assert_eq!(
            code(|c| c.forgotten.push(id("open"))),
            Some("log.cannot_forget")
        );
        assert_eq!(code(|c| c.format = 1), Some("log.goes_back"));
    }
}
