//! Avro container files as contents.

use proptest::prelude::*;

use super::files::{AVRO, assert_fixtures, assert_survives, damage, decode_as, file};
use super::payloads::outcome;
use crate::decode::{DecodeLimits, FormatChoice};
use crate::schema::{DataType, Field};
use crate::types::RejectCode;

const CODES: [RejectCode; 3] = [
    RejectCode::AvroDamaged,
    RejectCode::AvroTooDeep,
    RejectCode::TooLarge,
];

fn fixture(name: &str) -> &'static [u8] {
    file(AVRO, name)
}

#[test]
fn files_of_other_libraries_give_their_rows() {
    assert_fixtures(FormatChoice::Avro, AVRO);
}

#[test]
fn logical_types_are_types() {
    let file = fixture("types");
    let decoded = decode_as(FormatChoice::Avro, &DecodeLimits::default(), &[file]);
    let decimal = |precision, scale| DataType::Decimal { precision, scale };
    let maybe_date = DataType::Map(Box::new(DataType::Date));
    for (name, expected) in [
        ("null", DataType::Null),
        ("int", DataType::Int53),
        ("long", DataType::Int64),
        ("float", DataType::Float64),
        ("fixed", DataType::Binary),
        ("color", DataType::Utf8),
        ("maybe_color", DataType::Utf8),
        ("date", DataType::Date),
        ("time_us", DataType::Time),
        ("at_us", DataType::Timestamp),
        ("at_ns", DataType::Json),
        ("local_us", DataType::LocalTimestamp),
        ("uuid", DataType::Utf8),
        ("exact", decimal(38, 10)),
        ("huge", DataType::Json),
        ("length", DataType::Utf8),
        ("map", maybe_date),
        (
            "union",
            DataType::Struct(vec![
                Field::new("string", DataType::Utf8),
                Field::new("int", DataType::Int53),
                Field::new(
                    "Item",
                    DataType::Struct(vec![Field::new("at", DataType::Timestamp)]),
                ),
                Field::new("array", DataType::List(Box::new(DataType::Bool))),
            ]),
        ),
    ] {
        let field = decoded.rows[0].schema.field(name).unwrap();
        assert_eq!(field.data_type, expected, "{name}");
    }
}

#[test]
fn what_is_no_avro_is_a_reject_and_the_rest_goes_on() {
    let file = fixture("snappy");
    let limits = DecodeLimits::default();
    let payloads: [&[u8]; 4] = [b"Obj\x01", &file[..file.len() - 1], file, b"{\"a\":1}"];
    let decoded = decode_as(FormatChoice::Avro, &limits, &payloads);
    let found: Vec<usize> = outcome(&decoded).iter().map(Vec::len).collect();
    assert_eq!(found, [1, 1, 60, 1]);
    let codes = decoded.rejects.iter().map(|reject| reject.code);
    assert!(codes.eq([RejectCode::AvroDamaged; 3]));
}

#[test]
fn a_file_past_a_limit_is_a_reject() {
    let few_bytes = DecodeLimits {
        max_event_bytes: 1_000,
        ..DecodeLimits::default()
    };
    let few_cells = DecodeLimits {
        max_event_cells: 100,
        ..DecodeLimits::default()
    };
    for codec in ["deflate", "snappy", "bzip2", "xz", "zstandard"] {
        for limits in [&few_bytes, &few_cells] {
            let decoded = decode_as(FormatChoice::Avro, limits, &[fixture(codec)]);
            assert_eq!(decoded.rejects[0].code, RejectCode::TooLarge, "{codec}");
        }
    }
    let flat = DecodeLimits {
        max_depth: 2,
        ..DecodeLimits::default()
    };
    let decoded = decode_as(FormatChoice::Avro, &flat, &[fixture("recursive")]);
    assert_eq!(decoded.rejects[0].code, RejectCode::AvroTooDeep);
}

/// A number as Avro writes it.
fn long(value: i64) -> Vec<u8> {
    let mut rest = (value << 1) as u64 ^ (value >> 63) as u64;
    let mut bytes = Vec::new();
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

fn container(schema: &str, count: i64, values: &[u8]) -> Vec<u8> {
    let text = |text: &str| [long(text.len() as i64), text.as_bytes().to_vec()].concat();
    let sync = vec![7; 16];
    let header = [
        b"Obj\x01".to_vec(),
        long(1),
        text("avro.schema"),
        text(schema),
        long(0),
        sync.clone(),
    ];
    let size = long(values.len() as i64);
    [header.concat(), long(count), size, values.to_vec(), sync].concat()
}

fn reject_of(file: &[u8]) -> RejectCode {
    let decoded = decode_as(FormatChoice::Avro, &DecodeLimits::default(), &[file]);
    assert_eq!((decoded.counts.rows, decoded.counts.rejects), (0, 1));
    decoded.rejects[0].code
}

#[test]
fn values_without_bytes_end() {
    let nothing = r#"{"type": "record", "name": "R", "fields": []}"#;
    assert_eq!(
        reject_of(&container(nothing, i64::MAX, &[])),
        RejectCode::TooLarge
    );
    let array = r#"{"type": "array", "items": "null"}"#;
    let items = [long(i64::MAX), long(0)].concat();
    assert_eq!(
        reject_of(&container(array, 1, &items)),
        RejectCode::TooLarge
    );
    // A null of a wide type is many values.
    let wide = r#"["null", {"type": "fixed", "name": "F", "size": 100000000}]"#;
    assert_eq!(
        reject_of(&container(wide, 1, &long(0))),
        RejectCode::TooLarge
    );
    let symbol = "s".repeat(1 << 20);
    let symbols = format!(r#"{{"type": "enum", "name": "E", "symbols": ["{symbol}"]}}"#);
    assert_eq!(
        reject_of(&container(&symbols, 100, &[0; 100])),
        RejectCode::TooLarge
    );
}

#[test]
fn blocks_that_say_less_or_more_than_they_hold_are_damage() {
    for count in [-1, 0, 1, 3] {
        let file = container("\"int\"", count, &[2, 4]);
        assert_eq!(reject_of(&file), RejectCode::AvroDamaged, "{count}");
    }
    let whole = container("\"int\"", 2, &[2, 4]);
    let decoded = decode_as(FormatChoice::Avro, &DecodeLimits::default(), &[&whole]);
    assert_eq!(outcome(&decoded), [[r#"{"value":1}"#, r#"{"value":2}"#]]);
}

#[test]
fn a_schema_that_means_its_types_again_and_again_is_too_large() {
    let mut fields = r#""int""#.to_owned();
    for level in 0..40 {
        fields = format!(
            r#"{{"type": "record", "name": "R{level}", "fields": [
                {{"name": "a", "type": {fields}}}{}]}}"#,
            match level {
                0 => String::new(),
                _ => format!(r#", {{"name": "b", "type": "R{}"}}"#, level - 1),
            }
        );
    }
    assert_eq!(reject_of(&container(&fields, 0, &[])), RejectCode::TooLarge);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_are_rejects_or_rows(
        which in any::<prop::sample::Index>(),
        damage in damage(),
    ) {
        let file = AVRO[which.index(AVRO.len())].file;
        assert_survives(FormatChoice::Avro, &CODES, file, &damage);
    }
}
