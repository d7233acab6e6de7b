//! What is known at a moment: panes, committed and live, as one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::field::FieldStatistics;
use super::pane::{GivenUp, Pane, PaneLimits};
use crate::types::{Counts, TimestampMs, Window, WindowLength};

/// Where a pane of a view is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Commits.
    Committed,
    /// The live tip.
    Live,
}

/// Panes that cover each event once, as of a moment. Questions merge what they need of them: about
/// the source ([`View::source`]), a field ([`View::field`], [`View::top_values`]), or all fields
/// ([`View::fields`], [`View::record_batch`]). A view does not change; a newer one says more.
#[derive(Clone, Debug)]
pub struct View {
    panes: Vec<(Arc<Pane>, Origin)>,
    as_of_ms: TimestampMs,
    window_length: WindowLength,
}

impl View {
    /// A view of panes, none of which holds an event of another.
    pub fn new(panes: Vec<(Arc<Pane>, Origin)>, as_of_ms: TimestampMs) -> Self {
        Self {
            panes,
            as_of_ms,
            window_length: WindowLength::MINUTE,
        }
    }

    /// The same of windows of another length than a minute.
    pub fn with_window_length(self, window_length: WindowLength) -> Self {
        Self {
            window_length,
            ..self
        }
    }

    /// The moment, in milliseconds since 1970-01-01T00:00:00Z.
    pub fn as_of_ms(&self) -> TimestampMs {
        self.as_of_ms
    }

    /// How long its windows are.
    pub fn window_length(&self) -> WindowLength {
        self.window_length
    }

    /// The panes.
    pub fn panes(&self) -> &[(Arc<Pane>, Origin)] {
        &self.panes
    }

    /// Counts of all panes.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.all().for_each(|pane| counts += pane.counts());
        counts
    }

    /// Counts of the panes of one origin.
    pub fn counts_of(&self, origin: Origin) -> Counts {
        let mut counts = Counts::default();
        let panes = self.panes.iter().filter(|(_, own)| *own == origin);
        panes.for_each(|(pane, _)| counts += pane.counts());
        counts
    }

    /// Counts by window: of the windows that any pane still tells apart.
    pub fn windows(&self) -> BTreeMap<Window, Counts> {
        let mut windows: BTreeMap<Window, Counts> = BTreeMap::new();
        for (window, counts) in self.all().flat_map(Pane::windows) {
            *windows.entry(*window).or_default() += *counts;
        }
        windows
    }

    /// What limits have cost.
    pub fn given_up(&self) -> GivenUp {
        self.all()
            .map(Pane::given_up)
            .fold(GivenUp::default(), |all, own| GivenUp {
                fields: all.fields + own.fields,
                sketches: all.sketches + own.sketches,
                events: all.events + own.events,
            })
    }

    /// Events of which nothing but counts is known: those that came while fields were not looked at
    /// (`statistics.real_time` off), or whose statistics are lost.
    pub fn counted_only(&self) -> u64 {
        self.all().map(counted_only).sum()
    }

    /// The statistics of a field, merged. What it has missed includes the events of panes that do not
    /// know it and may have had it.
    pub fn field_statistics(&self, path: &str) -> Option<FieldStatistics> {
        let mut merged: Option<FieldStatistics> = None;
        let mut missed = 0;
        for pane in self.all() {
            missed += counted_only(pane);
            match (pane.field(path), &mut merged) {
                (Some(field), Some(merged)) => merged.merge(field),
                (Some(field), None) => merged = Some(field.clone()),
                (None, _) => missed += pane.given_up().events,
            }
        }
        let mut merged = merged?;
        merged.missed = at_most(merged.missed + missed, &merged, self.counts().rows);
        Some(merged)
    }

    /// All panes as one that no limit bounds.
    pub fn merged(&self) -> Pane {
        let mut panes = self.all();
        let Some(first) = panes.next() else {
            return Pane::new(PaneLimits::default());
        };
        let mut merged = first.clone();
        merged.limits.max_fields = usize::MAX;
        merged.limits.max_bytes = usize::MAX;
        panes.for_each(|pane| merged.merge(pane));
        merged
    }

    fn all(&self) -> impl Iterator<Item = &Pane> {
        self.panes.iter().map(|(pane, _)| &**pane)
    }
}

/// Events of a pane whose fields were never looked at. Each event that was has a `_shard`.
pub(super) fn counted_only(pane: &Pane) -> u64 {
    let looked_at = pane.field("_shard");
    let looked_at = looked_at.map_or(0, |shard| shard.events + shard.missed);
    pane.counts()
        .rows
        .saturating_sub(looked_at.max(pane.given_up().events))
}

/// What a field has missed: no more than there are events beside those in which it is known.
pub(super) fn at_most(missed: u64, field: &FieldStatistics, events: u64) -> u64 {
    missed.min(events.saturating_sub(field.events))
}
