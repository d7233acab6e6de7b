//! One field, with all its numbers.

use serde::Serialize;

use super::distinct::DistinctAnswer;
use super::place::places;
use super::shown::Shown;
use super::spread::{Measured, Spread};
use super::top::TopAnswer;
use super::{Typed, share};
use crate::statistics::observe::write_time;
use crate::statistics::typed::{Bound, Sum, ValueType};
use crate::statistics::view::View;
use crate::types::TimestampMs;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// All that is known of a field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldAnswer {
    /// The moment of the answer.
    pub as_of_ms: TimestampMs,
    /// Its path.
    pub path: String,
    /// Events in which it has a value.
    pub events: u64,
    /// So many events more may have had it: the field was not tracked when they came.
    pub missed: u64,
    /// The share of all events in which it has a value.
    pub density: f64,
    /// The share of the places in what it is in that hold a value.
    pub density_in_parent: f64,
    /// How many values it could have: one an event at the top level, one in each object that it is a
    /// member of, one for each item of a list or entry of a map.
    pub places: u64,
    /// How many values it has.
    pub values: u64,
    /// Places without a value: null, or not there at all.
    pub nulls: u64,
    /// The first arrival of an event in which it has a value.
    pub first_seen_ms: Option<TimestampMs>,
    /// The last arrival of an event in which it has a value.
    pub last_seen_ms: Option<TimestampMs>,
    /// Its last values, the latest first; none of lists, maps and objects.
    pub latest: Vec<LatestAnswer>,
    /// How many different values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinct: Option<DistinctAnswer>,
    /// Its numbers: integers, floats and decimals together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<Spread>,
    /// The lengths of its texts and bytes, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lengths: Option<Spread>,
    /// How many items its lists, or entries its maps, have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sizes: Option<Spread>,
    /// Its booleans.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booleans: Option<Booleans>,
    /// Its timestamps and dates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<Times>,
    /// The most frequent of its integers and texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top: Option<TopAnswer>,
    /// The same by the types of its values.
    pub types: Vec<TypeAnswer>,
}

/// The values of a field that are of one type.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TypeAnswer {
    /// The type.
    #[serde(rename = "type")]
    pub kind: ValueType,
    /// How many values.
    pub values: u64,
    /// Their share of all values of the field.
    pub share: f64,
    /// Floats that are not finite: in no bound, measure or histogram.
    pub not_finite: u64,
    /// The lowest, of types that have an order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<Shown>,
    /// The highest, of types that have an order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Shown>,
    /// How many different values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinct: Option<DistinctAnswer>,
    /// How numbers are spread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<Spread>,
    /// The lengths of texts or bytes, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lengths: Option<Spread>,
    /// How many items lists, or entries maps, have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sizes: Option<Spread>,
    /// Booleans.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booleans: Option<Booleans>,
    /// The most frequent values, of integers and texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top: Option<TopAnswer>,
}

/// One of the last values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LatestAnswer {
    /// When its event arrived.
    pub arrival_ms: TimestampMs,
    /// The value as text, cut after 256 bytes.
    pub value: String,
}

/// How often a boolean was what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Booleans {
    /// Values that are true.
    #[serde(rename = "true")]
    pub yes: u64,
    /// Values that are false.
    #[serde(rename = "false")]
    pub no: u64,
}

impl Booleans {
    pub(super) fn of(types: &[Typed<'_>]) -> Option<Self> {
        let (_, typed) = types.iter().find(|(kind, _)| *kind == ValueType::Boolean)?;
        let measures = typed.measures.as_ref()?;
        let yes = match measures.sum {
            Sum::Integer(yes) => u64::try_from(yes).unwrap_or(0),
            Sum::Float(_) => 0,
        };
        Some(Self {
            yes,
            no: typed.values.saturating_sub(yes),
        })
    }
}

/// The first and the last point in time, as ISO 8601; those without a zone count as UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Times {
    /// The first.
    pub first: String,
    /// The last.
    pub last: String,
}

impl Times {
    fn of(types: &[Typed<'_>]) -> Option<Self> {
        let bounds = |end: fn(&(Bound, Bound)) -> &Bound| {
            let types = types.iter();
            types.filter_map(move |(kind, typed)| {
                let Bound::Integer(value) = end(typed.bounds.as_ref()?) else {
                    return None;
                };
                let micros = match kind {
                    ValueType::Timestamp | ValueType::LocalTimestamp => *value,
                    ValueType::Date => value.saturating_mul(DAY),
                    _ => return None,
                };
                Some((micros, *kind, *value))
            })
        };
        let text = |(_, kind, value): (i64, ValueType, i64)| {
            let mut text = String::new();
            write_time(&mut text, kind, value);
            text
        };
        Some(Self {
            first: text(bounds(|bounds| &bounds.0).min()?),
            last: text(bounds(|bounds| &bounds.1).max()?),
        })
    }
}

impl View {
    /// All that is known of the field at a path (`user.name`, `tags[]`, `_partition_key`). `None` if
    /// no event is known to have had it.
    pub fn field(&self, path: &str) -> Option<FieldAnswer> {
        let field = self.field_statistics(path)?;
        let all = self.counts().rows;
        let places = places(path, all, |parent| self.field_statistics(parent));
        let values = field.values();
        let types: Vec<_> = field.types().collect();
        let latest = field.latest.values().iter().map(|own| LatestAnswer {
            arrival_ms: own.place.arrival,
            value: own.value.to_string(),
        });
        Some(FieldAnswer {
            as_of_ms: self.as_of_ms(),
            path: path.to_owned(),
            events: field.events,
            missed: field.missed,
            density: share(field.events, all),
            density_in_parent: share(values, places),
            places,
            values,
            nulls: places.saturating_sub(values),
            first_seen_ms: field.seen.map(|seen| seen.0),
            last_seen_ms: field.seen.map(|seen| seen.1),
            latest: latest.collect(),
            distinct: DistinctAnswer::of(&types),
            numbers: Measured::numbers(&types).map(|own| own.spread()),
            lengths: Measured::lengths(&types).map(|own| own.spread()),
            sizes: Measured::sizes(&types).map(|own| own.spread()),
            booleans: Booleans::of(&types),
            times: Times::of(&types),
            top: TopAnswer::of(&types, usize::MAX),
            types: types.iter().map(|own| type_answer(*own, values)).collect(),
        })
    }
}

fn type_answer(typed: Typed<'_>, values: u64) -> TypeAnswer {
    let alone = &[typed];
    let (kind, typed) = typed;
    let bounds = typed.bounds.as_ref();
    TypeAnswer {
        kind,
        values: typed.values,
        share: share(typed.values, values),
        not_finite: typed.not_finite,
        min: bounds.map(|bounds| Shown::bound(kind, &bounds.0)),
        max: bounds.map(|bounds| Shown::bound(kind, &bounds.1)),
        distinct: DistinctAnswer::of(alone),
        numbers: Measured::numbers(alone).map(|own| own.spread()),
        lengths: Measured::lengths(alone).map(|own| own.spread()),
        sizes: Measured::sizes(alone).map(|own| own.spread()),
        booleans: Booleans::of(alone),
        top: TopAnswer::of(alone, usize::MAX),
    }
}
