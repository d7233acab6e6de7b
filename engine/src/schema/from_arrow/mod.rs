//! Any Arrow array as one of our types, losing nothing.
//!
//! - Integers of any width are int53, int64 or, beyond int64, a decimal, by the values that they
//!   hold; floats are float64; decimals of more than 38 digits are their digits as JSON text.
//! - Times and timestamps are in microseconds. A column with a value that microseconds do not hold,
//!   or no clock shows, is JSON text in which every value has its own digits. Points in time keep no
//!   zone but UTC.
//! - Durations and intervals are text in the form of ISO 8601 (`PT1.5S`, `P1M2DT3S`).
//! - The extension type `arrow.uuid` is text, `arrow.json` canonical JSON text (what is no JSON in it
//!   stands there as a string).
//! - A map is a map where its keys are text; where they are not, it is a list of structs of `key` and
//!   `value`; a column with a key that is twice in one map
//!   is JSON text, since readers refuse such maps.
//! - A union is its variant where there is one beside null, and else a struct of its variants, of
//!   which a row has one.
//! - Of fields with equal names all but the first get a number: `a`, `a_2`.
//!
//! What depends on values does so as [`DataType::merge`] allows: a value has the same text in the
//! wider type, so how rows are cut into arrays shows nowhere (I10).

mod extensions;
mod gather;
mod numbers;
mod repeated;
mod structs;
#[cfg(test)]
mod tests;
mod texts;
mod times;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, NullArray, PrimitiveArray};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowNativeType, ArrowPrimitiveType, DataType as ArrowType, Field as ArrowField,
};
use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;

pub(crate) use extensions::{JSON_EXTENSION, UUID_EXTENSION, write_uuid};

use super::DataType;
use super::widen::string_array;

/// Why an array is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FromArrowError {
    /// It would take more bytes than it may.
    #[error("its values take more room than is allowed")]
    TooLarge,
    /// Lists, maps and structs are nested deeper than they may be.
    #[error("its values are nested deeper than is allowed")]
    TooDeep,
    /// The library that knows Arrow refused it.
    #[error("{0}")]
    Arrow(String),
}

/// A type of ours, and values of it.
type Column = (DataType, ArrayRef);

/// Takes an array of any type: the narrowest type of ours that holds all its values, and the values
/// as an array of exactly [`DataType::to_arrow`].
///
/// `max_bytes` bounds what may be allocated for it (an estimate; never more than 2 GiB, as offsets
/// are 32 bits wide), `max_depth` the levels of lists, maps and structs.
///
/// # Errors
/// If it passes a bound; nothing else is known to be refused.
pub fn from_arrow(
    field: &ArrowField,
    array: &ArrayRef,
    max_bytes: usize,
    max_depth: usize,
) -> Result<Column, FromArrowError> {
    let mut convert = Convert {
        left: max_bytes.min(i32::MAX as usize),
        depth: max_depth,
    };
    convert.column(field, array, None)
}

/// Conversion of one array and what is in it.
struct Convert {
    /// Bytes that may still be allocated.
    left: usize,
    /// Levels that may still be entered.
    depth: usize,
}

impl Convert {
    /// Converts an array whose rows count only where `visible` says so: the others are null.
    fn column(
        &mut self,
        field: &ArrowField,
        array: &ArrayRef,
        visible: Option<&NullBuffer>,
    ) -> Result<Column, FromArrowError> {
        let nulls = NullBuffer::union(array.logical_nulls().as_ref(), visible);
        match array.data_type() {
            ArrowType::Null => Ok((DataType::Null, Arc::new(NullArray::new(array.len())))),
            ArrowType::Boolean => {
                let values = array.as_boolean().values();
                self.charge(array.len().div_ceil(8))?;
                // From the first bit on: the library checks nulls as if they began where values do.
                let values = BooleanBuffer::new(values.sliced(), 0, array.len());
                Ok((DataType::Bool, Arc::new(BooleanArray::new(values, nulls))))
            }
            ArrowType::Utf8 | ArrowType::LargeUtf8 | ArrowType::Utf8View => {
                self.texts(extension(field), array, nulls)
            }
            ArrowType::Binary
            | ArrowType::LargeBinary
            | ArrowType::BinaryView
            | ArrowType::FixedSizeBinary(_) => self.binaries(extension(field), array, nulls),
            ArrowType::Struct(fields) => self.structs(fields, array.as_struct(), nulls),
            ArrowType::Union(fields, _) => self.union(fields, array, visible),
            ArrowType::Dictionary(..) => self.dictionary(field, array, visible),
            ArrowType::RunEndEncoded(..) => self.runs(field, array, visible),
            data_type if data_type.is_nested() => self.repeated(array, nulls),
            data_type if data_type.is_temporal() => self.time(array, nulls),
            _ => self.number(array, nulls),
        }
    }

    /// Counts bytes that are about to be allocated.
    fn charge(&mut self, bytes: usize) -> Result<(), FromArrowError> {
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or(FromArrowError::TooLarge)?;
        Ok(())
    }

    /// Runs `convert` one level deeper.
    fn deeper<T>(
        &mut self,
        convert: impl FnOnce(&mut Self) -> Result<T, FromArrowError>,
    ) -> Result<T, FromArrowError> {
        self.depth = self.depth.checked_sub(1).ok_or(FromArrowError::TooDeep)?;
        let converted = convert(self);
        self.depth += 1;
        converted
    }

    /// A column of texts, one written for each row that is not null.
    fn written(
        &mut self,
        data_type: DataType,
        len: usize,
        nulls: Option<NullBuffer>,
        mut write: impl FnMut(usize, &mut Vec<u8>),
    ) -> Result<Column, FromArrowError> {
        self.charge((len + 1) * size_of::<i32>())?;
        let mut values = Vec::new();
        let mut offsets = Vec::with_capacity(len + 1);
        offsets.push(0);
        for row in 0..len {
            let before = values.len();
            if is_valid(nulls.as_ref(), row) {
                write(row, &mut values);
            }
            self.charge(values.len() - before)?;
            // Below 2^31, as `left` was.
            offsets.push(values.len() as i32);
        }
        Ok((data_type, string_array(offsets, values, nulls)))
    }

    /// The values of a primitive array as `map` makes them; `None` where it refuses one. Rows that
    /// are null are not asked about.
    fn mapped<T: ArrowPrimitiveType, O: ArrowNativeType>(
        &mut self,
        array: &PrimitiveArray<T>,
        nulls: Option<&NullBuffer>,
        mut map: impl FnMut(T::Native) -> Option<O>,
    ) -> Result<Option<ScalarBuffer<O>>, FromArrowError> {
        self.charge(array.len() * size_of::<O>())?;
        let value = |(row, value): (usize, &T::Native)| match is_valid(nulls, row) {
            true => map(*value),
            false => Some(O::default()),
        };
        let values: Option<Vec<O>> = array.values().iter().enumerate().map(value).collect();
        Ok(values.map(ScalarBuffer::from))
    }
}

fn is_valid(nulls: Option<&NullBuffer>, row: usize) -> bool {
    nulls.is_none_or(|nulls| nulls.is_valid(row))
}

/// The name of a field's extension type.
fn extension(field: &ArrowField) -> Option<&str> {
    field
        .metadata()
        .get(EXTENSION_TYPE_NAME_KEY)
        .map(String::as_str)
}

fn arrow_error(error: arrow_schema::ArrowError) -> FromArrowError {
    FromArrowError::Arrow(error.to_string())
}
