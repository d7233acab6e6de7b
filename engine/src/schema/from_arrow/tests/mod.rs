//! Arrow arrays become ours, value by value the same.

mod bounds;
mod random;
mod values;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::Field as ArrowField;

use super::from_arrow;
use crate::schema::DataType;
use crate::schema::text::JsonText;

/// Converts, and checks that the array is whole and of its type.
fn convert(field: &ArrowField, array: &ArrayRef) -> (DataType, ArrayRef) {
    let (data_type, converted) = from_arrow(field, array, 1 << 24, 16).unwrap();
    assert_eq!(converted.data_type(), &data_type.to_arrow());
    assert_eq!(converted.len(), array.len());
    converted.to_data().validate_full().unwrap();
    (data_type, converted)
}

/// The canonical text of every row.
fn texts(data_type: &DataType, array: &ArrayRef) -> Vec<String> {
    let text = JsonText::of(array, data_type);
    let text_of = |row| {
        let mut out = Vec::new();
        text.write(row, &mut out);
        String::from_utf8(out).unwrap()
    };
    (0..array.len()).map(text_of).collect()
}
