//! Random arrays of every type, for the tests of this module.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array,
    ListArray, NullArray, StringArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use rand::rngs::StdRng;
use rand::{Rng, RngExt};

use super::calendar::{DAY, MICROSECONDS};
use super::decimal::power_of_ten;
use super::text::EXACT_INTEGERS;
use super::{DataType, item_field, map_array, struct_array};

/// An array of `len` rows, every fourth of which is null.
pub(super) fn random_array(data_type: &DataType, len: usize, rng: &mut StdRng) -> ArrayRef {
    let valid: Vec<bool> = (0..len).map(|_| !rng.random_ratio(1, 4)).collect();
    let nulls = Some(NullBuffer::from(valid));
    match data_type {
        DataType::Null => Arc::new(NullArray::new(len)),
        DataType::Bool => {
            let values: Vec<bool> = (0..len).map(|_| rng.random()).collect();
            Arc::new(BooleanArray::new(values.into(), nulls))
        }
        DataType::Int53 => {
            let exact = EXACT_INTEGERS as i64;
            let values = (0..len).map(|_| rng.random_range(-exact..=exact));
            Arc::new(Int64Array::new(values.collect(), nulls))
        }
        DataType::Int64 => Arc::new(Int64Array::new(values(len, rng, |rng| rng.random()), nulls)),
        DataType::Float64 => {
            let values = values(len, rng, |rng| f64::from_bits(rng.random()));
            Arc::new(Float64Array::new(values, nulls))
        }
        DataType::Decimal { precision, .. } => {
            let most = power_of_ten(*precision) - 1;
            let values = values(len, rng, |rng| rng.random_range(-most..=most));
            let array = Decimal128Array::new(values, nulls);
            Arc::new(array.with_data_type(data_type.to_arrow()))
        }
        DataType::Utf8 => {
            let texts = (0..len).map(|_| text(rng)).collect::<Vec<_>>();
            strings(texts, nulls)
        }
        DataType::Json => {
            let texts = (0..len).map(|_| format!("[{}]", rng.random_range(0..9)));
            strings(texts.collect(), nulls)
        }
        DataType::Binary => {
            let bytes: Vec<Vec<u8>> = (0..len).map(|_| text(rng).into_bytes()).collect();
            let bytes = BinaryArray::from_iter_values(&bytes);
            Arc::new(BinaryArray::new(
                bytes.offsets().clone(),
                bytes.values().clone(),
                nulls,
            ))
        }
        DataType::Date => Arc::new(Date32Array::new(
            values(len, rng, |rng| rng.random()),
            nulls,
        )),
        DataType::Time => {
            let day = DAY * MICROSECONDS;
            let values = values(len, rng, |rng| rng.random_range(0..day));
            Arc::new(Time64MicrosecondArray::new(values, nulls))
        }
        DataType::Timestamp | DataType::LocalTimestamp => {
            let values = values(len, rng, |rng| rng.random());
            let array = TimestampMicrosecondArray::new(values, nulls);
            Arc::new(array.with_timezone_opt((*data_type == DataType::Timestamp).then_some("UTC")))
        }
        DataType::List(item) => {
            let offsets = lengths(len, rng);
            let items = random_array(item, offsets.last().copied().unwrap_or(0) as usize, rng);
            Arc::new(ListArray::new(item_field(item), offsets, items, nulls))
        }
        DataType::Map(value) => {
            let offsets = lengths(len, rng);
            let entries = offsets.last().copied().unwrap_or(0) as usize;
            let keys = (0..entries).map(|_| text(rng)).collect();
            let values = random_array(value, entries, rng);
            map_array(value, offsets, strings(keys, None), values, nulls)
        }
        DataType::Struct(fields) => {
            let columns = fields
                .iter()
                .map(|field| random_array(&field.data_type, len, rng))
                .collect();
            struct_array(len, fields, columns, nulls)
        }
    }
}

fn values<T, C: FromIterator<T>>(
    len: usize,
    rng: &mut StdRng,
    mut value: impl FnMut(&mut StdRng) -> T,
) -> C {
    (0..len).map(|_| value(rng)).collect()
}

fn text(rng: &mut StdRng) -> String {
    let len = rng.random_range(0..4);
    (0..len)
        .map(|_| ['a', '"', 'é', '\n'][(rng.next_u32() % 4) as usize])
        .collect()
}

fn strings(texts: Vec<String>, nulls: Option<NullBuffer>) -> ArrayRef {
    let texts = StringArray::from_iter_values(texts);
    Arc::new(StringArray::new(
        texts.offsets().clone(),
        texts.values().clone(),
        nulls,
    ))
}

fn lengths(len: usize, rng: &mut StdRng) -> OffsetBuffer<i32> {
    OffsetBuffer::from_lengths((0..len).map(|_| rng.random_range(0..3)))
}
