//! How much may come out, and what it is charged to.

use std::io::Write;

use flate2::write::GzEncoder;

use super::{decode_as, decoder};
use crate::budget::Budget;
use crate::decode::tests::payloads::{batch, outcome};
use crate::decode::{Compression, ExpansionLimits};

/// A document of `bytes` bytes, compressed.
fn compressed(number: usize, bytes: usize) -> Vec<u8> {
    let mut text = format!("{{\"n\":{number}}}");
    text.extend(std::iter::repeat_n(' ', bytes - text.len()));
    gzip(text.as_bytes())
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::new(1));
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

/// Whether a payload that comes to `bytes` bytes is let pass.
fn passes(limits: ExpansionLimits, payload: &[u8]) -> bool {
    let budget = Budget::new(1 << 20);
    let decoded = decoder(Compression::Auto, limits).decode(batch(&[payload], &budget), &budget);
    if let [reject] = &decoded.rejects[..] {
        assert_eq!(reject.code.as_str(), "compression.bomb");
        assert_eq!(&reject.data[..], payload);
        assert_eq!(decoded.counts.rows, 0);
        return false;
    }
    assert_eq!(decoded.counts.rows, 1);
    true
}

#[test]
fn the_size_is_exact() {
    let limits = |max_bytes| ExpansionLimits {
        max_bytes,
        max_ratio: 1_000_000,
    };
    for bytes in [100, 16 << 10, (16 << 10) + 1, 300_000, 3 << 20] {
        let payload = compressed(1, bytes);
        assert!(passes(limits(bytes), &payload), "{bytes}");
        assert!(!passes(limits(bytes - 1), &payload), "{bytes}");
    }
}

#[test]
fn the_ratio_counts_beyond_a_little() {
    let limits = |max_ratio| ExpansionLimits {
        max_bytes: 1 << 30,
        max_ratio,
    };
    let small = compressed(1, 16 << 10);
    assert!(passes(limits(1), &small), "no ratio does harm here");
    let large = compressed(1, 4 << 20);
    let ratio = (4 << 20) / large.len();
    assert!(passes(limits(ratio + 1), &large));
    assert!(!passes(limits(ratio - 1), &large));
}

#[test]
fn all_layers_and_files_count() {
    // 60 % of the limit, once for each layer.
    let inner = compressed(1, 1_200_000);
    let stored = {
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        for name in ["a", "b"] {
            archive.start_file(name, options).unwrap();
            archive.write_all(&inner).unwrap();
        }
        archive.finish().unwrap().into_inner()
    };
    assert_eq!(decode_as(Compression::Auto, &[&inner]).counts.rows, 1);
    let both = decode_as(Compression::Auto, &[&stored]);
    assert_eq!(both.rejects[0].code.as_str(), "compression.bomb");
}

#[test]
fn what_comes_out_is_charged_until_the_rows_are() {
    const EACH: usize = 3 << 20;
    let budget = Budget::new(1 << 20);
    let files: Vec<Vec<u8>> = (0..7).map(|number| compressed(number, EACH)).collect();
    let mut payloads: Vec<&[u8]> = Vec::new();
    for file in &files {
        payloads.extend([br#"{"n":"plain"}"#, &file[..], b"junk", b"\x1f\x8b\x08"]);
    }
    let limits = ExpansionLimits {
        max_ratio: 1_000,
        ..ExpansionLimits::default()
    };
    let mut decoder = decoder(Compression::Auto, limits);
    let decoded = decoder.decode(batch(&payloads, &budget), &budget);
    // More than one group holds, each payload in its place.
    let expected: Vec<Vec<String>> = (0..7)
        .flat_map(|number| {
            [
                vec![r#"{"n":"plain"}"#.to_owned()],
                vec![format!("{{\"n\":{number}}}")],
                vec!["json.syntax junk".to_owned()],
                vec!["compression.damaged \u{1f}\u{fffd}\u{8}".to_owned()],
            ]
        })
        .collect();
    assert_eq!(outcome(&decoded), expected);
    let compressed: usize = payloads.iter().map(|payload| payload.len()).sum();
    assert!(budget.peak() >= 7 * EACH + compressed, "{}", budget.peak());
    assert_eq!(budget.used(), decoded.credit.bytes());
    drop(decoded);
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_reject_out_of_an_archive_does_not_keep_the_archive() {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, bytes) in [("good", &[b' '; 100_000][..]), ("bad", b"not JSON")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_cksum();
        archive.append_data(&mut header, name, bytes).unwrap();
    }
    let decoded = decode_as(Compression::Auto, &[&gzip(&archive.into_inner().unwrap())]);
    assert_eq!(&decoded.rejects[0].data[..], b"not JSON");
    // The only owner of its bytes: nothing else hangs on it.
    assert!(decoded.rejects[0].data.is_unique());
    assert!(decoded.credit.bytes() < 50_000);
}
