//! What goes in comes out: every compression, every type, rejects, metadata.

use std::sync::Arc;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Encoding;
use parquet::file::reader::{FileReader, SerializedFileReader};
use rstest::rstest;
use serde_json::{Value, json};

use super::batches::{Source, WINDOW, event, field, files, plain, read, schema};
use crate::parquet::{Compression, EncodeError, FileKind, ParquetOptions, WindowEncoder};
use crate::schema::{DataType, Schema};

fn encoder(options: ParquetOptions) -> WindowEncoder {
    WindowEncoder::new(WINDOW, Arc::new(Schema::default()), options)
}

#[rstest]
#[case(Compression::Zstd(1), "ZSTD")]
#[case(Compression::Zstd(22), "ZSTD")]
#[case(Compression::Snappy, "SNAPPY")]
#[case(Compression::Lz4Raw, "LZ4_RAW")]
#[case(Compression::Gzip(6), "GZIP")]
#[case(Compression::Brotli(1), "BROTLI")]
#[case(Compression::None, "UNCOMPRESSED")]
fn every_compression_is_used_and_read_back(#[case] compression: Compression, #[case] codec: &str) {
    let options = ParquetOptions {
        compression,
        ..ParquetOptions::default()
    };
    let schema = schema(vec![
        field("path", DataType::Utf8),
        field("status", DataType::Int53),
    ]);
    let events: Vec<Value> = (0..5_000)
        .map(|i| json!({"path": format!("/articles/{}", i * 7919 % 5_000), "status": 200 + i % 5}))
        .collect();
    let mut source = Source::new();
    let mut encoder = encoder(options);
    encoder.add(source.rows("shard-1", &schema, &events));
    let files = files(&encoder.finish(&source.budget).unwrap());
    let file = &files[&(FileKind::Data, 0)];

    let found: Vec<Value> = read(file).iter().map(event).collect();
    assert_eq!(found, events);
    let reader = SerializedFileReader::new(file.bytes.clone()).unwrap();
    for column in reader.metadata().row_group(0).columns() {
        let used = format!("{:?}", column.compression());
        assert!(
            used.starts_with(codec),
            "{used} for {}",
            column.column_path()
        );
    }
}

#[rstest]
#[case(Compression::Zstd(0))]
#[case(Compression::Zstd(u32::MAX))]
#[case(Compression::Gzip(10))]
#[case(Compression::Brotli(12))]
fn a_level_that_does_not_exist_is_an_error(#[case] compression: Compression) {
    let (schema, events) = every_type();
    let options = ParquetOptions {
        compression,
        ..ParquetOptions::default()
    };
    let mut source = Source::new();
    let mut encoder = encoder(options);
    encoder.add(source.rows("shard-1", &schema, &events));
    let error = encoder.finish(&source.budget).unwrap_err();
    assert!(matches!(error, EncodeError::Parquet { .. }));
    assert_eq!(error.code(), "encode.parquet");
}

fn decimal(precision: u8, scale: u8) -> DataType {
    DataType::Decimal { precision, scale }
}

fn every_type() -> (Arc<Schema>, Vec<Value>) {
    let point = DataType::Struct(vec![
        field("x", DataType::Float64),
        field("tags", DataType::List(Box::new(DataType::Utf8))),
        field("none", DataType::Null),
    ]);
    let schema = schema(vec![
        field("bool", DataType::Bool),
        field("int53", DataType::Int53),
        field("int64", DataType::Int64),
        field("float", DataType::Float64),
        field("text", DataType::Utf8),
        field("json", DataType::Json),
        field("null", DataType::Null),
        field("points", DataType::List(Box::new(point.clone()))),
        field("point", point),
        field(
            "lists",
            DataType::List(Box::new(DataType::List(Box::new(DataType::Int53)))),
        ),
        field("unknown_items", DataType::List(Box::new(DataType::Null))),
        field("empty", DataType::Struct(vec![])),
        field("bytes", DataType::Binary),
        field("on", DataType::Date),
        field("at_clock", DataType::Time),
        field("at", DataType::Timestamp),
        field("local", DataType::LocalTimestamp),
        field("cents", decimal(5, 2)),
        field("long_cents", decimal(12, 2)),
        field("exact", decimal(38, 3)),
        field(
            "map",
            DataType::Map(Box::new(DataType::Map(Box::new(DataType::Date)))),
        ),
        field("unknown_values", DataType::Map(Box::new(DataType::Null))),
    ]);
    let full = json!({
        "bool": true, "int53": 9_007_199_254_740_992_i64, "int64": i64::MIN, "float": -0.5,
        "text": "snowman \u{2603}", "json": {"b": [1, "x"], "a": null},
        "points": [{"x": 1.5, "tags": ["a", null, ""]}, null, {"tags": []}, {}],
        "point": {"tags": null, "x": 3.0}, "lists": [[], [1, null], null],
        "unknown_items": [null, null], "empty": {},
        "bytes": "AAH/", "on": "1969-02-28", "at_clock": "23:59:59.999999",
        "at": "2026-11-23T12:34:56.5Z", "local": "0001-01-01T00:00:00.000001",
        "cents": -999.99, "long_cents": 9_999_999_999.25, "exact": -0.125,
        "map": {"a": {"b": "2026-11-23", "": null}, "b": null, "c": {}},
        "unknown_values": {"a": null},
    });
    let sparse = json!({"bool": false, "point": {}, "points": [], "text": ""});
    (schema, vec![full, json!({}), sparse])
}

#[test]
fn every_type_is_read_back() {
    let (schema, events) = every_type();
    let mut source = Source::new();
    let mut encoder = encoder(ParquetOptions::default());
    encoder.add(source.rows("shard-1", &schema, &events));
    let files = files(&encoder.finish(&source.budget).unwrap());
    let rows = read(&files[&(FileKind::Data, 0)]);

    let mut found: Vec<Value> = rows.iter().map(event).collect();
    // Text in the file: JSON, and what has no type or no member yet.
    assert_eq!(found[0]["json"], json!(r#"{"a":null,"b":[1,"x"]}"#));
    assert_eq!(found[0]["empty"], json!("{}"));
    found[0]["json"] = events[0]["json"].clone();
    found[0]["empty"] = json!({});
    let found: Vec<Value> = found.iter().map(plain).collect();
    let events: Vec<Value> = events.iter().map(plain).collect();
    assert_eq!(found, events);
}

#[test]
fn every_row_says_who_it_is() {
    let (schema, events) = every_type();
    let mut source = Source::new();
    let mut encoder = encoder(ParquetOptions::default());
    encoder.add(source.rows("shard-1", &schema, &events[..1]));
    encoder.add(source.rows("shard-2", &schema, &events[1..]));
    let files = files(&encoder.finish(&source.budget).unwrap());
    let rows = read(&files[&(FileKind::Data, 0)]);

    let last = rows[2].as_object().unwrap();
    assert_eq!(last["_shard"], "shard-2");
    assert_eq!(
        last["_sequence"],
        "49590338271490256608559692538361570000000000000000000003"
    );
    assert_eq!(last["_partition_key"], "key-3");
    assert_eq!(last["_arrival"], 3);
    assert_eq!(
        (&last["_subsequence"], &last["_index"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(rows[0]["_shard"], "shard-1");
}

#[test]
fn rejects_have_a_file_of_their_own() {
    let mut source = Source::new();
    let mut encoder = encoder(ParquetOptions::default());
    encoder.add(source.rejects("shard-1", &["{", "}"]));
    let mut chunks = encoder.encode(&source.budget).unwrap();
    encoder.add(source.rejects("shard-1", &["\u{1}"]));
    chunks.extend(encoder.finish(&source.budget).unwrap());
    let files = files(&chunks);

    assert_eq!(files.len(), 1, "no rows, no data file");
    let file = &files[&(FileKind::Rejects, 0)];
    let rows = read(file);
    assert_eq!(rows.len(), 3);
    assert_eq!(
        rows[1],
        json!({
            "_shard": "shard-1", "_subsequence": 2, "_partition_key": "key", "_arrival": 2,
            "_sequence": "49590338271490256608559692538361570000000000000000000002",
            "_index": 3, "code": "json.syntax", "reason": "no value at }", "data": "fQ==",
        })
    );
    assert_eq!(rows[2]["data"], "AQ==");
    assert_eq!(file.finished.schema, None);
}

#[test]
fn a_window_without_rows_and_rejects_has_no_file() {
    let mut source = Source::new();
    let mut encoder = encoder(ParquetOptions::default());
    encoder.add(source.rejects("shard-1", &[]));
    assert_eq!(encoder.buffered_bytes(), 0);
    assert!(encoder.finish(&source.budget).unwrap().is_empty());
}

#[test]
fn the_footer_is_what_readers_like() {
    let (schema, events) = every_type();
    let options = ParquetOptions {
        bloom_filter_columns: vec!["text".into(), "point.x".into()],
        ..ParquetOptions::default()
    };
    let mut source = Source::new();
    let mut encoder = encoder(options);
    encoder.add(source.rows("shard-1", &schema, &events));
    let files = files(&encoder.finish(&source.budget).unwrap());
    let file = &files[&(FileKind::Data, 0)];

    let reader = ParquetRecordBatchReaderBuilder::try_new(file.bytes.clone()).unwrap();
    let footer = reader.metadata().file_metadata();
    assert!(
        footer
            .created_by()
            .unwrap()
            .starts_with("shardmill version ")
    );
    let metadata = footer.key_value_metadata().unwrap();
    let value = |key: &str| {
        let found = metadata.iter().find(|entry| entry.key == key)?;
        found.value.clone()
    };
    assert_eq!(value("shardmill.window"), Some(WINDOW.to_string()));
    assert_eq!(value("shardmill.lane").as_deref(), Some("2"));
    let stored: Schema = serde_json::from_str(&value("shardmill.schema").unwrap()).unwrap();
    assert_eq!(Some(Arc::new(stored)), file.finished.schema);
    assert_eq!(value("ARROW:schema"), None);

    let row_group = reader.metadata().row_group(0);
    for column in row_group.columns() {
        let path = column.column_path().string();
        let wanted = path == "text" || path == "point.x";
        assert_eq!(column.bloom_filter_offset().is_some(), wanted, "{path}");
        assert!(column.statistics().is_some(), "{path}");
        assert!(
            !path.contains("list.item"),
            "{path} is not named as the format says"
        );
    }
    let shard = row_group
        .columns()
        .iter()
        .find(|c| c.column_path().string() == "_shard");
    assert!(
        shard
            .unwrap()
            .encodings()
            .any(|encoding| encoding == Encoding::RLE_DICTIONARY)
    );
}
