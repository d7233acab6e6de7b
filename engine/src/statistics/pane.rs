//! The statistics of some windows.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::ArrayRef;

use super::field::FieldStatistics;
use super::observe::Observer;
use super::tree::Node;
use crate::types::{Counts, DecodedBatch, KinesisShardId, Rows, Window};

/// Bounds of a pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaneLimits {
    /// Whether fields are looked at; else only counts and rejects by code.
    pub fields: bool,
    /// How many fields are tracked. The sparsest go first.
    pub max_fields: usize,
    /// Bytes of memory, by estimate. The sparsest fields give up their sketches first, then go.
    pub max_bytes: usize,
    /// How many of the most frequent values of a field can be asked for.
    pub top_values: usize,
}

impl Default for PaneLimits {
    fn default() -> Self {
        Self {
            fields: true,
            max_fields: 10_000,
            max_bytes: 4 << 20,
            top_values: 100,
        }
    }
}

/// What limits have cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GivenUp {
    /// Fields that are not tracked any more.
    pub fields: u64,
    /// Fields whose sketches were given up, each time counted.
    pub sketches: u64,
    /// A field that is tracked no more, or came in after one was, may have been in so many events
    /// that are not counted for it.
    pub events: u64,
}

/// Mergeable statistics of the events of one or more windows: counts by window, rejects by code, and
/// every field by its path (`user.name`, `tags[]`, `_partition_key`; top-level names as in files).
///
/// What a pane says depends on the events alone, not on the batches in which they came nor on the
/// order of merges: exactly for counts, bounds, sums of integers, histograms and distinct counts, and
/// within the stated bounds for top values, moments and sums of floats; as long as no limit is
/// reached. A clone is cheap and stays as it is: a field's statistics are copied when they change.
#[derive(Clone, Debug)]
pub struct Pane {
    pub(super) limits: PaneLimits,
    pub(super) total: Counts,
    pub(super) windows: BTreeMap<Window, Counts>,
    pub(super) rejects: BTreeMap<Arc<str>, u64>,
    /// What is below is the columns.
    pub(super) root: Node,
    pub(super) given_up: GivenUp,
    /// Of how many batches rows were taken in.
    pub(super) batches: u64,
}

impl Pane {
    /// Of no event.
    pub fn new(limits: PaneLimits) -> Self {
        Self {
            limits,
            total: Counts::default(),
            windows: BTreeMap::new(),
            rejects: BTreeMap::new(),
            root: Node::default(),
            given_up: GivenUp::default(),
            batches: 0,
        }
    }

    /// Its bounds.
    pub fn limits(&self) -> &PaneLimits {
        &self.limits
    }

    /// Takes in a decoded batch. Heavy.
    pub fn observe(&mut self, batch: &DecodedBatch) {
        self.observe_counts(batch.head.window, batch.counts);
        self.observe_rejects(batch.rejects.iter().map(|reject| reject.code.as_str()));
        for rows in &batch.rows {
            self.observe_rows(&batch.head.shard, rows);
        }
    }

    /// Takes in counts of a window.
    pub fn observe_counts(&mut self, window: Window, counts: Counts) {
        if counts != Counts::default() {
            self.total += counts;
            *self.windows.entry(window).or_default() += counts;
        }
    }

    /// Takes in rejects by their codes; their number is part of the counts.
    pub fn observe_rejects<'c>(&mut self, codes: impl IntoIterator<Item = &'c str>) {
        for code in codes {
            match self.rejects.get_mut(code) {
                Some(count) => *count += 1,
                None => {
                    self.rejects.insert(code.into(), 1);
                }
            }
        }
    }

    /// Takes in rows of a Kinesis shard; their number is part of the counts. Heavy.
    pub fn observe_rows(&mut self, shard: &KinesisShardId, rows: &Rows) {
        self.take(rows, |observer, root| observer.rows(root, shard));
    }

    /// Takes in what a file of these rows has in its overflow column: JSON objects, a row each.
    pub fn observe_overflow(&mut self, rows: &Rows, overflow: &ArrayRef) {
        self.take(rows, |observer, root| observer.left_over(root, overflow));
    }

    /// Takes in what `look` finds of a table; it says how many new fields found no room.
    fn take(&mut self, rows: &Rows, look: impl FnOnce(Observer<'_>, &mut Node) -> u64) {
        if !self.limits.fields || rows.len == 0 {
            return;
        }
        self.batches += 1;
        let missed = self.given_up.events;
        let observer = Observer::new(&self.limits, rows, self.batches, missed);
        let refused = look(observer, &mut self.root);
        if refused > 0 {
            self.given_up.fields += refused;
            // Each may have been in all of the rows.
            self.given_up.events += rows.len as u64;
        }
        self.keep_limits();
    }

    /// Takes in the statistics of other events. Heavy where fields are many.
    pub fn merge(&mut self, other: &Self) {
        self.total += other.total;
        for (window, counts) in &other.windows {
            *self.windows.entry(*window).or_default() += *counts;
        }
        for (code, count) in &other.rejects {
            *self.rejects.entry(Arc::clone(code)).or_default() += count;
        }
        let missed = (self.given_up.events, other.given_up.events);
        merge_nodes(&mut self.root, Some(&other.root), missed);
        self.given_up.fields += other.given_up.fields;
        self.given_up.sketches += other.given_up.sketches;
        self.given_up.events += other.given_up.events;
        self.keep_limits();
    }

    /// What is certain of it whatever is wrong with its fields: counts, rejects. It takes in no fields.
    pub fn counts_only(&self) -> Self {
        let limits = PaneLimits {
            fields: false,
            ..self.limits.clone()
        };
        Self {
            total: self.total,
            windows: self.windows.clone(),
            rejects: self.rejects.clone(),
            ..Self::new(limits)
        }
    }

    /// Whether nothing was ever taken in.
    pub fn is_empty(&self) -> bool {
        self.total == Counts::default() && self.rejects.is_empty()
    }

    /// Counts of all its windows.
    pub fn counts(&self) -> Counts {
        self.total
    }

    /// Counts by window: those of the windows that are kept.
    pub fn windows(&self) -> &BTreeMap<Window, Counts> {
        &self.windows
    }

    /// Forgets counts by window but those of the `newest` windows with any. The totals stay.
    pub fn keep_windows(&mut self, newest: usize) {
        while self.windows.len() > newest {
            self.windows.pop_first();
        }
    }

    /// Rejects by code.
    pub fn rejects(&self) -> &BTreeMap<Arc<str>, u64> {
        &self.rejects
    }

    /// What limits have cost.
    pub fn given_up(&self) -> GivenUp {
        self.given_up
    }

    /// The field at a path.
    pub fn field(&self, path: &str) -> Option<&FieldStatistics> {
        self.root.find(path).map(|node| &*node.statistics)
    }

    /// All fields with their paths: parents before their members, members in order of appearance.
    pub fn fields(&self) -> Vec<(String, &FieldStatistics)> {
        let mut fields = Vec::new();
        self.root.visit(&mut String::new(), &mut |path, node| {
            fields.push((path.to_owned(), &*node.statistics));
        });
        fields
    }

    /// Bytes of memory, by estimate.
    pub fn memory_size(&self) -> usize {
        self.size().1
    }

    /// How many fields it has, and [`Pane::memory_size`].
    pub(super) fn size(&self) -> (usize, usize) {
        let mut fields = 0;
        let mut bytes = self.windows.len() * size_of::<(Window, Counts)>();
        self.root.each(0, &mut |path, node| {
            fields += 1;
            bytes += node_size(path, node);
        });
        (fields, bytes)
    }
}

/// Bytes of a field with a path of so many. The path counts for each row that the object will have of
/// it, so that the length of names is bounded there, too.
pub(super) fn node_size(path: usize, node: &Node) -> usize {
    let rows = 1 + node.statistics.types().count();
    size_of::<Node>() + node.statistics.memory_size() + path * rows
}

/// Takes in what `other` knows below a field; `missed` is what each side may have missed of a field
/// that it does not have.
fn merge_nodes(own: &mut Node, other: Option<&Node>, missed: (u64, u64)) {
    let empty = Node::default();
    let others = other.unwrap_or(&empty);
    for (name, other) in others.members.iter() {
        merge_node(own.members.get_or_add(name, missed.0), other, missed);
    }
    if let Some(other) = &others.items {
        merge_node(own.items(missed.0), other, missed);
    }
    if let Some(other) = &others.entries {
        merge_node(own.entries(missed.0), other, missed);
    }
    if missed.1 == 0 {
        return;
    }
    let missed_by_other = |node: &mut Node, other: Option<&Node>| {
        if other.is_none() {
            node.own().missed += missed.1;
            merge_nodes(node, None, missed);
        }
    };
    for (name, node) in own.members.iter_mut() {
        missed_by_other(node, others.members.get(name));
    }
    if let Some(node) = &mut own.items {
        missed_by_other(node, others.items.as_deref());
    }
    if let Some(node) = &mut own.entries {
        missed_by_other(node, others.entries.as_deref());
    }
}

fn merge_node(own: &mut Node, other: &Node, missed: (u64, u64)) {
    // A field that is new here is the other's as it is, shared.
    if own.statistics.values() == 0 && own.statistics.missed == 0 {
        own.statistics = Arc::clone(&other.statistics);
    } else {
        own.own().merge(&other.statistics);
    }
    merge_nodes(own, Some(other), missed);
}
