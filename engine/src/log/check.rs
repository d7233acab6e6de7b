//! What an entry may say after the state before it (I3). The same checks stand before every put
//! and behind every read; what they refuse is never repaired in silence.

use std::collections::BTreeSet;

use super::names::FileName;
use super::{Commit, Entered, EntryFault, LaneState, ShardRange};
use crate::types::{ClaimRef, FileKind, KinesisShardId, Position, Window, WindowLength};

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

/// A mark that only grows.
pub(super) fn not_back(
    what: &'static str,
    before: Option<Window>,
    found: Window,
) -> Result<(), EntryFault> {
    match before {
        Some(before) if before > found => Err(EntryFault::GoesBack {
            what,
            before: before.0.into(),
            found: found.0.into(),
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

/// All files are of one window, which is not closed yet, and bear names of this claim.
fn files(
    state: &LaneState,
    claim: ClaimRef,
    window_length: WindowLength,
    commit: &Commit,
) -> Result<(), EntryFault> {
    let mut names = BTreeSet::new();
    let mut first = None;
    let data = commit.files.iter().map(|file| (FileKind::Data, file));
    let rejects = commit.rejects.iter().map(|file| (FileKind::Rejects, file));
    for (kind, file) in data.chain(rejects) {
        let first = *first.get_or_insert(file.window);
        if first != file.window {
            return Err(EntryFault::TwoWindows {
                first,
                second: file.window,
            });
        }
        let name_is_right = FileName::parse(&file.name).is_some_and(|parsed| {
            parsed.kind == kind
                && parsed.claim == claim
                && parsed.window == file.window
                && super::names::file(kind, window_length, claim, file.window, parsed.part)
                    == file.name
        });
        if !name_is_right || !names.insert(&file.name) {
            return Err(EntryFault::ForeignFile {
                name: file.name.clone(),
            });
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

/// The files hold what the ranges count: a dropped batch cannot pass.
fn counts(commit: &Commit) -> Result<(), EntryFault> {
    let rows = commit.ranges.values().map(|range| range.counts.rows).sum();
    let rejects = commit
        .ranges
        .values()
        .map(|range| range.counts.rejects)
        .sum();
    for (what, files, ranges) in [
        ("rows", &commit.files, rows),
        ("rejects", &commit.rejects, rejects),
    ] {
        let files = files.iter().map(|file| file.rows).sum();
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
