//! What holds for any bytes.

use std::io::Write;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use super::fixtures::good;
use crate::decode::expand::{Expander, Failure};
use crate::decode::{Compression, ContentOptions, ExpansionLimits};
use crate::types::RejectCode;

const MOST: usize = 256 << 10;

/// The contents of a payload that may come to `max_bytes` bytes.
fn expand(
    compression: Compression,
    payload: &[u8],
    max_bytes: usize,
) -> Result<Vec<Bytes>, Failure> {
    let mut contents = Vec::new();
    let payload = Bytes::copy_from_slice(payload);
    let mut expander = Expander::new(&ContentOptions {
        compression,
        expansion: ExpansionLimits {
            max_bytes,
            max_ratio: 100_000,
        },
        ..ContentOptions::default()
    });
    if expander.is_plain(&payload) {
        return Ok(vec![payload]);
    }
    expander.expand(&payload, &mut contents)?;
    Ok(contents)
}

/// The contents of a payload; `None` where it is a reject.
fn contents(compression: Compression, payload: &[u8]) -> Option<Vec<Bytes>> {
    expand(compression, payload, MOST).ok()
}

fn any_compression() -> impl Strategy<Value = Compression> {
    prop::sample::select(&Compression::ALL[..])
}

/// Bytes that compress well and bytes that do not.
fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::collection::vec("[a-c]{0,6}|.{0,3}", 0..300);
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..2_000),
        words.prop_map(|words| words.concat().into_bytes()),
        (any::<u8>(), 0usize..100_000).prop_map(|(byte, count)| vec![byte; count]),
    ]
}

/// Good files, changed in a few places, cut, and put after one another.
fn changed() -> impl Strategy<Value = (Compression, Vec<u8>)> {
    let good = good();
    let file = prop::sample::select(good);
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    let cut = prop::option::of(any::<prop::sample::Index>());
    (file, changes, cut).prop_map(|((compression, mut bytes), changes, cut)| {
        for (at, byte) in changes {
            // Headers are what it is about.
            let at = at.index(2 * bytes.len()) % bytes.len().min(64 + bytes.len() / 2);
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len() + 1));
        }
        (compression, bytes)
    })
}

/// What another writer makes of bytes, or this one of our own libraries.
fn compress(compression: Compression, data: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::new(3);
    match compression {
        Compression::Auto | Compression::None => data.to_vec(),
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Zlib => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Zstd => zstd::encode_all(data, 1).unwrap(),
        Compression::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Snappy => {
            let mut encoder = snap::write::FrameEncoder::new(Vec::new());
            encoder.write_all(data).unwrap();
            encoder.into_inner().unwrap()
        }
        Compression::SnappyRaw => snap::raw::Encoder::new().compress_vec(data).unwrap(),
        Compression::Bzip2 => {
            let level = bzip2::Compression::new(1);
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), level);
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Xz => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Zip => {
            let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
            let options = zip::write::SimpleFileOptions::default();
            archive.start_file("file", options).unwrap();
            archive.write_all(data).unwrap();
            archive.finish().unwrap().into_inner()
        }
        Compression::Tar => {
            let mut archive = tar::Builder::new(Vec::new());
            let mut header = tar::Header::new_ustar();
            header.set_size(data.len() as u64);
            header.set_cksum();
            archive.append_data(&mut header, "file", data).unwrap();
            archive.into_inner().unwrap()
        }
    }
}

#[test]
fn there_may_be_only_so_many_parts() {
    for compression in [Compression::Lz4, Compression::Bzip2] {
        let part = compress(compression, b"");
        let most = 1 << 16;
        assert!(expand(compression, &part.repeat(most), MOST).is_ok());
        let failure = expand(compression, &part.repeat(most + 1), MOST).unwrap_err();
        assert_eq!(failure.code(), RejectCode::CompressionBomb, "{failure:?}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_contents_within_the_limit_or_a_reject(
        compression in any_compression(),
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        if let Some(contents) = contents(compression, &bytes) {
            let total: usize = contents.iter().map(Bytes::len).sum();
            prop_assert!(total <= MOST.max(bytes.len()));
        }
    }

    #[test]
    fn changed_files_are_contents_within_the_limit_or_a_reject((compression, bytes) in changed()) {
        for compression in [compression, Compression::Auto] {
            if let Some(contents) = contents(compression, &bytes) {
                let total: usize = contents.iter().map(Bytes::len).sum();
                prop_assert!(total <= MOST.max(bytes.len()));
            }
        }
    }

    #[test]
    fn what_was_compressed_comes_back(compression in any_compression(), data in some_bytes()) {
        let payload = compress(compression, &data);
        let found = contents(compression, &payload);
        prop_assert_eq!(found, Some(vec![Bytes::from(data)]));
    }

    #[test]
    fn text_that_was_compressed_comes_back_unnamed(
        compression in any_compression(),
        text in "\\{\"[a-d]{1,200}é\": [0-9]{60,400}\\}",
    ) {
        let payload = compress(compression, text.as_bytes());
        let found = contents(Compression::Auto, &payload);
        prop_assert_eq!(found, Some(vec![Bytes::from(text)]));
    }

    #[test]
    fn json_is_never_taken_for_compressed(
        space in "[ \t\r\n]{0,3}",
        text in r#"\PC{0,40}"#,
        numbers in prop::collection::vec(any::<i64>(), 0..20),
        shape in 0usize..6,
        spaced in any::<bool>(),
    ) {
        let value = match shape {
            0 => Value::from(text),
            1 => Value::from(numbers),
            2 => serde_json::json!({ "": numbers, text: "x" }),
            3 => serde_json::json!([[text], numbers]),
            4 => Value::from(numbers.first().copied()),
            _ => serde_json::json!([{ "a": text }]),
        };
        let json = match spaced {
            true => serde_json::to_string_pretty(&value).unwrap(),
            false => value.to_string(),
        };
        let payload = format!("{space}{json}{space}");
        let found = contents(Compression::Auto, payload.as_bytes());
        prop_assert_eq!(found, Some(vec![Bytes::from(payload)]));
    }

    #[test]
    fn the_limit_is_exact(compression in any_compression(), data in some_bytes()) {
        // The files of a tar are parts of it, so nothing comes out beside it.
        let grows = !matches!(compression, Compression::Auto | Compression::None | Compression::Tar);
        prop_assume!(grows && !data.is_empty());
        let payload = compress(compression, &data);
        prop_assert!(expand(compression, &payload, data.len()).is_ok());
        let failure = expand(compression, &payload, data.len() - 1).unwrap_err();
        prop_assert_eq!(failure.code(), RejectCode::CompressionBomb, "{:?}", failure);
    }

    /// The hardest case: JSON whose bytes are a whole block of raw snappy, too.
    #[test]
    fn json_that_raw_snappy_would_take_is_json(digits in "[0-9]{7}") {
        // A tab is the length 9, a space a tag for nine bytes that stand for themselves.
        let payload = format!("\t [{digits}]");
        let named = contents(Compression::SnappyRaw, payload.as_bytes());
        prop_assert_eq!(named, Some(vec![Bytes::copy_from_slice(&payload.as_bytes()[2..])]));
        let found = contents(Compression::Auto, payload.as_bytes());
        prop_assert_eq!(found, Some(vec![Bytes::from(payload)]));
    }
}
