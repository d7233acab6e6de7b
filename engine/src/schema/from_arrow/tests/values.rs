//! What each type becomes, written down.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date64Array, Decimal128Array, Decimal256Array, DurationMillisecondArray,
    DurationNanosecondArray, FixedSizeBinaryArray, Float32Array, Int8Array, Int32Array, Int64Array,
    IntervalDayTimeArray, IntervalMonthDayNanoArray, IntervalYearMonthArray, MapArray, NullArray,
    StringArray, StructArray, Time64NanosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray, UInt64Array, UnionArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{
    DataType as ArrowType, Field as ArrowField, Fields, IntervalDayTime, IntervalMonthDayNano,
    UnionFields, i256,
};
use rstest::rstest;

use super::{convert, texts};
use crate::schema::{DataType, Field};

fn decimal(precision: u8, scale: u8) -> DataType {
    DataType::Decimal { precision, scale }
}

fn member(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type)
}

#[rstest]
#[case(Int8Array::from(vec![Some(-1), None]), DataType::Int53, &["-1", "null"])]
#[case(Int64Array::from(vec![1 << 53, 1]), DataType::Int53, &["9007199254740992", "1"])]
#[case(Int64Array::from(vec![(1 << 53) + 1]), DataType::Int64, &["9007199254740993"])]
#[case(UInt64Array::from(vec![7]), DataType::Int53, &["7"])]
#[case(UInt64Array::from(vec![u64::MAX, 7]), decimal(20, 0), &["18446744073709551615", "7"])]
#[case(Float32Array::from(vec![0.1]), DataType::Float64, &["0.10000000149011612"])]
#[case(
    Decimal128Array::from(vec![12345]).with_precision_and_scale(5, 2).unwrap(),
    decimal(5, 2), &["123.45"],
)]
#[case(
    Decimal128Array::from(vec![-12]).with_precision_and_scale(5, -3).unwrap(),
    decimal(8, 0), &["-12000"],
)]
// More digits than the type says.
#[case(
    Decimal128Array::from(vec![1_000, 50]).with_precision_and_scale(3, 2).unwrap(),
    DataType::Json, &["10", "0.5"],
)]
#[case(
    Decimal256Array::from(vec![i256::from_parts(u128::MAX, 0)])
        .with_precision_and_scale(76, 10).unwrap(),
    DataType::Json, &["34028236692093846346337460743.1768211455"],
)]
#[case(Date64Array::from(vec![86_400_000, 0]), DataType::Date, &["\"1970-01-02\"", "\"1970-01-01\""])]
#[case(
    Date64Array::from(vec![86_400_001, 0]),
    DataType::Json, &["\"1970-01-02T00:00:00.001\"", "\"1970-01-01\""],
)]
#[case(Time64NanosecondArray::from(vec![1_000]), DataType::Time, &["\"00:00:00.000001\""])]
#[case(
    Time64NanosecondArray::from(vec![1_001, 5_000]),
    DataType::Json, &["\"00:00:00.000001001\"", "\"00:00:00.000005\""],
)]
#[case(
    Time64NanosecondArray::from(vec![86_400_000_000_000, -1]),
    DataType::Json, &["\"24:00:00\"", "\"-00:00:00.000000001\""],
)]
#[case(
    TimestampMillisecondArray::from(vec![1_500]).with_timezone("+02:00"),
    DataType::Timestamp, &["\"1970-01-01T00:00:01.5Z\""],
)]
#[case(
    TimestampNanosecondArray::from(vec![-1, 0]).with_timezone("UTC"),
    DataType::Json, &["\"1969-12-31T23:59:59.999999999Z\"", "\"1970-01-01T00:00:00Z\""],
)]
#[case(
    TimestampNanosecondArray::from(vec![-1_000]),
    DataType::LocalTimestamp, &["\"1969-12-31T23:59:59.999999\""],
)]
// Microseconds do not reach so far.
#[case(
    TimestampSecondArray::from(vec![9_223_372_036_855, 0]),
    DataType::Json, &["\"+294247-01-10T04:00:55\"", "\"1970-01-01T00:00:00\""],
)]
#[case(DurationMillisecondArray::from(vec![-1_500]), DataType::Utf8, &["\"PT-1.5S\""])]
#[case(DurationNanosecondArray::from(vec![1]), DataType::Utf8, &["\"PT0.000000001S\""])]
#[case(IntervalYearMonthArray::from(vec![14]), DataType::Utf8, &["\"P14M\""])]
#[case(
    IntervalDayTimeArray::from(vec![IntervalDayTime::new(1, -20)]),
    DataType::Utf8, &["\"P1DT-0.02S\""],
)]
#[case(
    IntervalMonthDayNanoArray::from(vec![IntervalMonthDayNano::new(1, 2, 3_000_000_000)]),
    DataType::Utf8, &["\"P1M2DT3S\""],
)]
fn a_type_becomes_ours(
    #[case] array: impl arrow::array::Array + 'static,
    #[case] expected: DataType,
    #[case] values: &[&str],
) {
    let array: ArrayRef = Arc::new(array);
    let field = ArrowField::new("f", array.data_type().clone(), true);
    let (data_type, converted) = convert(&field, &array);
    assert_eq!(data_type, expected);
    assert_eq!(texts(&data_type, &converted), values);
}

fn extension(data_type: ArrowType, name: &str) -> ArrowField {
    let name = ("ARROW:extension:name".to_owned(), name.to_owned());
    ArrowField::new("f", data_type, true).with_metadata(HashMap::from([name]))
}

#[test]
fn extension_types_keep_their_meaning() {
    let bytes: Vec<u8> = (0..16).collect();
    let uuids: ArrayRef = Arc::new(FixedSizeBinaryArray::new(16, bytes.into(), None));
    let field = extension(ArrowType::FixedSizeBinary(16), "arrow.uuid");
    let (data_type, converted) = convert(&field, &uuids);
    assert_eq!(data_type, DataType::Utf8);
    let uuid = "\"00010203-0405-0607-0809-0a0b0c0d0e0f\"";
    assert_eq!(texts(&data_type, &converted), [uuid]);

    let json = [Some("{\"b\": 1, \"a\": [1.0]}"), Some("{broken"), None];
    let json: ArrayRef = Arc::new(StringArray::from_iter(json));
    let (data_type, converted) = convert(&extension(ArrowType::Utf8, "arrow.json"), &json);
    assert_eq!(data_type, DataType::Json);
    let expected = ["{\"a\":[1],\"b\":1}", "\"{broken\"", "null"];
    assert_eq!(texts(&data_type, &converted), expected);
}

#[test]
fn equal_names_get_a_number() {
    let fields: Fields = ["a", "a", "a_2", "a"]
        .map(|name| ArrowField::new(name, ArrowType::Int8, true))
        .into_iter()
        .collect();
    let columns = (0..4).map(|n| Arc::new(Int8Array::from(vec![n])) as ArrayRef);
    let array: ArrayRef = Arc::new(StructArray::new(fields.clone(), columns.collect(), None));
    let field = ArrowField::new("f", ArrowType::Struct(fields), true);
    let (data_type, converted) = convert(&field, &array);
    let text = r#"{"a":0,"a_2":2,"a_3":1,"a_4":3}"#;
    assert_eq!(texts(&data_type, &converted), [text]);
}

fn map(keys: ArrayRef, lengths: &[usize]) -> (ArrowField, ArrayRef) {
    let values: ArrayRef = Arc::new(Int32Array::from_iter(
        (0..keys.len()).map(|at| (at != 1).then_some(at as i32)),
    ));
    let fields: Fields = vec![
        ArrowField::new("key", keys.data_type().clone(), false),
        ArrowField::new("value", ArrowType::Int32, true),
    ]
    .into();
    let entries = StructArray::new(fields.clone(), vec![keys, values], None);
    let entry = Arc::new(ArrowField::new("entries", ArrowType::Struct(fields), false));
    let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
    let array = MapArray::new(Arc::clone(&entry), offsets, entries, None, false);
    (
        ArrowField::new("f", ArrowType::Map(entry, false), true),
        Arc::new(array),
    )
}

#[test]
fn a_map_is_a_map_where_its_keys_are_unique_texts() {
    let keys: ArrayRef = Arc::new(StringArray::from(vec!["b", "a", "a"]));
    let (field, array) = map(keys, &[2, 1]);
    let (data_type, converted) = convert(&field, &array);
    assert_eq!(data_type, DataType::Map(Box::new(DataType::Int53)));
    let expected = [r#"{"a":null,"b":0}"#, r#"{"a":2}"#];
    assert_eq!(texts(&data_type, &converted), expected);

    let keys: ArrayRef = Arc::new(StringArray::from(vec!["b", "b", "a"]));
    let (field, array) = map(keys, &[3]);
    let (data_type, converted) = convert(&field, &array);
    assert_eq!(data_type, DataType::Json);
    assert_eq!(texts(&data_type, &converted), [r#"{"a":2,"b":0,"b":null}"#]);

    let keys: ArrayRef = Arc::new(Int8Array::from(vec![3, 2]));
    let (field, array) = map(keys, &[2]);
    let (data_type, converted) = convert(&field, &array);
    let entry = DataType::Struct(vec![
        member("key", DataType::Int53),
        member("value", DataType::Int53),
    ]);
    assert_eq!(data_type, DataType::List(Box::new(entry)));
    let expected = [r#"[{"key":3,"value":0},{"key":2}]"#];
    assert_eq!(texts(&data_type, &converted), expected);
}

#[test]
fn a_union_is_its_variant_or_a_struct_of_its_variants() {
    let union = |names: &[(&str, ArrayRef)], ids: Vec<i8>| {
        let fields: UnionFields = names
            .iter()
            .enumerate()
            .map(|(id, (name, array))| {
                let field = ArrowField::new(*name, array.data_type().clone(), true);
                (id as i8, Arc::new(field))
            })
            .collect();
        let children = names.iter().map(|(_, array)| Arc::clone(array)).collect();
        let array = UnionArray::try_new(fields, ids.into(), None, children).unwrap();
        Arc::new(array) as ArrayRef
    };
    let nothing: ArrayRef = Arc::new(NullArray::new(3));
    let texts_of_three: ArrayRef = Arc::new(StringArray::from(vec!["x", "y", "z"]));
    let numbers: ArrayRef = Arc::new(Int8Array::from(vec![Some(1), Some(2), None]));

    let array = union(
        &[
            ("null", Arc::clone(&nothing)),
            ("string", Arc::clone(&texts_of_three)),
        ],
        vec![1, 0, 1],
    );
    let (data_type, converted) = convert(
        &ArrowField::new("f", array.data_type().clone(), true),
        &array,
    );
    assert_eq!(data_type, DataType::Utf8);
    assert_eq!(texts(&data_type, &converted), ["\"x\"", "null", "\"z\""]);

    let array = union(
        &[
            ("null", nothing),
            ("string", texts_of_three),
            ("int", numbers),
        ],
        vec![0, 1, 2],
    );
    let (data_type, converted) = convert(
        &ArrowField::new("f", array.data_type().clone(), true),
        &array,
    );
    let variants = vec![
        member("string", DataType::Utf8),
        member("int", DataType::Int53),
    ];
    assert_eq!(data_type, DataType::Struct(variants));
    assert_eq!(
        texts(&data_type, &converted),
        ["null", r#"{"string":"y"}"#, "null"]
    );
}
