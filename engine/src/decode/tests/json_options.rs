//! What options of JSON change, and what envelopes of CloudWatch Logs become.

use proptest::prelude::*;
use rstest::rstest;

use super::payloads::{decode_as, one, outcome, types_of};
use crate::decode::ContentOptions;
use crate::schema::DataType;

fn json(options: &str) -> ContentOptions {
    serde_json::from_str(&format!(r#"{{"format":"json","json":{{{options}}}}}"#)).unwrap()
}

const NESTED: &str = r#""nested_json_fields":["a","b.c","b.c.d","l"]"#;

#[rstest]
#[case::object(r#"{"a":"{\"x\":1}"}"#, &[r#"{"a":{"x":1}}"#])]
#[case::list(r#"{"a":" [1,\"\\u00e9\\n\"] "}"#, &[r#"{"a":[1,"é\n"]}"#])]
#[case::path(r#"{"b":{"c":"{}","d":"{}"}}"#, &[r#"{"b":{"c":{},"d":"{}"}}"#])]
#[case::in_one_another(r#"{"b":{"c":"{\"d\":\"{\\\"e\\\":1}\"}"}}"#, &[r#"{"b":{"c":{"d":{"e":1}}}}"#])]
#[case::lists(r#"{"l":["{\"x\":1}","y"],"b":[{"c":"[1]"},{"c":2}]}"#, &[r#"{"b":[{"c":[1]},{"c":2}],"l":[{"x":1},"y"]}"#])]
#[case::others(r#"{"c":"{}","a":"1","b":{"a":"{}"}}"#, &[r#"{"a":"1","b":{"a":"{}"},"c":"{}"}"#])]
#[case::no_json(r#"{"a":"{oops","l":["[1,]"]}"#, &[r#"{"a":"{oops","l":["[1,]"]}"#])]
#[case::two_values(r#"{"a":"{}{}"}"#, &[r#"{"a":"{}{}"}"#])]
#[case::swallows_its_neighbours(r#"{"a":"[1","b":"2]"}"#, &[r#"{"a":"[1","b":"2]"}"#])]
#[case::big_number(r#"{"n":1e999,"a":"{\"x\":18446744073709551616}"}"#, &[r#"{"a":{"x":18446744073709551616},"n":1e999}"#])]
#[case::not_an_object("[1,\"{}\"]", &["json.not_an_object 1", "json.not_an_object \"{}\""])]
#[case::damaged("{\"a\":\"{}\"}\n{\"a\":\n{\"a\":\"[]\"}", &[r#"{"a":{}}"#, r#"json.syntax {"a":"#, r#"{"a":[]}"#])]
fn nested_json_is_parsed(#[case] payload: &str, #[case] expected: &[&str]) {
    let options = json(NESTED);
    assert_eq!(one(&options, payload.as_bytes()), expected);
    // Also where the column holds other things.
    let decoded = decode_as(
        &options,
        &[br#"{"a":true,"b":7,"l":{"q":1}}"#, payload.as_bytes()],
    );
    assert_eq!(outcome(&decoded)[1], expected);
}

#[test]
fn the_text_of_nested_json_is_kept_on_request() {
    let options = json(r#""nested_json_fields":["a","b.c"],"keep_nested_text":true"#);
    assert_eq!(
        one(
            &options,
            br#"{"a":"{\"x\": 1}","b":{"c":"[]","d":1}}{"a":"plain"}"#
        ),
        [
            r#"{"a":{"x":1},"a_text":"{\"x\": 1}","b":{"c":[],"c_text":"[]","d":1}}"#,
            r#"{"a":"plain"}"#
        ]
    );
}

#[test]
fn levels_of_nested_json_count() {
    let options = json(r#""nested_json_fields":["a"]"#);
    let event = |levels: usize| {
        let inner = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        format!(r#"{{"a":"{inner}"}}"#)
    };
    assert_eq!(one(&options, event(63).as_bytes())[0].len(), 132);
    assert!(one(&options, event(64).as_bytes())[0].starts_with("json.too_deep {"));
    // What is no JSON by itself, as it is too deep, stays text.
    assert!(one(&options, event(65).as_bytes())[0].starts_with(r#"{"a":"[["#));
}

#[test]
fn a_list_at_the_root_can_be_one_event() {
    let options = json(r#""split_root_array":false"#);
    assert_eq!(
        one(&options, br#"[{"a":1},[2]] {"b":1} [] [1,"#),
        [
            r#"{"items":[{"a":1},[2]]}"#,
            r#"{"b":1}"#,
            r#"{"items":[]}"#,
            "json.syntax [1,"
        ]
    );
    let named = json(r#""split_root_array":false,"root_array_field":"all \"of\" it""#);
    assert_eq!(one(&named, b"[1]"), [r#"{"all \"of\" it":[1]}"#]);
}

#[test]
fn the_text_of_events_is_kept_on_request() {
    let payload = b"{\"b\": 1.0, \"json\":2}\n[{\"a\":null},3]{\"a\":}";
    let only = json(r#""store_json_as_string":"only""#);
    let decoded = decode_as(&only, &[payload]);
    let rejects = ["json.not_an_object 3", r#"json.syntax {"a":}"#];
    assert_eq!(
        outcome(&decoded).concat(),
        [
            r#"{"json":"{\"b\": 1.0, \"json\":2}"}"#,
            r#"{"json":"{\"a\":null}"}"#,
            rejects[0],
            rejects[1],
        ]
    );
    assert_eq!(types_of(&decoded), [("json".to_owned(), DataType::Utf8)]);
    let beside = json(r#""store_json_as_string":"beside","nested_json_fields":["n"]"#);
    assert_eq!(
        one(&beside, br#"{"b": 1.0, "json":2, "n":"[1]"}"#),
        [r#"{"b":1,"json":"{\"b\": 1.0, \"json\":2, \"n\":\"[1]\"}","n":[1]}"#]
    );
    let whole =
        json(r#""store_json_as_string":"only","json_text_field":"text","split_root_array":false"#);
    assert_eq!(one(&whole, b" [1, 2] "), [r#"{"text":"[1, 2]"}"#]);
}

#[test]
fn paths_are_checked() {
    for path in ["", ".a", "a..b", "a."] {
        let options = json(&format!(r#""nested_json_fields":["{path}"]"#));
        assert!(options.check().is_err(), "{path}");
    }
}

/// A value of JSON as text of many spellings, with strings that hold JSON.
fn value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        (-9i64..9).prop_map(serde_json::Value::from),
        any::<bool>().prop_map(serde_json::Value::from),
        "[a-z\"\\\\{}\\[\\]é\n]{0,6}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(serde_json::Value::from),
            prop::collection::btree_map("[a-c]", inner.clone(), 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            inner.prop_map(|inner| serde_json::Value::from(inner.to_string())),
        ]
    })
}

/// What a value is once the texts at a path are parsed, by the plainest means.
fn parsed(value: &serde_json::Value, path: &[&str], here: bool) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::String(text) if here => match serde_json::from_str(text) {
            Ok(inner @ (Value::Object(_) | Value::Array(_))) => inner,
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(|item| parsed(item, path, here)).collect(),
        Value::Object(members) => {
            let member = |(key, value): (&String, &Value)| {
                let value = match path.split_first() {
                    Some((name, rest)) if name == key => parsed(value, rest, rest.is_empty()),
                    _ => value.clone(),
                };
                (key.clone(), value)
            };
            Value::Object(members.iter().map(member).collect())
        }
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn nested_json_is_what_parsing_by_hand_makes_of_it(value in value()) {
        let event = serde_json::json!({ "a": value });
        let options = json(r#""nested_json_fields":["a.b"]"#);
        let plain = ContentOptions::default();
        let expected = parsed(&event, &["a", "b"], false).to_string();
        prop_assert_eq!(
            one(&options, event.to_string().as_bytes()),
            one(&plain, expected.as_bytes())
        );
    }

    #[test]
    fn options_that_change_nothing_change_nothing(
        payload in "([\\[\\]{}:,\"\\\\ \na1.eE-]|\\{\"a\":1\\}|\\[\\{\\}|true){0,12}",
    ) {
        // The paths that documents take through the code differ.
        let options = json(r#""nested_json_fields":["none"]"#);
        let plain = ContentOptions::default();
        prop_assert_eq!(one(&options, payload.as_bytes()), one(&plain, payload.as_bytes()));
    }
}

const ENVELOPE: &str = r#"{"messageType":"DATA_MESSAGE","owner":"123456789012","logGroup":"g","logStream":"s",
    "subscriptionFilters":["f"],"logEvents":[
    {"id":"1","timestamp":1510109208016,"message":"plain"},
    {"id":"2","timestamp":1510109208017,"message":"{\"level\":\"WARN\",\"n\":1}","extractedFields":{"x":"1"}}]}"#;

#[test]
fn each_log_event_is_an_event() {
    let plain: ContentOptions = serde_json::from_str(r#"{"format":"cloudwatch"}"#).unwrap();
    let head = r#""logGroup":"g","logStream":"s","message""#;
    let tail = r#""messageType":"DATA_MESSAGE","owner":"123456789012","subscriptionFilters":["f"],"timestamp":151010920801"#;
    let first = format!(r#"{{"id":"1",{head}:"plain",{tail}6}}"#);
    assert_eq!(
        one(&plain, format!("{ENVELOPE}{ENVELOPE}").as_bytes()).len(),
        4
    );
    assert_eq!(
        one(&plain, ENVELOPE.as_bytes()),
        [
            first.clone(),
            format!(
                r#"{{"extractedFields":{{"x":"1"}},"id":"2",{head}:"{{\"level\":\"WARN\",\"n\":1}}",{tail}7}}"#
            ),
        ]
    );
    let nested: ContentOptions = serde_json::from_str(
        r#"{"format":"cloudwatch","cloudwatch":{"parse_messages":true,"keep_message_text":true}}"#,
    )
    .unwrap();
    let found = one(&nested, ENVELOPE.as_bytes());
    assert_eq!(found[0], first);
    let parsed = r#""message":{"level":"WARN","n":1},"messageType""#;
    assert!(found[1].contains(parsed), "{}", found[1]);
    let text = r#""message_text":"{\"level\":\"WARN\",\"n\":1}","#;
    assert!(found[1].contains(text), "{}", found[1]);
}

#[test]
fn control_messages_hold_no_event_and_other_json_is_a_reject() {
    let options: ContentOptions = serde_json::from_str(r#"{"format":"cloudwatch"}"#).unwrap();
    let control = br#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination Kinesis stream."}]}"#;
    let decoded = decode_as(
        &options,
        &[
            control,
            br#"{"a":1}"#,
            br#"{"logEvents":1}"#,
            br#"{"logEvents":[{},2]}"#,
            b"[]",
            b"[1]",
            b"{\"logEvents\":[]}{",
        ],
    );
    let reject = "cloudwatch.not_an_envelope ";
    assert_eq!(
        outcome(&decoded),
        [
            vec![],
            vec![format!(r#"{reject}{{"a":1}}"#)],
            vec![format!(r#"{reject}{{"logEvents":1}}"#)],
            vec![format!(r#"{reject}{{"logEvents":[{{}},2]}}"#)],
            vec![],
            vec![format!("{reject}1")],
            vec!["json.syntax {".to_owned()],
        ]
    );
    assert_eq!(decoded.counts.empty, 2);
}
