//! What samples are taken for, those that mean to mislead among them.

use rstest::rstest;

use super::*;
use crate::decode::FieldType;
use crate::decode::options::{Compression, FormatChoice as F};

fn contents<T: AsRef<[u8]>>(sample: &[T]) -> Vec<Bytes> {
    let sample = sample.iter();
    sample
        .map(|content| Bytes::copy_from_slice(content.as_ref()))
        .collect()
}

fn auto() -> ContentOptions {
    ContentOptions {
        format: F::Auto,
        ..ContentOptions::default()
    }
}

fn detected<T: AsRef<[u8]>>(sample: &[T]) -> Detected {
    let limits = DecodeLimits::default();
    detect(&contents(sample), &auto(), Hints::default(), &limits).unwrap()
}

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/", $name)).to_vec()
    };
}

#[rstest]
#[case::objects(&["{\"a\":1}", "{\"a\":2}"], F::Json)]
#[case::json_lines(&["{\"a\":1}\n{\"a\":2}\n"], F::Json)]
#[case::a_list(&["[{\"a\":1},{\"a\":2}]"], F::Json)]
#[case::indented(&["\u{feff}\n{\n  \"a\": 1\n}\n"], F::Json)]
#[case::cut_off(&["{\"a\":1,\"b\":", "{\"a\":1,\"b\":2}", "{\"a\""], F::Json)]
#[case::one_alone_cut_off(&["{\"a\":\"x"], F::Json)]
#[case::envelopes(&["{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[]}"], F::CloudWatch)]
#[case::envelopes_among_json(
    &["{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[]}", "{\"a\":1}"], F::Json)]
#[case::the_key_alone_is_no_envelope(&["{\"logEvents\":[]}"], F::Json)]
#[case::csv(&["a,b,c\n1,2,3\n4,5,6\n"], F::Csv)]
#[case::csv_line_by_line(&["1,x,2.5", "2,y,0.5", "3,z,1.5"], F::Csv)]
#[case::one_line_of_numbers(&["1,2,3"], F::Csv)]
#[case::json_in_csv(&["1,\"{\"\"a\"\":1,\"\"b\"\":2}\",x\n2,\"{}\",y\n"], F::Csv)]
#[case::quoted_commas(&["id,text\n1,\"a, b\"\n2,\"c\"\n3,\"d, e, f\"\n"], F::Csv)]
#[case::semicolons(&["a;b;c\n1,5;2,5;x\n3,5;4,5;y\n"], F::Csv)]
#[case::pipes(&["1|bob|2026-11-22", "2|al|2026-11-23"], F::Csv)]
#[case::tabs(&["id\tsaid\n1\tHello, you there\n2\tBye; see you\n"], F::Tsv)]
#[case::empty_fields(&["1,,x\n2,,\n,,z\n"], F::Csv)]
#[case::forms(&["a=1&b=x+y", "a=2&b=%C3%A9&b=z"], F::Form)]
#[case::xml(&["<a><b>1</b></a>", "<a/>"], F::Xml)]
#[case::xml_with_text_around(&["<?xml version=\"1.0\"?>\n<a>\n</a>\n"], F::Xml)]
#[case::prose(&["Hello, world", "Bye, moon", "See you, sun"], F::Lines)]
#[case::prose_of_one(&["Hello, world"], F::Lines)]
#[case::ragged_text(&["a,b\nc\nd,e,f\n"], F::Lines)]
#[case::one_column(&["name\nbob\nalice\n"], F::Lines)]
#[case::only_numbers(&["1", "2", "3"], F::Lines)]
#[case::only_numbers_in_lines(&["1\n2\n3\n"], F::Lines)]
#[case::a_log(&[
    "2026-11-22 10:00:00,123 INFO main started up", "2026-11-22 10:00:01,456 WARN x y z"], F::Lines)]
#[case::brackets(&["[INFO] started [main]", "[WARN] stopped [main]"], F::Lines)]
#[case::syslog(&["<13>Oct 11 22:14:15 host su: failed", "<14>Oct 11 22:14:16 host x"], F::Lines)]
#[case::logfmt(&["level=info msg=hi", "level=warn msg=ho"], F::Lines)]
#[case::assignments(&["a=1, b=2, c=3", "a=2, b=3, c=4"], F::Lines)]
#[case::python(&["{'a': 1, 'b': 2}", "{'a': 2, 'b': 3}"], F::Lines)]
#[case::one_pair(&["a=1", "b=2"], F::Lines)]
#[case::padded_base64(&["aGVsbG8gd29ybGQ==", "Zm9v"], F::Lines)]
#[case::scalars_of_json(&["\"a\"", "null", "true"], F::Lines)]
fn text_is_what_it_looks_like(#[case] sample: &[&str], #[case] expected: F) {
    let found = detected(sample);
    assert_eq!(found.format, expected, "{}", found.reason);
    assert!(found.is_decided());
    // The empty payloads among them make no difference.
    let mut padded = vec![""];
    padded.extend(sample);
    padded.push(" \n");
    assert_eq!(detected(&padded).format, expected);
}

#[test]
fn files_are_known_by_their_marks() {
    for (file, expected) in [
        (fixture!("avro/types.avro"), F::Avro),
        (fixture!("parquet/types.parquet"), F::Parquet),
        (fixture!("orc/types.orc"), F::Orc),
    ] {
        let found = detected(&[file]);
        let sure = (found.format, found.confidence);
        assert_eq!(sure, (expected, Confidence::Certain));
    }
}

#[rstest]
#[case::a_bare_avro_value(fixture!("avro/few.message"))]
#[case::protobuf(vec![0x08, 0x96, 0x01, 0x12, 0x07, b't', b'e', b's', b't', b'i', b'n', b'g'])]
#[case::a_confluent_frame(vec![0, 0, 0, 0, 7, 2, b'a'])]
#[case::random(vec![0xde, 0xad, 0xbe, 0xef, 0x80, 0x90])]
fn bytes_that_say_nothing_are_never_guessed(#[case] content: Vec<u8>) {
    let found = detected(&[content]);
    assert_eq!(found.format, F::Raw);
    assert!(!found.is_decided());
}

#[test]
fn a_sample_that_holds_nothing_says_nothing() {
    let limits = DecodeLimits::default();
    let nothing = contents(&["", " ", "\n"]);
    assert_eq!(detect(&nothing, &auto(), Hints::default(), &limits), None);
    assert_eq!(detect(&[], &auto(), Hints::default(), &limits), None);
}

#[rstest]
#[case::numbers_below(&["id,who\n1,bob\n2,al\n"], true)]
#[case::the_same_line_in_each(&["x,y\na,b\n", "x,y\nc,d\n"], true)]
#[case::usual_names(&["user_id,emailAddress\nu1,a@b\nu2,c@d\n"], true)]
#[case::numbers_in_it(&["1,bob\n2,al\n"], false)]
#[case::line_by_line(&["id,who", "1,bob", "2,al"], false)]
#[case::first_lines_differ(&["bob,x\n1,2\n", "al,y\n3,4\n"], false)]
#[case::like_the_others(&["bob,red\nal,blue\n"], false)]
#[case::names_twice(&["id,id\n1,2\n3,4\n"], false)]
#[case::a_name_is_missing(&["id,,x\n1,2,3\n3,4,5\n"], false)]
fn headers_are_told_from_data(#[case] sample: &[&str], #[case] expected: bool) {
    let found = detected(sample);
    let header = found.header.unwrap();
    assert_eq!(found.format, F::Csv);
    assert_eq!(header.looks_like, expected, "{}", header.reason);
    assert_eq!(found.options.delimited.has_header, expected);
}

#[test]
fn a_header_may_be_said_to_be_there_or_not() {
    let limits = DecodeLimits::default();
    let sample = contents(&["bob,red\nal,blue\n"]);
    for said in [true, false] {
        let hints = Hints {
            header: Some(said),
            ..Hints::default()
        };
        let found = detect(&sample, &auto(), hints, &limits).unwrap();
        assert_eq!(found.options.delimited.has_header, said);
        let named = if said { "bob" } else { "_column_1" };
        assert!(found.options.delimited.types.contains_key(named));
    }
}

#[test]
fn types_are_those_of_the_whole_sample() {
    let found = detected(&["id,price,note\n1,2,x\n2,2.5,7\n3,,y\n"]);
    let types = &found.options.delimited.types;
    assert_eq!(types["id"], FieldType::Int64);
    assert_eq!(types["price"], FieldType::Float64);
    assert_eq!(types["note"], FieldType::String);
    assert_eq!(found.options.delimited.delimiter, None);
    let found = detected(&["a;b\n1;2\n3;4\n"]);
    assert_eq!(found.options.delimited.delimiter, Some(Mark(b';')));
    let found = detected(&["a=1&b=x", "a=2&b=3"]);
    assert_eq!(found.options.form.types["a"], FieldType::Int64);
    assert_eq!(found.options.form.types["b"], FieldType::String);
}

#[test]
fn repeated_elements_of_xml_are_the_events() {
    let found = detected(&["<rows><row><a>1</a></row><row><a>x</a></row></rows>"]);
    assert_eq!(found.options.xml.record.as_deref(), Some("rows/row"));
    assert_eq!(found.options.xml.types["a"], FieldType::String);
    let found = detected(&["<row><a>1</a></row>"]);
    assert_eq!(found.options.xml.record, None);
    assert_eq!(found.options.xml.types["a"], FieldType::Int64);
}

#[test]
fn mixed_streams_have_a_main_format_and_one_for_the_rest() {
    let decided = |sample: &[&str]| {
        let decided = detected(sample).options.decided.unwrap();
        (decided.format, decided.rest)
    };
    let json = "{\"a\":1}";
    assert_eq!(decided(&[json; 3]), (F::Json, F::Json));
    assert_eq!(
        decided(&[json, json, json, "1,2,3", "4,5,6"]),
        (F::Json, F::Csv)
    );
    assert_eq!(decided(&[json, "1,2,3", "4,5,6"]), (F::Csv, F::Csv));
    // Text that nothing is known of is no row of a stream of JSON: it stays a reject.
    assert_eq!(
        decided(&[json, json, json, "oops", "what is this"]),
        (F::Json, F::Json)
    );
    let mut one_in_many = vec![json; 50];
    one_in_many.extend(["1,2,3", "4,5,6"]);
    assert_eq!(decided(&one_in_many), (F::Json, F::Json));
    assert_eq!(decided(&["<a>1</a>", json, "<a>2</a>"]), (F::Xml, F::Xml));
}

#[test]
fn a_format_that_is_configured_is_not_touched_and_one_that_is_hinted_is_filled_in() {
    let limits = DecodeLimits::default();
    let sample = contents(&["a;b\n1;2\n3;4\n"]);
    let given = ContentOptions {
        format: F::Csv,
        ..ContentOptions::default()
    };
    let found = detect(&sample, &given, Hints::default(), &limits).unwrap();
    assert_eq!(
        (&found.options, found.confidence),
        (&given, Confidence::Said)
    );
    let hints = Hints {
        format: Some(F::Csv),
        header: None,
    };
    let found = detect(&sample, &auto(), hints, &limits).unwrap();
    assert_eq!(found.options.format, F::Csv);
    assert_eq!(found.options.delimited.delimiter, Some(Mark(b';')));
    assert!(found.options.delimited.has_header);
    found.options.check().unwrap();
}

#[test]
fn no_sample_makes_it_panic() {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};
    let mut random = StdRng::seed_from_u64(7);
    let alphabet = b"{}[]\"',;|\t\n\r<>/=&%a1. \xff\x00\xc3\xa9";
    for _ in 0..2_000 {
        let sample: Vec<Vec<u8>> = (0..random.random_range(1..4))
            .map(|_| {
                let len = random.random_range(0..40);
                (0..len)
                    .map(|_| alphabet[random.random_range(0..alphabet.len())])
                    .collect()
            })
            .collect();
        let limits = DecodeLimits::default();
        if let Some(found) = detect(&contents(&sample), &auto(), Hints::default(), &limits) {
            found.options.check().unwrap();
        }
    }
}

/// As the decoder has it: what a preview says of a payload is what becomes of it.
#[test]
fn no_bytes_are_no_failure_of_any_compression() {
    for compression in Compression::ALL {
        let options = ContentOptions {
            compression,
            ..auto()
        };
        let insides = open_payloads(&[Bytes::new()], &options, 1);
        assert!(insides[0].failure.is_none(), "{compression:?}");
        assert_eq!(insides[0].contents, [Bytes::new()], "{compression:?}");
    }
}
