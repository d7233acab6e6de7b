//! Laws of the decoder, on random documents and on random bytes.

use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::concat;
use arrow::datatypes::Float64Type;
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::payloads::{decode, outcome, texts, texts_of};
use crate::schema::{Schema, admit, conform};
use crate::types::{DecodedBatch, RejectCode};

/// A document as it is written down: keys may be equal, numbers have their own spelling.
#[derive(Clone, Debug)]
enum Doc {
    Atom(String),
    Text(String),
    List(Vec<Doc>),
    Object(Vec<(String, Doc)>),
}

impl Doc {
    fn write(&self, out: &mut String) {
        match self {
            Doc::Atom(text) => out.push_str(text),
            Doc::Text(text) => out.push_str(&serde_json::to_string(text).unwrap()),
            Doc::List(items) => {
                out.push('[');
                for (place, item) in items.iter().enumerate() {
                    out.push_str(if place > 0 { ", " } else { "" });
                    item.write(out);
                }
                out.push(']');
            }
            Doc::Object(members) => {
                out.push('{');
                for (place, (key, value)) in members.iter().enumerate() {
                    out.push_str(if place > 0 { "," } else { "" });
                    write!(out, "{}: ", serde_json::to_string(key).unwrap()).unwrap();
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }
}

fn float() -> impl Strategy<Value = f64> {
    any::<u64>()
        .prop_map(f64::from_bits)
        .prop_filter("JSON has no such number", |float| float.is_finite())
}

fn doc() -> impl Strategy<Value = Doc> {
    let atom = |text: &str| Doc::Atom(text.to_owned());
    let leaf = prop_oneof![
        2 => Just(atom("null")),
        2 => any::<bool>().prop_map(|bool| Doc::Atom(bool.to_string())),
        6 => (-100i64..100).prop_map(|int| Doc::Atom(int.to_string())),
        1 => any::<i64>().prop_map(|int| Doc::Atom(int.to_string())),
        1 => any::<u64>().prop_map(|int| Doc::Atom(int.to_string())),
        2 => (-8i32..8).prop_map(|half| Doc::Atom(format!("{:?}", f64::from(half) / 2.0))),
        1 => float().prop_map(|float| Doc::Atom(ryu_text(float))),
        6 => "[a-z]{0,12}".prop_map(Doc::Text),
        2 => any::<String>().prop_map(Doc::Text),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            2 => prop::collection::vec(inner.clone(), 0..5).prop_map(Doc::List),
            3 => members(inner).prop_map(Doc::Object),
        ]
    })
}

fn ryu_text(float: f64) -> String {
    ryu::Buffer::new().format_finite(float).to_owned()
}

/// Few names, so that documents share them and their types meet.
fn members(inner: impl Strategy<Value = Doc>) -> impl Strategy<Value = Vec<(String, Doc)>> {
    let key = prop_oneof![9 => "[a-f]", 1 => any::<String>()];
    prop::collection::vec((key, inner), 0..6)
}

fn event() -> impl Strategy<Value = Doc> {
    members(doc()).prop_map(Doc::Object)
}

/// Payloads with most things that a payload may hold.
fn payload() -> impl Strategy<Value = Vec<u8>> {
    let text = |doc: Doc| doc.text().into_bytes();
    prop_oneof![
        6 => event().prop_map(text),
        1 => prop::collection::vec(event(), 0..4).prop_map(move |docs| text(Doc::List(docs))),
        1 => doc().prop_map(text),
        1 => prop::collection::vec(event(), 0..4)
            .prop_map(|docs| docs.iter().map(Doc::text).collect::<Vec<_>>().join("\n").into_bytes()),
        1 => prop::collection::vec(event(), 0..4)
            .prop_map(|docs| docs.iter().map(Doc::text).collect::<String>().into_bytes()),
        2 => damaged(),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => "[\\[\\]{}:,\"\\\\ \na1.eE-]{0,40}".prop_map(String::into_bytes),
    ]
}

/// Lines of JSON with some bytes changed, and cut off somewhere.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let lines = prop::collection::vec(event(), 1..4);
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (lines, changes, any::<prop::sample::Index>()).prop_map(|(docs, changes, cut)| {
        let lines: Vec<String> = docs.iter().map(Doc::text).collect();
        let mut bytes = lines.join("\n").into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() * 2 + 1).max(1));
        bytes
    })
}

/// Whether a row holds the document, where null members count as absent. Integers are compared
/// exactly. Floats may differ in the last digit, because serde_json itself reads some of them one
/// off; that ours are exact is another test.
fn alike(found: &Value, document: &Value) -> bool {
    match (found, document) {
        (Value::Object(found), Value::Object(document)) => {
            let members = document.iter().filter(|(_, value)| !value.is_null());
            found.len() == members.clone().count()
                && members
                    .into_iter()
                    .all(|(key, value)| found.get(key).is_some_and(|found| alike(found, value)))
        }
        (Value::Array(found), Value::Array(document)) => {
            found.len() == document.len()
                && found
                    .iter()
                    .zip(document)
                    .all(|(found, item)| alike(found, item))
        }
        (Value::Number(found), Value::Number(number)) if number.is_f64() => {
            let (found, float) = (found.as_f64().unwrap(), number.as_f64().unwrap());
            (found - float).abs() <= float.abs() * f64::EPSILON
        }
        (found, document) => found == document,
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn slices(payloads: &[Vec<u8>]) -> Vec<&[u8]> {
    payloads.iter().map(Vec::as_slice).collect()
}

fn merged(batches: &[DecodedBatch]) -> Schema {
    batches
        .iter()
        .flat_map(|batch| &batch.rows)
        .fold(Schema::default(), |schema, rows| schema.merge(&rows.schema))
}

/// Columns of all batches, one after the other, under one schema.
fn conformed(batches: &[DecodedBatch], schema: &Schema) -> Vec<ArrayRef> {
    let parts: Vec<_> = batches
        .iter()
        .flat_map(|batch| &batch.rows)
        .map(|rows| {
            let conformed = conform(rows, schema);
            assert!(conformed.overflow.is_none(), "the merged schema holds all");
            conformed.columns
        })
        .collect();
    (0..schema.fields.len())
        .map(|column| {
            let arrays: Vec<&dyn Array> =
                parts.iter().map(|columns| &*columns[column] as _).collect();
            concat(&arrays).unwrap()
        })
        .collect()
}

/// Puts the members of `more` into `value`, object by object.
fn put(value: &mut Map<String, Value>, more: Map<String, Value>) {
    for (key, new) in more {
        match (value.get_mut(&key), new) {
            (Some(Value::Object(old)), Value::Object(new)) => put(old, new),
            (None, new) => {
                value.insert(key, new);
            }
            (Some(old), new) => panic!("{key} is in its column as {old} and over as {new}"),
        }
    }
}

proptest! {
    #[test]
    fn events_are_what_serde_json_reads(docs in prop::collection::vec(event(), 1..12)) {
        // Twice: the first time they bring fields and types, the second time nothing new.
        let docs = [&docs[..], &docs[..]].concat();
        let payloads: Vec<Vec<u8>> = docs.iter().map(|doc| doc.text().into_bytes()).collect();
        let decoded = decode(&slices(&payloads));
        prop_assert!(decoded.rejects.is_empty());
        for (texts, doc) in outcome(&decoded).iter().zip(&docs) {
            prop_assert_eq!(texts.len(), 1);
            prop_assert!(alike(&parsed(&texts[0]), &parsed(&doc.text())), "{}", texts[0]);
        }
    }

    #[test]
    fn floats_are_exact(float in float()) {
        let spellings = [ryu_text(float), format!("{float:e}"), format!("{float:?}")];
        for spelling in spellings {
            // Both the long way (the first one) and the short way.
            let text = format!("{{\"f\":{spelling}}}");
            let decoded = decode(&[br#"{"f":0.5}"#, text.as_bytes(), br#"{"new":1}"#]);
            let alone = decode(&[text.as_bytes()]);
            for rows in [&decoded.rows[0], &alone.rows[0]] {
                let column = rows.columns[0].as_primitive::<Float64Type>();
                let value = column.value(rows.len.min(2) - 1);
                prop_assert_eq!(value.to_bits(), float.to_bits(), "{}", spelling);
            }
            let text = decode(&[format!("{{\"f\":[{spelling},\"x\"]}}").as_bytes()]);
            let outcome = outcome(&text);
            let number = outcome[0][0]
                .trim_start_matches("{\"f\":[")
                .trim_end_matches(",\"x\"]}");
            prop_assert_eq!(number.parse::<f64>().unwrap(), float, "{}", spelling);
        }
    }

    #[test]
    fn events_of_one_shape_are_what_serde_json_reads(
        events in prop::collection::vec(
            (any::<i32>(), float(), any::<String>(), any::<bool>(), prop::option::of("[a-z\\\\\"/\n]{0,40}")),
            1..20,
        ),
    ) {
        let texts: Vec<String> = events
            .iter()
            .map(|(int, float, text, bool, maybe)| {
                let text = serde_json::to_string(text).unwrap();
                let maybe = serde_json::to_string(maybe).unwrap();
                let float = ryu_text(*float);
                format!(
                    r#"{{"i":{int},"s" : {{"f":{float},"t":{text}}},"l":[{float}, {int}.5,{{"m":{maybe}}}] ,"b":{bool}}}"#
                )
            })
            .collect();
        let payloads: Vec<&[u8]> = texts.iter().map(|text| text.as_bytes()).collect();
        let decoded = decode(&payloads);
        prop_assert_eq!(decoded.counts.rows as usize, texts.len());
        for (found, text) in outcome(&decoded).iter().zip(&texts) {
            prop_assert!(alike(&parsed(&found[0]), &parsed(text)), "{}", found[0]);
        }
    }

    #[test]
    fn a_payload_is_the_same_alone_and_among_others(
        payloads in prop::collection::vec(payload(), 1..10),
    ) {
        let together = decode(&slices(&payloads));
        prop_assert!(
            together.rejects.iter().all(|reject| reject.code != RejectCode::DecoderPanic)
        );
        let counts = together.counts;
        let outcome_together = outcome(&together);
        prop_assert_eq!(
            counts.empty as usize,
            outcome_together.iter().filter(|found| found.is_empty()).count()
        );
        prop_assert_eq!(
            (counts.rows + counts.rejects) as usize,
            outcome_together.iter().map(Vec::len).sum::<usize>()
        );
        for (payload, found) in payloads.iter().zip(&outcome_together) {
            let alone = outcome(&decode(&[payload]));
            prop_assert_eq!(&alone[0], found, "{:?}", String::from_utf8_lossy(payload));
            if let Ok(Value::Object(object)) = serde_json::from_slice(payload) {
                prop_assert_eq!(found.len(), 1);
                prop_assert!(alike(&parsed(&found[0]), &Value::Object(object)), "{}", found[0]);
            }
        }
    }

    #[test]
    fn rows_do_not_depend_on_batch_boundaries(
        payloads in prop::collection::vec(payload(), 1..12),
        cuts in prop::collection::vec(any::<bool>(), 12),
    ) {
        let payloads = slices(&payloads);
        let mut parts: Vec<Vec<&[u8]>> = vec![Vec::new()];
        for (payload, cut) in payloads.iter().zip(cuts) {
            if cut {
                parts.push(Vec::new());
            }
            parts.last_mut().unwrap().push(payload);
        }
        let whole = [decode(&payloads)];
        let parts: Vec<DecodedBatch> = parts.iter().map(|part| decode(part)).collect();
        let schema = merged(&parts);
        let of_whole = merged(&whole);
        prop_assert!(schema.holds(&of_whole) && of_whole.holds(&schema));
        if whole[0].counts.rows > 0 {
            prop_assert_eq!(conformed(&whole, &schema), conformed(&parts, &schema));
        }
        let rejects = |batches: &[DecodedBatch]| -> Vec<_> {
            batches
                .iter()
                .flat_map(|batch| &batch.rejects)
                .map(|reject| (reject.index, reject.code, reject.data.clone(), reject.reason.clone()))
                .collect()
        };
        prop_assert_eq!(rejects(&whole), rejects(&parts));
    }

    #[test]
    fn widening_keeps_the_text(
        docs in prop::collection::vec(event(), 1..6),
        others in prop::collection::vec(event(), 0..6),
    ) {
        let bytes = |docs: &[Doc]| -> Vec<Vec<u8>> {
            docs.iter().map(|doc| doc.text().into_bytes()).collect()
        };
        let decoded = decode(&slices(&bytes(&docs)));
        let other = decode(&slices(&bytes(&others)));
        let schema = decoded.rows[0].schema.merge(&merged(&[other]));
        for schema in [schema.in_file(), schema] {
            let columns = conform(&decoded.rows[0], &schema).columns;
            prop_assert_eq!(
                texts_of(&schema, &columns, docs.len()),
                texts(&decoded.rows[0])
            );
        }
    }

    #[test]
    fn what_a_file_has_no_column_for_is_in_the_overflow(
        docs in prop::collection::vec(event(), 1..6),
        known in prop::collection::vec(event(), 0..3),
        max_columns in 0usize..12,
    ) {
        let bytes = |docs: &[Doc]| -> Vec<Vec<u8>> {
            docs.iter().map(|doc| doc.text().into_bytes()).collect()
        };
        let decoded = decode(&slices(&bytes(&docs)));
        let known = admit(
            &Schema::default(),
            &merged(&[decode(&slices(&bytes(&known)))]),
            max_columns,
        );
        let rows = &decoded.rows[0];
        let file = admit(&known, &rows.schema, max_columns).in_file();
        let conformed = conform(rows, &file);
        let columns = texts_of(&file, &conformed.columns, rows.len);
        for (row, (original, column)) in texts(rows).iter().zip(columns).enumerate() {
            let Value::Object(mut value) = parsed(&column) else { panic!("rows are objects") };
            if let Some(overflow) = &conformed.overflow
                && overflow.is_valid(row)
            {
                let Value::Object(over) = parsed(overflow.as_string::<i32>().value(row)) else {
                    panic!("the overflow is objects")
                };
                prop_assert!(!over.is_empty());
                put(&mut value, over);
            }
            prop_assert_eq!(Value::Object(value), parsed(original));
        }
    }
}
