//! From a type to a wider one, value by value the same.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, ListArray, MapArray, StringArray, StructArray,
    new_null_array,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{Float64Type, Int64Type};

use super::arrow::{entries_field, entry_fields, item_field, struct_fields};
use super::decimal;
use super::merge::find;
use super::text::JsonText;
use super::{DataType, Field};

/// Brings an array of the type `from` to the wider type `to`. Nulls stay nulls; what becomes JSON
/// becomes its canonical text ([`super::text`]).
///
/// # Panics
/// If `to` does not hold `from` ([`DataType::holds`]), or the array is not of the type `from`.
pub fn widen(array: &ArrayRef, from: &DataType, to: &DataType) -> ArrayRef {
    if from == to {
        return Arc::clone(array);
    }
    match (from, to) {
        (DataType::Null, _) => new_null_array(&to.to_arrow(), array.len()),
        (_, DataType::Json) => json_text(array, from),
        (DataType::Int53, DataType::Int64) => Arc::clone(array),
        (DataType::Int53, DataType::Float64) => {
            let floats: Float64Array = array
                .as_primitive::<Int64Type>()
                .unary::<_, Float64Type>(|value| value as f64);
            Arc::new(floats)
        }
        (_, DataType::Decimal { precision, scale }) => {
            decimal::widen(array, from, *precision, *scale)
        }
        (DataType::Map(from), DataType::Map(to)) => {
            let map = array.as_map();
            let values = widen(map.values(), from, to);
            map_array(
                to,
                map.offsets().clone(),
                Arc::clone(map.keys()),
                values,
                map.nulls().cloned(),
            )
        }
        (DataType::List(from), DataType::List(to)) => {
            let list: &ListArray = array.as_list();
            Arc::new(ListArray::new(
                item_field(to),
                list.offsets().clone(),
                widen(list.values(), from, to),
                list.nulls().cloned(),
            ))
        }
        (DataType::Struct(from), DataType::Struct(to)) => {
            let array = array.as_struct();
            let columns = to
                .iter()
                .map(|field| member(array, from, field))
                .collect::<Vec<_>>();
            struct_array(array.len(), to, columns, array.nulls().cloned())
        }
        _ => panic!("{to:?} does not hold {from:?}: only wider types can be asked for"),
    }
}

fn member(array: &StructArray, from: &[Field], to: &Field) -> ArrayRef {
    match from.iter().position(|field| field.name == to.name) {
        Some(place) => widen(
            array.column(place),
            &find(from, &to.name).unwrap_or(to).data_type,
            &to.data_type,
        ),
        None => new_null_array(&to.data_type.to_arrow(), array.len()),
    }
}

/// A map array of keys and values end to end.
pub(crate) fn map_array(
    value: &DataType,
    offsets: OffsetBuffer<i32>,
    keys: ArrayRef,
    values: ArrayRef,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    let entries = StructArray::new(entry_fields(value), vec![keys, values], None);
    Arc::new(MapArray::new(
        entries_field(value),
        offsets,
        entries,
        nulls,
        false,
    ))
}

/// A struct array; one without fields keeps its length.
pub(crate) fn struct_array(
    len: usize,
    fields: &[Field],
    columns: Vec<ArrayRef>,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    if fields.is_empty() {
        return Arc::new(StructArray::new_empty_fields(len, nulls));
    }
    Arc::new(StructArray::new(struct_fields(fields), columns, nulls))
}

fn json_text(array: &ArrayRef, from: &DataType) -> ArrayRef {
    let text = JsonText::of(array, from);
    let mut values = Vec::new();
    let mut offsets = Vec::with_capacity(array.len() + 1);
    offsets.push(0);
    for row in 0..array.len() {
        if !text.is_null(row) {
            text.write(row, &mut values);
        }
        offsets.push(offset(values.len()));
    }
    string_array(offsets, values, array.nulls().cloned())
}

/// A string array of what the writers of [`super::text`] wrote.
pub(super) fn string_array(
    offsets: Vec<i32>,
    values: Vec<u8>,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    Arc::new(StringArray::new(
        OffsetBuffer::new(ScalarBuffer::from(offsets)),
        Buffer::from_vec(values),
        nulls,
    ))
}

/// An Arrow offset. Batches are cut long before 2 GiB.
pub(super) fn offset(len: usize) -> i32 {
    i32::try_from(len).expect("a batch's text stays below 2 GiB")
}
