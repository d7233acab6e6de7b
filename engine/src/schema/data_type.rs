//! The types that inference knows.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The inferred type of a field. Types widen along
/// `Null < Bool < Json`, `Null < Int53 < Int64 < Json`, `Null < Int53 < Float64 < Json`,
/// `Null < Utf8 < Json`, lists by item and structs by field; any other two meet in `Json`.
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
    /// Text as it was in the event. Arrow: Utf8.
    Utf8,
    /// The canonical JSON text of values whose types do not meet anywhere else (a text value is
    /// quoted in it). Arrow: Utf8 with the field metadata `ARROW:extension:name = arrow.json`.
    Json,
    /// Arrow: List with a nullable field `item`.
    List(Box<DataType>),
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
