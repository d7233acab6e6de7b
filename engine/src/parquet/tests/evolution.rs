//! Schemas that change within a window.

use std::sync::Arc;

use parquet::file::metadata::ParquetMetaDataReader;
use serde_json::{Value, json};

use super::batches::{Source, WINDOW, event, field, files, number, plain, read, schema};
use crate::parquet::{FileKind, ParquetOptions, WindowEncoder};
use crate::schema::{DataType, Schema};

/// A batch of a step: the one field `value` with its type, and its values.
type Step = (DataType, Vec<Value>);

/// Encodes each step's batch at once; returns the values of each data file.
fn by_part(remembered: DataType, steps: Vec<Step>) -> Vec<Vec<Value>> {
    let mut source = Source::new();
    let remembered = schema(vec![field("value", remembered)]);
    let mut encoder = WindowEncoder::new(WINDOW, remembered, ParquetOptions::default());
    let mut chunks = Vec::new();
    for (data_type, values) in steps {
        let schema = schema(vec![field("value", data_type)]);
        let events: Vec<Value> = values.iter().map(|value| json!({"value": value})).collect();
        encoder.add(source.rows("shard-1", &schema, &events));
        chunks.extend(encoder.encode(&source.budget).unwrap());
    }
    chunks.extend(encoder.finish(&source.budget).unwrap());
    let files = files(&chunks);
    let parts: Vec<u32> = files.keys().map(|(_, part)| *part).collect();
    assert_eq!(parts, (0..parts.len() as u32).collect::<Vec<_>>());
    let values = |row: &Value| row.get("value").cloned().unwrap_or(Value::Null);
    files
        .values()
        .map(|file| read(file).iter().map(values).collect())
        .collect()
}

#[test]
fn what_the_open_file_can_hold_goes_into_it() {
    let parts = by_part(
        DataType::Float64,
        vec![
            (DataType::Float64, vec![json!(0.5)]),
            (DataType::Int53, vec![json!(7)]),
            (DataType::Null, vec![json!(null)]),
        ],
    );
    assert_eq!(parts, [[json!(0.5), json!(7.0), json!(null)]]);
}

#[test]
fn a_remembered_type_holds_what_comes_later() {
    let parts = by_part(
        DataType::Json,
        vec![
            (DataType::Int53, vec![json!(7)]),
            (DataType::Utf8, vec![json!("seven")]),
        ],
    );
    assert_eq!(parts, [[json!("7"), json!("\"seven\"")]]);
}

#[test]
fn int53_and_int64_are_one_in_a_file() {
    let parts = by_part(
        DataType::Null,
        vec![
            (DataType::Int53, vec![json!(7)]),
            (DataType::Int64, vec![json!(i64::MAX)]),
            // No longer exact as floats, so they meet in JSON text: another file.
            (DataType::Float64, vec![json!(0.5)]),
        ],
    );
    let first = vec![json!(7), json!(i64::MAX)];
    assert_eq!(parts, [first, vec![json!("0.5")]]);
}

#[test]
fn what_the_open_file_cannot_hold_starts_the_next_part() {
    let parts = by_part(
        DataType::Null,
        vec![
            (DataType::Bool, vec![json!(true)]),
            (DataType::Utf8, vec![json!("yes")]),
            // Known as JSON text by now.
            (DataType::Bool, vec![json!(false)]),
        ],
    );
    let second = vec![json!("\"yes\""), json!("false")];
    assert_eq!(parts, [vec![json!(true)], second]);
}

#[test]
fn batches_that_wait_together_share_a_file() {
    let mut source = Source::new();
    let mut encoder = WindowEncoder::new(
        WINDOW,
        Arc::new(Schema::default()),
        ParquetOptions::default(),
    );
    for (data_type, value) in [
        (DataType::Bool, json!(true)),
        (
            DataType::Struct(vec![field("a", DataType::Int53)]),
            json!({"a": 1}),
        ),
        (DataType::Null, json!(null)),
    ] {
        let schema = schema(vec![field("value", data_type)]);
        encoder.add(source.rows("shard-1", &schema, &[json!({"value": value})]));
    }
    let files = files(&encoder.finish(&source.budget).unwrap());
    assert_eq!(files.len(), 1);
    let rows: Vec<Value> = read(&files[&(FileKind::Data, 0)])
        .iter()
        .map(event)
        .collect();
    assert_eq!(
        rows,
        [
            json!({"value": "true"}),
            json!({"value": "{\"a\":1}"}),
            json!({})
        ]
    );
}

#[test]
fn the_remembered_schema_grows_and_gives_later_files_their_columns() {
    let mut source = Source::new();
    let known = schema(vec![
        field("old", DataType::Utf8),
        field("date", DataType::Null),
    ]);
    let mut encoder = WindowEncoder::new(WINDOW, known, ParquetOptions::default());
    let new = schema(vec![
        field("Date", DataType::Utf8),
        field("id", DataType::Int53),
    ]);
    let events = [json!({"Date": "today", "id": 1})];
    encoder.add(source.rows("shard-1", &new, &events));
    encoder.encode(&source.budget).unwrap();

    let remembered = encoder.remembered();
    let names: Vec<_> = remembered
        .fields
        .iter()
        .map(|f| f.name.to_string())
        .collect();
    assert_eq!(names, ["old", "date", "Date", "id"]);

    let mut encoder =
        WindowEncoder::new(WINDOW, Arc::clone(&remembered), ParquetOptions::default());
    let only = schema(vec![field("old", DataType::Utf8)]);
    encoder.add(source.rows("shard-1", &only, &[json!({"old": "x"})]));
    let files = files(&encoder.finish(&source.budget).unwrap());
    let file = &files[&(FileKind::Data, 0)];
    assert_eq!(file.finished.schema, Some(remembered));
    let metadata = ParquetMetaDataReader::new()
        .parse_and_finish(&file.bytes)
        .unwrap();
    let root = metadata.file_metadata().schema().get_fields().iter();
    let names: Vec<_> = root.map(|field| field.name()).take(4).collect();
    let expected = ["old", "Date_", "id", "_shard"];
    assert_eq!(
        names, expected,
        "a column without a type has no place in the file"
    );
}

#[test]
fn names_of_our_own_columns_are_left_to_us() {
    let mut source = Source::new();
    let mut encoder = WindowEncoder::new(
        WINDOW,
        Arc::new(Schema::default()),
        ParquetOptions::default(),
    );
    let schema = schema(vec![
        field("hour", DataType::Int53),
        field("_shard", DataType::Utf8),
    ]);
    let events = [json!({"hour": 5, "_shard": "mine"})];
    encoder.add(source.rows("shard-1", &schema, &events));
    let files = files(&encoder.finish(&source.budget).unwrap());
    let row = &read(&files[&(FileKind::Data, 0)])[0];
    assert_eq!(
        (&row["hour_"], &row["_shard_"]),
        (&json!(5), &json!("mine"))
    );
    assert_eq!(row["_shard"], "shard-1");
}

fn narrow(max_columns: usize) -> ParquetOptions {
    ParquetOptions {
        max_columns,
        ..ParquetOptions::default()
    }
}

/// The event of a row with what overflowed put back.
fn whole(row: &Value) -> Value {
    let mut event = event(row);
    if let Some(text) = row.get("_overflow").and_then(Value::as_str) {
        let rest: Value = serde_json::from_str(text).unwrap();
        for (name, value) in rest.as_object().unwrap() {
            event[name] = value.clone();
        }
    }
    plain(&event)
}

#[test]
fn fields_past_max_columns_go_to_the_overflow_column() {
    let mut source = Source::new();
    let mut encoder = WindowEncoder::new(WINDOW, Arc::new(Schema::default()), narrow(2));
    let three = schema(vec![
        field("a", DataType::Int53),
        field("b", DataType::Utf8),
        field("c", DataType::List(Box::new(DataType::Int53))),
    ]);
    let one = schema(vec![field("a", DataType::Int53)]);
    let other = schema(vec![field("d", DataType::Bool)]);
    let batches = [
        (three, json!({"a": 1, "b": "x", "c": [1, 2]})),
        (one, json!({"a": 2})),
        (other, json!({"d": true})),
    ];
    let mut chunks = Vec::new();
    for (schema, event) in &batches {
        encoder.add(source.rows("shard-1", schema, std::slice::from_ref(event)));
        chunks.extend(encoder.encode(&source.budget).unwrap());
    }
    chunks.extend(encoder.finish(&source.budget).unwrap());
    let files = files(&chunks);
    assert_eq!(
        files.len(),
        1,
        "an overflow column holds every later field too"
    );
    let rows = read(&files[&(FileKind::Data, 0)]);
    let found: Vec<Value> = rows.iter().map(whole).collect();
    let expected: Vec<Value> = batches.iter().map(|(_, event)| event.clone()).collect();
    assert_eq!(found, expected);
    assert_eq!(rows[2].get("d"), None);
}

#[test]
fn a_file_without_overflow_column_ends_when_one_is_needed() {
    let mut source = Source::new();
    let mut encoder = WindowEncoder::new(WINDOW, Arc::new(Schema::default()), narrow(2));
    let mut chunks = Vec::new();
    for (name, value) in [("a", 1), ("b", 2), ("c", 3)] {
        let schema = schema(vec![field(name, DataType::Int53)]);
        encoder.add(source.rows("shard-1", &schema, &[json!({name: value})]));
        chunks.extend(encoder.encode(&source.budget).unwrap());
    }
    chunks.extend(encoder.finish(&source.budget).unwrap());
    let files = files(&chunks);
    let rows: Vec<Value> = files.values().flat_map(read).collect();
    let found: Vec<Value> = rows.iter().map(whole).collect();
    assert_eq!(found, [json!({"a": 1}), json!({"b": 2}), json!({"c": 3})]);
    let numbers: Vec<u64> = rows.iter().map(number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(
        files.len(),
        2,
        "the second file has used its columns up and overflows"
    );
}

#[test]
fn columns_that_a_widening_frees_are_used_at_once() {
    let mut source = Source::new();
    let pair = vec![field("x", DataType::Int53), field("y", DataType::Int53)];
    let known = schema(vec![field("a", DataType::Struct(pair))]);
    let mut encoder = WindowEncoder::new(WINDOW, known, narrow(2));
    // `b` finds both columns taken; then `a` becomes one column of text.
    let new = schema(vec![
        field("b", DataType::Int53),
        field("a", DataType::Bool),
    ]);
    let only_b = schema(vec![field("b", DataType::Int53)]);
    encoder.add(source.rows("shard-1", &new, &[json!({"b": 1, "a": true})]));
    encoder.add(source.rows("shard-1", &only_b, &[json!({"b": 2})]));
    let files = files(&encoder.finish(&source.budget).unwrap());
    assert_eq!(files.len(), 1);
    let rows: Vec<Value> = read(&files[&(FileKind::Data, 0)])
        .iter()
        .map(event)
        .collect();
    assert_eq!(rows, [json!({"a": "true", "b": 1}), json!({"b": 2})]);
}
