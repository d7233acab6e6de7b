//! What people would take for each format. Every function gives the rows that it found.

use std::hint::black_box;
use std::io::Cursor;
use std::sync::{Arc, LazyLock};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use quick_xml::events::Event;
use shardmill_benches::measure::cpu_seconds;

use crate::contents::LOG_PATTERN;

/// All batches; gives the rows and the CPU seconds.
pub fn timed(batches: &[Vec<Bytes>], read: &dyn Fn(&[Bytes]) -> usize) -> (usize, f64) {
    let (mut rows, mut seconds) = (0, 0.0);
    for batch in batches {
        let start = cpu_seconds();
        rows += read(batch);
        seconds += cpu_seconds() - start;
    }
    (rows, seconds)
}

fn rows(batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>) -> usize {
    let batches = batches.map(|batch| black_box(batch.expect("it was just written")));
    batches.map(|batch| batch.num_rows()).sum()
}

pub fn csv(schema: &SchemaRef, payloads: &[Bytes]) -> usize {
    let read = |payload: &Bytes| {
        let reader = arrow_csv::ReaderBuilder::new(Arc::clone(schema)).with_header(true);
        rows(
            reader
                .build(Cursor::new(payload))
                .expect("the payload is CSV"),
        )
    };
    payloads.iter().map(read).sum()
}

pub fn avro(payloads: &[Bytes]) -> usize {
    let read = |payload: &Bytes| {
        let reader = arrow_avro::reader::ReaderBuilder::new().build(Cursor::new(payload));
        rows(reader.expect("the payload is an Avro file"))
    };
    payloads.iter().map(read).sum()
}

pub fn parquet(payloads: &[Bytes]) -> usize {
    let read = |payload: &Bytes| {
        let reader = ParquetRecordBatchReaderBuilder::try_new(payload.clone());
        let reader = reader.and_then(ParquetRecordBatchReaderBuilder::build);
        rows(reader.expect("the payload is a Parquet file"))
    };
    payloads.iter().map(read).sum()
}

pub fn orc(payloads: &[Bytes]) -> usize {
    let read = |payload: &Bytes| {
        let reader = orc_rust::ArrowReaderBuilder::try_new(payload.clone());
        rows(reader.expect("the payload is an ORC file").build())
    };
    payloads.iter().map(read).sum()
}

pub fn xml(payloads: &[Bytes]) -> usize {
    let read = |payload: &Bytes| {
        let mut reader = quick_xml::Reader::from_reader(&payload[..]);
        let mut rows = 0;
        loop {
            match reader.read_event().expect("the payload is XML") {
                Event::Eof => return rows,
                Event::Start(element) => rows += usize::from(element.name().as_ref() == "event"),
                event => drop(black_box(event)),
            }
        }
    };
    payloads.iter().map(read).sum()
}

pub fn form(payloads: &[Bytes]) -> usize {
    let line = |line: &[u8]| form_urlencoded::parse(line).for_each(|pair| drop(black_box(pair)));
    each_line(payloads, line)
}

pub fn regex(payloads: &[Bytes]) -> usize {
    static PATTERN: LazyLock<regex::bytes::Regex> =
        LazyLock::new(|| regex::bytes::Regex::new(LOG_PATTERN).expect("a pattern"));
    each_line(payloads, |line| {
        black_box(PATTERN.captures(line)).expect("every line matches");
    })
}

pub fn lines(payloads: &[Bytes]) -> usize {
    each_line(payloads, |line| {
        black_box(line);
    })
}

fn each_line(payloads: &[Bytes], take: impl Fn(&[u8])) -> usize {
    let mut rows = 0;
    for payload in payloads {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', payload) {
            take(&payload[start..end]);
            start = end + 1;
            rows += 1;
        }
    }
    rows
}
