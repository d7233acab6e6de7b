//! Row groups, chunks, and the memory that they give back.

use std::sync::Arc;

use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};

use super::batches::{Source, WINDOW, event, field, files, read, schema};
use crate::parquet::{FileKind, ParquetOptions, WindowEncoder};
use crate::schema::{DataType, Schema};

fn events(from: usize, count: usize) -> Vec<Value> {
    (from..from + count)
        .map(|i| json!({"id": i, "text": format!("event number {i}")}))
        .collect()
}

fn id_and_text() -> Arc<Schema> {
    schema(vec![
        field("id", DataType::Int53),
        field("text", DataType::Utf8),
    ])
}

fn encoder(row_group_bytes: usize) -> WindowEncoder {
    let options = ParquetOptions {
        row_group_bytes,
        ..ParquetOptions::default()
    };
    WindowEncoder::new(WINDOW, Arc::new(Schema::default()), options)
}

fn row_groups(bytes: &bytes::Bytes) -> Vec<i64> {
    let reader = SerializedFileReader::new(bytes.clone()).unwrap();
    reader
        .metadata()
        .row_groups()
        .iter()
        .map(|group| group.num_rows())
        .collect()
}

#[test]
fn many_small_batches_make_one_row_group() {
    let mut source = Source::new();
    let mut encoder = encoder(usize::MAX / 2);
    for batch in 0..200 {
        encoder.add(source.rows("shard-1", &id_and_text(), &events(batch * 3, 3)));
    }
    assert!(!encoder.wants_encoding());
    let files = files(&encoder.finish(&source.budget).unwrap());
    let file = &files[&(FileKind::Data, 0)];
    assert_eq!(row_groups(&file.bytes), [600]);
    let found: Vec<Value> = read(file).iter().map(event).collect();
    assert_eq!(found, events(0, 600));
}

#[test]
fn encoding_early_adds_row_groups_to_one_file() {
    let mut source = Source::new();
    let mut encoder = encoder(1);
    let mut chunks = Vec::new();
    for batch in 0..3 {
        encoder.add(source.rows("shard-1", &id_and_text(), &events(batch * 100, 100)));
        assert!(encoder.wants_encoding());
        let ready = encoder.encode(&source.budget).unwrap();
        assert!(!ready.is_empty() && ready.iter().all(|chunk| chunk.finished.is_none()));
        chunks.extend(ready);
    }
    assert!(encoder.encode(&source.budget).unwrap().is_empty());
    chunks.extend(encoder.finish(&source.budget).unwrap());
    let files = files(&chunks);
    assert_eq!(files.len(), 1);
    let file = &files[&(FileKind::Data, 0)];
    assert_eq!(file.chunks, 4);
    assert_eq!(row_groups(&file.bytes), [100, 100, 100]);
    let found: Vec<Value> = read(file).iter().map(event).collect();
    assert_eq!(found, events(0, 300));
}

#[test]
fn row_groups_are_cut_evenly() {
    let mut source = Source::new();
    let one = source
        .rows("shard-1", &id_and_text(), &events(0, 50))
        .credit
        .bytes();
    let mut encoder = encoder(one * 4);
    for batch in 0..9 {
        encoder.add(source.rows("shard-1", &id_and_text(), &events(batch * 50, 50)));
    }
    let files = files(&encoder.finish(&source.budget).unwrap());
    let groups = row_groups(&files[&(FileKind::Data, 0)].bytes);
    assert_eq!(
        groups,
        [250, 200],
        "two of about four batches each, and no ninth alone"
    );
}

#[test]
fn what_was_buffered_is_given_back_and_what_is_encoded_is_charged() {
    let mut source = Source::new();
    let mut encoder = encoder(1 << 20);
    for batch in 0..10 {
        encoder.add(source.rows("shard-1", &id_and_text(), &events(batch * 100, 100)));
        encoder.add(source.rejects("shard-1", &["{"]));
    }
    let buffered = source.budget.used();
    assert_eq!(encoder.buffered_bytes(), buffered);

    let chunks = encoder.encode(&source.budget).unwrap();
    assert_eq!((encoder.buffered_bytes(), encoder.unsent_bytes()), (0, 0));
    let sent: usize = chunks.iter().map(|chunk| chunk.bytes.len()).sum();
    let footers = source.budget.used() - sent;
    assert!(footers > 0 && footers < buffered, "{footers} of {buffered}");
    drop(chunks);
    assert_eq!(source.budget.used(), footers);

    let rest = encoder.finish(&source.budget).unwrap();
    let sent: usize = rest.iter().map(|chunk| chunk.bytes.len()).sum();
    assert_eq!(source.budget.used(), sent);
    drop(rest);
    assert_eq!(source.budget.used(), 0);
}

#[test]
fn a_shared_batch_is_given_back_when_all_are_done_with_it() {
    let mut source = Source::new();
    let mut encoder = encoder(1 << 20);
    let batch = Arc::new(source.rows("shard-1", &id_and_text(), &events(0, 100)));
    let bytes = batch.credit.bytes();
    encoder.add(Arc::clone(&batch));
    drop(encoder.finish(&source.budget).unwrap());
    assert_eq!(source.budget.used(), bytes, "somebody still looks at it");
    drop(batch);
    assert_eq!(source.budget.used(), 0);
}

#[test]
fn an_encoder_that_is_dropped_gives_everything_back() {
    let mut source = Source::new();
    let mut encoder = encoder(1 << 20);
    encoder.add(source.rows("shard-1", &id_and_text(), &events(0, 100)));
    drop(encoder.encode(&source.budget).unwrap());
    encoder.add(source.rows("shard-1", &id_and_text(), &events(100, 100)));
    encoder.add(source.rejects("shard-1", &["{"]));
    drop(encoder);
    assert_eq!(source.budget.used(), 0);
}
