//! Tables among events and rejects: order, identities, and small tables joined.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};

use super::payloads::{assert_identities, batch, outcome};
use crate::budget::Budget;
use crate::decode::columns::Columns;
use crate::decode::content::Content;
use crate::decode::expand::Expander;
use crate::decode::format::Format;
use crate::decode::shape::{ShapeOptions, Shaper};
use crate::decode::sink::Sink;
use crate::decode::{ContentOptions, DecodeLimits, Decoder, json};
use crate::types::{DecodedBatch, RejectCode};

/// `name:3` is a table of three numbers, `name:xyz` one of three texts, `+` a row of a table that
/// comes at the end, `!` a reject, and anything else JSON.
struct Tabular {
    json: json::Json,
    limits: DecodeLimits,
}

impl Tabular {
    fn columns(&self, name: &str, array: ArrayRef) -> Columns {
        let batch = RecordBatch::try_from_iter([(name, array)]).unwrap();
        Columns::from_batch(batch, 1 << 20, &self.limits).unwrap()
    }

    fn table(&self, text: &str) -> Option<Columns> {
        let (name, values) = text.split_once(':').filter(|_| !text.starts_with('{'))?;
        let array: ArrayRef = match values.parse() {
            Ok(len) => Arc::new(Int32Array::from_iter_values(0..len)),
            Err(_) => {
                let texts = values.chars().map(|char| char.to_string());
                Arc::new(StringArray::from_iter_values(texts))
            }
        };
        Some(self.columns(name, array))
    }
}

impl Format for Tabular {
    fn decode(&mut self, contents: &[Content<'_>], sink: &mut Sink<'_>) {
        let mut ids = Vec::new();
        for content in contents {
            let text = std::str::from_utf8(content.data).unwrap();
            match self.table(text) {
                Some(columns) => sink.table(content, columns),
                None if text == "+" => ids.push(sink.row_of(content)),
                None if text == "!" => {
                    sink.reject(content, 0..1, RejectCode::TooLarge, String::new());
                }
                None => self.json.decode(std::slice::from_ref(content), sink),
            }
        }
        let last = Int32Array::from_iter_values(0..ids.len() as i32);
        sink.table_of(ids, self.columns("last", Arc::new(last)));
    }

    fn reset(&mut self) {}
}

fn decode(limits: DecodeLimits, payloads: &[&str]) -> DecodedBatch {
    let mut decoder = Decoder {
        format: Box::new(Tabular {
            json: json::Json::new(&limits),
            limits: limits.clone(),
        }),
        expander: Expander::new(&ContentOptions::default()),
        limits,
        shape: ShapeOptions::default(),
        shaper: Shaper::default(),
        raw: None,
    };
    let payloads: Vec<&[u8]> = payloads.iter().map(|text| text.as_bytes()).collect();
    let budget = Budget::new(1 << 20);
    let decoded = decoder.decode(batch(&payloads, &budget), &budget);
    assert_identities(&decoded);
    decoded
}

fn lengths(batch: &DecodedBatch) -> Vec<usize> {
    batch.rows.iter().map(|rows| rows.len).collect()
}

#[test]
fn tables_events_and_rejects_keep_their_order() {
    let decoded = decode(
        DecodeLimits::default(),
        &[
            "{\"a\":1}",
            "a:2",
            "!",
            "{\"a\":2}{\"a\":3}",
            "a:0",
            "b:x",
            "+",
            "+",
        ],
    );
    assert_eq!(
        outcome(&decoded),
        [
            vec![r#"{"a":1}"#],
            vec![r#"{"a":0}"#, r#"{"a":1}"#],
            vec!["decode.too_large !"],
            vec![r#"{"a":2}"#, r#"{"a":3}"#],
            vec![],
            vec![r#"{"b":"x"}"#],
            vec![r#"{"last":0}"#],
            vec![r#"{"last":1}"#],
        ]
    );
    assert_eq!(lengths(&decoded), [5, 1, 2], "those alike are one table");
    assert_eq!((decoded.counts.rows, decoded.counts.empty), (8, 1));
}

#[test]
fn tables_are_joined_up_to_the_limits() {
    let payloads: Vec<&str> = ["a:2", "a:xy", "a:1"].repeat(4);
    let whole = decode(DecodeLimits::default(), &payloads);
    assert_eq!(lengths(&whole), [20]);
    let limits = DecodeLimits {
        max_table_cells: 6,
        ..DecodeLimits::default()
    };
    let parts = decode(limits, &payloads);
    assert_eq!(lengths(&parts), [5, 5, 5, 5]);
    assert_eq!(outcome(&parts), outcome(&whole));
}
