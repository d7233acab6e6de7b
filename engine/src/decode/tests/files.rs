//! Fixtures that other libraries wrote, and damaged copies of them.

use proptest::prelude::*;

use super::payloads::{assert_identities, batch, outcome, texts};
use crate::budget::Budget;
use crate::decode::{ContentOptions, DecodeLimits, Decoder, FormatChoice};
use crate::types::{DecodedBatch, RejectCode, Rows};

/// A file, and the rows that it must give, one a line.
pub(super) struct Fixture {
    pub(super) name: &'static str,
    pub(super) file: &'static [u8],
    rows: &'static str,
}

impl Fixture {
    fn rows(&self) -> Vec<&str> {
        self.rows.lines().collect()
    }
}

/// Files of a folder of `fixtures/`.
macro_rules! fixtures {
    ($folder:literal, $ending:literal: $($name:literal),*) => {
        &[$(Fixture {
            name: $name,
            file: include_bytes!(concat!("../../../fixtures/", $folder, "/", $name, ".", $ending)),
            rows: include_str!(concat!("../../../fixtures/", $folder, "/", $name, ".rows")),
        }),*]
    };
}

pub(super) const AVRO: &[Fixture] = fixtures!("avro", "avro": "bzip2", "deflate", "empty", "no_fields", "no_record", "null", "recursive", "snappy", "types", "xz", "zstandard");
pub(super) const ORC: &[Fixture] = fixtures!("orc", "orc": "direct", "empty", "lz4", "many", "nanos", "none", "snappy", "times", "types", "version_1", "zlib", "zstd");
pub(super) const PARQUET: &[Fixture] = fixtures!("parquet", "parquet": "brotli", "deltas", "duckdb", "empty", "gzip", "gzip_v2", "int96", "lz4", "no_arrow_schema", "none", "types", "types_v2", "zstd");

/// The file of a name.
pub(super) fn file(fixtures: &[Fixture], name: &str) -> &'static [u8] {
    let found = fixtures.iter().find(|fixture| fixture.name == name);
    found.unwrap().file
}

pub(super) fn decode_as(
    format: FormatChoice,
    limits: &DecodeLimits,
    payloads: &[&[u8]],
) -> DecodedBatch {
    let budget = Budget::new(1 << 30);
    let content = ContentOptions {
        format,
        ..ContentOptions::default()
    };
    let mut decoder = Decoder::new(limits.clone(), &content);
    let decoded = decoder.decode(batch(payloads, &budget), &budget);
    assert_identities(&decoded);
    for array in decoded.rows.iter().flat_map(|rows| &rows.columns) {
        array.to_data().validate_full().unwrap();
    }
    decoded
}

/// Every fixture gives its rows: alone, and all in one batch.
pub(super) fn assert_fixtures(format: FormatChoice, fixtures: &[Fixture]) {
    let limits = DecodeLimits::default();
    for fixture in fixtures {
        let decoded = decode_as(format, &limits, &[fixture.file]);
        let reasons: Vec<&String> = decoded
            .rejects
            .iter()
            .map(|reject| &reject.reason)
            .collect();
        assert!(reasons.is_empty(), "{}: {reasons:?}", fixture.name);
        let found: Vec<String> = decoded.rows.iter().flat_map(texts).collect();
        assert_eq!(found, fixture.rows(), "{}", fixture.name);
    }
    let files: Vec<&[u8]> = fixtures.iter().map(|fixture| fixture.file).collect();
    let all = decode_as(format, &limits, &files);
    let expected = fixtures.iter().map(Fixture::rows);
    assert_eq!(outcome(&all), expected.collect::<Vec<_>>());
}

/// Changes of a file: bytes to put elsewhere, and where to cut it.
pub(super) fn damage()
-> impl Strategy<Value = (Vec<(prop::sample::Index, u8)>, Option<prop::sample::Index>)> {
    let change = (any::<prop::sample::Index>(), any::<u8>());
    (
        prop::collection::vec(change, 1..4),
        prop::option::weighted(0.2, any::<prop::sample::Index>()),
    )
}

/// A damaged file is a reject, or rows; nothing worse, and the whole of it. What it comes to stays
/// within the limits.
pub(super) fn assert_survives(
    format: FormatChoice,
    codes: &[RejectCode],
    file: &[u8],
    (changes, cut): &(Vec<(prop::sample::Index, u8)>, Option<prop::sample::Index>),
) {
    let mut file = file.to_vec();
    for (at, byte) in changes {
        let at = at.index(file.len());
        file[at] = *byte;
    }
    if let Some(cut) = cut {
        file.truncate(cut.index(file.len()).max(1));
    }
    let limits = DecodeLimits {
        max_event_bytes: 1 << 20,
        max_event_cells: 1 << 18,
        ..DecodeLimits::default()
    };
    let decoded = decode_as(format, &limits, &[&file]);
    let size: usize = decoded.rows.iter().map(Rows::memory_size).sum();
    assert!(size < 64 << 20, "{size} bytes");
    for reject in &decoded.rejects {
        assert!(
            codes.contains(&reject.code),
            "{:?}: {}",
            reject.code,
            reject.reason
        );
        assert_eq!((&*reject.data, decoded.counts.rows), (&*file, 0));
    }
}
