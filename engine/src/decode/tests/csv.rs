//! What CSV and TSV become, rule by rule.

use std::collections::BTreeMap;

use rstest::rstest;

use super::payloads::{decode_as, one, outcome, schema_of, types_of};
use crate::decode::{
    ContentOptions, DelimitedOptions, FieldType, FormatChoice, Mark, ShortLines, decide_types,
};
use crate::schema::DataType;

fn csv(delimited: DelimitedOptions) -> ContentOptions {
    ContentOptions {
        format: FormatChoice::Csv,
        delimited,
        ..ContentOptions::default()
    }
}

fn mark(mark: char) -> Option<Mark> {
    Some(Mark::try_from(mark).unwrap())
}

fn named(columns: &[&str]) -> DelimitedOptions {
    DelimitedOptions {
        columns: Some(columns.iter().map(|&name| name.to_owned()).collect()),
        has_header: false,
        ..DelimitedOptions::default()
    }
}

#[rstest]
#[case::empty("", &[])]
#[case::header_only("a,b\n", &[])]
#[case::typed("a,b,c,d\n1,2.5,true,x\n", &[r#"{"a":1,"b":2.5,"c":true,"d":"x"}"#])]
#[case::no_last_line_end("a\n1", &[r#"{"a":1}"#])]
#[case::crlf("a,b\r\n1,2\r\n3,4\r\n", &[r#"{"a":1,"b":2}"#, r#"{"a":3,"b":4}"#])]
#[case::cr("a,b\r1,2\r3,4", &[r#"{"a":1,"b":2}"#, r#"{"a":3,"b":4}"#])]
#[case::byte_order_mark("\u{feff}a,b\n1,2\n", &[r#"{"a":1,"b":2}"#])]
#[case::empty_lines("\n\na\n\n1\n\r\n2\n\n", &[r#"{"a":1}"#, r#"{"a":2}"#])]
#[case::nulls("a,b,c\n,\"\",x\n", &[r#"{"b":"","c":"x"}"#])]
#[case::all_null("a,b\n,\n", &["{}"])]
#[case::quoted("a,b\n\"x,y\",\"2\"\n", &[r#"{"a":"x,y","b":2}"#])]
#[case::doubled_quotes("a\n\"say \"\"hi\"\"\"\n", &[r#"{"a":"say \"hi\""}"#])]
#[case::embedded_line_ends("a,b\n\"1\r\n2\n3\",x\n", &[r#"{"a":"1\r\n2\n3","b":"x"}"#])]
#[case::quote_inside("a,b\nit\"s,5\" disk\n", &[r#"{"a":"it\"s","b":"5\" disk"}"#])]
#[case::quoted_header("\"a,1\",\"b\"\"\"\nx,y\n", &[r#"{"a,1":"x","b\"":"y"}"#])]
#[case::quote_in_header("a\"b,c\"\n1,2\n", &[r#"{"a\"b":1,"c\"":2}"#])]
#[case::spaces_stay("a, b\n 1,\"x\"\n", &[r#"{" b":"x","a":" 1"}"#])]
#[case::beyond_ascii("é,b\n€,😀\n", &[r#"{"b":"😀","é":"€"}"#])]
#[case::zeros_in_front("zip\n01234\n", &[r#"{"zip":"01234"}"#])]
#[case::beyond_int64("n\n123456789012345678901234567890\n", &[r#"{"n":123456789012345678901234567890}"#])]
#[case::short("a,b,c\n1,2\n3,4,5\n", &["csv.ragged 1,2", r#"{"a":3,"b":4,"c":5}"#])]
#[case::surplus("a\n1,2,x\n", &[r#"{"_column_2":2,"_column_3":"x","a":1}"#])]
#[case::doubled_names("a,a,,a\n1,2,3,4\n", &[r#"{"_column_3":3,"a":1,"a_2":2,"a_3":4}"#])]
#[case::after_quote("a,b\n\"x\"y,1\n2,3\n", &["csv.syntax \"x\"y,1", r#"{"a":2,"b":3}"#])]
#[case::not_closed("a,b\n1,2\n3,\"x\n5,6\n", &[r#"{"a":1,"b":2}"#, "csv.syntax 3,\"x\n5,6"])]
#[case::header_not_closed("a,\"b\n1,2\n", &["csv.syntax a,\"b\n1,2\n"])]
#[case::mixed("a\n1\nx\n\"1.5\"\n", &[r#"{"a":1}"#, r#"{"a":"x"}"#, r#"{"a":1.5}"#])]
fn a_payload_becomes(#[case] payload: &str, #[case] expected: &[&str]) {
    let decoded = decode_as(&csv(DelimitedOptions::default()), &[payload.as_bytes()]);
    assert_eq!(outcome(&decoded), [expected]);
    assert_eq!(decoded.counts.empty, u64::from(expected.is_empty()));
}

#[test]
fn each_content_has_its_own_header() {
    let decoded = decode_as(
        &csv(DelimitedOptions::default()),
        &[b"a,b\n1,2\n", b"b,a\n3,4\n", b"", b"a,b\n5,6\n", b"c\nx\n"],
    );
    assert_eq!(
        outcome(&decoded),
        [
            vec![r#"{"a":1,"b":2}"#],
            vec![r#"{"a":4,"b":3}"#],
            vec![],
            vec![r#"{"a":5,"b":6}"#],
            vec![r#"{"c":"x"}"#],
        ]
    );
    assert_eq!(decoded.counts.empty, 1);
}

#[test]
fn what_is_not_utf8_is_a_reject_and_its_neighbours_are_not() {
    let options = csv(DelimitedOptions::default());
    assert_eq!(
        one(&options, b"a,b\n1,x\n2,\xff\n3,y\n"),
        [
            r#"{"a":1,"b":"x"}"#,
            "text.not_utf8 2,\u{fffd}",
            r#"{"a":3,"b":"y"}"#
        ]
    );
    // Without names nothing can be read.
    assert_eq!(
        one(&options, b"a,\xff\n1,x\n"),
        ["text.not_utf8 a,\u{fffd}\n1,x\n"]
    );
}

#[test]
fn given_names_count_and_the_header_is_skipped() {
    let payload = b"x,y\n1,2\n";
    let without = csv(named(&["a", "b"]));
    assert_eq!(
        one(&without, payload),
        [r#"{"a":"x","b":"y"}"#, r#"{"a":1,"b":2}"#]
    );
    let with = csv(DelimitedOptions {
        has_header: true,
        ..named(&["a", "b"])
    });
    assert_eq!(one(&with, payload), [r#"{"a":1,"b":2}"#]);
    let neither = csv(DelimitedOptions {
        has_header: false,
        ..DelimitedOptions::default()
    });
    assert_eq!(
        one(&neither, b"1,x\n2,y,true\n"),
        [
            r#"{"_column_1":1,"_column_2":"x"}"#,
            r#"{"_column_1":2,"_column_2":"y","_column_3":true}"#
        ]
    );
}

#[test]
fn short_lines_are_filled_up_on_request() {
    let options = csv(DelimitedOptions {
        short_lines: ShortLines::Fill,
        ..named(&["a", "b", "c"])
    });
    assert_eq!(
        one(&options, b"1\n2,3\n4,5,6\n"),
        [r#"{"a":1}"#, r#"{"a":2,"b":3}"#, r#"{"a":4,"b":5,"c":6}"#]
    );
}

#[test]
fn delimiters_quotes_and_escapes_can_be_others() {
    let options = csv(DelimitedOptions {
        delimiter: mark(';'),
        quote: mark('\''),
        escape: mark('\\'),
        ..named(&["a", "b"])
    });
    assert_eq!(
        one(&options, b"'x\\'y';1\n'x;''y\n\\\\';\\N\n\\;\\\n\\a;\"\n"),
        [
            r#"{"a":"x'y","b":1}"#,
            r#"{"a":"x;'y\n\\","b":"N"}"#,
            r#"{"a":";\na","b":"\""}"#,
        ]
    );
    // An escape at the end escapes nothing.
    assert_eq!(one(&options, b"a;b\\"), [r#"{"a":"a","b":"b\\"}"#]);
    let unquoted = csv(DelimitedOptions {
        quote: None,
        ..named(&["a", "b"])
    });
    assert_eq!(one(&unquoted, b"\"x,y\"\n"), [r#"{"a":"\"x","b":"y\""}"#]);
    let tsv = ContentOptions {
        format: FormatChoice::Tsv,
        ..ContentOptions::default()
    };
    assert_eq!(one(&tsv, b"a\tb\n1,5\tx\n"), [r#"{"a":"1,5","b":"x"}"#]);
}

#[test]
fn null_values_are_what_is_said() {
    let options = csv(DelimitedOptions {
        null_values: vec!["NULL".to_owned(), "\\N".to_owned()],
        escape: mark('\\'),
        ..named(&["a", "b", "c", "d"])
    });
    assert_eq!(
        one(&options, b"NULL,\\N,,\"NULL\"\n"),
        [r#"{"c":"","d":"NULL"}"#]
    );
    let quoted = csv(DelimitedOptions {
        quoted_nulls: true,
        ..named(&["a", "b"])
    });
    assert_eq!(one(&quoted, b"\"\",1\n"), [r#"{"b":1}"#]);
}

#[test]
fn blanks_are_trimmed_on_request() {
    let options = csv(DelimitedOptions {
        trim: true,
        ..DelimitedOptions::default()
    });
    assert_eq!(
        one(&options, b" a , b\n 1 ,\t\" x \"\t\n  ,y z \n"),
        [r#"{"a":1,"b":" x "}"#, r#"{"b":"y z"}"#]
    );
    let tsv = ContentOptions {
        format: FormatChoice::Tsv,
        ..options
    };
    assert_eq!(one(&tsv, b"a\tb\n\t 1\n"), [r#"{"b":1}"#]);
}

#[test]
fn inference_can_be_off() {
    let options = csv(DelimitedOptions {
        infer: false,
        ..named(&["a", "b"])
    });
    let decoded = decode_as(&options, &[b"1,\ntrue,2\n"]);
    assert_eq!(
        outcome(&decoded).concat(),
        [r#"{"a":"1"}"#, r#"{"a":"true","b":"2"}"#]
    );
    assert_eq!(
        types_of(&decoded),
        [
            ("a".to_owned(), DataType::Utf8),
            ("b".to_owned(), DataType::Utf8)
        ]
    );
}

#[test]
fn decided_types_say_what_a_column_is() {
    let types = BTreeMap::from([
        ("s".to_owned(), FieldType::String),
        ("i".to_owned(), FieldType::Int64),
        ("f".to_owned(), FieldType::Float64),
        ("b".to_owned(), FieldType::Boolean),
    ]);
    let options = csv(DelimitedOptions {
        types,
        ..named(&["s", "i", "f", "b"])
    });
    let decoded = decode_as(
        &options,
        &[b"1,1,1,true\n", b"2,2,2,False\n", b"x,3,0.5,\n"],
    );
    let types = types_of(&decoded);
    let found: Vec<&DataType> = types.iter().map(|(_, data_type)| data_type).collect();
    assert_eq!(
        found,
        [
            &DataType::Utf8,
            &DataType::Int53,
            &DataType::Float64,
            &DataType::Bool
        ]
    );
    // What does not fit is kept as it stands.
    let decoded = decode_as(
        &options,
        &[b"1,1,1,true\n", b"2,x,y,1\n", b"3,4,9007199254740993,\n"],
    );
    assert_eq!(
        outcome(&decoded).concat(),
        [
            r#"{"b":true,"f":1,"i":1,"s":"1"}"#,
            r#"{"b":"1","f":"y","i":"x","s":"2"}"#,
            r#"{"f":9007199254740993,"i":4,"s":"3"}"#,
        ]
    );
}

#[test]
fn a_sample_decides_on_types() {
    let sample = decode_as(
        &csv(DelimitedOptions::default()),
        &[b"i,f,b,s,mixed,null\n1,0.5,true,x,1,\n2,1,,y,x,\n"],
    );
    let types = decide_types(&schema_of(&sample));
    let found: Vec<(&str, FieldType)> = types
        .iter()
        .map(|(name, decided)| (name.as_str(), *decided))
        .collect();
    assert_eq!(
        found,
        [
            ("b", FieldType::Boolean),
            ("f", FieldType::Float64),
            ("i", FieldType::Int64),
            ("mixed", FieldType::String),
            ("s", FieldType::String),
        ]
    );
    // From then on numbers and words are one column of text.
    let options = csv(DelimitedOptions {
        types,
        ..DelimitedOptions::default()
    });
    let decoded = decode_as(&options, &[b"mixed,null\n1,7\n", b"mixed,null\nx,\n"]);
    assert_eq!(
        types_of(&decoded),
        [
            ("mixed".to_owned(), DataType::Utf8),
            ("null".to_owned(), DataType::Int53)
        ]
    );
}

#[test]
fn a_line_with_too_many_fields_or_bytes_is_a_reject() {
    use crate::budget::Budget;
    use crate::decode::{DecodeLimits, Decoder};
    let limits = DecodeLimits {
        max_event_bytes: 1_000,
        max_event_cells: 4_000,
        ..DecodeLimits::default()
    };
    let budget = Budget::new(1 << 20);
    let options = csv(named(&["a"]));
    let mut decoder = Decoder::new(limits, &options);
    let (many, long) = (",".repeat(200), "x".repeat(1_001));
    let payload = format!("1\n{many}\n{long}\n2\n");
    let decoded = decoder.decode(
        super::payloads::batch(&[payload.as_bytes()], &budget),
        &budget,
    );
    assert_eq!(
        outcome(&decoded).concat(),
        [
            r#"{"a":1}"#.to_owned(),
            format!("decode.too_large {many}"),
            format!("decode.too_large {long}"),
            r#"{"a":2}"#.to_owned(),
        ]
    );
}
