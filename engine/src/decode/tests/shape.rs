//! Columns that stay, go or are hashed: by effect, against a shaping of the values themselves.

use proptest::collection::vec;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Map, Value, json};

use super::payloads::{batch, outcome, types_of};
use crate::budget::Budget;
use crate::decode::{ContentOptions, DecodeLimits, Decoder, FormatChoice, HashKey, ShapeOptions};
use crate::schema::DataType;
use crate::types::DecodedBatch;

const KEY: &[u8] = b"a key of some length";

fn options(include: &[&str], exclude: &[&str], hash: &[&str]) -> ContentOptions {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    ContentOptions {
        shape: ShapeOptions {
            include: texts(include),
            exclude: texts(exclude),
            hash: texts(hash),
            hash_key_id: None,
        },
        ..ContentOptions::default()
    }
}

fn shaped(content: &ContentOptions, payloads: &[&[u8]]) -> DecodedBatch {
    let budget = Budget::new(0);
    let key = HashKey::new(KEY);
    let mut decoder = Decoder::new(DecodeLimits::default(), content).with_hash_key(key);
    decoder.decode(batch(payloads, &budget), &budget)
}

fn one(content: &ContentOptions, payload: &str) -> String {
    outcome(&shaped(content, &[payload.as_bytes()]))
        .concat()
        .concat()
}

fn hash(text: &str) -> String {
    let mut hash = String::new();
    HashKey::new(KEY).unwrap().write(text.as_bytes(), &mut hash);
    hash
}

#[rstest]
#[case::top_level(&[], &["a"], r#"{"a":1,"b":2}"#, r#"{"b":2}"#)]
#[case::member(&[], &["u.mail"], r#"{"u":{"mail":"x","id":1}}"#, r#"{"u":{"id":1}}"#)]
#[case::last_member(&[], &["u.mail"], r#"{"u":{"mail":"x"}}"#, r#"{"u":{}}"#)]
#[case::in_lists(&[], &["l.a"], r#"{"l":[{"a":1,"b":2},{"a":3}]}"#, r#"{"l":[{"b":2},{}]}"#)]
#[case::in_text(&[], &["m.a"], r#"{"m":[1,{"a":1,"b":[{"a":2}]},"x,{\"a\":1}"]}"#,
    r#"{"m":[1,{"b":[{"a":2}]},"x,{\"a\":1}"]}"#)]
#[case::anywhere(&[], &["**.mail"], r#"{"mail":1,"m":[1,{"mail":2,"u":{"mail":3,"x":4}}]}"#,
    r#"{"m":[1,{"u":{"x":4}}]}"#)]
#[case::only(&["a", "u.id"], &[], r#"{"a":{"x":1},"b":2,"u":{"id":3,"mail":"x"}}"#,
    r#"{"a":{"x":1},"u":{"id":3}}"#)]
#[case::on_the_way(&["u.id"], &[], r#"{"u":{"mail":1},"v":1}"#, r#"{"u":{}}"#)]
#[case::value_on_the_way(&["u.id"], &[], r#"{"u":7}"#, "{}")]
#[case::list_on_the_way(&["u.id"], &[], r#"{"u":[1,2]}"#, r#"{"u":[null,null]}"#)]
#[case::mixed_list_on_the_way(&["u.id"], &[], r#"{"u":[1,{"id":2,"x":3}]}"#, r#"{"u":[null,{"id":2}]}"#)]
#[case::both(&["u.*"], &["u.mail"], r#"{"u":{"id":1,"mail":2}}"#, r#"{"u":{"id":1}}"#)]
fn columns_stay_or_go(
    #[case] include: &[&str],
    #[case] exclude: &[&str],
    #[case] payload: &str,
    #[case] expected: &str,
) {
    assert_eq!(one(&options(include, exclude, &[]), payload), expected);
}

#[test]
fn hashes_are_of_the_text_of_values_wherever_they_stand() {
    let content = options(&[], &[], &["mail", "u"]);
    let expected = json!({
        "mail": hash("a@b"), "u": {"id": hash("7"), "l": [hash("x"), null, hash("true")]}
    });
    let payload = r#"{"mail":"a@b","u":{"id":7,"l":["x",null,true]}}"#;
    assert_eq!(one(&content, payload), expected.to_string());
    // The same inside JSON text, where a neighbour has made it that.
    let mixed = r#"{"u":"x","mail":[{"m":"a@b"}]}"#;
    let decoded = shaped(&content, &[payload.as_bytes(), mixed.as_bytes()]);
    let other = json!({"mail": [{"m": hash("a@b")}], "u": hash("x")});
    assert_eq!(
        outcome(&decoded),
        [[expected.to_string()], [other.to_string()]]
    );
    let types = types_of(&shaped(&content, &[br#"{"mail":1}"#]));
    assert_eq!(types, [("mail".to_owned(), DataType::Utf8)]);
}

#[test]
fn the_keys_of_maps_are_names() {
    let of = |mut content: ContentOptions| {
        content.format = FormatChoice::AvroRecord;
        let schema = r#"{"type":"record","name":"r","fields":[
            {"name":"m","type":{"type":"map","values":"long"}}]}"#;
        content.avro_schema = Some(schema.into());
        // Two entries: a is 7, b is 8.
        let decoded = shaped(&content, &[&[4, 2, b'a', 14, 2, b'b', 16, 0]]);
        let (_, data_type) = types_of(&decoded).remove(0);
        (outcome(&decoded).concat().concat(), data_type)
    };
    let whole = json!({"m": {"a": hash("7"), "b": hash("8")}});
    assert_eq!(
        of(options(&[], &[], &["m"])),
        (whole.to_string(), DataType::Map(Box::new(DataType::Utf8)))
    );
    let one = json!({"m": {"a": hash("7"), "b": 8}});
    assert_eq!(
        of(options(&[], &[], &["m.a"])),
        (one.to_string(), DataType::Json)
    );
    let rest = r#"{"m":{"b":8}}"#.to_owned();
    assert_eq!(of(options(&[], &["m.a"], &[])), (rest, DataType::Json));
}

#[test]
fn without_a_key_nothing_to_be_hashed_is_shown() {
    let content = options(&[], &[], &["u.mail"]);
    let budget = Budget::new(0);
    let mut decoder = Decoder::new(DecodeLimits::default(), &content);
    let payloads: [&[u8]; 2] = [
        br#"{"u":{"mail":"a@b","id":1}}"#,
        br#"{"u":[{"mail":"a@b"},1]}"#,
    ];
    let decoded = decoder.decode(batch(&payloads, &budget), &budget);
    assert_eq!(
        outcome(&decoded),
        [[r#"{"u":{"id":1}}"#], [r#"{"u":[{},1]}"#]]
    );
}

#[test]
fn rejects_are_withheld_where_columns_are_hashed() {
    let bad = br#"{"mail":"secret@example.com""#;
    let decoded = shaped(&options(&[], &[], &["mail"]), &[bad]);
    let reject = &decoded.rejects[0];
    assert!(
        reject.data.is_empty() && !reject.reason.contains("secret"),
        "{reject:?}"
    );
    assert_eq!(reject.code.as_str(), "json.syntax");
    // Columns that only go are in the reject as they came.
    let decoded = shaped(&options(&[], &["mail"], &[]), &[bad]);
    assert_eq!(&*decoded.rejects[0].data, bad);
}

/// Whether a pattern of plain names, `*` and `**` is the whole path; `open` if it may still be.
fn is_of(pattern: &[&str], path: &[&str], open: bool) -> bool {
    match (pattern, path) {
        ([], []) => !open,
        ([_, ..], []) if open => true,
        (["**", rest @ ..], path) => {
            is_of(rest, path, open)
                || path
                    .split_first()
                    .is_some_and(|(_, path)| is_of(pattern, path, open))
        }
        ([first, rest @ ..], [name, path @ ..]) => {
            (*first == "*" || first == name) && is_of(rest, path, open)
        }
        _ => false,
    }
}

/// The options, and what they say of a path.
struct Rules<'a>(&'a ShapeOptions);

impl Rules<'_> {
    fn names(patterns: &[String], path: &[&str], open: bool) -> bool {
        let mut patterns = patterns
            .iter()
            .map(|text| text.split('.').collect::<Vec<_>>());
        patterns.any(|pattern| is_of(&pattern, path, open))
    }

    /// Whether a path or one above it is named.
    fn holds(patterns: &[String], path: &[&str]) -> bool {
        (1..=path.len()).any(|length| Self::names(patterns, &path[..length], false))
    }

    /// What stays of a value; `None` for nothing, and for nulls.
    fn shape(&self, value: &Value, path: &[&str]) -> Option<Value> {
        let Self(rules) = self;
        if Self::holds(&rules.exclude, path) {
            return None;
        }
        let included = rules.include.is_empty() || Self::holds(&rules.include, path);
        if !included && !path.is_empty() && !Self::names(&rules.include, path, true) {
            return None;
        }
        match value {
            Value::Object(members) => {
                let members = members.iter().filter_map(|(name, value)| {
                    let path = [path, &[name.as_str()]].concat();
                    Some((name.clone(), self.shape(value, &path)?))
                });
                Some(Value::Object(members.collect::<Map<_, _>>()))
            }
            Value::Array(items) => {
                let items = items
                    .iter()
                    .map(|item| self.shape(item, path).unwrap_or_default());
                Some(Value::Array(items.collect()))
            }
            Value::Null => None,
            _ if !included => None,
            value if Self::holds(&rules.hash, path) => Some(Value::String(match value {
                Value::String(text) => hash(text),
                other => hash(&other.to_string()),
            })),
            value => Some(value.clone()),
        }
    }
}

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-5_i64..5).prop_map(Value::from),
        "[a\",{}\\[\\]:\\\\é]{0,4}".prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec(("[abc]", inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn event() -> impl Strategy<Value = Value> {
    vec(("[abc]", value()), 0..4).prop_map(|members| Value::Object(members.into_iter().collect()))
}

fn pattern() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        4 => "[abc]",
        1 => Just("*".to_owned()),
        1 => Just("**".to_owned()),
    ];
    vec(segment, 1..4).prop_map(|segments| segments.join("."))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// I10: whatever the batches, what stays is what stays of each event alone.
    #[test]
    fn i10_what_stays_of_an_event_does_not_depend_on_others(
        events in vec(event(), 1..6),
        include in vec(pattern(), 0..3),
        exclude in vec(pattern(), 0..3),
        hash in vec(pattern(), 0..3),
    ) {
        let shape = ShapeOptions { include, exclude, hash, hash_key_id: None };
        let content = ContentOptions { shape, ..ContentOptions::default() };
        let texts: Vec<String> = events.iter().map(Value::to_string).collect();
        let payloads: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
        let together = outcome(&shaped(&content, &payloads));
        let rules = Rules(&content.shape);
        for ((event, text), found) in events.iter().zip(&texts).zip(together) {
            let expected = rules.shape(event, &[]).unwrap_or_default().to_string();
            prop_assert_eq!(&found.concat(), &expected);
            prop_assert_eq!(one(&content, text), expected);
        }
    }
}
