//! The join of the lattice.

use super::decimal::Digits;
use super::{DataType, Field, Schema};

impl DataType {
    /// The narrowest type that holds the values of both. Commutative up to the order of fields,
    /// associative, idempotent.
    pub fn merge(&self, other: &DataType) -> DataType {
        use DataType::{Float64, Int53, Int64, Json, List, Map, Null, Struct};
        match (self, other) {
            (Null, other) => other.clone(),
            (this, Null) => this.clone(),
            (Int53, Int64) | (Int64, Int53) => Int64,
            (Int53, Float64) | (Float64, Int53) => Float64,
            (List(this), List(other)) => List(Box::new(this.merge(other))),
            (Map(this), Map(other)) => Map(Box::new(this.merge(other))),
            (Struct(this), Struct(other)) => Struct(merge_fields(this, other)),
            (this, other) if this == other => this.clone(),
            (this, other) => match (Digits::of(this), Digits::of(other)) {
                (Some(this), Some(other)) => this.merge(other),
                _ => Json,
            },
        }
    }

    /// Whether every value of `other` has its place in this type: merging `other` in would change
    /// nothing but the order of fields.
    pub fn holds(&self, other: &DataType) -> bool {
        use DataType::{Decimal, Float64, Int53, Int64, Json, List, Map, Null, Struct};
        match (self, other) {
            (Json, _) | (_, Null) | (Int64 | Float64, Int53) => true,
            (List(this), List(other)) | (Map(this), Map(other)) => this.holds(other),
            (Decimal { .. }, other) => match (Digits::of(self), Digits::of(other)) {
                (Some(this), Some(other)) => this.hold(other),
                _ => false,
            },
            (Struct(this), Struct(other)) => other.iter().all(|field| {
                find(this, &field.name).is_some_and(|own| own.data_type.holds(&field.data_type))
            }),
            (this, other) => this == other,
        }
    }

    /// Columns that the type takes in a file: structs count by their leaves, maps by their keys and
    /// values, everything else (an empty struct too, which is written as text) counts one.
    pub fn leaf_count(&self) -> usize {
        match self {
            DataType::Struct(fields) => fields_leaf_count(fields).max(1),
            DataType::List(item) => item.leaf_count(),
            // The keys are a column, too.
            DataType::Map(value) => value.leaf_count() + 1,
            _ => 1,
        }
    }

    /// The type as files can store it: what has no type yet (null, an empty struct) becomes JSON
    /// text, and int53 becomes int64.
    pub fn in_file(&self) -> DataType {
        match self {
            DataType::Null => DataType::Json,
            DataType::Struct(fields) if fields.is_empty() => DataType::Json,
            DataType::Struct(fields) => DataType::Struct(
                fields
                    .iter()
                    .map(|field| Field::new(field.name.clone(), field.data_type.in_file()))
                    .collect(),
            ),
            DataType::List(item) => DataType::List(Box::new(item.in_file())),
            DataType::Map(value) => DataType::Map(Box::new(value.in_file())),
            DataType::Int53 => DataType::Int64,
            other => other.clone(),
        }
    }
}

impl Field {
    /// A field.
    pub fn new(name: impl Into<std::sync::Arc<str>>, data_type: DataType) -> Self {
        Self {
            name: name.into(),
            data_type,
        }
    }
}

impl Schema {
    /// The schema that holds the rows of both: this one's fields first, then the other's new ones.
    pub fn merge(&self, other: &Schema) -> Schema {
        Schema {
            fields: merge_fields(&self.fields, &other.fields),
        }
    }

    /// Whether rows of `other` have their place in this schema as it is.
    pub fn holds(&self, other: &Schema) -> bool {
        other.fields.iter().all(|field| {
            self.field(&field.name)
                .is_some_and(|own| own.data_type.holds(&field.data_type))
        })
    }

    /// Columns that the schema takes in a file.
    pub fn leaf_count(&self) -> usize {
        fields_leaf_count(&self.fields)
    }

    /// The schema as a file can store it: top-level fields whose type is not known yet are left
    /// out; see [`DataType::in_file`] for the others. Names are still the event's.
    pub fn in_file(&self) -> Schema {
        Schema {
            fields: self
                .fields
                .iter()
                .filter(|field| field.data_type != DataType::Null)
                .map(|field| Field::new(field.name.clone(), field.data_type.in_file()))
                .collect(),
        }
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        find(&self.fields, name)
    }
}

/// The field of this name, where there is one.
pub(super) fn find<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    fields.iter().find(|field| &*field.name == name)
}

fn fields_leaf_count(fields: &[Field]) -> usize {
    fields
        .iter()
        .map(|field| field.data_type.leaf_count())
        .sum()
}

/// Fields of both, in the order of `this` and then of `other`.
fn merge_fields(this: &[Field], other: &[Field]) -> Vec<Field> {
    let places = Places::of(this);
    let mut merged = this.to_vec();
    for field in other {
        match places.find(this, &field.name) {
            Some(place) => {
                let own = &mut merged[place];
                if own.data_type != field.data_type {
                    own.data_type = own.data_type.merge(&field.data_type);
                }
            }
            None => merged.push(field.clone()),
        }
    }
    merged
}

/// Finds fields by name; a table of names pays from some dozen fields on.
pub(super) struct Places<'a> {
    table: Option<std::collections::HashMap<&'a str, usize>>,
}

impl<'a> Places<'a> {
    const SMALL: usize = 16;

    pub(super) fn of(fields: &'a [Field]) -> Self {
        let table = (fields.len() > Self::SMALL).then(|| {
            fields
                .iter()
                .enumerate()
                .map(|(place, field)| (&*field.name, place))
                .collect()
        });
        Self { table }
    }

    pub(super) fn find(&self, fields: &[Field], name: &str) -> Option<usize> {
        match &self.table {
            Some(table) => table.get(name).copied(),
            None => fields.iter().position(|field| &*field.name == name),
        }
    }
}
