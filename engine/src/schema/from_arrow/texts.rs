//! Text and bytes.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, StringArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType as ArrowType;

use super::extensions::{JSON_EXTENSION, UUID_EXTENSION, write_json, write_uuid};
use super::{Column, Convert, FromArrowError, is_valid};
use crate::schema::DataType;
use crate::schema::text::write_string;

impl Convert {
    pub(super) fn texts<'a>(
        &mut self,
        extension: Option<&str>,
        array: &'a ArrayRef,
        nulls: Option<NullBuffer>,
    ) -> Result<Column, FromArrowError> {
        let text: Box<dyn Fn(usize) -> &'a str + 'a> = match array.data_type() {
            ArrowType::Utf8 if extension != Some(JSON_EXTENSION) => {
                let array = array.as_string::<i32>();
                let (offsets, values) = (array.offsets().clone(), array.values().clone());
                let array = StringArray::new(offsets, values, nulls);
                return Ok((DataType::Utf8, Arc::new(array)));
            }
            ArrowType::Utf8 => Box::new(|row| array.as_string::<i32>().value(row)),
            ArrowType::LargeUtf8 => Box::new(|row| array.as_string::<i64>().value(row)),
            _ => Box::new(|row| array.as_string_view().value(row)),
        };
        if extension != Some(JSON_EXTENSION) {
            return self.written(DataType::Utf8, array.len(), nulls, |row, out| {
                out.extend_from_slice(text(row).as_bytes());
            });
        }
        let depth = self.depth;
        self.written(DataType::Json, array.len(), nulls, |row, out| {
            let before = out.len();
            if write_json(text(row), depth, out).is_none() {
                out.truncate(before);
                write_string(out, text(row));
            }
        })
    }

    pub(super) fn binaries<'a>(
        &mut self,
        extension: Option<&str>,
        array: &'a ArrayRef,
        nulls: Option<NullBuffer>,
    ) -> Result<Column, FromArrowError> {
        let bytes: Box<dyn Fn(usize) -> &'a [u8] + 'a> = match array.data_type() {
            ArrowType::Binary => {
                let array = array.as_binary::<i32>();
                let (offsets, values) = (array.offsets().clone(), array.values().clone());
                let array = BinaryArray::new(offsets, values, nulls);
                return Ok((DataType::Binary, Arc::new(array)));
            }
            ArrowType::LargeBinary => Box::new(|row| array.as_binary::<i64>().value(row)),
            ArrowType::BinaryView => Box::new(|row| array.as_binary_view().value(row)),
            _ => Box::new(|row| array.as_fixed_size_binary().value(row)),
        };
        let len = array.len();
        if extension == Some(UUID_EXTENSION) && *array.data_type() == ArrowType::FixedSizeBinary(16)
        {
            return self.written(DataType::Utf8, len, nulls, |row, out| {
                write_uuid(bytes(row), out);
            });
        }
        self.charge((len + 1) * size_of::<i32>())?;
        let mut values = Vec::new();
        let mut offsets = Vec::with_capacity(len + 1);
        offsets.push(0);
        for row in 0..len {
            if is_valid(nulls.as_ref(), row) {
                self.charge(bytes(row).len())?;
                values.extend_from_slice(bytes(row));
            }
            // Below 2^31, as `left` was.
            offsets.push(values.len() as i32);
        }
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let array = BinaryArray::new(offsets, Buffer::from_vec(values), nulls);
        Ok((DataType::Binary, Arc::new(array)))
    }
}
