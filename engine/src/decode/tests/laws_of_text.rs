//! Laws that every format of text keeps, on random bytes: nothing panics, everything is accounted
//! for, and what a payload becomes does not depend on others (I10).

use proptest::prelude::*;

use super::payloads::{batch, outcome};
use crate::budget::Budget;
use crate::decode::{ContentOptions, DecodeLimits, Decoder};
use crate::types::RejectCode;

/// Options of all formats of text, as they are stored.
const OPTIONS: &[&str] = &[
    r#"{"format":"csv"}"#,
    r#"{"format":"tsv","csv":{"quote":null,"infer_types":false,"short_lines":"fill"}}"#,
    r#"{"format":"csv","csv":{"escape":"\\","trim":true,"header":false}}"#,
    r#"{"format":"csv","csv":{"columns":["a","b"],"types":{"a":"int64","b":"float64"}}}"#,
    r#"{"format":"json","json":{"nested_json_fields":["a","b.a"],"keep_nested_text":true}}"#,
    r#"{"format":"json","json":{"split_root_array":false,"store_json_as_string":"beside"}}"#,
    r#"{"format":"json","json":{"store_json_as_string":"only","json_text_field":"a"}}"#,
    r#"{"format":"cloudwatch","cloudwatch":{"parse_messages":true}}"#,
    r#"{"format":"xml"}"#,
    r#"{"format":"xml","xml":{"record_path":"a/b","list_fields":["b"],"infer_types":false,"trim":false,"name_field":null,"null_values":[""]}}"#,
    r#"{"format":"lines"}"#,
    r#"{"format":"raw"}"#,
    r#"{"format":"fixed_width","fixed_width":{"columns":[{"name":"a","width":2},{"name":"b","width":3}]}}"#,
    r#"{"format":"fixed_width","fixed_width":{"columns":[{"name":"a","start":2,"width":1}],"trim":false,"short_lines":"reject"}}"#,
    r#"{"format":"regex","regex":{"pattern":"(?<a>[a-z]+)?,(?<b>.)"}}"#,
    r#"{"format":"regex","regex":{"pattern":"(?s)(?<a>.*)\"(?<b>.*)","unit":"content","infer_types":false}}"#,
    r#"{"format":"form"}"#,
    r#"{"format":"form","form":{"infer_types":false,"list_fields":["a"]}}"#,
];

fn options() -> impl Strategy<Value = ContentOptions> {
    prop::sample::select(OPTIONS).prop_map(|options| {
        let options: ContentOptions = serde_json::from_str(options).unwrap();
        options.check().unwrap();
        options
    })
}

/// Pieces that mean something to one of the formats.
const PIECES: &[&[u8]] = &[
    b",",
    b"\"",
    b"\n",
    b"\r\n",
    b"\r",
    b"\t",
    b"\\",
    b" ",
    b"a",
    b"b",
    b"1",
    b"-2.5",
    b"true",
    b"&",
    b"=",
    b"+",
    b"%41",
    b"%c3",
    b"%",
    b"a=",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"{\"a\":",
    b"\"b\":",
    b"\"{\\\"a\\\":1}\"",
    b"{\"logEvents\":[",
    b"\"message\":",
    b"\xc3\xa9",
    b"\xef\xbb\xbf",
    b"\xff",
    b"a,b\n",
];

fn payload() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        12 => prop::sample::select(PIECES).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop_oneof![
        8 => prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

fn decode(decoder: &mut Decoder, payloads: &[Vec<u8>]) -> Vec<Vec<String>> {
    let slices: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
    let budget = Budget::new(1 << 20);
    let decoded = decoder.decode(batch(&slices, &budget), &budget);
    let panicked = decoded
        .rejects
        .iter()
        .find(|reject| reject.code == RejectCode::DecoderPanic);
    assert!(panicked.is_none(), "{panicked:?}");
    let found = outcome(&decoded);
    let empty = found.iter().filter(|found| found.is_empty()).count();
    assert_eq!(decoded.counts.empty, empty as u64);
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn text_is_the_same_in_any_batching(
        options in options(),
        payloads in prop::collection::vec(payload(), 1..8),
        middle in any::<prop::sample::Index>(),
    ) {
        let decoder = || Decoder::new(DecodeLimits::default(), &options);
        let together = decode(&mut decoder(), &payloads);
        let alone: Vec<_> = payloads
            .iter()
            .flat_map(|payload| decode(&mut decoder(), std::slice::from_ref(payload)))
            .collect();
        prop_assert_eq!(&together, &alone);
        // In two batches, the later one first.
        let (left, right) = payloads.split_at(middle.index(payloads.len()));
        let mut kept = decoder();
        let right = decode(&mut kept, right);
        let mut parts = decode(&mut kept, left);
        parts.extend(right);
        prop_assert_eq!(&together, &parts);
    }

    #[test]
    fn options_come_back_as_they_were_stored(options in options()) {
        let stored = serde_json::to_string(&options).unwrap();
        let read: ContentOptions = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!(read, options);
    }
}
