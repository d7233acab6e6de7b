//! What is known at a moment: panes, committed and live, as one.

use std::sync::Arc;

use super::field::FieldStatistics;
use super::pane::Pane;
use crate::types::{Counts, TimestampMs};

/// Where a pane of a view is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Commits.
    Committed,
    /// The live tip.
    Live,
}

/// Panes that cover each event once, as of a moment. Questions merge what they need of them.
#[derive(Clone, Debug)]
pub struct View {
    panes: Vec<(Arc<Pane>, Origin)>,
    as_of_ms: TimestampMs,
}

impl View {
    /// A view of panes, none of which holds an event of another.
    pub fn new(panes: Vec<(Arc<Pane>, Origin)>, as_of_ms: TimestampMs) -> Self {
        Self { panes, as_of_ms }
    }

    /// The moment.
    pub fn as_of_ms(&self) -> TimestampMs {
        self.as_of_ms
    }

    /// Counts of all panes.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.panes
            .iter()
            .for_each(|(pane, _)| counts += pane.counts());
        counts
    }

    /// The statistics of a field, merged.
    pub fn field(&self, path: &str) -> Option<FieldStatistics> {
        let mut fields = self.panes.iter().filter_map(|(pane, _)| pane.field(path));
        let mut merged = fields.next()?.clone();
        fields.for_each(|field| merged.merge(field));
        Some(merged)
    }
}
