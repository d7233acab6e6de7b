//! Parquet files as contents.

use proptest::prelude::*;

use super::files::{PARQUET, assert_fixtures, assert_survives, damage, decode_as, file};
use super::payloads::outcome;
use crate::decode::{DecodeLimits, FormatChoice};
use crate::schema::DataType;
use crate::types::RejectCode;

const CODES: [RejectCode; 3] = [
    RejectCode::ParquetDamaged,
    RejectCode::ParquetTooDeep,
    RejectCode::TooLarge,
];

fn fixture(name: &str) -> &'static [u8] {
    file(PARQUET, name)
}

#[test]
fn files_of_other_libraries_give_their_rows() {
    assert_fixtures(FormatChoice::Parquet, PARQUET);
}

#[test]
fn logical_types_are_types() {
    let file = fixture("types");
    let decoded = decode_as(FormatChoice::Parquet, &DecodeLimits::default(), &[file]);
    let decimal = |precision, scale| DataType::Decimal { precision, scale };
    for (name, expected) in [
        ("u64", decimal(20, 0)),
        ("f16", DataType::Float64),
        ("code", DataType::Utf8),
        ("fixed", DataType::Binary),
        ("uuid", DataType::Utf8),
        ("date", DataType::Date),
        ("time_ms", DataType::Time),
        ("at_us", DataType::Timestamp),
        ("local_us", DataType::LocalTimestamp),
        ("local_ns", DataType::Json),
        ("length", DataType::Utf8),
        ("cents", decimal(7, 2)),
        ("huge", DataType::Json),
        ("null", DataType::Null),
        ("map", DataType::Map(Box::new(DataType::Date))),
    ] {
        let field = decoded.rows[0].schema.field(name).unwrap();
        assert_eq!(field.data_type, expected, "{name}");
    }
}

#[test]
fn what_is_no_parquet_is_a_reject_and_the_rest_goes_on() {
    let file = fixture("zstd");
    let limits = DecodeLimits::default();
    let payloads: [&[u8]; 5] = [b"PAR1", &file[..file.len() - 1], file, b"", b"{\"a\":1}"];
    let decoded = decode_as(FormatChoice::Parquet, &limits, &payloads);
    let found: Vec<usize> = outcome(&decoded).iter().map(Vec::len).collect();
    assert_eq!(found, [1, 1, 12, 0, 1]);
    assert_eq!((decoded.counts.rejects, decoded.counts.empty), (3, 1));
    assert!(
        decoded
            .rejects
            .iter()
            .all(|reject| reject.code == RejectCode::ParquetDamaged)
    );
}

#[test]
fn a_file_past_a_limit_is_a_reject() {
    let file = fixture("types");
    let few_bytes = DecodeLimits {
        max_event_bytes: 3_000,
        ..DecodeLimits::default()
    };
    let few_cells = DecodeLimits {
        max_event_cells: 40,
        ..DecodeLimits::default()
    };
    for limits in [few_bytes, few_cells] {
        let decoded = decode_as(FormatChoice::Parquet, &limits, &[file]);
        assert_eq!(decoded.rejects[0].code, RejectCode::TooLarge);
    }
    let flat = DecodeLimits {
        max_depth: 3,
        ..DecodeLimits::default()
    };
    let decoded = decode_as(FormatChoice::Parquet, &flat, &[file]);
    assert_eq!(decoded.rejects[0].code, RejectCode::ParquetTooDeep);
}

/// A footer whose schema has so many groups, one in the other.
fn nested_footer(levels: usize) -> Vec<u8> {
    let mut footer = vec![0x15, 2, 0x19, 0xfc];
    let mut len = levels + 1;
    while len >= 0x80 {
        footer.push(len as u8 | 0x80);
        len >>= 7;
    }
    footer.push(len as u8);
    for level in 0..=levels {
        // Repetition, a name of one byte, and a child but for the last, which is an int32.
        match level < levels {
            true => footer.extend([0x35, 2, 0x18, 1, b'a', 0x15, 2, 0]),
            false => footer.extend([0x15, 2, 0x25, 2, 0x18, 1, b'a', 0]),
        }
    }
    footer.extend([0x16, 0, 0x19, 0x0c, 0]);
    let len = footer.len() as u32;
    let mut file = b"PAR1".to_vec();
    file.extend(footer);
    file.extend(len.to_le_bytes());
    file.extend(b"PAR1");
    file
}

#[test]
fn a_schema_that_would_end_the_process_is_a_reject() {
    let limits = DecodeLimits::default();
    let shallow = nested_footer(10);
    let decoded = decode_as(FormatChoice::Parquet, &limits, &[&shallow]);
    assert_eq!((decoded.counts.rejects, decoded.counts.empty), (0, 1));
    let deep = nested_footer(200_000);
    let decoded = decode_as(FormatChoice::Parquet, &limits, &[&deep]);
    assert_eq!(decoded.rejects[0].code, RejectCode::ParquetTooDeep);
}

/// Bytes before the end of a file, and row groups that the footer no longer names, would be lost
/// without a word.
#[test]
fn a_file_that_is_not_there_from_beginning_to_end_is_a_reject() {
    let limits = DecodeLimits::default();
    let empty = fixture("empty");
    let mut other = empty.to_vec();
    other[..4].copy_from_slice(b"{\"a\"");
    // The number of rows, 0, and behind it a list of one row group.
    let rows = [0x16, 0, 0x19, 0x1c];
    let place = memchr::memmem::find(empty, &rows).expect("the footer");
    let mut lost_rows = empty.to_vec();
    lost_rows[place + 1] = 10;
    for (file, says) in [(other, "footer"), (lost_rows, "rows")] {
        let decoded = decode_as(FormatChoice::Parquet, &limits, &[&file]);
        assert_eq!((decoded.counts.empty, decoded.counts.rejects), (0, 1));
        assert_eq!(decoded.rejects[0].code, RejectCode::ParquetDamaged);
        assert!(decoded.rejects[0].reason.contains(says));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn damaged_files_are_rejects_or_rows(
        which in any::<prop::sample::Index>(),
        damage in damage(),
    ) {
        let file = PARQUET[which.index(PARQUET.len())].file;
        assert_survives(FormatChoice::Parquet, &CODES, file, &damage);
    }
}
