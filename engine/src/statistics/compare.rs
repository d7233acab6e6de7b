//! Do two panes say the same of the same events?

use std::collections::BTreeMap;

use super::field::FieldStatistics;
use super::pane::Pane;
use super::sketch::{Moments, TopValues};
use super::typed::{Bound, Measures, Sum, TypeStatistics};

/// How far moments may lie apart for rounding, as a share of the values' magnitude.
const ROUNDING: f64 = 1e-9;

impl Pane {
    /// The first thing in which this pane and `other` cannot be of the same events: anything exact
    /// that differs, sums of floats and moments beyond their bounds, counts of top values that leave
    /// no room for a true one. Of fields that a limit has touched in either, only what both know.
    pub fn difference(&self, other: &Self) -> Option<String> {
        self.difference_where(other, |_| true)
    }

    /// The same, of the fields at the paths that `compared` names alone.
    pub fn difference_where(
        &self,
        other: &Self,
        compared: impl Fn(&str) -> bool,
    ) -> Option<String> {
        if self.total != other.total {
            return Some(format!("counts {:?} and {:?}", self.total, other.total));
        }
        if self.rejects != other.rejects {
            return Some(format!(
                "rejects {:?} and {:?}",
                self.rejects, other.rejects
            ));
        }
        let (mut own, mut others) = (self.fields(), other.fields());
        own.retain(|(path, _)| compared(path));
        others.retain(|(path, _)| compared(path));
        let others: BTreeMap<String, &FieldStatistics> = others.into_iter().collect();
        let own: BTreeMap<String, &FieldStatistics> = own.into_iter().collect();
        let dropped = self.given_up.events > 0 || other.given_up.events > 0;
        for (path, own) in &own {
            match others.get(path) {
                Some(other) => {
                    if let Some(what) = field_difference(own, other) {
                        return Some(format!("field {path}: {what}"));
                    }
                }
                None if dropped => {}
                None => return Some(format!("field {path}: known on one side only")),
            }
        }
        let mut unknown = others.keys().filter(|path| !own.contains_key(*path));
        let unknown = unknown.next().filter(|_| !dropped)?;
        Some(format!("field {unknown}: known on one side only"))
    }
}

fn field_difference(own: &FieldStatistics, other: &FieldStatistics) -> Option<String> {
    if own.missed > 0 || other.missed > 0 {
        return None;
    }
    if own.events != other.events {
        return Some(format!("{} and {} events", own.events, other.events));
    }
    if own.seen != other.seen {
        return Some(format!("seen {:?} and {:?}", own.seen, other.seen));
    }
    let latest = |field: &FieldStatistics| -> Vec<_> {
        let values = field.latest.values().iter();
        values
            .map(|own| (own.place.arrival, own.value.clone()))
            .collect()
    };
    if latest(own) != latest(other) {
        return Some(format!("latest {:?} and {:?}", latest(own), latest(other)));
    }
    let types = |field: &FieldStatistics| -> Vec<_> { field.types().map(|own| own.0).collect() };
    if types(own) != types(other) {
        return Some(format!("types {:?} and {:?}", types(own), types(other)));
    }
    own.types()
        .zip(other.types())
        .find_map(|((kind, own), (_, other))| {
            let what = typed_difference(own, other)?;
            Some(format!("{} values: {what}", kind.as_str()))
        })
}

fn typed_difference(own: &TypeStatistics, other: &TypeStatistics) -> Option<String> {
    let counts = |typed: &TypeStatistics| (typed.values, typed.not_finite);
    if counts(own) != counts(other) {
        return Some(format!(
            "{:?} and {:?} (values, not finite)",
            counts(own),
            counts(other)
        ));
    }
    if !same_bounds(own.bounds.as_ref(), other.bounds.as_ref()) {
        return Some(format!("bounds {:?} and {:?}", own.bounds, other.bounds));
    }
    match (&own.measures, &other.measures) {
        (Some(own), Some(other)) => {
            if let Some(what) = measures_difference(own, other) {
                return Some(what);
            }
        }
        (None, None) => {}
        _ => return Some("measured on one side only".to_owned()),
    }
    // Sketches that have not seen all values say less than the numbers above.
    if own.sketched != own.values || other.sketched != other.values {
        return None;
    }
    let (own, other) = (&own.sketches, &other.sketches);
    if own.histogram != other.histogram {
        return Some("histograms differ".to_owned());
    }
    if own.distinct != other.distinct {
        return Some(format!(
            "distinct {:?} and {:?}",
            own.distinct, other.distinct
        ));
    }
    match (&own.top, &other.top) {
        (Some(own), Some(other)) => top_difference(own, other),
        (None, None) => None,
        _ => Some("top values on one side only".to_owned()),
    }
}

fn same_bounds(own: Option<&(Bound, Bound)>, other: Option<&(Bound, Bound)>) -> bool {
    match (own, other) {
        (Some(own), Some(other)) => {
            own.0.compare(&other.0).is_eq() && own.1.compare(&other.1).is_eq()
        }
        (own, other) => own.is_none() && other.is_none(),
    }
}

fn measures_difference(own: &Measures, other: &Measures) -> Option<String> {
    if (own.lowest, own.highest) != (other.lowest, other.highest) {
        return Some("lowest or highest measures differ".to_owned());
    }
    if own.moments.count != other.moments.count {
        return Some("numbers of measures differ".to_owned());
    }
    let magnitude = own.lowest.abs().max(own.highest.abs());
    let count = own.moments.count as f64;
    let same_sum = match (&own.sum, &other.sum) {
        (Sum::Integer(own), Sum::Integer(other)) => own == other,
        (own, other) => {
            let (own, other) = (own.to_float(), other.to_float());
            // Each is within 2^-50 of the sum of magnitudes.
            // Past the range of float64 it depends on the order.
            let bound = magnitude * count;
            own == other || !bound.is_finite() || (own - other).abs() <= bound * 2f64.powi(-49)
        }
    };
    if !same_sum {
        return Some(format!("sums {:?} and {:?}", own.sum, other.sum));
    }
    let Moments { mean, squares, .. } = own.moments;
    let apart = (mean - other.moments.mean).abs();
    let spread = (squares - other.moments.squares).abs();
    let square = magnitude * magnitude;
    let overflow = !(square * count).is_finite();
    if !overflow
        && (apart > magnitude * ROUNDING || spread > square * count * ROUNDING + f64::MIN_POSITIVE)
    {
        return Some(format!("moments {:?} and {:?}", own.moments, other.moments));
    }
    None
}

fn top_difference(own: &TopValues, other: &TopValues) -> Option<String> {
    let counts = |top: &TopValues| -> BTreeMap<String, u64> {
        let values = top.values(usize::MAX).into_iter();
        values
            .map(|own| (own.value.to_owned(), own.count))
            .collect()
    };
    let (own_counts, other_counts) = (counts(own), counts(other));
    let values = own_counts.keys().chain(other_counts.keys());
    values.into_iter().find_map(|value| {
        let range = |counts: &BTreeMap<String, u64>, error: u64| {
            let count = counts.get(value).copied().unwrap_or(0);
            (count, count + error)
        };
        let own = range(&own_counts, own.error());
        let other = range(&other_counts, other.error());
        let apart = own.0 > other.1 || other.0 > own.1;
        apart.then(|| format!("top value {value:?}: between {own:?} and between {other:?}"))
    })
}
