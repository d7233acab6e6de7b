//! The same numbers by the simplest way: all values of each path, kept.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use shardmill_engine::schema::file_field_name;
use shardmill_engine::statistics::{Bound, FieldStatistics, Pane, Sum, TypeStatistics, ValueType};

use crate::documents::Event;

/// Every value of a path.
#[derive(Debug, Default)]
pub struct Path {
    events: BTreeSet<usize>,
    arrivals: Vec<i64>,
    integers: Vec<i64>,
    floats: Vec<f64>,
    texts: Vec<String>,
    booleans: Vec<bool>,
    lists: Vec<usize>,
    objects: usize,
}

fn member(path: &str, name: &str) -> String {
    let plain = !name.is_empty() && !name.contains(['.', '[', ']', '"']);
    let name = if plain {
        name.to_owned()
    } else {
        Value::from(name).to_string()
    };
    if path.is_empty() {
        name
    } else {
        format!("{path}.{name}")
    }
}

pub fn paths(events: &[Event]) -> BTreeMap<String, Path> {
    let mut paths = BTreeMap::new();
    for (number, event) in events.iter().enumerate() {
        for (name, value) in event.document.as_object().unwrap() {
            let path = member("", &file_field_name(name));
            walk(&mut paths, &path, value, (number, event.arrival));
        }
    }
    paths
}

fn walk(paths: &mut BTreeMap<String, Path>, path: &str, value: &Value, event: (usize, i64)) {
    if value.is_null() {
        return;
    }
    let own = paths.entry(path.to_owned()).or_default();
    own.events.insert(event.0);
    own.arrivals.push(event.1);
    match value {
        Value::Null => {}
        Value::Bool(value) => own.booleans.push(*value),
        Value::Number(number) => {
            let float = number.as_f64().unwrap();
            let negative_zero = float == 0.0 && float.is_sign_negative();
            let integral = float.trunc() == float && float.abs() <= 2f64.powi(53);
            match number.as_i64() {
                Some(integer) if !negative_zero => own.integers.push(integer),
                _ if integral && !negative_zero => own.integers.push(float as i64),
                _ => own.floats.push(float),
            }
        }
        Value::String(text) => own.texts.push(text.clone()),
        Value::Array(items) => {
            own.lists.push(items.len());
            for item in items {
                walk(paths, &format!("{path}[]"), item, event);
            }
        }
        Value::Object(members) => {
            own.objects += 1;
            for (name, value) in members {
                walk(paths, &member(path, name), value, event);
            }
        }
    }
}

/// Holds every number of a pane against the events.
pub fn check(pane: &Pane, events: &[Event]) {
    assert_eq!(pane.counts().rows, events.len() as u64);
    let expected = paths(events);
    let fields = pane.fields();
    let known: BTreeSet<&str> = fields
        .iter()
        .map(|(path, _)| path.as_str())
        .filter(|path| !path.starts_with('_'))
        .collect();
    assert_eq!(known, expected.keys().map(String::as_str).collect());
    for (path, expected) in &expected {
        let field = pane
            .field(path)
            .unwrap_or_else(|| panic!("{path} is found"));
        check_field(path, field, expected);
    }
    let keys = pane.field("_partition_key").unwrap();
    assert_eq!(keys.events, events.len() as u64);
    let distinct = keys
        .of(ValueType::String)
        .unwrap()
        .sketches
        .distinct
        .as_ref();
    assert_eq!(
        distinct.unwrap().estimate().estimate.round() as usize,
        events.len().min(3)
    );
}

fn check_field(path: &str, field: &FieldStatistics, expected: &Path) {
    assert_eq!(field.events, expected.events.len() as u64, "{path}");
    assert_eq!(field.missed, 0, "{path}");
    let first = *expected.arrivals.iter().min().unwrap();
    let last = *expected.arrivals.iter().max().unwrap();
    assert_eq!(field.seen, Some((first, last)), "{path}");
    let values = |kind| field.of(kind).map_or(0, |typed| typed.values) as usize;
    assert_eq!(
        values(ValueType::Boolean),
        expected.booleans.len(),
        "{path}"
    );
    assert_eq!(
        values(ValueType::Integer),
        expected.integers.len(),
        "{path}"
    );
    assert_eq!(values(ValueType::Float), expected.floats.len(), "{path}");
    assert_eq!(values(ValueType::String), expected.texts.len(), "{path}");
    assert_eq!(values(ValueType::List), expected.lists.len(), "{path}");
    assert_eq!(values(ValueType::Object), expected.objects, "{path}");
    if let Some(typed) = field.of(ValueType::Integer) {
        check_integers(path, typed, &expected.integers);
    }
    if let Some(typed) = field.of(ValueType::Float) {
        check_floats(path, typed, &expected.floats);
    }
    if let Some(typed) = field.of(ValueType::String) {
        check_texts(path, typed, &expected.texts);
    }
    if let Some(typed) = field.of(ValueType::Boolean) {
        let yes = expected.booleans.iter().filter(|value| **value).count();
        assert_eq!(
            typed.measures.as_ref().unwrap().sum,
            Sum::Integer(yes as i128),
            "{path}"
        );
    }
    if let Some(typed) = field.of(ValueType::List) {
        let measures = typed.measures.as_ref().unwrap();
        let sizes: usize = expected.lists.iter().sum();
        assert_eq!(measures.sum, Sum::Integer(sizes as i128), "{path}");
        assert_eq!(
            measures.highest,
            *expected.lists.iter().max().unwrap() as f64,
            "{path}"
        );
    }
}

fn check_integers(path: &str, typed: &TypeStatistics, values: &[i64]) {
    let sum: i128 = values.iter().map(|value| i128::from(*value)).sum();
    let measures = typed.measures.as_ref().unwrap();
    assert_eq!(measures.sum, Sum::Integer(sum), "{path}");
    let (low, high) = (*values.iter().min().unwrap(), *values.iter().max().unwrap());
    assert_eq!(
        typed.bounds,
        Some((Bound::Integer(low), Bound::Integer(high))),
        "{path}"
    );
    let floats: Vec<f64> = values.iter().map(|value| *value as f64).collect();
    check_spread(path, typed, &floats);
    let different: BTreeSet<i64> = values.iter().copied().collect();
    check_distinct(path, typed, different.len());
    let texts: Vec<String> = values.iter().map(i64::to_string).collect();
    check_top(path, typed, &texts);
}

fn check_floats(path: &str, typed: &TypeStatistics, values: &[f64]) {
    assert_eq!(typed.not_finite, 0, "{path}");
    let low = values.iter().copied().min_by(f64::total_cmp).unwrap();
    let high = values.iter().copied().max_by(f64::total_cmp).unwrap();
    assert_eq!(
        typed.bounds,
        Some((Bound::Float(low), Bound::Float(high))),
        "{path}"
    );
    check_spread(path, typed, values);
    let different: BTreeSet<u64> = values.iter().map(|value| value.to_bits()).collect();
    check_distinct(path, typed, different.len());
}

fn check_texts(path: &str, typed: &TypeStatistics, values: &[String]) {
    let cut = |text: &str| text[..text.floor_char_boundary(256)].to_owned();
    let low = values.iter().map(|text| cut(text)).min().unwrap();
    let high = values.iter().map(|text| cut(text)).max().unwrap();
    let bounds = (Bound::Text(low.into()), Bound::Text(high.into()));
    assert_eq!(typed.bounds, Some(bounds), "{path}");
    let lengths: Vec<f64> = values.iter().map(|text| text.len() as f64).collect();
    check_spread(path, typed, &lengths);
    let different: BTreeSet<&str> = values.iter().map(String::as_str).collect();
    check_distinct(path, typed, different.len());
    let cut: Vec<String> = values.iter().map(|text| cut(text)).collect();
    check_top(path, typed, &cut);
}

/// Sum, mean, deviation and quantiles of measures.
fn check_spread(path: &str, typed: &TypeStatistics, values: &[f64]) {
    let measures = typed.measures.as_ref().unwrap();
    let count = values.len() as f64;
    let magnitudes: f64 = values.iter().map(|value| value.abs()).sum();
    let exact = exact_sum(values);
    if magnitudes.is_finite() {
        let error = (measures.sum.to_float() - exact).abs();
        assert!(error <= magnitudes * 2f64.powi(-50), "{path}: {error}");
        let error = (measures.moments.mean - exact / count).abs();
        assert!(error <= magnitudes * 1e-12, "{path}: {error}");
        let mean = exact / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (squares / count).sqrt();
        let error = (measures.moments.deviation().unwrap() - deviation).abs();
        // Squares of less than 1e-150 or more than 1e150 are lost to float64.
        assert!(
            squares >= 1e300 || error <= magnitudes * 1e-9 + 1e-150,
            "{path}: {error}"
        );
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let histogram = typed.sketches.histogram.as_ref().unwrap();
    assert_eq!(histogram.count(), values.len() as u64, "{path}");
    for quantile in [0.0, 0.01, 0.25, 0.5, 0.9, 0.999, 1.0] {
        let rank = ((quantile * count).ceil() as usize).max(1);
        let expected = sorted[rank - 1];
        let found = histogram.quantile(quantile, false).unwrap();
        let tiny = f64::MIN_POSITIVE;
        let close = (found - expected).abs() <= expected.abs() / 128.0 + tiny;
        assert!(
            close,
            "{path}: the quantile {quantile} is {expected}, not {found}"
        );
    }
}

fn check_distinct(path: &str, typed: &TypeStatistics, different: usize) {
    let estimate = typed.sketches.distinct.as_ref().unwrap().estimate();
    // Few values are exact but for colliding hashes.
    assert_eq!(estimate.estimate.round() as usize, different, "{path}");
    assert!(
        estimate.lower <= different as f64 && estimate.upper >= different as f64 - 0.5,
        "{path}"
    );
}

fn check_top(path: &str, typed: &TypeStatistics, values: &[String]) {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    values
        .iter()
        .for_each(|value| *counts.entry(value).or_default() += 1);
    let top = typed.sketches.top.as_ref().unwrap();
    assert!(
        top.error() <= values.len() as u64 / (top.top() as u64 * 2 + 1),
        "{path}"
    );
    let found: BTreeMap<&str, u64> = top
        .values(usize::MAX)
        .into_iter()
        .map(|value| (value.value, value.count))
        .collect();
    for (value, count) in counts {
        let known = found.get(value).copied().unwrap_or(0);
        assert!(
            known <= count && count <= known + top.error(),
            "{path}: {value:?}"
        );
    }
}

/// The sum, rounded once: the running sums' errors are kept apart until none is left (Shewchuk).
fn exact_sum(values: &[f64]) -> f64 {
    let mut parts: Vec<f64> = Vec::new();
    for value in values {
        let mut value = *value;
        let mut kept = Vec::new();
        for part in parts {
            let (large, small) = if value.abs() < part.abs() {
                (part, value)
            } else {
                (value, part)
            };
            let sum = large + small;
            let error = small - (sum - large);
            if error != 0.0 {
                kept.push(error);
            }
            value = sum;
        }
        kept.push(value);
        parts = kept;
    }
    parts.iter().rev().sum()
}
