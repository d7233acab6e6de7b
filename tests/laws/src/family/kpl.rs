//! KPL aggregates, and what is found out about the payloads in them: the detector, the preview, and
//! decoding by the decision.

use bytes::Bytes;
use md5::{Digest, Md5};
use shardmill_engine::decode::{
    Compression, ContentOptions, DecodeLimits, FormatChoice, Hints, detect,
};
use shardmill_engine::ports::StreamRecord;
use shardmill_engine::preview::{decision, decodes_like, decodes_with, preview};
use shardmill_engine::source::kpl;
use shardmill_engine::types::{Payload, SequenceNumber};

use super::{Family, Seen};
use crate::decoding::{Case, seen};
use crate::fixtures;
use crate::input::Input;

/// KPL aggregates and the detector.
pub const FAMILY: Family = Family {
    name: "kpl",
    law,
    seeds,
};

const MAGIC: &[u8] = b"\xF3\x89\x9A\xC2";
/// The first payload is the message of an aggregate; magic and checksum are put around it.
const WRAPPED: u8 = 0b0000_0001;
/// The Kinesis shard's range of hash keys is known.
const RANGE: u8 = 0b0000_0010;
/// The other bits: nothing is named, or the format at the place before.
const FORMAT: u8 = 2;
/// Bytes of a preview as JSON: everything in it is cut.
const MAX_PREVIEW: usize = 4 << 20;

fn law(bytes: &[u8]) -> Seen {
    let mut input = Input::read(bytes);
    let first = match input.choice & WRAPPED {
        0 => input.payloads[0].clone(),
        _ => wrapped(&input.payloads[0]),
    };
    let hash_keys = (input.choice & RANGE != 0).then_some((0, u128::MAX / 2));
    let mut payloads = split(&first, hash_keys);
    payloads.extend(input.payloads.drain(1..));
    input.payloads = payloads;
    let options = ContentOptions {
        format: FormatChoice::Auto,
        expansion: input.expansion(),
        ..ContentOptions::default()
    };
    let limits = input.limits();
    check_preview(&input, &options, &limits)
}

fn wrapped(message: &[u8]) -> Bytes {
    let checksum = Md5::digest(message);
    [MAGIC, message, &checksum[..]].concat().into()
}

/// Takes a record apart: an ordinary one stays as it is, and user records are pieces of it.
fn split(data: &Bytes, hash_keys: Option<(u128, u128)>) -> Vec<Bytes> {
    let record = StreamRecord {
        sequence: SequenceNumber::from(7),
        partition_key: "key".to_owned(),
        arrival: 11,
        data: data.clone(),
    };
    let split = kpl::split(&record, hash_keys);
    assert!(split.outside <= split.payloads.len() as u64);
    if !split.aggregate {
        assert_eq!(split.payloads.len(), 1);
        assert_eq!(split.payloads[0].data, *data);
        assert_eq!(&*split.payloads[0].partition_key, "key");
    }
    for (payload, place) in split.payloads.iter().zip(0..) {
        let Payload {
            sequence,
            subsequence,
            arrival,
            data: inside,
            ..
        } = payload;
        assert_eq!(
            (sequence.as_str(), *subsequence, *arrival),
            ("7", place, 11)
        );
        assert!(memchr::memmem::find(data, inside).is_some());
    }
    split
        .payloads
        .into_iter()
        .map(|payload| payload.data)
        .collect()
}

/// What is found out is the same each time, is something that decodes, and comes back from where it
/// is stored.
fn check_preview(input: &Input, given: &ContentOptions, limits: &DecodeLimits) -> Seen {
    let named = usize::from(input.choice >> FORMAT).checked_sub(1);
    let hints = Hints {
        format: named.and_then(|place| FormatChoice::ALL.get(place).copied()),
        header: [None, Some(true), Some(false), None][usize::from(input.hints() & 3)],
    };
    let previewed = preview(&input.payloads, given, hints, limits);
    let again = preview(&input.payloads, given, hints, limits);
    assert_eq!(previewed.preview, again.preview);
    assert_eq!(previewed.detected, again.detected);
    let shown = &previewed.preview;
    assert_eq!(shown.sample_size, input.payloads.len() as u64);
    let stored = serde_json::to_string(shown).expect("a preview is plain values");
    assert!(
        stored.len() <= MAX_PREVIEW,
        "a preview of {} bytes",
        stored.len()
    );
    let Some(detected) = previewed.detected else {
        assert_eq!(shown.events, 0, "events of nothing");
        return Seen::default();
    };
    let options = &detected.options;
    let is_found_out = hints
        .format
        .is_none_or(|format| format == FormatChoice::Auto);
    let checked = options.check();
    assert!(checked.is_ok() || !is_found_out, "{checked:?} {options:?}");
    let stored = decision(options, "because");
    assert_eq!(decodes_with(&stored), Ok(options.effective()));
    assert!(decodes_like(&stored, options));
    let sample = Case::new(options, input).check();
    let seen = seen(&sample);
    assert_eq!(shown.events, seen.events as u64);
    assert_eq!(shown.number_of_errors, seen.rejects as u64);
    check_contents(input, options, hints, limits);
    seen
}

/// The detector alone, on payloads as contents.
fn check_contents(input: &Input, given: &ContentOptions, hints: Hints, limits: &DecodeLimits) {
    let given = ContentOptions {
        compression: Compression::None,
        ..given.clone()
    };
    let found = detect(&input.payloads, &given, hints, limits);
    assert_eq!(found, detect(&input.payloads, &given, hints, limits));
}

fn seeds() -> Vec<Vec<u8>> {
    let aggregate = fixtures::file("compression/aggregate.kpl");
    let message = &aggregate[MAGIC.len()..aggregate.len() - 16];
    let small = b"\x0a\x01k\x0a\x02kk\x12\x0212\x1a\x0b\x08\x00\x1a\x07{\"a\":1}\x1a\x0d\x08\x01\x10\x00\x1a\x07{\"a\":2}";
    let mut seeds = vec![
        Input::write(0, 0, &[&aggregate]),
        Input::write(3, 0, &[message]),
        Input::write(1, 0, &[small]),
        Input::write(1, 1, &[small, b"{\"a\":3}", b"x,y"]),
    ];
    for format in [
        "csv",
        "tsv",
        "form",
        "xml",
        "json",
        "cloudwatch",
        "lines",
        "raw",
        "fixed_width",
    ] {
        let (_, mut sample) = fixtures::of_format(format);
        sample.truncate(600);
        seeds.push(Input::write(0, 1, &[&sample, &sample]));
    }
    for named in 0..FormatChoice::ALL.len() {
        let lines: &[u8] = b"a,b\n1,x\n2,y\n";
        seeds.push(Input::write(
            (named + 1) << FORMAT,
            1,
            &[lines, b"b,a\n3,4\n", b"{\"a\":1}"],
        ));
    }
    seeds
}
