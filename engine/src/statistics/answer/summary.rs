//! All fields, with the numbers that a table has room for.

use std::cmp::Reverse;

use serde::Serialize;

use super::distinct::DistinctAnswer;
use super::place::places;
use super::shown::Shown;
use super::spread::{Measured, Quantiles};
use super::top::{TopAnswer, TopValueAnswer};
use super::{Typed, share};
use crate::statistics::field::FieldStatistics;
use crate::statistics::typed::{Bound, ValueType};
use crate::statistics::view::{View, at_most, counted_only};
use crate::types::TimestampMs;

/// A field in a few numbers. Keys that [`FieldAnswer`](super::FieldAnswer) has too mean the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldSummary {
    /// Its path.
    pub path: String,
    /// The types of its values, the most frequent first.
    pub types: Vec<TypeValues>,
    /// Events in which it has a value.
    pub events: u64,
    /// So many events more may have had it.
    pub missed: u64,
    /// The share of all events in which it has a value.
    pub density: f64,
    /// The share of the places in what it is in that hold a value.
    pub density_in_parent: f64,
    /// How many values it could have.
    pub places: u64,
    /// How many values it has.
    pub values: u64,
    /// Places without a value.
    pub nulls: u64,
    /// How many different values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinct: Option<DistinctAnswer>,
    /// The lowest value, of the most frequent type that has an order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<Shown>,
    /// The highest value, of the same type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<Shown>,
    /// Of its numbers, the sum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sum: Option<f64>,
    /// Of its numbers, the mean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Of its numbers, the standard deviation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard_deviation: Option<f64>,
    /// Of its numbers, the quantiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<Quantiles>,
    /// The most frequent of its integers and texts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top: Option<TopValueAnswer>,
    /// The first arrival of an event in which it has a value.
    pub first_seen_ms: Option<TimestampMs>,
    /// The last arrival of an event in which it has a value.
    pub last_seen_ms: Option<TimestampMs>,
    /// Its last value as text; none of lists, maps and objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest: Option<String>,
}

/// How many values are of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TypeValues {
    /// The type.
    #[serde(rename = "type")]
    pub kind: ValueType,
    /// How many values.
    pub values: u64,
}

impl View {
    /// The paths of all fields: parents before their members, members in the order of appearance.
    pub fn paths(&self) -> Vec<String> {
        let merged = self.merged();
        merged.fields().into_iter().map(|(path, _)| path).collect()
    }

    /// All fields in a few numbers: parents before their members, members in the order of appearance.
    /// Heavy where fields are many.
    pub fn fields(&self) -> Vec<FieldSummary> {
        let merged = self.merged();
        let (all, unknown) = (merged.counts().rows, counted_only(&merged));
        let fields = merged.fields().into_iter();
        let fields = fields.map(|(path, field)| {
            let places = places(&path, all, |parent| merged.field(parent));
            FieldSummary {
                missed: at_most(field.missed + unknown, field, all),
                ..summary(field, all, places, path)
            }
        });
        fields.collect()
    }
}

fn summary(field: &FieldStatistics, all: u64, places: u64, path: String) -> FieldSummary {
    let values = field.values();
    let mut types: Vec<Typed<'_>> = field.types().collect();
    types.sort_by_key(|(_, typed)| Reverse(typed.values));
    let bounds = types
        .iter()
        .find_map(|(kind, typed)| Some((*kind, typed.bounds.as_ref()?)));
    let bound = |pick: fn(&(Bound, Bound)) -> &Bound| {
        bounds.map(|(kind, bounds)| Shown::bound(kind, pick(bounds)))
    };
    let numbers = Measured::numbers(&types);
    let numbers = numbers.as_ref();
    let top = TopAnswer::of(&types, 1).and_then(|top| top.values.into_iter().next());
    let kinds = types.iter().map(|(kind, typed)| TypeValues {
        kind: *kind,
        values: typed.values,
    });
    FieldSummary {
        path,
        types: kinds.collect(),
        events: field.events,
        missed: field.missed,
        density: share(field.events, all),
        density_in_parent: share(values, places),
        places,
        values,
        nulls: places.saturating_sub(values),
        distinct: DistinctAnswer::of(&types),
        min: bound(|bounds| &bounds.0),
        max: bound(|bounds| &bounds.1),
        sum: numbers.map(Measured::sum),
        mean: numbers.map(Measured::mean),
        standard_deviation: numbers.map(Measured::standard_deviation),
        quantiles: numbers.and_then(Measured::quantiles),
        top,
        first_seen_ms: field.seen.map(|seen| seen.0),
        last_seen_ms: field.seen.map(|seen| seen.1),
        latest: field
            .latest
            .values()
            .first()
            .map(|own| own.value.to_string()),
    }
}
