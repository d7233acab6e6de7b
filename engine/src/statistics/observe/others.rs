//! Booleans, bytes, times, and the sizes of lists and maps.

use arrow::array::{ArrayRef, AsArray};

use super::events::Slots;
use super::groups::Drained;
use super::numbers::{add_measures, measure_integers};
use super::{Observer, write_integer};
use crate::schema::{calendar, text};
use crate::statistics::field::FieldStatistics;
use crate::statistics::tree::Node;
use crate::statistics::typed::{Bound, ValueType};

/// Bytes of a binary value that are shown among the latest.
const SHOWN: usize = 64;

impl<'r> Observer<'r> {
    pub(super) fn booleans(&mut self, node: &mut Node, array: &ArrayRef, slots: &Slots<'_>) {
        let array = array.as_boolean();
        let write = |slot, out: &mut String| {
            out.push_str(if array.value(slot) { "true" } else { "false" });
        };
        let field = self.common(node, slots, write);
        let values = slots.valid().map(|slot| i64::from(array.value(slot)));
        self.integers.extend(values);
        booleans(field, self.integers.drain());
    }

    pub(super) fn binary(&mut self, node: &mut Node, array: &ArrayRef, slots: &Slots<'_>) {
        let array = array.as_binary::<i32>();
        let write = |slot, out: &mut String| {
            let value: &[u8] = array.value(slot);
            let mut written = Vec::new();
            text::write_binary(&mut written, &value[..value.len().min(SHOWN)]);
            out.push_str(String::from_utf8_lossy(&written).trim_matches('"'));
        };
        let field = self.common(node, slots, write);
        let sketching = !field.without_sketches;
        if sketching {
            let sketches = &mut field.of_mut(ValueType::Binary).sketches;
            let distinct = sketches.distinct.get_or_insert_default();
            slots
                .valid()
                .for_each(|slot| distinct.add_bytes(array.value(slot)));
        }
        let lengths = slots.valid().map(|slot| array.value(slot).len() as i64);
        self.integers.extend(lengths);
        sizes(field, ValueType::Binary, self.integers.drain());
    }

    /// Points in time, days and times of day, as integers.
    pub(super) fn time(
        &mut self,
        node: &mut Node,
        kind: ValueType,
        value: impl Fn(usize) -> i64,
        slots: &Slots<'_>,
    ) {
        let write = |slot, out: &mut String| write_time(out, kind, value(slot));
        let field = self.common(node, slots, write);
        self.integers.extend(slots.valid().map(&value));
        let groups = self.integers.drain();
        let sketching = !field.without_sketches;
        let typed = field.of_mut(kind);
        let values: u64 = groups.iter().map(|(_, count)| count).sum();
        typed.values += values;
        let mut times = groups.iter().map(|(value, _)| *value);
        if let Some(first) = times.next() {
            let (low, high) = times.fold((first, first), |(low, high), value| {
                (low.min(value), high.max(value))
            });
            typed.add_bounds((Bound::Integer(low), Bound::Integer(high)));
        }
        if sketching {
            typed.sketched += values;
            let distinct = typed.sketches.distinct.get_or_insert_default();
            groups
                .iter()
                .for_each(|(value, _)| distinct.add_integer(*value));
        }
    }
}

/// A time as text.
pub(in crate::statistics) fn write_time(out: &mut String, kind: ValueType, value: i64) {
    let mut written = Vec::new();
    match kind {
        ValueType::Date => calendar::write_date(&mut written, value),
        ValueType::Time => calendar::write_time(&mut written, value, calendar::MICROSECONDS),
        ValueType::Timestamp | ValueType::LocalTimestamp => {
            let utc = kind == ValueType::Timestamp;
            calendar::write_timestamp(&mut written, value, calendar::MICROSECONDS, utc);
        }
        _ => write_integer(out, value),
    }
    out.push_str(&String::from_utf8_lossy(&written));
}

/// Takes in booleans, 1 for true.
pub(super) fn booleans(field: &mut FieldStatistics, groups: Drained<'_, i64>) {
    if let Some(measured) = measure_integers(&groups) {
        add_measures(field.of_mut(ValueType::Boolean), measured);
    }
}

/// Takes in lengths or sizes.
pub(super) fn sizes(field: &mut FieldStatistics, kind: ValueType, groups: Drained<'_, i64>) {
    let Some(measured) = measure_integers(&groups) else {
        return;
    };
    let sketching = !field.without_sketches;
    let typed = field.of_mut(kind);
    let values = add_measures(typed, measured);
    if sketching {
        typed.sketched += values;
        let histogram = typed.sketches.histogram.get_or_insert_default();
        for (size, count) in groups.iter() {
            histogram.add(*size as f64, *count);
        }
    }
}
