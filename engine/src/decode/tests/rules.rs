//! The rules of JSON payloads, one by one.

use rstest::rstest;

use super::payloads::{assert_identities, batch, decode, decode_with, outcome};
use crate::budget::Budget;
use crate::decode::{ContentOptions, DecodeLimits, Decoder};
use crate::schema::{DataType, Field};

#[rstest]
#[case::object(r#"{"a":1}"#, &[r#"{"a":1}"#])]
#[case::empty("", &[])]
#[case::white_space(" \r\n\t", &[])]
#[case::byte_order_mark("\u{feff} {\"a\":1}", &[r#"{"a":1}"#])]
#[case::only_a_byte_order_mark("\u{feff}", &[])]
#[case::concatenated(r#"{"a":1}{"a":2}"#, &[r#"{"a":1}"#, r#"{"a":2}"#])]
#[case::lines("{\"a\":1}\n{\"a\":2}\r\n\n", &[r#"{"a":1}"#, r#"{"a":2}"#])]
#[case::list(r#"[{"a":1}, {}]"#, &[r#"{"a":1}"#, "{}"])]
#[case::empty_list("[]", &[])]
#[case::list_in_list("[[{}],{}]", &["json.not_an_object [{}]", "{}"])]
#[case::lists("[{\"a\":1}]\n[{\"a\":2},3]", &[r#"{"a":1}"#, r#"{"a":2}"#, "json.not_an_object 3"])]
#[case::scalar(" 12 ", &["json.not_an_object 12"])]
#[case::text(r#""x""#, &[r#"json.not_an_object "x""#])]
#[case::list_of_scalars(r#"[1, {"a":1}, "]"]"#,
    &["json.not_an_object 1", r#"{"a":1}"#, r#"json.not_an_object "]""#])]
#[case::truncated(r#"{"a":1"#, &[r#"json.syntax {"a":1"#])]
#[case::bad_line("{\"a\":1}\n{\"a\":\n{\"a\":3}\n",
    &[r#"{"a":1}"#, r#"json.syntax {"a":"#, r#"{"a":3}"#])]
#[case::bad_in_the_middle(r#"{"a":1}{"a":}{"a":3}"#,
    &[r#"{"a":1}"#, r#"json.syntax {"a":}"#, r#"{"a":3}"#])]
#[case::bad_item(r#"[{"a":1},{"a":x},{"a":3}]"#,
    &[r#"{"a":1}"#, r#"json.syntax {"a":x}"#, r#"{"a":3}"#])]
#[case::two_values("1,2", &["json.not_an_object 1", "json.syntax ,2"])]
#[case::equal_keys(r#"{"a":1,"b":2,"a":"x"}"#, &[r#"{"a":"x","b":2}"#])]
#[case::equal_keys_null(r#"{"a":{"b":1},"a":null}"#, &["{}"])]
#[case::equal_keys_lists(r#"{"a":[1,2],"a":[3]}"#, &[r#"{"a":[3]}"#])]
#[case::equal_keys_in_text(r#"{"a":[1,{"b":1,"b":2}]}"#, &[r#"{"a":[1,{"b":2}]}"#])]
#[case::escapes(r#"{"a\u0041":"\ud83d\ude00\n\"\\\/"}"#, &["{\"aA\":\"😀\\n\\\"\\\\/\"}"])]
#[case::big_unsigned(r#"{"a":18446744073709551615}"#, &[r#"{"a":18446744073709551615}"#])]
#[case::big_integer(r#"{"a":[123456789012345678901234567890]}"#,
    &[r#"{"a":[123456789012345678901234567890]}"#])]
#[case::big_float(r#"{"a":-1.5E+999,"b":"9e308"}"#, &[r#"{"a":-1.5E+999,"b":"9e308"}"#])]
#[case::big_and_bad(r#"{"a":1e999,"b":01}"#, &[r#"json.syntax {"a":1e999,"b":01}"#])]
#[case::extremes(r#"{"a":-9223372036854775808,"b":9223372036854775807}"#,
    &[r#"{"a":-9223372036854775808,"b":9223372036854775807}"#])]
#[case::zeros(r#"{"a":-0,"b":-0.0,"c":0e5}"#, &[r#"{"a":0,"b":-0.0,"c":0}"#])]
#[case::nulls(r#"{"a":null,"b":[null],"c":{"d":null}}"#, &[r#"{"b":[null],"c":{}}"#])]
#[case::mixed_list(r#"{"a":[1,"x",null,{"c":1,"b":null},[1.0]]}"#,
    &[r#"{"a":[1,"x",null,{"c":1},[1]]}"#])]
#[case::empty_key(r#"{"":1}"#, &[r#"{"":1}"#])]
fn a_payload_becomes(#[case] payload: &str, #[case] expected: &[&str]) {
    let decoded = decode(&[payload.as_bytes()]);
    assert_eq!(outcome(&decoded), [expected]);
    assert_eq!(decoded.counts.empty, u64::from(expected.is_empty()));
    // Beside good neighbours it is the same, and so are they.
    let beside = decode(&[br#"{"n":1}"#, payload.as_bytes(), b"", br#"{"n":2}"#]);
    let expected: Vec<&str> = expected.to_vec();
    assert_eq!(
        outcome(&beside),
        [
            vec![r#"{"n":1}"#],
            expected.clone(),
            vec![],
            vec![r#"{"n":2}"#]
        ]
    );
    assert_eq!(beside.counts.empty, 1 + u64::from(expected.is_empty()));
    assert_identities(&beside);
}

#[test]
fn invalid_utf8_is_a_reject_and_its_neighbours_are_not() {
    let decoded = decode(&[
        b"{\"a\":1}\n{\"a\":\"\xff\"}\n{\"a\":3}",
        b"\xff\xfe",
        b"{}",
    ]);
    assert_eq!(
        outcome(&decoded),
        [
            vec![
                r#"{"a":1}"#,
                "json.syntax {\"a\":\"\u{fffd}\"}",
                r#"{"a":3}"#
            ],
            vec!["json.syntax \u{fffd}\u{fffd}"],
            vec!["{}"],
        ]
    );
    assert_eq!(&decoded.rejects[0].data[..], b"{\"a\":\"\xff\"}");
}

#[test]
fn payloads_that_would_make_one_document_together_are_not_one() {
    let decoded = decode(&[
        br#"{"a":[{}"#,
        br#"{}]}"#,
        br#"{"b":1},{"b":2}"#,
        br#"{"c":""#,
        br#""}"#,
        br#"{"d":4}"#,
    ]);
    let outcome = outcome(&decoded);
    assert_eq!(outcome[0], [r#"json.syntax {"a":[{}"#]);
    assert_eq!(outcome[1], ["{}", "json.syntax ]}"]);
    assert_eq!(outcome[2], [r#"{"b":1}"#, r#"json.syntax ,{"b":2}"#]);
    assert_eq!(outcome[3], [r#"json.syntax {"c":""#]);
    assert_eq!(outcome[4], [r#"json.syntax "}"#]);
    assert_eq!(outcome[5], [r#"{"d":4}"#]);
}

/// What the short way must leave to the long one, and what both must read alike: beside an event
/// with the same fields as alone.
#[rstest]
#[case::numbers(&["01", "-", "1.", ".5", "+1", "1e", "1e+", "-01", "0x1", "1_0", "--1", "NaN", "1.5.5"])]
#[case::good_numbers(&["-0", "0", "1e5", "1E-5", "0.0", "-0.0", "123456789012345678",
    "1234567890123456789", "12345678901234567890", "9007199254740993", "0.1234567890123456789",
    "123456789.125", "1e400", "1e-400", "4.9e-324", "-1.7976931348623157e308"])]
#[case::words(&["nul", "nulls", "true", "tru", "False", "falsey", "null"])]
#[case::strings(&["\"\"", "\"a", "\"a\tb\"", "\"a\u{1}\"", "\"\\n\\\\\\\"\\/\\b\\f\\r\\t\"",
    "\"\\x\"", "\"\\u0041\"", "\"\\ud800\"", "\"\\ud83d\\ude00\"", "\"\\\"", "\"é\\n€\""])]
#[case::lists(&["[]", "[1]", "[1,]", "[,1]", "[1 2]", "[1", "[1]]", "[[1]]", "[null]", "[\"x\"]"])]
#[case::objects(&["{}", "{\"p\":1}", "{\"p\":1,}", "{\"p\" 1}", "{\"p\":1,\"p\":2}", "{p:1}", "{\"p\":1",
    "{\"p\"\u{c}:1}", "{\"p\" \n:\t1}", "{\"\\u0070\":1}", "{,\"p\":1}", "{\"q\":1}"])]
#[case::around(&["1 ", "1}", "1,\"s\":\"y\"", "1}{\"n\":2", "1,", "1,,"])]
fn the_short_way_reads_as_the_long_one(#[case] values: &[&str]) {
    let known = br#"{"n":1,"f":0.5,"s":"x","l":[1],"o":{"p":1},"t":true}"#;
    for value in values {
        for name in ["n", "f", "s", "l", "o", "t"] {
            let text = format!("{{\"{name}\":{value}}}");
            let alone = outcome(&decode(&[text.as_bytes()]));
            let beside = outcome(&decode(&[known, text.as_bytes(), known]));
            assert_eq!(beside[1], alone[0], "{text}");
            assert_eq!(beside[0], beside[2], "{text}");
        }
    }
}

#[test]
fn depth_counts_within_the_event() {
    let nested = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    let (fits, too_deep) = (nested(64), nested(65));
    let in_list = format!("[{fits},{too_deep},{fits}]");
    let decoded = decode(&[fits.as_bytes(), too_deep.as_bytes(), in_list.as_bytes()]);
    let reject = format!("json.too_deep {too_deep}");
    assert_eq!(
        outcome(&decoded),
        [
            vec![fits.clone()],
            vec![reject.clone()],
            vec![fits.clone(), reject, fits],
        ]
    );
    let absurd = "[".repeat(1_000_000);
    assert_eq!(decode(&[absurd.as_bytes()]).rejects.len(), 1);
}

#[test]
fn types_widen_within_a_batch() {
    let decoded = decode(&[
        br#"{"i":1,"f":1,"w":1,"c":1,"s":{"x":1},"l":[1],"late":null}"#,
        br#"{"i":2,"f":0.5,"w":9007199254740993,"c":0.5,"s":{"y":true},"l":[]}"#,
        br#"{"i":null,"c":9007199254740993,"l":["x"],"late":"x"}"#,
    ]);
    let rows = &decoded.rows[0];
    let types: Vec<(&str, DataType)> = rows
        .schema
        .fields
        .iter()
        .map(|field| (&*field.name, field.data_type.clone()))
        .collect();
    assert_eq!(
        types,
        [
            ("i", DataType::Int53),
            ("f", DataType::Float64),
            ("w", DataType::Int64),
            ("c", DataType::Json),
            (
                "s",
                DataType::Struct(vec![
                    Field::new("x", DataType::Int53),
                    Field::new("y", DataType::Bool)
                ])
            ),
            ("l", DataType::List(Box::new(DataType::Json))),
            ("late", DataType::Utf8),
        ]
    );
    assert_eq!(
        outcome(&decoded).concat(),
        [
            r#"{"c":1,"f":1,"i":1,"l":[1],"s":{"x":1},"w":1}"#,
            r#"{"c":0.5,"f":0.5,"i":2,"l":[],"s":{"y":true},"w":9007199254740993}"#,
            r#"{"c":9007199254740993,"l":["x"],"late":"x"}"#,
        ]
    );
}

#[test]
fn types_widen_by_events_that_bring_no_field() {
    let decoded = decode(&[
        br#"{"i":1,"f":0.5,"w":1}"#,
        br#"{"i":2,"f":1,"w":2}"#,
        br#"{"i":9007199254740992,"f":-9007199254740992,"w":9007199254740993}"#,
    ]);
    let types: Vec<&DataType> = decoded.rows[0]
        .schema
        .fields
        .iter()
        .map(|field| &field.data_type)
        .collect();
    assert_eq!(
        types,
        [&DataType::Int53, &DataType::Float64, &DataType::Int64]
    );
}

#[test]
fn a_payload_cannot_make_up_for_what_its_neighbours_swallow() {
    // The first has a value and an empty string too many, the other two one too few.
    let decoded = decode(&[
        br#"{"b":1},"",{"b":2}"#,
        br#"{"a":[1"#,
        br#"2]}"#,
        br#"{"d":4}"#,
    ]);
    assert_eq!(
        outcome(&decoded),
        [
            vec![r#"{"b":1}"#, r#"json.syntax ,"",{"b":2}"#],
            vec![r#"json.syntax {"a":[1"#],
            vec!["json.not_an_object 2", "json.syntax ]}"],
            vec![r#"{"d":4}"#],
        ]
    );
}

#[test]
fn a_batch_of_data_as_keys_is_cut_and_not_blown_up() {
    let limits = DecodeLimits {
        max_table_cells: 1_000,
        max_event_cells: 4_000,
        ..DecodeLimits::default()
    };
    let events: Vec<String> = (0..200)
        .map(|n| format!(r#"{{"k{n}":{n},"nested":{{"x{n}":[{{"y{n}":1}}]}}}}"#))
        .collect();
    let payloads: Vec<&[u8]> = events.iter().map(|event| event.as_bytes()).collect();
    let decoded = decode_with(limits, &payloads);
    assert!(decoded.rows.len() > 1);
    for rows in &decoded.rows {
        assert!(rows.len * rows.schema.leaf_count() <= 4_000);
    }
    let expected: Vec<Vec<String>> = events.into_iter().map(|event| vec![event]).collect();
    assert_eq!(outcome(&decoded), expected);
    assert_eq!(decoded.counts.rows, 200);
}

#[test]
fn an_event_too_wide_for_any_table_is_a_reject() {
    let limits = DecodeLimits {
        max_event_cells: 1_000,
        ..DecodeLimits::default()
    };
    let items: Vec<String> = (0..100).map(|n| format!(r#"{{"k{n}":1}}"#)).collect();
    let wide = format!(r#"{{"a":{{"new":1}},"list":[{}]}}"#, items.join(","));
    let decoded = decode_with(limits, &[br#"{"a":1}"#, wide.as_bytes(), br#"{"a":2}"#]);
    assert_eq!(
        outcome(&decoded).concat(),
        [
            r#"{"a":1}"#.to_owned(),
            format!("decode.too_large {wide}"),
            r#"{"a":2}"#.to_owned(),
        ]
    );
}

#[test]
fn an_event_of_too_many_bytes_is_a_reject() {
    let limits = DecodeLimits {
        max_event_bytes: 10,
        ..DecodeLimits::default()
    };
    let decoded = decode_with(limits.clone(), &[br#"{"a":1}{"a":"0123456789"}{"a":2}"#]);
    assert_eq!(
        outcome(&decoded).concat(),
        [
            r#"{"a":1}"#,
            r#"decode.too_large {"a":"0123456789"}"#,
            r#"{"a":2}"#,
        ]
    );
    let decoded = decode_with(
        limits,
        &[br#"{"a":"x"}"#, br#"{"a":"xyz"}"#, br#"{"a":""}"#],
    );
    assert_eq!(
        outcome(&decoded).concat(),
        [
            r#"{"a":"x"}"#,
            r#"decode.too_large {"a":"xyz"}"#,
            r#"{"a":""}"#
        ]
    );
}

#[test]
fn credit_stands_for_what_was_made_and_comes_back() {
    let budget = Budget::new(1 << 20);
    let mut decoder = Decoder::new(DecodeLimits::default(), &ContentOptions::default());
    let decoded = decoder.decode(batch(&[br#"{"a":1}"#, b"{"], &budget), &budget);
    assert!(decoded.credit.bytes() >= decoded.rows[0].memory_size());
    assert_eq!(budget.used(), decoded.credit.bytes());
    drop(decoded);
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_batch_without_payloads_keeps_its_head() {
    let decoded = decode(&[]);
    assert!(decoded.rows.is_empty() && decoded.rejects.is_empty());
    assert_eq!(decoded.head.to.as_str(), "100");
    assert_eq!(decoded.counts.empty, 0);
}
