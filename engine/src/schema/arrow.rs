//! From inferred types to Arrow's.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{self as arrow_types, TimeUnit};
use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;

use super::{DataType, Field, JSON_EXTENSION, Schema};

/// The zone of instants.
pub(super) const UTC: &str = "UTC";

impl DataType {
    /// The Arrow type. That a text is JSON is said by the field, not by the type:
    /// [`Field::to_arrow`].
    pub fn to_arrow(&self) -> arrow_types::DataType {
        match self {
            DataType::Null => arrow_types::DataType::Null,
            DataType::Bool => arrow_types::DataType::Boolean,
            DataType::Int53 | DataType::Int64 => arrow_types::DataType::Int64,
            DataType::Float64 => arrow_types::DataType::Float64,
            DataType::Decimal { precision, scale } => {
                // A scale is at most 38.
                arrow_types::DataType::Decimal128(*precision, *scale as i8)
            }
            DataType::Utf8 | DataType::Json => arrow_types::DataType::Utf8,
            DataType::Binary => arrow_types::DataType::Binary,
            DataType::Date => arrow_types::DataType::Date32,
            DataType::Time => arrow_types::DataType::Time64(TimeUnit::Microsecond),
            DataType::Timestamp => {
                arrow_types::DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()))
            }
            DataType::LocalTimestamp => {
                arrow_types::DataType::Timestamp(TimeUnit::Microsecond, None)
            }
            DataType::Map(value) => arrow_types::DataType::Map(entries_field(value), false),
            DataType::List(item) => arrow_types::DataType::List(item_field(item)),
            DataType::Struct(fields) => arrow_types::DataType::Struct(struct_fields(fields)),
        }
    }
}

impl Field {
    /// The nullable Arrow field, marked with the extension name `arrow.json` where the type is
    /// [`DataType::Json`].
    pub fn to_arrow(&self) -> arrow_types::Field {
        arrow_field(&self.name, &self.data_type)
    }
}

impl Schema {
    /// The Arrow fields of the columns, under the names of the event.
    pub fn arrow_fields(&self) -> Vec<arrow_types::Field> {
        self.fields.iter().map(Field::to_arrow).collect()
    }
}

/// The field of a list's items.
pub(crate) fn item_field(item: &DataType) -> arrow_types::FieldRef {
    Arc::new(arrow_field("item", item))
}

/// The field of a map's entries, named as Arrow names them; Parquet has a name of its own.
pub(crate) fn entries_field(value: &DataType) -> arrow_types::FieldRef {
    let entries = arrow_types::DataType::Struct(entry_fields(value));
    Arc::new(arrow_types::Field::new("entries", entries, false))
}

/// The key and the value of an entry.
pub(crate) fn entry_fields(value: &DataType) -> arrow_types::Fields {
    let key = arrow_types::Field::new("key", arrow_types::DataType::Utf8, false);
    [key, arrow_field("value", value)].into_iter().collect()
}

/// The fields of a struct.
pub(crate) fn struct_fields(fields: &[Field]) -> arrow_types::Fields {
    fields.iter().map(Field::to_arrow).collect()
}

fn arrow_field(name: &str, data_type: &DataType) -> arrow_types::Field {
    let field = arrow_types::Field::new(name, data_type.to_arrow(), true);
    if *data_type != DataType::Json {
        return field;
    }
    field.with_metadata(HashMap::from([(
        EXTENSION_TYPE_NAME_KEY.to_owned(),
        JSON_EXTENSION.to_owned(),
    )]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_text_is_marked_at_every_depth() {
        let nested = Field::new(
            "a",
            DataType::Struct(vec![Field::new(
                "b",
                DataType::List(Box::new(DataType::Json)),
            )]),
        );
        let arrow_types::DataType::Struct(fields) = nested.to_arrow().data_type().clone() else {
            panic!("a struct stays a struct");
        };
        let arrow_types::DataType::List(item) = fields[0].data_type() else {
            panic!("a list stays a list");
        };
        assert_eq!(
            item.metadata()
                .get("ARROW:extension:name")
                .map(String::as_str),
            Some("arrow.json")
        );
    }
}
