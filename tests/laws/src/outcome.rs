//! What payloads became, told so that two outcomes can be compared; and that all of it adds up.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMillisecondType};
use bytes::Bytes;
use serde::de::IgnoredAny;
use shardmill_engine::schema::text::RowText;
use shardmill_engine::schema::{Schema, conform};
use shardmill_engine::types::{DecodedBatch, RejectCode, Rows};

use crate::decoding::Numbered;

/// What one place of a payload became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// An event, as its canonical text.
    Event(String),
    /// A reject: its code, its bytes, its reason.
    Reject(RejectCode, Bytes, String),
}

/// What payloads became.
pub(crate) struct Outcome {
    /// Payload by payload, in the order of `_index`.
    pub(crate) pieces: Vec<Vec<Piece>>,
    /// The schema that holds all rows.
    pub(crate) schema: Schema,
}

/// Takes a decoded batch apart and checks that it accounts for all of `payloads`: each event and
/// reject says which payload it is from, indexes have no hole, and the counts are right.
pub(crate) fn outcome(batch: &DecodedBatch, payloads: &[Numbered]) -> Outcome {
    let mut pieces: Vec<Vec<Option<Piece>>> = vec![Vec::new(); payloads.len()];
    let mut put = |place: usize, index: usize, piece| {
        let of_payload = &mut pieces[place];
        of_payload.resize(of_payload.len().max(index + 1), None);
        let before = of_payload[index].replace(piece);
        assert_eq!(before, None, "payload {place} has index {index} twice");
    };
    let first = payloads.first().map_or(0, |payload| payload.place);
    let mut last = None;
    for rows in &batch.rows {
        let identities = identities(rows, payloads, first);
        for ((place, index), text) in identities.into_iter().zip(texts_of_rows(rows)) {
            assert!(last < Some((place, index)), "rows are not in Kinesis order");
            last = Some((place, index));
            put(place, index, Piece::Event(text));
        }
    }
    let mut last = None;
    for reject in &batch.rejects {
        let place = place_of(reject.sequence.as_str(), first);
        let expected = &payloads[place].payload;
        assert_eq!(reject.subsequence, expected.subsequence);
        assert_eq!(reject.partition_key, expected.partition_key);
        assert_eq!(reject.arrival, expected.arrival);
        assert!(!reject.reason.is_empty());
        let index = reject.index as usize;
        assert!(last < Some((place, index)), "rejects are not in order");
        last = Some((place, index));
        let piece = Piece::Reject(reject.code, reject.data.clone(), reject.reason.clone());
        put(place, index, piece);
    }
    let pieces: Vec<Vec<Piece>> = pieces
        .into_iter()
        .map(|pieces| {
            let pieces: Option<Vec<Piece>> = pieces.into_iter().collect();
            pieces.expect("indexes of a payload have no hole")
        })
        .collect();
    check_counts(batch, &pieces, payloads);
    let schema = batch
        .rows
        .iter()
        .fold(Schema::default(), |schema, rows| schema.merge(&rows.schema));
    Outcome { pieces, schema }
}

fn check_counts(batch: &DecodedBatch, pieces: &[Vec<Piece>], payloads: &[Numbered]) {
    let counts = batch.counts;
    let rows: usize = batch.rows.iter().map(|rows| rows.len).sum();
    let empty = pieces.iter().filter(|pieces| pieces.is_empty()).count();
    let bytes: usize = payloads
        .iter()
        .map(|payload| payload.payload.data.len())
        .sum();
    assert_eq!(counts.payloads, payloads.len() as u64);
    assert_eq!(counts.bytes, bytes as u64);
    assert_eq!(counts.rows, rows as u64);
    assert_eq!(counts.rejects, batch.rejects.len() as u64);
    assert_eq!(counts.empty, empty as u64);
    let held: usize = batch.rows.iter().map(Rows::memory_size).sum();
    assert!(batch.credit.bytes() >= held, "rows that nobody pays for");
}

/// The place of each row's payload, and its index there.
fn identities(rows: &Rows, payloads: &[Numbered], first: usize) -> Vec<(usize, usize)> {
    let sequence = rows.sequence.as_string::<i32>();
    let subsequence = rows.subsequence.as_primitive::<Int64Type>();
    let key = rows.partition_key.as_string::<i32>();
    let arrival = rows.arrival.as_primitive::<TimestampMillisecondType>();
    let index = rows.index.as_primitive::<Int32Type>();
    let identity = |row: usize| {
        let place = place_of(sequence.value(row), first);
        let expected = &payloads[place].payload;
        assert_eq!(subsequence.value(row) as u64, expected.subsequence);
        assert_eq!(key.value(row), &*expected.partition_key);
        assert_eq!(arrival.value(row), expected.arrival);
        let index = usize::try_from(index.value(row)).expect("an index from 0");
        (place, index)
    };
    (0..rows.len).map(identity).collect()
}

fn place_of(sequence: &str, first: usize) -> usize {
    let place = Numbered::place_of(sequence);
    place.checked_sub(first).expect("a payload of the batch")
}

/// Checks that rows stay what they are under a schema that holds more, as it is and as files have
/// it.
pub(crate) fn check_widening(batch: &DecodedBatch, schema: &Schema) {
    for rows in &batch.rows {
        let texts = texts_of_rows(rows);
        for schema in [schema, &schema.in_file()] {
            let conformed = conform(rows, schema);
            assert!(conformed.overflow.is_none(), "the schema holds all rows");
            let widened = texts_of(schema, &conformed.columns, rows.len);
            assert_eq!(widened, texts, "widening changed a value");
        }
    }
}

fn texts_of_rows(rows: &Rows) -> Vec<String> {
    texts_of(&rows.schema, &rows.columns, rows.len)
}

/// Rows as canonical text: keys in order, nulls left out.
fn texts_of(schema: &Schema, columns: &[ArrayRef], len: usize) -> Vec<String> {
    assert_eq!(schema.fields.len(), columns.len());
    for (field, array) in schema.fields.iter().zip(columns) {
        assert_eq!(array.data_type(), &field.data_type.to_arrow());
        assert_eq!(array.len(), len);
    }
    let mut names: Vec<_> = schema.fields.iter().map(|field| &field.name).collect();
    names.sort();
    let twice = names.windows(2).find(|pair| pair[0] == pair[1]);
    assert!(twice.is_none(), "two columns have one name");
    let rows = RowText::of(&schema.fields, columns);
    let text = |row: usize| {
        let text = rows.text(row);
        let json = serde_json::from_str::<IgnoredAny>(&text);
        assert!(json.is_ok(), "canonical text is no JSON: {text}");
        text
    };
    (0..len).map(text).collect()
}
