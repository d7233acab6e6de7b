//! ORC files as contents.

use proptest::prelude::*;

use super::files::{ORC, assert_fixtures, assert_survives, damage, decode_as, file};
use super::payloads::outcome;
use crate::decode::{DecodeLimits, FormatChoice};
use crate::schema::DataType;
use crate::types::RejectCode;

const CODES: [RejectCode; 3] = [
    RejectCode::OrcDamaged,
    RejectCode::OrcTooDeep,
    RejectCode::TooLarge,
];

fn fixture(name: &str) -> &'static [u8] {
    file(ORC, name)
}

#[test]
fn files_of_other_libraries_give_their_rows() {
    assert_fixtures(FormatChoice::Orc, ORC);
}

#[test]
fn logical_types_are_types() {
    let file = fixture("types");
    let decoded = decode_as(FormatChoice::Orc, &DecodeLimits::default(), &[file]);
    let decimal = |precision, scale| DataType::Decimal { precision, scale };
    for (name, expected) in [
        ("bigint", DataType::Int64),
        ("float", DataType::Float64),
        ("char", DataType::Utf8),
        ("binary", DataType::Binary),
        ("date", DataType::Date),
        ("timestamp", DataType::LocalTimestamp),
        ("instant", DataType::Timestamp),
        ("exact", decimal(38, 10)),
        ("map", DataType::Map(Box::new(DataType::Date))),
    ] {
        let field = decoded.rows[0].schema.field(name).unwrap();
        assert_eq!(field.data_type, expected, "{name}");
    }
}

#[test]
fn what_is_no_orc_is_a_reject_and_the_rest_goes_on() {
    let file = fixture("zlib");
    let limits = DecodeLimits::default();
    let payloads: [&[u8]; 4] = [b"ORC", &file[..file.len() - 1], file, b"{\"a\":1}"];
    let decoded = decode_as(FormatChoice::Orc, &limits, &payloads);
    let found: Vec<usize> = outcome(&decoded).iter().map(Vec::len).collect();
    assert_eq!(found, [1, 1, 60, 1]);
    let codes = decoded.rejects.iter().map(|reject| reject.code);
    assert!(codes.eq([RejectCode::OrcDamaged; 3]));
}

#[test]
fn a_file_past_a_limit_is_a_reject() {
    let few_bytes = DecodeLimits {
        max_event_bytes: 400,
        ..DecodeLimits::default()
    };
    let few_cells = DecodeLimits {
        max_event_cells: 100,
        ..DecodeLimits::default()
    };
    for codec in ["none", "zlib", "snappy", "lz4", "zstd"] {
        for limits in [&few_bytes, &few_cells] {
            let decoded = decode_as(FormatChoice::Orc, limits, &[fixture(codec)]);
            assert_eq!(decoded.rejects[0].code, RejectCode::TooLarge, "{codec}");
        }
    }
    let flat = DecodeLimits {
        max_depth: 3,
        ..DecodeLimits::default()
    };
    let decoded = decode_as(FormatChoice::Orc, &flat, &[fixture("types")]);
    assert_eq!(decoded.rejects[0].code, RejectCode::OrcTooDeep);
}

#[test]
fn times_that_the_library_would_change_are_a_reject() {
    let file = include_bytes!("../../../fixtures/orc/negative.rejected");
    let decoded = decode_as(FormatChoice::Orc, &DecodeLimits::default(), &[file]);
    assert_eq!(decoded.rejects[0].code, RejectCode::OrcDamaged);
    assert!(decoded.rejects[0].reason.contains("nanoseconds"));
}

/// A file with a footer and nothing else.
fn with_footer(footer: &[u8]) -> Vec<u8> {
    let len = footer.len() as u8;
    let postscript = [
        8, len, 16, 0, 24, 0x80, 0x80, 16, 40, 0, 0x82, 0xf4, 3, 3, b'O', b'R', b'C',
    ];
    [b"ORC", footer, &postscript, &[postscript.len() as u8]].concat()
}

#[test]
fn a_type_within_itself_is_a_reject() {
    // A struct with one field, whose type is itself.
    let itself = [0x22, 7, 8, 12, 18, 1, 0, 26, 0];
    let decoded = decode_as(
        FormatChoice::Orc,
        &DecodeLimits::default(),
        &[&with_footer(&itself)],
    );
    assert_eq!(decoded.rejects[0].code, RejectCode::OrcDamaged);
    assert!(decoded.rejects[0].reason.contains("tree"));
    // The same with a type of its own.
    let whole = [0x22, 7, 8, 12, 18, 1, 1, 26, 0, 0x22, 2, 8, 3];
    let decoded = decode_as(
        FormatChoice::Orc,
        &DecodeLimits::default(),
        &[&with_footer(&whole)],
    );
    assert_eq!((decoded.counts.empty, decoded.counts.rejects), (1, 0));
}

/// Bytes before the end of a file, and stripes that the footer no longer names, would be lost without
/// a word.
#[test]
fn a_file_that_is_not_there_from_beginning_to_end_is_a_reject() {
    let limits = DecodeLimits::default();
    let mut other = fixture("empty").to_vec();
    other[..3].copy_from_slice(b"{\"a");
    // A struct without fields, and five rows.
    let no_stripes = with_footer(&[0x22, 2, 8, 12, 0x30, 5]);
    for (file, says) in [(other, "begin"), (no_stripes, "rows")] {
        let decoded = decode_as(FormatChoice::Orc, &limits, &[&file]);
        assert_eq!((decoded.counts.empty, decoded.counts.rejects), (0, 1));
        assert_eq!(decoded.rejects[0].code, RejectCode::OrcDamaged);
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
        let file = ORC[which.index(ORC.len())].file;
        assert_survives(FormatChoice::Orc, &CODES, file, &damage);
    }
}
