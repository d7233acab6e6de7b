//! The types that inference knows.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The inferred type of a field. Types widen along
/// `Null < Bool < Json`, `Null < Int53 < Int64 < Decimal < Json`, `Null < Int53 < Float64 < Json`,
/// `Null < Utf8 < Json`, decimals by their digits before and after the point, lists by item, maps by
/// value and structs by field; any other two meet in `Json`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataType {
    /// Only nulls so far. Arrow: Null.
    Null,
    /// Arrow: Boolean.
    Bool,
    /// Integers that a float64 holds exactly (magnitude up to 2^53). Arrow: Int64.
    Int53,
    /// Arrow: Int64.
    Int64,
    /// Arrow: Float64.
    Float64,
    /// Decimal numbers of up to `precision` digits, the last `scale` of them after the point; from
    /// 1 to 38 digits, as many as readers of Parquet know. Arrow: Decimal128.
    Decimal {
        /// All digits.
        precision: u8,
        /// Those after the point.
        scale: u8,
    },
    /// Text as it was in the event. Arrow: Utf8.
    Utf8,
    /// Bytes. Arrow: Binary.
    Binary,
    /// Days of the Gregorian calendar. Arrow: Date32.
    Date,
    /// Times of a day to the microsecond, from 00:00:00 to before 24:00:00. Arrow:
    /// Time64(Microsecond).
    Time,
    /// Points in time to the microsecond. Arrow: Timestamp(Microsecond, "UTC").
    Timestamp,
    /// Dates with times of day to the microsecond, of no known zone. Arrow:
    /// Timestamp(Microsecond) without a zone.
    LocalTimestamp,
    /// The canonical JSON text of values whose types do not meet anywhere else (a text value is
    /// quoted in it). Arrow: Utf8 with the field metadata `ARROW:extension:name = arrow.json`.
    Json,
    /// Arrow: List with a nullable field `item`.
    List(Box<DataType>),
    /// Values by text keys, in the order in which they came. Arrow: Map of the fields `key` (Utf8,
    /// never null) and `value` (nullable).
    Map(Box<DataType>),
    /// Arrow: Struct with nullable fields, in order of first appearance; may be empty.
    Struct(Vec<Field>),
}

/// A named field of a struct or of the root.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Field {
    /// The name as in the event.
    pub name: Arc<str>,
    /// Its type.
    #[serde(rename = "type")]
    pub data_type: DataType,
}

/// The fields of the root object, in order of first appearance.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Schema {
    /// The fields.
    pub fields: Vec<Field>,
}
