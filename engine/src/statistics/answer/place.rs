//! Where a field is: in how many places it could have a value.

use std::borrow::Borrow;

use crate::statistics::field::FieldStatistics;
use crate::statistics::path::{self, Step};
use crate::statistics::typed::ValueType;

/// How many values a field could have: one an event at the top level, one in each object that it is a
/// member of, one for each item of a list or entry of a map. `parent` gives the statistics of what it
/// is in.
pub(super) fn places<F: Borrow<FieldStatistics>>(
    field: &str,
    events: u64,
    parent: impl FnOnce(&str) -> Option<F>,
) -> u64 {
    let Some((parent_path, step)) = path::parent(field) else {
        return 0;
    };
    if parent_path.is_empty() {
        return events;
    }
    let Some(parent) = parent(parent_path) else {
        return 0;
    };
    let parent = parent.borrow();
    match step {
        Step::Member(_) => parent.of(ValueType::Object).map_or(0, |own| own.values),
        Step::Items => parent.slots(ValueType::List),
        Step::Entries => parent.slots(ValueType::Map),
    }
}
