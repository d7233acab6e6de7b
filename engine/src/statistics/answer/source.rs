//! The source as a whole.

use std::collections::BTreeMap;

use serde::Serialize;

use super::share;
use crate::statistics::pane::GivenUp;
use crate::statistics::view::{Origin, View};
use crate::types::{Counts, TimestampMs};

/// What is known of a source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SourceAnswer {
    /// The moment of the answer.
    pub as_of_ms: TimestampMs,
    /// How much of each thing there was.
    #[serde(flatten)]
    pub counts: CountsAnswer,
    /// Rejects by their codes.
    pub rejects_by_code: BTreeMap<String, u64>,
    /// What of it is not committed yet.
    pub live: LiveAnswer,
    /// Events of which nothing but counts is known.
    pub counted_only: u64,
    /// What limits have cost.
    pub given_up: GivenUpAnswer,
    /// Counts by window, the oldest first: of the windows that are still told apart.
    pub windows: Vec<WindowAnswer>,
}

/// How much of each thing there was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CountsAnswer {
    /// Events: rows of the files in `data/`.
    pub events: u64,
    /// Bytes of payloads as they were received.
    pub bytes: u64,
    /// Payloads.
    pub payloads: u64,
    /// Kinesis records.
    pub records: u64,
    /// Rejects.
    pub rejects: u64,
    /// Payloads that held no event and no reject.
    pub empty: u64,
}

impl From<Counts> for CountsAnswer {
    fn from(counts: Counts) -> Self {
        Self {
            events: counts.rows,
            bytes: counts.bytes,
            payloads: counts.payloads,
            records: counts.records,
            rejects: counts.rejects,
            empty: counts.empty,
        }
    }
}

/// What of an answer is not committed yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct LiveAnswer {
    /// Events.
    pub events: u64,
    /// The same as a share of all events.
    pub share: f64,
}

/// What limits have cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GivenUpAnswer {
    /// Fields that were tracked no more.
    pub fields: u64,
    /// How often the sketches of a field in a window were given up.
    pub sketches: u64,
    /// A field that was tracked no more may have been in so many events that are not counted for it.
    pub events: u64,
}

impl From<GivenUp> for GivenUpAnswer {
    fn from(given_up: GivenUp) -> Self {
        Self {
            fields: given_up.fields,
            sketches: given_up.sketches,
            events: given_up.events,
        }
    }
}

/// A window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct WindowAnswer {
    /// When it begins.
    pub start_ms: TimestampMs,
    /// What it held.
    #[serde(flatten)]
    pub counts: CountsAnswer,
}

impl View {
    /// What is known of the source as a whole.
    pub fn source(&self) -> SourceAnswer {
        let counts = self.counts();
        let live = self.counts_of(Origin::Live).rows;
        let mut rejects_by_code: BTreeMap<String, u64> = BTreeMap::new();
        for (code, count) in self.panes().iter().flat_map(|(pane, _)| pane.rejects()) {
            *rejects_by_code.entry(code.to_string()).or_default() += count;
        }
        let windows = self.windows().into_iter();
        let windows = windows.map(|(window, counts)| WindowAnswer {
            start_ms: self.window_length().start_of(window),
            counts: counts.into(),
        });
        SourceAnswer {
            as_of_ms: self.as_of_ms(),
            counts: counts.into(),
            rejects_by_code,
            live: LiveAnswer {
                events: live,
                share: share(live, counts.rows),
            },
            counted_only: self.counted_only(),
            given_up: self.given_up().into(),
            windows: windows.collect(),
        }
    }
}
