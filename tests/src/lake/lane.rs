//! The state of one lane, moved on entry by entry.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::files::{self, Kind};
use super::walk::array;
use super::{Counts, Lake, ensure, raw};
use crate::ledger::Sequence;

/// What a lane's log has said so far.
#[derive(Debug)]
pub struct Lane {
    /// Its Kinesis shards.
    pub shards: BTreeMap<String, ShardState>,
    /// The last closed window.
    pub closed_through: Option<i64>,
    /// Whether its log is over.
    pub sealed: bool,
    claim: Option<u64>,
    entries: u64,
}

/// How far a Kinesis shard is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardState {
    /// `None` before the first record, whatever reading begins with.
    pub position: Option<Sequence>,
    /// Its current window.
    pub current_window: i64,
    /// Whether it is read to its end.
    pub ended: bool,
}

/// What one commit covers of a Kinesis shard.
pub struct Range {
    /// Not covered.
    pub from: Option<Sequence>,
    /// The last one covered.
    pub to: Option<Sequence>,
}

impl Lane {
    /// The state that an epoch begins with.
    pub fn begin(state: &Value) -> Result<Self, String> {
        let mut shards = BTreeMap::new();
        for (shard, state) in object(state, "shards")? {
            shards.insert(shard.clone(), ShardState::from_json(state)?);
        }
        Ok(Self {
            shards,
            closed_through: state["closed_through"].as_i64(),
            sealed: false,
            claim: None,
            entries: 0,
        })
    }

    /// Moves on by one entry; a commit's files are read into `lake`.
    pub fn entry(
        &mut self,
        source: &Path,
        entry: &Value,
        window_length: i64,
        lake: &mut Lake,
    ) -> Result<(), String> {
        ensure!(!self.sealed, "an entry after the seal");
        self.entries += 1;
        let claim = entry["claim"].as_u64();
        match entry["kind"].as_str() {
            Some("claim") => {
                ensure!(claim == Some(self.entries), "a claim has its own number");
                self.claim = claim;
                lake.claims += 1;
            }
            Some("commit") => {
                ensure!(self.claim.is_some(), "a commit before any claim");
                ensure!(
                    claim == self.claim,
                    "a commit under {claim:?}, which is over"
                );
                self.commit(source, entry, window_length, lake)?;
                lake.commits += 1;
            }
            Some("seal") => self.sealed = true,
            other => return Err(format!("an entry of the kind {other:?}")),
        }
        Ok(())
    }

    fn commit(
        &mut self,
        source: &Path,
        commit: &Value,
        window_length: i64,
        lake: &mut Lake,
    ) -> Result<(), String> {
        for entered in array(commit, "entered")? {
            let shard = text(entered, "shard")?;
            let new = lake.known.insert(shard.to_owned());
            ensure!(new, "{shard} enters a second time");
            let mut state = ShardState::from_json(entered)?;
            state.ended = false;
            let closed = self.closed_through;
            ensure!(
                Some(state.current_window) > closed,
                "{shard} enters in window {}, and {closed:?} is closed",
                state.current_window
            );
            self.shards.insert(shard.to_owned(), state);
        }
        let mut ranges = BTreeMap::new();
        let mut counted = BTreeMap::new();
        for (shard, range) in object(commit, "ranges")? {
            let counts = Counts::from_json(&range["counts"])?;
            ranges.insert(shard.clone(), self.advance(shard, range)?);
            counted.insert(shard.clone(), counts);
            lake.counts.entry(shard.clone()).or_default().add(counts);
        }
        self.files(source, commit, &ranges, &counted, window_length, lake)?;
        for shard in array(commit, "ended")? {
            let shard = shard.as_str().ok_or("`ended` holds names")?;
            let state = self.shards.get_mut(shard);
            state
                .ok_or_else(|| format!("{shard} ends in a lane that it is not in"))?
                .ended = true;
        }
        for shard in array(commit, "forgotten")? {
            let shard = shard.as_str().ok_or("`forgotten` holds names")?;
            let state = self.shards.remove(shard);
            ensure!(
                state.is_some_and(|state| state.ended),
                "{shard} is forgotten before its end"
            );
        }
        let closed = commit["closed_through"].as_i64();
        ensure!(
            closed >= self.closed_through,
            "closed_through goes back to {closed:?}"
        );
        self.closed_through = closed;
        let moved = ranges
            .keys()
            .filter_map(|shard| self.shards.get_key_value(shard));
        for (shard, state) in moved {
            ensure!(
                state.ended || Some(state.current_window) > closed,
                "{shard} is read up to window {}, which is closed",
                state.current_window
            );
        }
        self.move_on();
        Ok(())
    }

    /// Closing moves every open Kinesis shard on: nothing of it comes into a closed window any more.
    fn move_on(&mut self) {
        let Some(closed) = self.closed_through else {
            return;
        };
        for state in self.shards.values_mut().filter(|state| !state.ended) {
            state.current_window = state.current_window.max(closed + 1);
        }
    }

    /// Moves a Kinesis shard on by a range that has to join.
    fn advance(&mut self, shard: &str, range: &Value) -> Result<Range, String> {
        let state = self.shards.get_mut(shard);
        let state = state.ok_or_else(|| format!("a range of {shard}, which is in another lane"))?;
        ensure!(!state.ended, "a range of {shard} after its end");
        let from = position(range, "from")?;
        let to = position(range, "to")?;
        ensure!(
            from == state.position,
            "{shard}: committed to {:?}, and the next range begins after {from:?}",
            state.position
        );
        ensure!(from <= to, "{shard}: a range from {from:?} back to {to:?}");
        let window = number(range, "current_window")?;
        ensure!(
            window >= state.current_window,
            "{shard}: its current window goes back from {} to {window}",
            state.current_window
        );
        state.position = to.clone();
        state.current_window = window;
        Ok(Range { from, to })
    }

    fn files(
        &self,
        source: &Path,
        commit: &Value,
        ranges: &BTreeMap<String, Range>,
        counted: &BTreeMap<String, Counts>,
        window_length: i64,
        lake: &mut Lake,
    ) -> Result<(), String> {
        let mut found: BTreeMap<String, Counts> = BTreeMap::new();
        let mut windows = BTreeSet::new();
        for (kind, list) in [(Kind::Data, "files"), (Kind::Rejects, "rejects")] {
            for file in array(commit, list)? {
                let name = text(file, "name")?;
                let window = number(file, "window")?;
                ensure!(
                    lake.files.insert(name.to_owned()),
                    "{name} is committed twice"
                );
                ensure!(
                    Some(window) > self.closed_through,
                    "{name}: its window {window} was closed before"
                );
                windows.insert(window);
                let file = files::File {
                    name,
                    window,
                    rows: file["rows"].as_u64(),
                    bytes: file["bytes"].as_u64(),
                };
                file.read(source, kind, ranges, window_length, lake, &mut found)
                    .map_err(|finding| format!("{name}: {finding}"))?;
            }
        }
        self.raw(source, commit, ranges, counted, window_length, lake)?;
        if let Some(statistics) = commit.get("statistics") {
            let name = text(statistics, "name")?;
            let bytes = statistics["bytes"].as_u64();
            let there = std::fs::metadata(source.join(name)).map(|there| there.len());
            ensure!(
                there.as_ref().ok() == bytes.as_ref(),
                "{name} has {there:?} bytes, its commit says {bytes:?}"
            );
            ensure!(
                lake.statistics.insert(name.to_owned()),
                "{name} is committed twice"
            );
            windows.insert(number(statistics, "window")?);
        }
        ensure!(
            windows.len() <= 1,
            "a commit with files of the windows {windows:?}"
        );
        for (shard, counts) in counted {
            let found = found.remove(shard).unwrap_or_default();
            ensure!(
                (found.rows, found.rejects) == (counts.rows, counts.rejects),
                "{shard}: the commit counts {counts:?}, its files hold {found:?}"
            );
        }
        ensure!(
            found.is_empty(),
            "rows of {:?}, which have no range",
            found.keys()
        );
        Ok(())
    }
}

impl Lane {
    /// Where a commit has files of the raw copy, they hold every payload that it covers.
    fn raw(
        &self,
        source: &Path,
        commit: &Value,
        ranges: &BTreeMap<String, Range>,
        counted: &BTreeMap<String, Counts>,
        window_length: i64,
        lake: &mut Lake,
    ) -> Result<(), String> {
        let Some(raw) = commit.get("raw") else {
            return Ok(());
        };
        let mut found = raw::Found::new();
        for file in raw.as_array().ok_or("`raw` is no list")? {
            let name = text(file, "name")?;
            ensure!(
                lake.files.insert(name.to_owned()),
                "{name} is committed twice"
            );
            let window = number(file, "window")?;
            ensure!(
                Some(window) > self.closed_through,
                "{name}: its window {window} was closed before"
            );
            let file = files::File {
                name,
                window,
                rows: file["rows"].as_u64(),
                bytes: file["bytes"].as_u64(),
            };
            file.read_raw(source, ranges, window_length, lake, &mut found)
                .map_err(|finding| format!("{name}: {finding}"))?;
        }
        for (shard, counts) in counted {
            let found = found.remove(shard).unwrap_or_default();
            ensure!(
                found == (counts.payloads, counts.bytes),
                "{shard}: the commit counts {counts:?}, its raw copy holds {found:?}"
            );
        }
        Ok(())
    }
}

impl ShardState {
    fn from_json(value: &Value) -> Result<Self, String> {
        Ok(Self {
            position: position(value, "position")?,
            current_window: number(value, "current_window")?,
            ended: value["ended"].as_bool().unwrap_or(false),
        })
    }
}

fn position(value: &Value, name: &str) -> Result<Option<Sequence>, String> {
    match text(value, name)? {
        "start" | "horizon" => Ok(None),
        digits => Ok(Some(Sequence::new(digits))),
    }
}

fn object<'a>(value: &'a Value, name: &str) -> Result<&'a serde_json::Map<String, Value>, String> {
    value[name]
        .as_object()
        .ok_or_else(|| format!("`{name}` is no object"))
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    value[name]
        .as_str()
        .ok_or_else(|| format!("`{name}` is no text"))
}

fn number(value: &Value, name: &str) -> Result<i64, String> {
    value[name]
        .as_i64()
        .ok_or_else(|| format!("`{name}` is no number"))
}
