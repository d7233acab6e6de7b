//! Rows brought to the schema of a file.

use arrow::array::{Array, ArrayRef, AsArray, StructArray, new_null_array};
use arrow::buffer::NullBuffer;

use super::merge::find;
use super::text::{JsonText, ObjectText, quoted_key};
use super::widen::{offset, string_array, struct_array};
use super::{DataType, Field, Schema, widen};
use crate::types::Rows;

/// Rows as a file takes them.
pub struct Conformed {
    /// One array a field of the file, in its order and of its types.
    pub columns: Vec<ArrayRef>,
    /// What the file has no place for: Utf8, a JSON object a row (fields inside structs keep their
    /// path as nested objects), null where everything has its place. `None` where all rows are null.
    pub overflow: Option<ArrayRef>,
}

/// Brings rows to the schema of a file. Fields that the rows lack are null. What `file` has no field
/// for, or a type that does not hold it, goes to the overflow with its name and path.
pub fn conform(rows: &Rows, file: &Schema) -> Conformed {
    let from = &rows.schema.fields;
    let mut left_out = Vec::new();
    let columns = file
        .fields
        .iter()
        .map(|to| match place(from, &to.name) {
            Some(at) => {
                let (column, rest) = divide(&rows.columns[at], &from[at], &to.data_type);
                left_out.extend(rest);
                column
            }
            None => new_null_array(&to.data_type.to_arrow(), rows.len),
        })
        .collect();
    for (field, column) in from.iter().zip(&rows.columns) {
        if find(&file.fields, &field.name).is_none() {
            left_out.push(LeftOut::whole(column, field));
        }
    }
    Conformed {
        columns,
        overflow: overflow(rows.len, left_out),
    }
}

/// A field, or a part of one, that has no place in the file.
struct LeftOut<'a> {
    name: &'a str,
    key: Vec<u8>,
    values: Values<'a>,
}

enum Values<'a> {
    Whole(JsonText<'a>),
    Members(&'a StructArray, Vec<LeftOut<'a>>),
}

impl<'a> LeftOut<'a> {
    fn whole(array: &'a ArrayRef, field: &'a Field) -> Self {
        Self {
            name: &field.name,
            key: quoted_key(&field.name),
            values: Values::Whole(JsonText::of(array, &field.data_type)),
        }
    }

    fn members(array: &'a StructArray, field: &'a Field, mut members: Vec<LeftOut<'a>>) -> Self {
        members.sort_unstable_by_key(|member| member.name);
        Self {
            name: &field.name,
            key: quoted_key(&field.name),
            values: Values::Members(array, members),
        }
    }

    fn is_empty(&self, row: usize) -> bool {
        match &self.values {
            Values::Whole(text) => text.is_null(row),
            Values::Members(array, members) => {
                array.is_null(row) || members.iter().all(|member| member.is_empty(row))
            }
        }
    }

    fn write(&self, row: usize, object: &mut ObjectText<'_>) {
        let out = object.key(&self.key);
        match &self.values {
            Values::Whole(text) => text.write(row, out),
            Values::Members(_, members) => write_object(members, row, out),
        }
    }
}

fn write_object(members: &[LeftOut<'_>], row: usize, out: &mut Vec<u8>) {
    let mut object = ObjectText::open(out);
    for member in members.iter().filter(|member| !member.is_empty(row)) {
        member.write(row, &mut object);
    }
    object.close();
}

/// The part of a column that fits the type, and the rest.
fn divide<'a>(
    array: &'a ArrayRef,
    field: &'a Field,
    to: &DataType,
) -> (ArrayRef, Option<LeftOut<'a>>) {
    let from = &field.data_type;
    if to.holds(from) {
        return (widen(array, from, to), None);
    }
    let (DataType::Struct(from), DataType::Struct(to)) = (from, to) else {
        let nothing = new_null_array(&to.to_arrow(), array.len());
        return (nothing, Some(LeftOut::whole(array, field)));
    };
    let array = array.as_struct();
    let mut left_out = Vec::new();
    let columns = to
        .iter()
        .map(|to| match place(from, &to.name) {
            Some(at) => {
                let (column, rest) = divide(array.column(at), &from[at], &to.data_type);
                left_out.extend(rest);
                column
            }
            None => new_null_array(&to.data_type.to_arrow(), array.len()),
        })
        .collect();
    for (at, field) in from.iter().enumerate() {
        if find(to, &field.name).is_none() {
            left_out.push(LeftOut::whole(array.column(at), field));
        }
    }
    let column = struct_array(array.len(), to, columns, array.nulls().cloned());
    (column, Some(LeftOut::members(array, field, left_out)))
}

fn overflow(len: usize, mut left_out: Vec<LeftOut<'_>>) -> Option<ArrayRef> {
    left_out.sort_unstable_by_key(|field| field.name);
    let mut values = Vec::new();
    let mut offsets = Vec::with_capacity(len + 1);
    offsets.push(0);
    let mut valid = Vec::with_capacity(len);
    for row in 0..len {
        let some = left_out.iter().any(|field| !field.is_empty(row));
        if some {
            write_object(&left_out, row, &mut values);
        }
        valid.push(some);
        offsets.push(offset(values.len()));
    }
    valid
        .contains(&true)
        .then(|| string_array(offsets, values, Some(NullBuffer::from(valid))))
}

fn place(fields: &[Field], name: &str) -> Option<usize> {
    fields.iter().position(|field| &*field.name == name)
}
