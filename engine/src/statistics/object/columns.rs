//! The columns of an object.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

/// Digits of the exact sums of integers.
pub(super) const SUM_DIGITS: u8 = 38;

fn list(name: &str, fields: Fields) -> Field {
    let item = Field::new("item", DataType::Struct(fields), false);
    Field::new(name, DataType::List(Arc::new(item)), true)
}

pub(super) fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

fn integers(names: &[&str]) -> Fields {
    let field = |name: &&str| Field::new(*name, DataType::Int64, false);
    names.iter().map(field).collect()
}

/// Of `windows`: the number of the window and its counts.
pub(super) fn windows() -> Fields {
    integers(&[
        "window", "records", "payloads", "bytes", "rows", "rejects", "empty",
    ])
}

/// Of `rejects` and `top_values`.
pub(super) fn counted(name: &str) -> Fields {
    Fields::from(vec![
        Field::new(name, DataType::Utf8, false),
        Field::new("count", DataType::Int64, false),
    ])
}

/// Of `latest`.
pub(super) fn latest() -> Fields {
    Fields::from(vec![
        Field::new("arrival", time(), false),
        Field::new("sequence", DataType::Utf8, false),
        Field::new("subsequence", DataType::Int64, false),
        Field::new("index", DataType::Int64, false),
        Field::new("item", DataType::Int64, false),
        Field::new("value", DataType::Utf8, false),
    ])
}

/// Of `histogram`: from `lower` (up to `upper`) there are `count` measures.
pub(super) fn buckets() -> Fields {
    Fields::from(vec![
        Field::new("lower", DataType::Float64, false),
        Field::new("upper", DataType::Float64, false),
        Field::new("count", DataType::Int64, false),
    ])
}

pub(super) fn schema() -> SchemaRef {
    let field = |name: &str, data_type| Field::new(name, data_type, true);
    Arc::new(Schema::new(vec![
        Field::new("path", DataType::Utf8, false),
        field("type", DataType::Utf8),
        list("windows", windows()),
        list("rejects", counted("code")),
        field("events", DataType::Int64),
        field("missed", DataType::Int64),
        field("first_seen", time()),
        field("last_seen", time()),
        list("latest", latest()),
        field("values", DataType::Int64),
        field("not_finite", DataType::Int64),
        field("sketched", DataType::Int64),
        field("min", DataType::Utf8),
        field("max", DataType::Utf8),
        field("measured", DataType::Int64),
        field("lowest", DataType::Float64),
        field("highest", DataType::Float64),
        field("sum_exact", DataType::Decimal128(SUM_DIGITS, 0)),
        field("sum_high", DataType::Float64),
        field("sum_low", DataType::Float64),
        field("mean", DataType::Float64),
        field("squares", DataType::Float64),
        list("histogram", buckets()),
        field("distinct_values", DataType::Float64),
        field("distinct_sketch", DataType::Binary),
        list("top_values", counted("value")),
        field("top_error", DataType::Int64),
        field("top_kept", DataType::Int64),
    ]))
}
