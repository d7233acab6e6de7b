//! Types that JSON does not have, in columns as decoders of Avro, Parquet and Protobuf make them.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array,
    Int64Builder, ListArray, MapBuilder, StringArray, StringBuilder, Time64MicrosecondArray,
    TimestampMicrosecondArray, TimestampMillisecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use shardmill_engine::schema::{DataType, Field, Schema};
use shardmill_engine::statistics::{
    Bound, Decimal, FieldStatistics, Pane, PaneLimits, Sum, ValueType,
};
use shardmill_engine::types::Rows;

use crate::documents::shard;

/// A table of one column `x`, its rows a second apart.
fn rows(data_type: DataType, column: ArrayRef) -> Rows {
    let len = column.len();
    let count = |first: i64| (0..len as i64).map(move |row| first + row);
    let sequences: Vec<String> = count(100).map(|number| number.to_string()).collect();
    Rows {
        len,
        schema: Arc::new(Schema {
            fields: vec![Field::new("x", data_type)],
        }),
        columns: vec![column],
        sequence: Arc::new(StringArray::from(sequences)),
        subsequence: Arc::new(Int64Array::from(vec![0; len])),
        partition_key: Arc::new(StringArray::from(vec!["key"; len])),
        arrival: Arc::new(
            TimestampMillisecondArray::from_iter_values(count(0).map(|second| second * 1_000))
                .with_timezone("UTC"),
        ),
        index: Arc::new(Int32Array::from(vec![0; len])),
    }
}

fn observed(data_type: DataType, column: ArrayRef) -> Pane {
    let mut pane = Pane::new(PaneLimits::default());
    pane.observe_rows(&shard(), &rows(data_type, column));
    // As it is stored.
    let bytes = pane.encode(&[]).unwrap();
    let (stored, _) = Pane::decode(bytes.into(), pane.limits().clone()).unwrap();
    assert_eq!(pane.difference(&stored), None);
    stored
}

fn sum(pane: &Pane, path: &str, kind: ValueType) -> Option<Sum> {
    let measures = pane.field(path)?.of(kind)?.measures.as_ref();
    measures.map(|own| own.sum)
}

fn latest(field: &FieldStatistics) -> Vec<&str> {
    field
        .latest
        .values()
        .iter()
        .map(|own| &*own.value)
        .collect()
}

#[test]
fn decimals_are_exact_and_integers_among_them_are_integers() {
    let decimal = DataType::Decimal {
        precision: 38,
        scale: 2,
    };
    let most = 10i128.pow(38) - 1;
    let values = Decimal128Array::from(vec![Some(150), Some(300), None, Some(-25), Some(most)])
        .with_precision_and_scale(38, 2)
        .unwrap();
    let pane = observed(decimal, Arc::new(values));
    let field = pane.field("x").unwrap();
    assert_eq!(field.events, 4);
    let integers = field.of(ValueType::Integer).unwrap();
    assert_eq!(
        integers.bounds,
        Some((Bound::Integer(3), Bound::Integer(3)))
    );
    let decimals = field.of(ValueType::Decimal).unwrap();
    assert_eq!(decimals.values, 3);
    let bounds = (Decimal::new(-25, 2), Decimal::new(most, 2));
    assert_eq!(
        decimals.bounds,
        Some((Bound::Decimal(bounds.0), Bound::Decimal(bounds.1)))
    );
    assert_eq!(latest(field)[1..], ["-0.25", "3"]);
}

#[test]
fn times_have_bounds_and_are_told_apart_and_shown_as_text() {
    let micros = 1_795_341_780_000_000;
    let times = |values: &[i64]| TimestampMicrosecondArray::from(values.to_vec());
    let of = |pane: &Pane, kind| {
        let field = pane.field("x").unwrap();
        let typed = field.of(kind).unwrap();
        let distinct = typed
            .sketches
            .distinct
            .as_ref()
            .unwrap()
            .estimate()
            .estimate;
        (
            typed.bounds.clone(),
            distinct.round() as u64,
            latest(field)[0].to_owned(),
        )
    };
    let instants = times(&[micros + 5, micros, micros]).with_timezone("UTC");
    let pane = observed(DataType::Timestamp, Arc::new(instants));
    let bounds = Some((Bound::Integer(micros), Bound::Integer(micros + 5)));
    let text = "2026-11-22T10:03:00Z".to_owned();
    assert_eq!(of(&pane, ValueType::Timestamp), (bounds, 2, text));

    let pane = observed(DataType::LocalTimestamp, Arc::new(times(&[0])));
    let bounds = Some((Bound::Integer(0), Bound::Integer(0)));
    let text = "1970-01-01T00:00:00".to_owned();
    assert_eq!(of(&pane, ValueType::LocalTimestamp), (bounds, 1, text));

    let pane = observed(
        DataType::Date,
        Arc::new(Date32Array::from(vec![-1, 20_000])),
    );
    let bounds = Some((Bound::Integer(-1), Bound::Integer(20_000)));
    assert_eq!(
        of(&pane, ValueType::Date),
        (bounds, 2, "2024-10-04".to_owned())
    );

    let noon = Time64MicrosecondArray::from(vec![43_200_500_000]);
    let pane = observed(DataType::Time, Arc::new(noon));
    let bounds = Some((
        Bound::Integer(43_200_500_000),
        Bound::Integer(43_200_500_000),
    ));
    assert_eq!(
        of(&pane, ValueType::Time),
        (bounds, 1, "12:00:00.5".to_owned())
    );
}

#[test]
fn what_is_not_finite_is_counted_apart() {
    let values = [1.5, f64::NAN, f64::INFINITY, -0.0, -f64::NAN, 2.0];
    let pane = observed(
        DataType::Float64,
        Arc::new(Float64Array::from(values.to_vec())),
    );
    let field = pane.field("x").unwrap();
    assert_eq!(field.of(ValueType::Integer).unwrap().values, 1);
    let floats = field.of(ValueType::Float).unwrap();
    assert_eq!((floats.values, floats.not_finite), (5, 3));
    assert_eq!(floats.bounds, Some((Bound::Float(-0.0), Bound::Float(1.5))));
    let measures = floats.measures.as_ref().unwrap();
    assert_eq!((measures.sum.to_float(), measures.moments.count), (1.5, 2));
    // 1.5, -0.0, infinity and what is no number.
    let distinct = floats
        .sketches
        .distinct
        .as_ref()
        .unwrap()
        .estimate()
        .estimate;
    assert_eq!(distinct.round() as u64, 4);
}

#[test]
fn bytes_have_lengths_and_are_told_apart() {
    let values = BinaryArray::from_opt_vec(vec![Some(b"ab"), None, Some(b"ab"), Some(b"")]);
    let pane = observed(DataType::Binary, Arc::new(values));
    let typed = pane.field("x").unwrap().of(ValueType::Binary).unwrap();
    let measures = typed.measures.as_ref().unwrap();
    assert_eq!((typed.values, measures.sum), (3, Sum::Integer(4)));
    assert_eq!((measures.lowest, measures.highest), (0.0, 2.0));
    assert_eq!(latest(pane.field("x").unwrap()), ["", "YWI=", "YWI="]);
}

#[test]
fn entries_of_maps_are_fields_of_their_own() {
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int64Builder::new());
    for (entries, valid) in [
        (vec![("a", 1), ("b", 2)], true),
        (vec![], false),
        (vec![], true),
    ] {
        for (key, value) in entries {
            maps.keys().append_value(key);
            maps.values().append_value(value);
        }
        maps.append(valid).unwrap();
    }
    let pane = observed(
        DataType::Map(Box::new(DataType::Int64)),
        Arc::new(maps.finish()),
    );
    let typed = pane.field("x").unwrap().of(ValueType::Map).unwrap();
    assert_eq!(
        (typed.values, typed.measures.as_ref().unwrap().sum),
        (2, Sum::Integer(2))
    );
    let entries = pane.field("x{}").unwrap();
    assert_eq!(entries.events, 1);
    assert_eq!(sum(&pane, "x{}", ValueType::Integer), Some(Sum::Integer(3)));
}

#[test]
fn what_lies_under_a_null_list_is_no_value() {
    // Arrow lets a null list have items; and a slice begins anywhere.
    let items = Int64Array::from(vec![Some(1), Some(2), Some(3), None, Some(5), Some(6)]);
    let list = ListArray::try_new(
        list_item(),
        OffsetBuffer::new(vec![0, 1, 3, 4, 6].into()),
        Arc::new(items),
        Some(NullBuffer::from(vec![true, false, true, true])),
    )
    .unwrap();
    let first: ArrayRef = Arc::new(list.slice(0, 1));
    let pane = observed(DataType::List(Box::new(DataType::Int64)), first);
    assert_eq!(pane.field("x[]").unwrap().values(), 1);
    let list: ArrayRef = Arc::new(list.slice(1, 3));
    let pane = observed(DataType::List(Box::new(DataType::Int64)), list);
    let lists = pane.field("x").unwrap().of(ValueType::List).unwrap();
    assert_eq!(
        (lists.values, lists.measures.as_ref().unwrap().sum),
        (2, Sum::Integer(3))
    );
    let items = pane.field("x[]").unwrap();
    assert_eq!(items.events, 1);
    assert_eq!(
        sum(&pane, "x[]", ValueType::Integer),
        Some(Sum::Integer(11))
    );
}

fn list_item() -> arrow::datatypes::FieldRef {
    let list = DataType::List(Box::new(DataType::Int64)).to_arrow();
    let arrow::datatypes::DataType::List(item) = list else {
        unreachable!("a list is a list");
    };
    item
}

#[test]
fn the_latest_values_are_so_by_arrival_not_by_place() {
    let mut table = rows(
        DataType::Int64,
        Arc::new(Int64Array::from(vec![1, 2, 3, 4, 5])),
    );
    let arrivals = vec![50, 40, 40, 10, 45];
    table.arrival = Arc::new(TimestampMillisecondArray::from(arrivals).with_timezone("UTC"));
    let mut pane = Pane::new(PaneLimits::default());
    pane.observe_rows(&shard(), &table);
    let field = pane.field("x").unwrap();
    assert_eq!(latest(field), ["1", "5", "3"]);
    assert_eq!(field.seen, Some((10, 50)));
}

#[test]
fn a_column_that_widened_keeps_its_numbers() {
    let json = StringArray::from(vec![
        Some("1.5"),
        Some("\"text\""),
        Some("9007199254740993"),
        Some(r#"{"a":[1,null,{"b":true}]}"#),
        None,
    ]);
    let pane = observed(DataType::Json, Arc::new(json));
    let sum = |path: &str, kind| {
        pane.field(path)?
            .of(kind)?
            .measures
            .as_ref()
            .map(|own| own.sum)
    };
    assert_eq!(
        sum("x", ValueType::Integer),
        Some(Sum::Integer(9_007_199_254_740_993))
    );
    assert_eq!(sum("x", ValueType::Float).map(Sum::to_float), Some(1.5));
    assert_eq!(sum("x", ValueType::String), Some(Sum::Integer(4)));
    assert_eq!(
        pane.field("x")
            .unwrap()
            .of(ValueType::Object)
            .unwrap()
            .values,
        1
    );
    assert_eq!(sum("x.a", ValueType::List), Some(Sum::Integer(3)));
    assert_eq!(sum("x.a[]", ValueType::Integer), Some(Sum::Integer(1)));
    assert_eq!(sum("x.a[].b", ValueType::Boolean), Some(Sum::Integer(1)));
    assert_eq!(pane.field("x.a[]").unwrap().events, 1);
}

#[test]
fn sums_past_the_range_of_floats_are_no_difference() {
    let of = |values: [f64; 2]| {
        let column = Arc::new(Float64Array::from(values.to_vec()));
        let mut pane = Pane::new(PaneLimits::default());
        pane.observe_rows(&shard(), &rows(DataType::Float64, column));
        pane
    };
    let (up, down) = (of([1e308, 1.1e308]), of([-1e308, -1.2e308]));
    let (mut one, mut other) = (up.clone(), down.clone());
    one.merge(&down);
    other.merge(&up);
    let measures = one.field("x").unwrap().of(ValueType::Float).unwrap();
    let sum = measures.measures.as_ref().unwrap().sum.to_float();
    assert!(!sum.is_finite(), "{sum}");
    assert_eq!(one.difference(&other), None);
}

#[test]
fn deep_json_text_is_read_as_deep_as_a_decoder_may_give_it() {
    let deep = format!("{}7{}", "[".repeat(250), "]".repeat(250));
    let column = StringArray::from(vec![Some("1"), Some(deep.as_str())]);
    let pane = observed(DataType::Json, Arc::new(column));
    let leaf = pane.field(&format!("x{}", "[]".repeat(250))).unwrap();
    assert_eq!(leaf.of(ValueType::Integer).unwrap().values, 1);
    assert!(pane.field("x").unwrap().of(ValueType::String).is_none());
}
