//! Which columns get a dictionary.

use std::sync::Arc;

use parquet::basic::Encoding;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};

use super::batches::{File, Source, WINDOW, event, field, files, plain, read, schema};
use crate::parquet::{FileKind, ParquetOptions, WindowEncoder};
use crate::schema::{DataType, Schema};

fn write(fields: Vec<crate::schema::Field>, events: &[Value]) -> File {
    let mut source = Source::new();
    let mut encoder = WindowEncoder::new(
        WINDOW,
        Arc::new(Schema::default()),
        ParquetOptions::default(),
    );
    encoder.add(source.rows("shard-1", &schema(fields), events));
    let mut files = files(&encoder.finish(&source.budget).unwrap());
    files.remove(&(FileKind::Data, 0)).unwrap()
}

fn has_dictionary(file: &File, path: &str) -> bool {
    let reader = SerializedFileReader::new(file.bytes.clone()).unwrap();
    let columns = reader.metadata().row_group(0).columns();
    let column = columns
        .iter()
        .find(|column| column.column_path().string() == path);
    column
        .unwrap()
        .encodings()
        .any(|encoding| encoding == Encoding::RLE_DICTIONARY)
}

#[test]
fn values_that_hardly_repeat_get_no_dictionary() {
    let nested = DataType::Struct(vec![
        field("code", DataType::Utf8),
        field("ids", DataType::List(Box::new(DataType::Int53))),
    ]);
    let fields = vec![
        field("id", DataType::Utf8),
        field("status", DataType::Int53),
        field("seconds", DataType::Float64),
        field("rare", DataType::Utf8),
        field("nested", nested),
    ];
    let events: Vec<Value> = (0..3_000)
        .map(|i: i64| {
            json!({
                "id": format!("{:016x}", i * 7_919), "status": 200 + i % 3,
                "seconds": i as f64 / 8.0, "rare": (i == 7).then_some("once"),
                "nested": {"code": format!("c{}", i % 9), "ids": [i * 104_729, -i]},
            })
        })
        .collect();
    let file = write(fields, &events);

    for (path, wanted) in [
        ("id", false),
        ("status", true),
        ("seconds", false),
        ("rare", true),
        ("nested.code", true),
        ("nested.ids.list.element", false),
        ("_sequence", false),
        ("_partition_key", true),
        ("_arrival", false),
        ("_shard", true),
    ] {
        assert_eq!(has_dictionary(&file, path), wanted, "{path}");
    }
    let found: Vec<Value> = read(&file).iter().map(|row| plain(&event(row))).collect();
    let events: Vec<Value> = events.iter().map(plain).collect();
    assert_eq!(found, events);
}

#[test]
fn a_few_rows_tell_nothing_of_a_column() {
    let events: Vec<Value> = (0..50).map(|i| json!({"id": format!("id-{i}")})).collect();
    let file = write(vec![field("id", DataType::Utf8)], &events);
    assert!(has_dictionary(&file, "id"));
}
