//! Numbers: integers, floats, decimals.

use super::groups::Drained;
use super::write_integer;
use crate::schema::text::EXACT_INTEGERS;
use crate::statistics::field::FieldStatistics;
use crate::statistics::pane::PaneLimits;
use crate::statistics::sketch::{Distinct, FloatSum, Histogram, Moments, TopValues};
use crate::statistics::typed::{Bound, Decimal, Measures, Sum, TypeStatistics, ValueType};

/// The integer that a float is: it has no fraction, a float64 holds it exactly, and it is no negative
/// zero. The rule of canonical text ([`crate::schema::text`]).
pub(super) fn as_integer(value: f64) -> Option<i64> {
    let exact = value.abs() <= EXACT_INTEGERS as f64 && value.trunc() == value;
    (exact && !(value == 0.0 && value.is_sign_negative())).then_some(value as i64)
}

/// Takes in integers.
pub(super) fn integers(field: &mut FieldStatistics, groups: Drained<'_, i64>, limits: &PaneLimits) {
    let Some(measured) = measure_integers(&groups) else {
        return;
    };
    let sketching = !field.without_sketches;
    let typed = field.of_mut(ValueType::Integer);
    typed.add_bounds((Bound::Integer(measured.low), Bound::Integer(measured.high)));
    let values = add_measures(typed, measured);
    if !sketching {
        return;
    }
    typed.sketched += values;
    let sketches = &mut typed.sketches;
    let histogram = sketches.histogram.get_or_insert_default();
    let distinct = sketches.distinct.get_or_insert_default();
    for (value, count) in groups.iter() {
        histogram.add(*value as f64, *count);
        distinct.add_integer(*value);
    }
    let top = sketches
        .top
        .get_or_insert_with(|| TopValues::new(limits.top_values));
    top.add(groups.iter().map(|(_, count)| *count), |place, text| {
        write_integer(text, groups[place].0);
    });
}

/// What integers come to.
pub(super) struct Measured {
    pub(super) low: i64,
    pub(super) high: i64,
    pub(super) measures: Measures,
}

/// Measures integers; `None` of none.
pub(super) fn measure_integers(groups: &[(i64, u64)]) -> Option<Measured> {
    let (mut low, mut high) = (groups.first()?.0, groups.first()?.0);
    let mut sum = 0i128;
    for (value, count) in groups {
        low = low.min(*value);
        high = high.max(*value);
        sum += i128::from(*value) * i128::from(*count);
    }
    let floats = groups.iter().map(|(value, count)| (*value as f64, *count));
    Some(Measured {
        low,
        high,
        measures: Measures {
            lowest: low as f64,
            highest: high as f64,
            sum: Sum::Integer(sum),
            moments: Moments::of(floats),
        },
    })
}

/// Adds what was measured; how many values that were.
pub(super) fn add_measures(typed: &mut TypeStatistics, measured: Measured) -> u64 {
    let values = measured.measures.moments.count;
    typed.values += values;
    merge_measures(typed, measured.measures);
    values
}

fn merge_measures(typed: &mut TypeStatistics, measures: Measures) {
    match &mut typed.measures {
        Some(own) => own.merge(&measures),
        None => typed.measures = Some(measures),
    }
}

/// Takes in floats that are no integers, by their bits.
pub(super) fn floats(field: &mut FieldStatistics, groups: Drained<'_, u64>) {
    if groups.is_empty() {
        return;
    }
    let sketching = !field.without_sketches;
    let typed = field.of_mut(ValueType::Float);
    let values = groups
        .iter()
        .map(|(bits, count)| (f64::from_bits(*bits), *count));
    let all: u64 = groups.iter().map(|(_, count)| count).sum();
    let finite = values.clone().filter(|(value, _)| value.is_finite());
    typed.values += all;
    typed.not_finite += all - finite.clone().map(|(_, count)| count).sum::<u64>();
    if let Some(measures) = measure_floats(finite.clone()) {
        let bounds = (
            Bound::Float(measures.lowest),
            Bound::Float(measures.highest),
        );
        typed.add_bounds(bounds);
        merge_measures(typed, measures);
    }
    if !sketching {
        return;
    }
    typed.sketched += all;
    let histogram = typed.sketches.histogram.get_or_insert_default();
    let distinct = typed.sketches.distinct.get_or_insert_default();
    for (value, count) in values {
        histogram.add(value, count);
        // All that are not a number are one value.
        distinct.add_float(if value.is_nan() { f64::NAN } else { value });
    }
}

fn measure_floats(values: impl Iterator<Item = (f64, u64)> + Clone) -> Option<Measures> {
    let first = values.clone().next()?.0;
    let (mut lowest, mut highest) = (first, first);
    let mut sum = FloatSum::default();
    for (value, count) in values.clone() {
        lowest = if value.total_cmp(&lowest).is_lt() {
            value
        } else {
            lowest
        };
        highest = if value.total_cmp(&highest).is_gt() {
            value
        } else {
            highest
        };
        add_times(&mut sum, value, count);
    }
    Some(Measures {
        lowest,
        highest,
        sum: Sum::Float(sum),
        moments: Moments::of(values),
    })
}

/// Adds a value so many times, each product exact but for the rounding of the sum.
fn add_times(sum: &mut FloatSum, value: f64, times: u64) {
    let times = times as f64;
    let product = value * times;
    sum.add(product);
    if product.is_finite() {
        sum.low += value.mul_add(times, -product);
    }
}

/// Takes in decimals that are no integers.
pub(super) fn decimals(field: &mut FieldStatistics, values: &[Decimal]) {
    let Some((low, high)) = values.iter().min().zip(values.iter().max()) else {
        return;
    };
    let sketching = !field.without_sketches;
    let typed = field.of_mut(ValueType::Decimal);
    typed.values += values.len() as u64;
    typed.add_bounds((Bound::Decimal(*low), Bound::Decimal(*high)));
    let floats = values.iter().map(|value| (value.to_float(), 1));
    if let Some(measures) = measure_floats(floats.clone()) {
        merge_measures(typed, measures);
    }
    if !sketching {
        return;
    }
    typed.sketched += values.len() as u64;
    let histogram: &mut Histogram = typed.sketches.histogram.get_or_insert_default();
    let distinct: &mut Distinct = typed.sketches.distinct.get_or_insert_default();
    for (value, (float, _)) in values.iter().zip(floats) {
        histogram.add(float, 1);
        let mut bytes = [0; 17];
        bytes[..16].copy_from_slice(&value.digits().to_le_bytes());
        bytes[16] = value.scale();
        distinct.add_bytes(&bytes);
    }
}
