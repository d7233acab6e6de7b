//! How each column of a file is encoded, from a look at its first rows.
//!
//! The library encodes by dictionary until the dictionary is full, and goes on without one. For a
//! column of nearly distinct values that is work for nothing, and a dictionary that no reader gains
//! from. So a sample of the file's first rows decides column by column. The delta encodings that
//! take a dictionary's place are read by DuckDB, pyarrow, Polars, Trino, and Spark from 3.3 on.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use arrow_schema::Fields;
use parquet::basic::Encoding;
use parquet::file::properties::WriterPropertiesBuilder;
use parquet::schema::types::ColumnPath;

/// Values that are looked at in each column.
const SAMPLE: usize = 1_024;

/// A column in whose sample more than this share of the values is distinct (in tenths) goes without
/// a dictionary. Random draws from some 5,000 values come to this.
const MAX_DISTINCT_TENTHS: usize = 9;

/// Sets the encodings of the leaf columns below `fields`, whose first rows are in `batches` (one
/// array a field).
pub(super) fn plan_columns(
    mut builder: WriterPropertiesBuilder,
    fields: &Fields,
    batches: &[Vec<ArrayRef>],
) -> WriterPropertiesBuilder {
    for (at, field) in fields.iter().enumerate() {
        let arrays: Vec<&ArrayRef> = batches.iter().map(|columns| &columns[at]).collect();
        builder = plan(builder, vec![field.name().clone()], &arrays);
    }
    builder
}

fn plan(
    builder: WriterPropertiesBuilder,
    path: Vec<String>,
    arrays: &[&ArrayRef],
) -> WriterPropertiesBuilder {
    let Some(first) = arrays.first() else {
        return builder;
    };
    match first.data_type() {
        DataType::Struct(fields) => {
            fields
                .iter()
                .enumerate()
                .fold(builder, |builder, (at, field)| {
                    let members: Vec<&ArrayRef> = arrays
                        .iter()
                        .map(|array| array.as_struct().column(at))
                        .collect();
                    plan(builder, below(&path, &[field.name()]), &members)
                })
        }
        DataType::List(_) => {
            let items: Vec<&ArrayRef> = arrays
                .iter()
                .map(|array| array.as_list::<i32>().values())
                .collect();
            plan(builder, below(&path, &["list", "element"]), &items)
        }
        DataType::Map(..) => {
            let maps = arrays.iter().map(|array| array.as_map());
            let keys: Vec<&ArrayRef> = maps.clone().map(|map| map.keys()).collect();
            let values: Vec<&ArrayRef> = maps.map(|map| map.values()).collect();
            let builder = plan(builder, below(&path, &["key_value", "key"]), &keys);
            plan(builder, below(&path, &["key_value", "value"]), &values)
        }
        // Arrival times, which alone are in milliseconds, hardly go back: their differences are
        // small.
        DataType::Timestamp(TimeUnit::Millisecond, _) => builder
            .set_column_dictionary_enabled(path.clone().into(), false)
            .set_column_encoding(path.into(), Encoding::DELTA_BINARY_PACKED),
        _ => plan_leaf(builder, path.into(), arrays),
    }
}

fn below(path: &[String], names: &[&str]) -> Vec<String> {
    let names = names.iter().map(|name| (*name).to_owned());
    path.iter().cloned().chain(names).collect()
}

fn plan_leaf(
    builder: WriterPropertiesBuilder,
    path: ColumnPath,
    arrays: &[&ArrayRef],
) -> WriterPropertiesBuilder {
    let mut sample = Sample::default();
    for array in arrays {
        if sample.is_full() {
            break;
        }
        sample.add(array);
    }
    if !sample.is_distinct() {
        return builder;
    }
    let encoding = match arrays.first().map(|array| array.data_type()) {
        Some(
            DataType::Int64 | DataType::Date32 | DataType::Time64(_) | DataType::Timestamp(..),
        ) => Encoding::DELTA_BINARY_PACKED,
        // Lengths apart from bytes: less to compress than with each length before its text.
        Some(DataType::Utf8 | DataType::Binary) => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        _ => Encoding::PLAIN,
    };
    builder
        .set_column_dictionary_enabled(path.clone(), false)
        .set_column_encoding(path, encoding)
}

/// Hashes of some values of a column.
#[derive(Default)]
struct Sample {
    values: usize,
    hashes: HashSet<u64>,
}

impl Sample {
    fn is_full(&self) -> bool {
        self.values >= SAMPLE
    }

    /// Whether a dictionary would hold most values. Never for a few values: they tell nothing.
    fn is_distinct(&self) -> bool {
        self.values >= SAMPLE / 8 && self.hashes.len() * 10 > self.values * MAX_DISTINCT_TENTHS
    }

    fn add(&mut self, array: &ArrayRef) {
        match array.data_type() {
            DataType::Utf8 => self.add_values(array.as_string::<i32>().iter()),
            DataType::Int64 => self.add_values(array.as_primitive::<Int64Type>().iter()),
            DataType::Float64 => {
                let floats = array.as_primitive::<Float64Type>().iter();
                self.add_values(floats.map(|float| float.map(f64::to_bits)));
            }
            DataType::Binary => self.add_values(array.as_binary::<i32>().iter()),
            DataType::Date32 => self.add_values(array.as_primitive::<Date32Type>().iter()),
            DataType::Time64(_) => {
                self.add_values(array.as_primitive::<Time64MicrosecondType>().iter());
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                self.add_values(array.as_primitive::<TimestampMicrosecondType>().iter());
            }
            DataType::Decimal128(..) => {
                self.add_values(array.as_primitive::<Decimal128Type>().iter());
            }
            // The others are identity columns and booleans, whose encoding is known.
            _ => {}
        }
    }

    fn add_values<T: Hash>(&mut self, values: impl Iterator<Item = Option<T>>) {
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        for value in values.flatten().take(SAMPLE - self.values) {
            self.hashes.insert(hasher.hash_one(value));
            self.values += 1;
        }
    }
}
