//! `auto`: contents of several formats in one stream.

use proptest::prelude::*;

use super::payloads::{assert_identities, decode_as, one, outcome};
use crate::decode::{Compression, ContentOptions, Decided, FormatChoice};

fn auto(format: FormatChoice, rest: FormatChoice) -> ContentOptions {
    let mut options = ContentOptions {
        format: FormatChoice::Auto,
        decided: Some(Decided { format, rest }),
        ..ContentOptions::default()
    };
    options.delimited.has_header = false;
    options
}

fn named(format: FormatChoice) -> ContentOptions {
    ContentOptions {
        format,
        ..auto(format, format)
    }
}

/// Contents, each with the format that it is plainly of.
fn plain() -> Vec<(FormatChoice, Vec<u8>)> {
    macro_rules! file {
        ($name:literal) => {
            include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/", $name)).to_vec()
        };
    }
    vec![
        (FormatChoice::Json, b"{\"a\":1}\n{\"a\":2}".to_vec()),
        (FormatChoice::Json, b" [{\"a\":1},{\"b\":[1]}]".to_vec()),
        (FormatChoice::Xml, b"<a b='1'><c>x</c></a>".to_vec()),
        (FormatChoice::Avro, file!("avro/types.avro")),
        (FormatChoice::Parquet, file!("parquet/types.parquet")),
        (FormatChoice::Orc, file!("orc/types.orc")),
    ]
}

#[test]
fn what_is_plainly_of_a_format_is_decoded_as_that_whatever_was_decided() {
    for decided in [
        FormatChoice::Json,
        FormatChoice::CloudWatch,
        FormatChoice::Csv,
        FormatChoice::Lines,
        FormatChoice::Raw,
        FormatChoice::Xml,
        FormatChoice::Avro,
        FormatChoice::Parquet,
        FormatChoice::Orc,
    ] {
        for (format, content) in plain() {
            assert_eq!(
                one(&auto(decided, decided), &content),
                one(&named(format), &content),
                "{decided:?} {format:?}"
            );
        }
    }
}

#[test]
fn the_rest_is_what_was_decided() {
    let rest = auto(FormatChoice::Json, FormatChoice::Csv);
    assert_eq!(
        one(&rest, b"1,x"),
        ["{\"_column_1\":1,\"_column_2\":\"x\"}"]
    );
    assert_eq!(one(&rest, b"{\"a\":"), ["json.syntax {\"a\":"]);
    let json = auto(FormatChoice::Json, FormatChoice::Json);
    assert_eq!(one(&json, b"1,x"), one(&named(FormatChoice::Json), b"1,x"));
    // Without a decision, and with one that cannot be, it is JSON.
    let mut undecided = json.clone();
    undecided.decided = None;
    assert_eq!(one(&undecided, b"{\"a\":1}"), ["{\"a\":1}"]);
    undecided.decided = Some(Decided::all(FormatChoice::Auto));
    assert_eq!(one(&undecided, b"{\"a\":1}"), ["{\"a\":1}"]);
}

#[test]
fn json_beside_envelopes_is_json() {
    let options = auto(FormatChoice::CloudWatch, FormatChoice::CloudWatch);
    let envelope = br#"{"messageType":"DATA_MESSAGE","logEvents":[{"id":"1"},{"id":"2"}]}"#;
    assert_eq!(one(&options, envelope).len(), 2);
    assert_eq!(one(&options, b"{\"a\":1}"), ["{\"a\":1}"]);
}

#[test]
fn contents_of_one_payload_may_be_of_several_formats() {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, data) in [
        ("a", "{\"a\":1}"),
        ("b", "<x>2</x>"),
        ("c", "3,4"),
        ("d", "{\"a\":5}"),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_size(data.len() as u64);
        header.set_cksum();
        tar.append_data(&mut header, name, data.as_bytes()).unwrap();
    }
    let tar = tar.into_inner().unwrap();
    let options = auto(FormatChoice::Json, FormatChoice::Csv);
    assert_eq!(options.compression, Compression::Auto);
    assert_eq!(
        one(&options, &tar),
        [
            "{\"a\":1}",
            "{\"#name\":\"x\",\"#text\":2}",
            "{\"_column_1\":3,\"_column_2\":4}",
            "{\"a\":5}"
        ]
    );
}

proptest! {
    /// I10: rows of a content are the same alone and among others, in any order.
    #[test]
    fn neighbours_make_no_difference_under_auto(
        places in prop::collection::vec(0usize..10, 0..150),
        decided in 0usize..4,
    ) {
        let mut contents: Vec<Vec<u8>> = plain().into_iter().map(|(_, content)| content).collect();
        contents.extend([&b"1,2\nx,\"y"[..], b"", b"plain text", b"{\"cut\":"].map(<[u8]>::to_vec));
        let (format, rest) = [
            (FormatChoice::Json, FormatChoice::Csv),
            (FormatChoice::Json, FormatChoice::Json),
            (FormatChoice::Csv, FormatChoice::Csv),
            (FormatChoice::Lines, FormatChoice::Lines),
        ][decided];
        let options = auto(format, rest);
        let payloads: Vec<&[u8]> = places.iter().map(|place| &*contents[*place]).collect();
        let together = decode_as(&options, &payloads);
        assert_identities(&together);
        let alone: Vec<Vec<String>> = payloads.iter().map(|payload| one(&options, payload)).collect();
        prop_assert_eq!(outcome(&together), alone);
    }
}
