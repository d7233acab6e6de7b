//! The JSON objects of an output. FORMAT.md documents them for other readers; what is here changes
//! only together with `FORMAT_VERSION`.

use serde::{Deserialize, Serialize};

use crate::types::{Epoch, Generation, ProcessId, TimestampMs, Window, WindowLength};

/// `_output.json`: what never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputRecord {
    /// The format version of the writer.
    pub format_version: u32,
    /// The name of the output.
    pub name: String,
    /// The name of its source.
    pub source: String,
    /// The id of its source.
    pub source_id: String,
    /// The source's window length, ms.
    pub window_length_ms: WindowLength,
    /// The word of its format.
    pub format: String,
    /// The first window that it takes; `None` takes all.
    pub start: Option<Window>,
    /// When it was made.
    pub time_ms: TimestampMs,
    /// The version of the software that made it.
    pub version: String,
}

/// Which columns and rows an output takes, as they are written in the configuration. A claim says
/// what holds for the commits under it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// The columns; `None` takes all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// The filter; `None` takes every row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}

/// `_log/NUMBER.json`: one entry of an output's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The format version of the writer.
    pub format_version: u32,
    /// The process that put it.
    pub process: ProcessId,
    /// Its generation on the source.
    pub generation: Generation,
    /// The number of the claim under which it was put; a claim's own number for a claim.
    pub claim: u64,
    /// When, by the process's clock.
    pub time_ms: TimestampMs,
    /// What it says.
    #[serde(flatten)]
    pub body: Body,
    /// What all entries up to this one come to.
    pub state: State,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// The output belongs to this process from here on.
    Claim {
        /// What its commits are made by.
        definition: Definition,
    },
    /// A part of the source's commits is in the output.
    Commit {
        /// The files, in the order of their windows and parts.
        files: Vec<OutputFile>,
        /// Rows that were read of the source.
        source_rows: u64,
    },
    /// Windows up to `through` are gone or going.
    Expire {
        /// The last of them.
        through: Window,
    },
}

/// A file that a commit names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputFile {
    /// Name below the output.
    pub name: String,
    /// The window of all its rows.
    pub window: Window,
    /// Rows.
    pub rows: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// What an output's log comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// The epoch of the source that the output has come to. All of the earlier ones is taken.
    pub epoch: Epoch,
    /// How far the lanes of that epoch are taken; the place is the lane's number.
    pub lanes: Vec<LanePlace>,
    /// Windows up to this one are expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expired_through: Option<Window>,
    /// Claims that are over and whose leftovers may not be all gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended_claims: Vec<EndedClaim>,
}

/// How far a lane is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanePlace {
    /// The last entry of its log that is taken; 0 before the first.
    pub entry: u64,
    /// The last window that the lane had closed there.
    pub closed_through: Option<Window>,
    /// Whether that entry is its seal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sealed: bool,
}

/// A claim that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedClaim {
    /// Its number.
    pub claim: u64,
    /// The last entry that was put under it. Files that it meant for later ones are left over.
    pub through: u64,
    /// What it left lies in this window or later; `None` for anywhere.
    pub from: Option<Window>,
    /// Time of the entry that ended it.
    pub ended_ms: TimestampMs,
}

impl State {
    /// The first window that is not taken in full, given the first window of all; `None` for
    /// all windows.
    pub fn needed(&self, start: Option<Window>) -> Option<Window> {
        let closed = self.lanes.iter().map(|lane| lane.closed_through).min();
        closed.flatten().map(Window::next).max(start)
    }

    /// The last window of which everything is taken.
    pub fn complete_through(&self) -> Option<Window> {
        self.lanes
            .iter()
            .map(|lane| lane.closed_through)
            .min()
            .flatten()
    }
}
