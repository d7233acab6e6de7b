//! The decompressors, by name and found out.

use bytes::Bytes;
use serde::de::IgnoredAny;
use shardmill_engine::decode::{
    Compression, ContentOptions, Decided, FormatChoice, Inside, open_payloads,
};

use super::{Family, Seen};
use crate::decoding::{Case, Piece, seen};
use crate::fixtures;
use crate::input::Input;

/// Decompressors.
pub const FAMILY: Family = Family {
    name: "expand",
    law,
    seeds,
};

/// Below this many bytes no ratio does harm.
const FREE_OF_RATIO: usize = 16 << 10;
/// The hint that contents are looked at too.
const AUTO_FORMAT: u8 = 1;

fn law(bytes: &[u8]) -> Seen {
    let input = Input::read(bytes);
    let compression = Compression::ALL[usize::from(input.choice) % Compression::ALL.len()];
    let options = ContentOptions {
        format: match input.hints() & AUTO_FORMAT {
            0 => FormatChoice::Raw,
            _ => FormatChoice::Auto,
        },
        decided: Some(Decided::all(FormatChoice::Lines)),
        compression,
        expansion: input.expansion(),
        ..ContentOptions::default()
    };
    let pieces = Case::new(&options, &input).check();
    let insides = open_payloads(&input.payloads, &options, usize::MAX);
    assert_eq!(insides.len(), input.payloads.len());
    for ((payload, inside), pieces) in input.payloads.iter().zip(&insides).zip(&pieces) {
        check_size(&input, payload, inside);
        if options.format == FormatChoice::Raw {
            check_raw(payload, inside, pieces);
        }
        if compression == Compression::Auto && is_json(payload) {
            assert_eq!(
                inside.contents,
                [payload],
                "JSON was taken for something else"
            );
        }
    }
    seen(&pieces)
}

/// What comes out stays within the limits.
fn check_size(input: &Input, payload: &Bytes, inside: &Inside) {
    let limits = input.expansion();
    let by_ratio = (payload.len() * limits.max_ratio).max(FREE_OF_RATIO);
    let bytes: usize = inside.contents.iter().map(Bytes::len).sum();
    let most = limits.max_bytes.min(by_ratio).max(payload.len());
    assert!(bytes <= most, "{bytes} bytes of {most} came out");
}

/// Each content is an event, or the payload is the only reject.
fn check_raw(payload: &Bytes, inside: &Inside, pieces: &[Piece]) {
    match &inside.failure {
        None => {
            let contents = inside.contents.iter().filter(|content| !content.is_empty());
            assert_eq!(contents.count(), pieces.len(), "a content vanished");
        }
        Some((code, reason)) => {
            assert!(inside.contents.is_empty());
            let whole = Piece::Reject(*code, payload.clone(), reason.clone());
            assert_eq!(pieces, [whole]);
        }
    }
}

fn is_json(payload: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(payload).is_ok()
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![Input::write(0, 1, &[b"{\"a\":1}", b"text", b""])];
    let named = |name: &str| {
        let known = Compression::ALL
            .iter()
            .position(|known| known.as_str() == name);
        known.expect("a compression")
    };
    for (compression, bytes) in fixtures::compressed() {
        seeds.push(Input::write(0, 0, &[&bytes]));
        if let Some(name) = compression {
            seeds.push(Input::write(named(&name), 0, &[&bytes]));
        }
    }
    seeds
}
