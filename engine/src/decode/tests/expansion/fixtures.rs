//! What `fixtures/compression/make.py` wrote.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{alone, decode_as};
use crate::decode::Compression;
use crate::decode::tests::payloads::outcome;

#[derive(Deserialize)]
struct Fixtures {
    events: Vec<BTreeMap<String, Value>>,
    cases: BTreeMap<String, Case>,
}

#[derive(Deserialize)]
struct Case {
    hex: String,
    compression: Option<Compression>,
    auto: Expected,
    named: Expected,
}

/// Events by their places and how often they come; or the code of the only reject.
#[derive(Deserialize)]
#[serde(untagged)]
enum Expected {
    Events(usize, usize, usize),
    Reject(String),
}

impl Fixtures {
    fn read() -> Self {
        let text = include_str!("../../../../fixtures/compression/cases.json");
        serde_json::from_str(text).unwrap()
    }

    /// As [`outcome`] has it.
    fn expected(&self, expected: &Expected, bytes: &[u8]) -> Vec<String> {
        match expected {
            Expected::Events(from, to, times) => {
                let events = self.events[*from..*to].iter();
                let texts: Vec<String> = events
                    .map(|event| serde_json::to_string(event).unwrap())
                    .collect();
                vec![texts; *times].concat()
            }
            Expected::Reject(code) => vec![format!("{code} {}", String::from_utf8_lossy(bytes))],
        }
    }
}

impl Case {
    fn bytes(&self) -> Vec<u8> {
        let digits = self.hex.as_bytes().chunks_exact(2);
        let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.map(byte).collect()
    }
}

fn file(name: &str) -> Vec<u8> {
    Fixtures::read().cases[name].bytes()
}

/// The files that are good, with their compressions.
pub(super) fn good() -> Vec<(Compression, Vec<u8>)> {
    let fixtures = Fixtures::read();
    let good = fixtures.cases.values().filter_map(|case| {
        let is_good = matches!(case.named, Expected::Events(..));
        is_good.then(|| (case.compression.unwrap_or_default(), case.bytes()))
    });
    good.collect()
}

#[test]
fn every_file_becomes_its_events_or_one_reject() {
    let fixtures = Fixtures::read();
    let mut named = Vec::new();
    for (name, case) in &fixtures.cases {
        let bytes = case.bytes();
        let found = alone(Compression::Auto, &bytes);
        match &case.auto {
            // JSON takes apart what it does not know, and finds an event here and there.
            Expected::Reject(code) if code.starts_with("json.") => {
                assert!(found.iter().any(|text| text.starts_with(code)), "{name}");
                assert!(!found.iter().any(|text| text.starts_with("compression.")));
            }
            expected => assert_eq!(found, fixtures.expected(expected, &bytes), "{name}"),
        }
        if let Some(compression) = case.compression {
            let found = alone(compression, &bytes);
            assert_eq!(
                found,
                fixtures.expected(&case.named, &bytes),
                "{name}, named"
            );
            named.push(compression);
        }
    }
    let missing = Compression::ALL
        .iter()
        .filter(|known| !named.contains(known));
    assert!(missing.eq(&[Compression::Auto, Compression::None]));
}

#[test]
fn compressions_are_mixed_within_a_batch() {
    let fixtures = Fixtures::read();
    let files: Vec<Vec<u8>> = fixtures.cases.values().map(Case::bytes).collect();
    let mut payloads: Vec<&[u8]> = vec![br#"{"n":1}"#];
    for file in &files {
        payloads.extend([file, br#"{"n":2}"#.as_slice()]);
    }
    let together = outcome(&decode_as(Compression::Auto, &payloads));
    let each: Vec<Vec<String>> = payloads
        .iter()
        .map(|payload| alone(Compression::Auto, payload))
        .collect();
    assert_eq!(together, each);
}

#[test]
fn what_is_not_of_the_compression_that_is_named_is_a_reject() {
    for compression in Compression::ALL {
        let code = match compression {
            Compression::Auto | Compression::None => continue,
            // Any bytes may be meant for it.
            Compression::SnappyRaw => "compression.damaged",
            _ => "compression.mismatch",
        };
        let found = outcome(&decode_as(compression, &[br#"{"n":1}"#, b""]));
        let expected: [&[&str]; 2] = [&[&format!("{code} {{\"n\":1}}")], &[]];
        assert_eq!(found, expected, "{compression:?}");
    }
    let none = alone(Compression::None, &file("gzip.gz"));
    assert!(none.iter().all(|text| text.starts_with("json.syntax")));
}

#[test]
fn a_named_compression_is_undone_once() {
    let found = alone(Compression::Gzip, &file("nested-4.gz"));
    assert!(found.iter().all(|text| text.starts_with("json.syntax")));
}

#[test]
fn no_part_of_what_is_cut_off_becomes_rows() {
    // Each has one member or frame, and says where it ends.
    for (name, compression) in [
        ("gzip.gz", Compression::Gzip),
        ("zlib.z", Compression::Zlib),
        ("zstd.zst", Compression::Zstd),
        ("lz4.lz4", Compression::Lz4),
        ("snappy-raw.snappy", Compression::SnappyRaw),
        ("bzip2.bz2", Compression::Bzip2),
        ("xz.xz", Compression::Xz),
        ("zip.zip", Compression::Zip),
    ] {
        let whole = file(name);
        let parts: Vec<&[u8]> = (1..whole.len()).map(|length| &whole[..length]).collect();
        let decoded = decode_as(compression, &parts);
        assert_eq!(decoded.counts.rows, 0, "{name}");
        assert_eq!(decoded.rejects.len(), parts.len(), "{name}");
        for (reject, part) in decoded.rejects.iter().zip(&parts) {
            assert_eq!(&reject.data[..], *part, "{name}");
            assert!(reject.code.as_str().starts_with("compression."), "{name}");
        }
    }
}
