//! Random arrays: against the library's own writer of JSON, and cut in two.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal128Array,
    DictionaryArray, FixedSizeBinaryArray, FixedSizeListArray, Float64Array, Int8Array, Int32Array,
    Int64Array, LargeListArray, ListArray, ListViewArray, MapArray, NullArray, RecordBatch,
    RunArray, StringArray, StructArray, Time32MillisecondArray, Time64NanosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
    UnionArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType as ArrowType, Field as ArrowField, Fields, Int32Type, UnionFields,
};
use arrow_json::WriterBuilder;
use arrow_json::writer::JsonArray;
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use super::{convert, texts};
use crate::schema::widen;

/// Makes random arrays.
struct Random {
    rng: StdRng,
    /// Whether values are made that no type but text holds, or that the library's writer of JSON
    /// writes in another way.
    wild: bool,
}

impl Random {
    fn nulls(&mut self, len: usize) -> Option<NullBuffer> {
        let valid: Vec<bool> = (0..len).map(|_| !self.rng.random_ratio(1, 4)).collect();
        self.rng.random::<bool>().then(|| NullBuffer::from(valid))
    }

    fn ints(&mut self, len: usize) -> Vec<i64> {
        let shift = self.rng.random_range(0..64);
        let int = |_| self.rng.random::<i64>() >> shift;
        (0..len).map(int).collect()
    }

    /// Integers of one type or another.
    fn numbers(&mut self, len: usize) -> ArrayRef {
        let types = [
            ArrowType::Int8,
            ArrowType::Int16,
            ArrowType::Int32,
            ArrowType::UInt8,
            ArrowType::UInt16,
            ArrowType::UInt32,
            ArrowType::UInt64,
            ArrowType::Float16,
            ArrowType::Float32,
        ];
        let nulls = self.nulls(len);
        let small: Vec<i64> = (0..len).map(|_| self.rng.random_range(0..128)).collect();
        let array: ArrayRef = Arc::new(Int64Array::new(small.into(), nulls.clone()));
        match self.rng.random_range(0..types.len() + 5) {
            0 => Arc::new(Int64Array::new(self.ints(len).into(), nulls)),
            1 => {
                let floats = (0..len).map(|_| f64::from(self.rng.random::<i32>()) / 8.0);
                Arc::new(Float64Array::new(floats.collect(), nulls))
            }
            2 if self.wild => {
                let ints = self.ints(len).into_iter().map(|int| int as u64);
                Arc::new(UInt64Array::new(ints.collect(), nulls))
            }
            3 | 4 => {
                let ints = self.ints(len).into_iter().map(|int| i128::from(int >> 20));
                let array = Decimal128Array::new(ints.collect(), nulls);
                let types = [
                    ArrowType::Decimal128(20, 3),
                    ArrowType::Decimal64(18, 3),
                    ArrowType::Decimal256(30, 3),
                ];
                let array = array.with_precision_and_scale(20, 3).unwrap();
                cast(&array, &types[self.rng.random_range(0..3)]).unwrap()
            }
            n => cast(&array, &types[n % types.len()]).unwrap(),
        }
    }

    fn times(&mut self, len: usize) -> ArrayRef {
        let nulls = self.nulls(len);
        let seconds: Vec<i64> = (0..len)
            .map(|_| self.rng.random_range(-9_000_000_000..9_000_000_000))
            .collect();
        let finer = if self.wild && self.rng.random() {
            1
        } else {
            1_000
        };
        let nanos =
            |second: &i64| (second % 86_400).abs() * 1_000_000_000 + second.abs() % 10 * finer;
        let instants = || {
            seconds
                .iter()
                .map(|second| second * 1_000_000_000 + nanos(second))
        };
        match self.rng.random_range(0..7) {
            0 => {
                let days = seconds.iter().map(|second| (second / 86_400) as i32);
                Arc::new(Date32Array::new(days.collect(), nulls))
            }
            1 => {
                let millis = seconds
                    .iter()
                    .map(|second| (second % 86_400).abs() as i32 * 1_000 + 7);
                Arc::new(Time32MillisecondArray::new(millis.collect(), nulls))
            }
            2 => Arc::new(Time64NanosecondArray::new(
                seconds.iter().map(nanos).collect(),
                nulls,
            )),
            3 => {
                let array = TimestampSecondArray::new(seconds.into(), nulls);
                Arc::new(array.with_timezone_opt(self.wild.then_some("Europe/Berlin")))
            }
            4 => Arc::new(TimestampMillisecondArray::new(seconds.into(), nulls)),
            5 if self.wild => Arc::new(Date64Array::new(
                seconds
                    .iter()
                    .map(|second| second / 10 * 86_400_000 + second.abs() % finer)
                    .collect(),
                nulls,
            )),
            _ => Arc::new(TimestampNanosecondArray::new(instants().collect(), nulls)),
        }
    }

    fn texts(&mut self, len: usize) -> ArrayRef {
        let nulls = self.nulls(len);
        let text = |row: usize| {
            "añ\"b\nc☃d"
                .chars()
                .cycle()
                .skip(row)
                .take(row % 17)
                .collect()
        };
        let texts: Vec<String> = (0..len).map(text).collect();
        if self.rng.random() {
            let types = [ArrowType::Utf8, ArrowType::LargeUtf8, ArrowType::Utf8View];
            let array = StringArray::from_iter_values(texts);
            let array = StringArray::new(array.offsets().clone(), array.values().clone(), nulls);
            return cast(&array, &types[self.rng.random_range(0..3)]).unwrap();
        }
        if self.rng.random_ratio(1, 4) {
            let bytes: Vec<u8> = (0..len * 3).map(|_| self.rng.random()).collect();
            return Arc::new(FixedSizeBinaryArray::new(3, bytes.into(), nulls));
        }
        let types = [
            ArrowType::Binary,
            ArrowType::LargeBinary,
            ArrowType::BinaryView,
        ];
        let array = BinaryArray::from_iter_values(texts);
        let array = BinaryArray::new(array.offsets().clone(), array.values().clone(), nulls);
        cast(&array, &types[self.rng.random_range(0..3)]).unwrap()
    }

    fn leaf(&mut self, len: usize) -> ArrayRef {
        match self.rng.random_range(0..5) {
            0 => self.numbers(len),
            1 => self.times(len),
            2 => self.texts(len),
            3 => {
                let bools: Vec<bool> = (0..len).map(|_| self.rng.random()).collect();
                Arc::new(BooleanArray::new(bools.into(), self.nulls(len)))
            }
            _ if self.rng.random_ratio(1, 4) => Arc::new(NullArray::new(len)),
            _ => self.numbers(len),
        }
    }

    /// An array of any type, `depth` levels deep, cut out of a longer one.
    fn array(&mut self, len: usize, depth: usize) -> ArrayRef {
        let (before, after) = (self.rng.random_range(0..3), self.rng.random_range(0..3));
        self.whole(before + len + after, depth).slice(before, len)
    }

    fn whole(&mut self, len: usize, depth: usize) -> ArrayRef {
        if depth == 0 {
            return self.leaf(len);
        }
        match self.rng.random_range(0..10) {
            0 | 1 => self.list(len, depth),
            2 => {
                let fields = (0..self.rng.random_range(1..4)).map(|at| {
                    let array = self.array(len, depth - 1);
                    let field = ArrowField::new(format!("f{at}"), array.data_type().clone(), true);
                    (Arc::new(field), array)
                });
                let (fields, arrays): (Vec<_>, Vec<_>) = fields.unzip();
                Arc::new(StructArray::new(fields.into(), arrays, self.nulls(len)))
            }
            3 => self.map(len, depth),
            4 => {
                let values = self.shared(5, depth - 1);
                let keys = (0..len).map(|_| self.rng.random_range(0..5)).collect();
                let keys = Int8Array::new(keys, self.nulls(len));
                Arc::new(DictionaryArray::new(keys, values))
            }
            5 => {
                let values = self.shared(len.div_ceil(2), depth - 1);
                let ends = (0..values.len()).map(|at| (at as i32 * 2 + 2).min(len as i32));
                let ends = Int32Array::from_iter_values(ends);
                Arc::new(RunArray::<Int32Type>::try_new(&ends, &values).unwrap())
            }
            6 if self.wild => self.union(len, depth),
            _ => self.leaf(len),
        }
    }

    /// Values of a dictionary or of runs. The library's writer of JSON does not see nulls in them.
    fn shared(&mut self, len: usize, depth: usize) -> ArrayRef {
        loop {
            let values = self.array(len, depth);
            if self.wild || values.logical_null_count() == 0 {
                return values;
            }
        }
    }

    fn list(&mut self, len: usize, depth: usize) -> ArrayRef {
        let lengths: Vec<usize> = (0..len).map(|_| self.rng.random_range(0..3)).collect();
        let items = self.array(lengths.iter().sum(), depth - 1);
        let nulls = self.nulls(len);
        let field = Arc::new(ArrowField::new("x", items.data_type().clone(), true));
        match self.rng.random_range(0..4) {
            0 => {
                let offsets = OffsetBuffer::from_lengths(lengths);
                Arc::new(ListArray::new(field, offsets, items, nulls))
            }
            1 => {
                let offsets = OffsetBuffer::from_lengths(lengths);
                Arc::new(LargeListArray::new(field, offsets, items, nulls))
            }
            2 => {
                // Lists in any order, and over one another.
                let size = |_| self.rng.random_range(0..=items.len().min(2)) as i32;
                let sizes: Vec<i32> = (0..len).map(size).collect();
                let offset = |size: &i32| self.rng.random_range(0..=items.len() as i32 - size);
                let offsets: Vec<i32> = sizes.iter().map(offset).collect();
                let (offsets, sizes) = (ScalarBuffer::from(offsets), ScalarBuffer::from(sizes));
                Arc::new(ListViewArray::new(field, offsets, sizes, items, nulls))
            }
            _ => {
                let items = self.array(len * 2, depth - 1);
                let field = Arc::new(ArrowField::new("x", items.data_type().clone(), true));
                Arc::new(FixedSizeListArray::new(field, 2, items, nulls))
            }
        }
    }

    fn map(&mut self, len: usize, depth: usize) -> ArrayRef {
        let lengths: Vec<usize> = (0..len).map(|_| self.rng.random_range(0..3)).collect();
        let entries = lengths.iter().sum();
        let values = self.array(entries, depth - 1);
        let different = if self.wild { 3 } else { usize::MAX };
        let keys = (0..entries).map(|at| format!("k{}", at % different));
        let keys: ArrayRef = Arc::new(StringArray::from_iter_values(keys));
        let keys = match self.wild && self.rng.random() {
            true => Arc::new(Int32Array::from_iter_values(0..entries as i32)),
            false => keys,
        };
        let fields = Fields::from(vec![
            ArrowField::new("keys", keys.data_type().clone(), false),
            ArrowField::new("values", values.data_type().clone(), true),
        ]);
        let entries = StructArray::new(fields.clone(), vec![keys, values], None);
        let field = ArrowField::new("entries", ArrowType::Struct(fields), false);
        let offsets = OffsetBuffer::from_lengths(lengths);
        Arc::new(MapArray::new(
            field.into(),
            offsets,
            entries,
            self.nulls(len),
            false,
        ))
    }

    fn union(&mut self, len: usize, depth: usize) -> ArrayRef {
        let children: Vec<ArrayRef> = (0..3).map(|_| self.array(len, depth - 1)).collect();
        let fields = children.iter().enumerate().map(|(at, child)| {
            let field = ArrowField::new(format!("v{}", at / 2), child.data_type().clone(), true);
            (at as i8, Arc::new(field))
        });
        let fields: UnionFields = fields.collect();
        let ids: Vec<i8> = (0..len).map(|_| self.rng.random_range(0..3)).collect();
        let offsets = (0..len).map(|_| self.rng.random_range(0..len) as i32);
        let offsets: Vec<i32> = offsets.collect();
        let offsets = self.rng.random::<bool>().then(|| offsets.into());
        Arc::new(UnionArray::try_new(fields, ids.into(), offsets, children).unwrap())
    }
}

fn field_of(array: &ArrayRef) -> ArrowField {
    ArrowField::new("f", array.data_type().clone(), true)
}

/// The rows as the library writes them.
fn written(array: &ArrayRef) -> Vec<Value> {
    let batch = RecordBatch::try_from_iter_with_nullable([("f", Arc::clone(array), true)]).unwrap();
    let mut writer = WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, JsonArray>(Vec::new());
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    let text = writer.into_inner();
    // No rows, no list.
    serde_json::from_slice(if text.is_empty() { b"[]" } else { &text }).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn values_are_those_that_the_library_writes(seed in any::<u64>(), len in 0..20_usize, depth in 0..4_usize) {
        let mut random = Random { rng: StdRng::seed_from_u64(seed), wild: false };
        let array = random.array(len, depth);
        let (_, converted) = convert(&field_of(&array), &array);
        prop_assert_eq!(written(&converted), written(&array), "{:?}", array.data_type());
    }

    #[test]
    fn it_does_not_matter_where_rows_are_cut(
        seed in any::<u64>(),
        len in 1..20_usize,
        depth in 0..4_usize,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut random = Random { rng: StdRng::seed_from_u64(seed), wild: true };
        let array = random.array(len, depth);
        let field = field_of(&array);
        let cut = cut.index(len + 1);
        let (whole, converted) = convert(&field, &array);
        let expected = texts(&whole, &converted);
        let (first, head) = convert(&field, &array.slice(0, cut));
        let (second, tail) = convert(&field, &array.slice(cut, len - cut));
        prop_assert_eq!(first.merge(&second), whole.clone());
        prop_assert_eq!(texts(&whole, &widen(&head, &first, &whole)), &expected[..cut]);
        prop_assert_eq!(texts(&whole, &widen(&tail, &second, &whole)), &expected[cut..]);
    }
}
