//! Fixtures that other libraries wrote, and damaged copies of them.

use std::path::PathBuf;

use bytes::Bytes;
use proptest::prelude::*;

use super::payloads::{assert_identities, batch, outcome, texts};
use crate::budget::Budget;
use crate::decode::{ContentOptions, DecodeLimits, Decoder, FormatChoice};
use crate::types::{DecodedBatch, RejectCode, Rows};

/// The files of a folder of `fixtures/` that end so, by their names without that.
pub(super) fn fixtures(folder: &str, ending: &str) -> Vec<(String, Bytes)> {
    let mut found: Vec<_> = std::fs::read_dir(path(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, Bytes::from(std::fs::read(path).unwrap()))
        })
        .collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

/// The rows that a fixture must give.
pub(super) fn rows(folder: &str, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(path(folder).join(format!("{name}.rows"))).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn path(folder: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "fixtures", folder]
        .iter()
        .collect()
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
pub(super) fn assert_fixtures(format: FormatChoice, folder: &str, ending: &str) {
    let fixtures = fixtures(folder, ending);
    let limits = DecodeLimits::default();
    for (name, file) in &fixtures {
        let decoded = decode_as(format, &limits, &[file]);
        let reasons: Vec<&String> = decoded
            .rejects
            .iter()
            .map(|reject| &reject.reason)
            .collect();
        assert!(reasons.is_empty(), "{name}: {reasons:?}");
        let found: Vec<String> = decoded.rows.iter().flat_map(texts).collect();
        assert_eq!(found, rows(folder, name), "{name}");
    }
    let files: Vec<&[u8]> = fixtures.iter().map(|(_, file)| &**file).collect();
    let all = decode_as(format, &limits, &files);
    let expected = fixtures.iter().map(|(name, _)| rows(folder, name));
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
