//! What would take too much room is refused before it is made.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, DictionaryArray, FixedSizeListArray, Int32Array, ListArray, NullArray, StringArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Field as ArrowField;

use crate::schema::{FromArrowError, from_arrow};

fn outcome(array: ArrayRef) -> Result<(), FromArrowError> {
    let field = ArrowField::new("f", array.data_type().clone(), true);
    from_arrow(&field, &array, 1 << 20, 8).map(|_| ())
}

#[test]
fn a_long_value_that_stands_for_many_rows_is_too_large() {
    let values = StringArray::from(vec!["x".repeat(1_000)]);
    let dictionary = |rows| -> ArrayRef {
        let keys = Int32Array::from(vec![0; rows]);
        Arc::new(DictionaryArray::new(keys, Arc::new(values.clone())))
    };
    assert_eq!(outcome(dictionary(900)), Ok(()));
    assert_eq!(outcome(dictionary(1_100)), Err(FromArrowError::TooLarge));
}

#[test]
fn items_without_bytes_count() {
    let items: ArrayRef = Arc::new(NullArray::new(1 << 30));
    let field = Arc::new(ArrowField::new("x", items.data_type().clone(), true));
    let array = FixedSizeListArray::new(field, 1 << 30, items, None);
    assert_eq!(outcome(Arc::new(array)), Err(FromArrowError::TooLarge));
}

#[test]
fn depth_is_bounded() {
    let nested = |levels: usize| {
        let mut array: ArrayRef = Arc::new(Int32Array::from(vec![1]));
        for _ in 0..levels {
            let field = Arc::new(ArrowField::new("x", array.data_type().clone(), true));
            let offsets = OffsetBuffer::from_lengths([array.len()]);
            array = Arc::new(ListArray::new(field, offsets, array, None));
        }
        array
    };
    assert_eq!(outcome(nested(8)), Ok(()));
    assert_eq!(outcome(nested(9)), Err(FromArrowError::TooDeep));
}
