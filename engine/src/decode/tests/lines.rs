//! What lines, raw bytes, fixed width, regular expressions and forms become, rule by rule.

use rstest::rstest;

use super::payloads::{decode_as, one, outcome, types_of};
use crate::decode::{ContentOptions, Pattern};
use crate::schema::DataType;

fn options(stored: &str) -> ContentOptions {
    serde_json::from_str(stored).unwrap()
}

#[test]
fn each_line_is_an_event() {
    let lines = options(r#"{"format":"lines"}"#);
    let payload = "\u{feff}one\r\n\n two \r\n1\nthree";
    assert_eq!(
        one(&lines, payload.as_bytes()),
        [
            r#"{"line":"one"}"#,
            r#"{"line":" two "}"#,
            r#"{"line":"1"}"#,
            r#"{"line":"three"}"#
        ]
    );
    let named = options(r#"{"format":"lines","lines":{"field":"message"}}"#);
    assert_eq!(
        one(&named, b"a\n\xff\nb\rc\n"),
        [
            r#"{"message":"a"}"#,
            "text.not_utf8 \u{fffd}",
            r#"{"message":"b\rc"}"#
        ]
    );
    let decoded = decode_as(&lines, &[b"", b"\n\r\n", b"x"]);
    assert_eq!(decoded.counts.empty, 2);
}

#[test]
fn raw_bytes_are_kept_byte_for_byte() {
    let raw = options(r#"{"format":"raw"}"#);
    let decoded = decode_as(&raw, &[b"\xff\x00\n", b"", b"text"]);
    assert_eq!(
        outcome(&decoded),
        [
            vec![r#"{"data":"/wAK"}"#],
            vec![],
            vec![r#"{"data":"dGV4dA=="}"#]
        ]
    );
    assert_eq!(types_of(&decoded), [("data".to_owned(), DataType::Binary)]);
    let named = options(r#"{"format":"raw","raw":{"field":"bytes"}}"#);
    assert_eq!(one(&named, b"x"), [r#"{"bytes":"eA=="}"#]);
}

const FIXED: &str = r#"{"format":"fixed_width","fixed_width":{"columns":[
    {"name":"id","width":4},{"name":"name","width":6},
    {"name":"code","start":12,"width":3,"type":"string"}]"#;

#[rstest]
#[case::all("  17Grüße  042\n", &[r#"{"code":"042","id":17,"name":"Grüße"}"#])]
#[case::ascii("0017abcdefX042", &[r#"{"code":"042","id":"0017","name":"abcdef"}"#])]
#[case::blank("         x\n", &[r#"{"name":"x"}"#])]
#[case::short("  17abc\n", &[r#"{"id":17,"name":"abc"}"#])]
#[case::rest("   1abcdef 042 and more", &[r#"{"_rest":" and more","code":"042","id":1,"name":"abcdef"}"#])]
#[case::blank_rest("   1abcdef 042   \n", &[r#"{"code":"042","id":1,"name":"abcdef"}"#])]
#[case::wide("日本語日本語日本語日本語日\n", &[r#"{"code":"語日","id":"日本語日","name":"本語日本語日"}"#])]
fn a_line_of_fixed_width_becomes(#[case] payload: &str, #[case] expected: &[&str]) {
    let fixed = options(&format!("{FIXED}}}}}"));
    assert_eq!(one(&fixed, payload.as_bytes()), expected);
}

#[test]
fn fixed_width_has_its_options() {
    let fixed = options(&format!(
        r#"{FIXED},"trim":false,"infer_types":false,"null_values":["    "],"short_lines":"reject"}}}}"#
    ));
    assert_eq!(
        one(&fixed, b"    ab     042\n  17abc\n"),
        [
            r#"{"code":"042","name":"ab    "}"#,
            "fixed_width.short   17abc"
        ]
    );
    for (columns, wrong) in [
        ("", "needs columns"),
        (r#"{"name":"a","width":0}"#, "width of 0"),
        (r#"{"name":"a","width":1,"start":0}"#, "count from 1"),
        (
            r#"{"name":"a","width":1},{"name":"a","width":1}"#,
            "there twice",
        ),
    ] {
        let stored =
            format!(r#"{{"format":"fixed_width","fixed_width":{{"columns":[{columns}]}}}}"#);
        let error = options(&stored).check().unwrap_err().to_string();
        assert!(error.contains(wrong), "{error}");
    }
}

const ACCESS: &str = r#"{"format":"regex","regex":{"pattern":
    "^(?<host>\\S+) (?:-|(?<user>\\S+)) \"(?<verb>[A-Z]+) (.*)\" (?<status>\\d+)(?<rest> .*)?$",
    "types":{"rest":"string"},"null_values":[" -"]}}"#;

#[rstest]
#[case::all("h bob \"GET /x\" 200 17\n", &[r#"{"host":"h","rest":" 17","status":200,"user":"bob","verb":"GET"}"#])]
#[case::groups_left_out("h - \"GET /x\" 404", &[r#"{"host":"h","status":404,"verb":"GET"}"#])]
#[case::null_value("h - \"GET /x\" 404 -", &[r#"{"host":"h","status":404,"verb":"GET"}"#])]
#[case::no_match("h - \"GET /x\" 404\r\nnothing\n\nh - \"GET /x\" 5\n",
    &[r#"{"host":"h","status":404,"verb":"GET"}"#, "regex.no_match nothing", r#"{"host":"h","status":5,"verb":"GET"}"#])]
fn a_line_that_matches_becomes(#[case] payload: &str, #[case] expected: &[&str]) {
    assert_eq!(one(&options(ACCESS), payload.as_bytes()), expected);
}

#[test]
fn a_pattern_may_match_whole_contents() {
    let whole = options(
        r#"{"format":"regex","regex":{"pattern":"(?s)^(?<level>\\w+): (?<text>.*)$","unit":"content","infer_types":false}}"#,
    );
    assert_eq!(
        one(&whole, b"WARN: 1\nand 2\r\n\n"),
        [r#"{"level":"WARN","text":"1\nand 2"}"#]
    );
    assert_eq!(one(&whole, b"\n\n").len(), 0);
}

#[test]
fn patterns_are_checked() {
    assert!(options(r#"{"format":"regex"}"#).check().is_err());
    assert_eq!(one_without_check(b"x"), ["regex.no_match x"]);
    for (pattern, wrong) in [
        ("(", "unclosed group"),
        ("a+", "names no group"),
        (r"(?<a>\w{1000}{1000})", "size limit"),
        (r"(?<a>.)(?<a>.)", "duplicate capture group"),
    ] {
        let error = Pattern::new(pattern).unwrap_err().to_string();
        assert!(error.contains(wrong), "{error}");
    }
}

fn one_without_check(payload: &[u8]) -> Vec<String> {
    use crate::budget::Budget;
    use crate::decode::{DecodeLimits, Decoder};
    let budget = Budget::new(1 << 20);
    let mut decoder = Decoder::new(DecodeLimits::default(), &options(r#"{"format":"regex"}"#));
    outcome(&decoder.decode(super::payloads::batch(&[payload], &budget), &budget)).concat()
}

#[rstest]
#[case::typed("a=1&b=x+y&c=%C3%A9%20%26&d=true&e=2.5",
    &[r#"{"a":1,"b":"x y","c":"é &","d":true,"e":2.5}"#])]
#[case::repeated("a=1&b=2&a=x&a=", &[r#"{"a":[1,"x",""],"b":2}"#])]
#[case::no_value("a&b=&=c&&a%3D=1=2", &[r#"{"":"c","a":"","a=":"1=2","b":""}"#])]
#[case::lines("a=1\r\n\na=2\n", &[r#"{"a":1}"#, r#"{"a":2}"#])]
#[case::nothing("&&\n", &["{}"])]
#[case::escaped_line_end("a=x%0D%0Ay", &[r#"{"a":"x\r\ny"}"#])]
#[case::bad_escape("a=1\na=%zz\na=%4\na=%\na=2",
    &[r#"{"a":1}"#, "form.syntax a=%zz", "form.syntax a=%4", "form.syntax a=%", r#"{"a":2}"#])]
#[case::not_utf8("a=%ff", &["text.not_utf8 a=%ff"])]
#[case::cut_character("a=%C3&b=%A9", &["text.not_utf8 a=%C3&b=%A9"])]
#[case::plain_utf8("ä=ö", &[r#"{"ä":"ö"}"#])]
fn a_form_becomes(#[case] payload: &str, #[case] expected: &[&str]) {
    let form = options(r#"{"format":"form"}"#);
    assert_eq!(one(&form, payload.as_bytes()), expected);
}

#[test]
fn forms_have_their_options() {
    let form = options(
        r#"{"format":"form","form":{"infer_types":false,"types":{"n":"int64"},"null_values":[""],"list_fields":["l"]}}"#,
    );
    assert_eq!(
        one(&form, b"a=1&b=&n=2&l=x"),
        [r#"{"a":"1","l":["x"],"n":2}"#]
    );
    assert_eq!(one(&form, b"l=&l=2"), [r#"{"l":[null,"2"]}"#]);
}

#[test]
fn a_column_of_values_and_lists_keeps_both() {
    let form = options(r#"{"format":"form"}"#);
    let decoded = decode_as(&form, &[b"a=1&b=1", b"a=1&a=x", b"b=2&b=3"]);
    assert_eq!(
        outcome(&decoded).concat(),
        [r#"{"a":1,"b":1}"#, r#"{"a":[1,"x"]}"#, r#"{"b":[2,3]}"#]
    );
    assert_eq!(types_of(&decoded)[0], ("a".to_owned(), DataType::Json));
}
