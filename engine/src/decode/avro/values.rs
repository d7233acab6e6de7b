//! Values of a type under way to an Arrow array.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, BooleanBufferBuilder, Date32Array, Decimal128Array,
    Decimal256Array, Float32Array, Float64Array, Int32Array, Int64Array, ListArray, MapArray,
    NullArray, NullBufferBuilder, PrimitiveArray, StringArray, StructArray, Time32MillisecondArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, UnionArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Fields, UnionFields, i256};
use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;

use super::cursor::Room;
pub(super) use crate::decode::ends::Ends;
use crate::decode::whole_file::Refusal;

/// Values of one type, null or not.
pub(super) struct Column {
    pub(super) nulls: NullBufferBuilder,
    pub(super) values: Values,
    /// The name of Arrow's extension type, if it is of one.
    pub(super) extension: Option<&'static str>,
}

pub(super) enum Values {
    Null,
    Boolean(BooleanBufferBuilder),
    Int(Vec<i32>),
    Long(Vec<i64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Bytes(Ends),
    /// Of fixed size.
    Fixed(i32, Vec<u8>),
    Text(Ends),
    Date(Vec<i32>),
    TimeMillis(Vec<i32>),
    TimeMicros(Vec<i64>),
    Timestamp(Vec<i64>, i64, bool),
    Decimal(Vec<i128>, u8, u8),
    LongDecimal(Vec<i256>, u8, u8),
    List(Vec<i32>, Box<Column>),
    /// Keys and values.
    Map(Vec<i32>, Ends, Box<Column>),
    Record(Vec<(String, Column)>),
    /// Branches by name, and for each value its branch and place in it.
    Union(Vec<(String, Column)>, Vec<i8>, Vec<i32>),
}

impl Column {
    pub(super) fn new(values: Values) -> Self {
        Self {
            nulls: NullBufferBuilder::new(0),
            values,
            extension: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.nulls.len()
    }

    /// A null, and in it nulls of all that is in the type.
    pub(super) fn push_null(&mut self, room: &mut Room) -> Result<(), Refusal> {
        room.cell()?;
        self.nulls.append_null();
        match &mut self.values {
            Values::Null => {}
            Values::Boolean(values) => values.append(false),
            Values::Int(values) | Values::Date(values) | Values::TimeMillis(values) => {
                values.push(0);
            }
            Values::Long(values) | Values::TimeMicros(values) | Values::Timestamp(values, ..) => {
                values.push(0);
            }
            Values::Float(values) => values.push(0.0),
            Values::Double(values) => values.push(0.0),
            Values::Bytes(ends) | Values::Text(ends) => ends.close(),
            Values::Fixed(size, data) => {
                room.bytes(*size as usize)?;
                data.resize(data.len() + *size as usize, 0);
            }
            Values::Decimal(values, ..) => values.push(0),
            Values::LongDecimal(values, ..) => values.push(i256::ZERO),
            Values::List(offsets, _) | Values::Map(offsets, ..) => {
                offsets.extend(offsets.last().copied());
            }
            Values::Record(fields) => {
                for (_, field) in fields {
                    field.push_null(room)?;
                }
            }
            // A null in the first branch, whatever that is.
            Values::Union(branches, ids, places) => {
                let (_, first) = &mut branches[0];
                ids.push(0);
                places.push(first.len() as i32);
                first.push_null(room)?;
            }
        }
        Ok(())
    }

    /// Forgets the values from `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        self.nulls.truncate(len);
        match &mut self.values {
            Values::Null => {}
            Values::Boolean(values) => values.truncate(len),
            Values::Int(values) | Values::Date(values) | Values::TimeMillis(values) => {
                values.truncate(len);
            }
            Values::Long(values) | Values::TimeMicros(values) | Values::Timestamp(values, ..) => {
                values.truncate(len);
            }
            Values::Float(values) => values.truncate(len),
            Values::Double(values) => values.truncate(len),
            Values::Bytes(ends) | Values::Text(ends) => ends.truncate(len),
            Values::Fixed(size, data) => data.truncate(len * *size as usize),
            Values::Decimal(values, ..) => values.truncate(len),
            Values::LongDecimal(values, ..) => values.truncate(len),
            Values::List(offsets, items) => {
                offsets.truncate(len + 1);
                items.truncate(offsets[len] as usize);
            }
            Values::Map(offsets, keys, values) => {
                offsets.truncate(len + 1);
                keys.truncate(offsets[len] as usize);
                values.truncate(offsets[len] as usize);
            }
            Values::Record(fields) => {
                fields.iter_mut().for_each(|(_, field)| field.truncate(len));
            }
            Values::Union(branches, ids, places) => {
                for (id, place) in ids.drain(len..).zip(places.drain(len..)).rev() {
                    branches[id as usize].1.truncate(place as usize);
                }
            }
        }
    }

    /// The values as an array, with the field that it stands under.
    pub(super) fn finish(self, name: &str) -> (Field, ArrayRef) {
        let len = self.len();
        let array = finish(self.values, len, self.nulls.build());
        let field = Field::new(name, array.data_type().clone(), true);
        let field = match self.extension {
            None => field,
            Some(extension) => {
                let name = (EXTENSION_TYPE_NAME_KEY.to_owned(), extension.to_owned());
                field.with_metadata(HashMap::from([name]))
            }
        };
        (field, array)
    }
}

fn finish(values: Values, len: usize, nulls: Option<NullBuffer>) -> ArrayRef {
    match values {
        Values::Null => Arc::new(NullArray::new(len)),
        Values::Boolean(mut values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
        Values::Int(values) => Arc::new(Int32Array::new(values.into(), nulls)),
        Values::Long(values) => Arc::new(Int64Array::new(values.into(), nulls)),
        Values::Float(values) => Arc::new(Float32Array::new(values.into(), nulls)),
        Values::Double(values) => Arc::new(Float64Array::new(values.into(), nulls)),
        Values::Bytes(ends) => {
            let (offsets, data) = ends.into_buffers();
            Arc::new(BinaryArray::new(offsets, data, nulls))
        }
        Values::Fixed(size, data) => {
            let data = Buffer::from_vec(data);
            let array =
                arrow::array::FixedSizeBinaryArray::try_new_with_len(size, data, nulls, len);
            Arc::new(array.expect("so many values of the size"))
        }
        Values::Text(ends) => {
            let (offsets, data) = ends.into_buffers();
            // SAFETY: `data` is made of whole `&str`s and of canonical JSON text, which is; offsets
            // stand between those.
            Arc::new(unsafe { StringArray::new_unchecked(offsets, data, nulls) })
        }
        Values::Date(values) => Arc::new(Date32Array::new(values.into(), nulls)),
        Values::TimeMillis(values) => Arc::new(Time32MillisecondArray::new(values.into(), nulls)),
        Values::TimeMicros(values) => Arc::new(Time64MicrosecondArray::new(values.into(), nulls)),
        Values::Timestamp(values, 1_000, utc) => {
            zoned(TimestampMillisecondArray::new(values.into(), nulls), utc)
        }
        Values::Timestamp(values, 1_000_000, utc) => {
            zoned(TimestampMicrosecondArray::new(values.into(), nulls), utc)
        }
        Values::Timestamp(values, _, utc) => {
            zoned(TimestampNanosecondArray::new(values.into(), nulls), utc)
        }
        Values::Decimal(values, precision, scale) => {
            let array = Decimal128Array::new(values.into(), nulls);
            let data_type = DataType::Decimal128(precision, scale as i8);
            Arc::new(array.with_data_type(data_type))
        }
        Values::LongDecimal(values, precision, scale) => {
            let array = Decimal256Array::new(values.into(), nulls);
            let data_type = DataType::Decimal256(precision, scale as i8);
            Arc::new(array.with_data_type(data_type))
        }
        Values::List(offsets, items) => {
            let (field, items) = items.finish("item");
            let offsets = OffsetBuffer::new(offsets.into());
            Arc::new(ListArray::new(Arc::new(field), offsets, items, nulls))
        }
        Values::Map(offsets, keys, values) => map(offsets, keys, *values, nulls),
        Values::Record(fields) => record(fields, len, nulls),
        Values::Union(branches, ids, places) => union(branches, ids, places),
    }
}

fn zoned<T>(array: PrimitiveArray<T>, utc: bool) -> ArrayRef
where
    T: ArrowPrimitiveType + arrow::datatypes::ArrowTimestampType,
{
    Arc::new(array.with_timezone_opt(utc.then_some("UTC")))
}

fn map(offsets: Vec<i32>, keys: Ends, values: Column, nulls: Option<NullBuffer>) -> ArrayRef {
    let keys = finish(Values::Text(keys), values.len(), None);
    let key = Field::new("key", DataType::Utf8, false);
    let (value, values) = values.finish("value");
    let fields: Fields = vec![key, value].into();
    let entries = StructArray::new(fields.clone(), vec![keys, values], None);
    let field = Arc::new(Field::new("entries", DataType::Struct(fields), false));
    let offsets = OffsetBuffer::new(offsets.into());
    Arc::new(MapArray::new(field, offsets, entries, nulls, false))
}

pub(super) fn record(
    fields: Vec<(String, Column)>,
    len: usize,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    if fields.is_empty() {
        return Arc::new(StructArray::new_empty_fields(len, nulls));
    }
    let fields = fields
        .into_iter()
        .map(|(name, column)| column.finish(&name));
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = fields.unzip();
    Arc::new(StructArray::new(fields.into(), arrays, nulls))
}

fn union(branches: Vec<(String, Column)>, ids: Vec<i8>, places: Vec<i32>) -> ArrayRef {
    let branches = branches
        .into_iter()
        .map(|(name, column)| column.finish(&name));
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = branches.unzip();
    let fields = fields.into_iter().enumerate();
    let fields: UnionFields = fields
        .map(|(id, field)| (id as i8, Arc::new(field)))
        .collect();
    let union = UnionArray::try_new(fields, ids.into(), Some(places.into()), arrays);
    Arc::new(union.expect("every value has a place in its branch"))
}
