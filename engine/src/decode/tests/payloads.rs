//! Payloads in, rows out as JSON text.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMillisecondType};
use bytes::Bytes;

use crate::budget::Budget;
use crate::decode::{ContentOptions, DecodeLimits, Decoder};
use crate::schema::text::RowText;
use crate::schema::{DataType, Schema};
use crate::types::{
    BatchHead, ClaimNumber, ClaimRef, DecodedBatch, Epoch, KinesisShardId, LaneId, Payload,
    PayloadBatch, Position, Rows, SequenceNumber, Window,
};

/// A payload batch of the given payloads, with sequence numbers from 100 on.
pub(super) fn batch(payloads: &[&[u8]], budget: &Budget) -> PayloadBatch {
    let payloads: Vec<Payload> = payloads
        .iter()
        .enumerate()
        .map(|(place, data)| Payload {
            sequence: sequence(place),
            subsequence: 7,
            partition_key: Arc::from(format!("key-{place}")),
            arrival: 1_000 + place as i64,
            data: Bytes::copy_from_slice(data),
        })
        .collect();
    let head = BatchHead {
        claim: ClaimRef {
            epoch: Epoch(1),
            lane: LaneId(0),
            claim: ClaimNumber(1),
        },
        shard: KinesisShardId::new("shardId-000000000000"),
        window: Window(5),
        from: Position::Horizon,
        to: sequence(payloads.len()),
        arrival_at_to: 2_000,
        records: payloads.len() as u64,
        received: 0,
    };
    let credit = budget.charge(payloads.iter().map(|payload| payload.data.len()).sum());
    PayloadBatch {
        head,
        payloads,
        credit,
    }
}

fn sequence(place: usize) -> SequenceNumber {
    SequenceNumber::new(&(100 + place).to_string()).unwrap()
}

/// Decodes payloads as one batch.
pub(super) fn decode(payloads: &[&[u8]]) -> DecodedBatch {
    decode_with(DecodeLimits::default(), payloads)
}

/// Decodes payloads the short way where that goes, and again many at a time the long way: both must
/// come to the same.
pub(super) fn decode_with(limits: DecodeLimits, payloads: &[&[u8]]) -> DecodedBatch {
    let budget = Budget::new(1 << 20);
    let content = ContentOptions::default();
    let mut decoder = Decoder::new(limits.clone(), &content);
    let decoded = decoder.decode(batch(payloads, &budget), &budget);
    let mut long_way = Decoder::new(limits, &content);
    // After so many that are not for the short way it is left alone for a while.
    long_way.decode(batch(&[b"[]".as_slice(); 8], &budget), &budget);
    let long = long_way.decode(batch(payloads, &budget), &budget);
    assert_eq!(outcome(&decoded), outcome(&long));
    let (schema, long_schema) = (schema_of(&decoded), schema_of(&long));
    assert!(schema.holds(&long_schema) && long_schema.holds(&schema));
    decoded
}

/// Decodes payloads of a format as one batch.
pub(super) fn decode_as(content: &ContentOptions, payloads: &[&[u8]]) -> DecodedBatch {
    content.check().unwrap();
    let budget = Budget::new(1 << 20);
    let mut decoder = Decoder::new(DecodeLimits::default(), content);
    decoder.decode(batch(payloads, &budget), &budget)
}

/// What one payload of a format becomes.
pub(super) fn one(content: &ContentOptions, payload: &[u8]) -> Vec<String> {
    outcome(&decode_as(content, &[payload])).concat()
}

/// The fields of the rows of a batch, with their types.
pub(super) fn types_of(batch: &DecodedBatch) -> Vec<(String, DataType)> {
    let fields = schema_of(batch).fields.into_iter();
    fields
        .map(|field| (field.name.to_string(), field.data_type))
        .collect()
}

/// The schema that holds all rows of a batch.
pub(super) fn schema_of(batch: &DecodedBatch) -> Schema {
    batch
        .rows
        .iter()
        .fold(Schema::default(), |schema, rows| schema.merge(&rows.schema))
}

/// What each payload became, in the order of `_index`: an event as its canonical text, a reject as
/// its code and bytes.
pub(super) fn outcome(batch: &DecodedBatch) -> Vec<Vec<String>> {
    let mut outcome: BTreeMap<usize, BTreeMap<u32, String>> = BTreeMap::new();
    for rows in &batch.rows {
        let sequence = rows.sequence.as_string::<i32>();
        let index = rows.index.as_primitive::<Int32Type>();
        for (row, text) in texts(rows).into_iter().enumerate() {
            let place: usize = sequence.value(row).parse().unwrap();
            let before = outcome
                .entry(place - 100)
                .or_default()
                .insert(index.value(row) as u32, text);
            assert_eq!(before, None, "an index twice");
        }
    }
    for reject in &batch.rejects {
        let place: usize = reject.sequence.as_str().parse().unwrap();
        let text = format!(
            "{} {}",
            reject.code.as_str(),
            String::from_utf8_lossy(&reject.data)
        );
        let before = outcome
            .entry(place - 100)
            .or_default()
            .insert(reject.index, text);
        assert_eq!(before, None, "an index twice");
    }
    (0..batch.counts.payloads as usize)
        .map(|place| {
            let found = outcome.remove(&place).unwrap_or_default();
            assert!(
                found.keys().copied().eq(0..found.len() as u32),
                "indexes have a hole"
            );
            found.into_values().collect()
        })
        .collect()
}

/// Rows as canonical text: keys in order, nulls left out.
pub(super) fn texts(rows: &Rows) -> Vec<String> {
    texts_of(&rows.schema, &rows.columns, rows.len)
}

/// Columns of a schema as canonical text, row by row.
pub(super) fn texts_of(schema: &Schema, columns: &[ArrayRef], len: usize) -> Vec<String> {
    for (field, array) in schema.fields.iter().zip(columns) {
        assert_eq!(array.data_type(), &field.data_type.to_arrow());
        assert_eq!(array.len(), len);
    }
    let rows = RowText::of(&schema.fields, columns);
    (0..len).map(|row| rows.text(row)).collect()
}

/// Checks that each row says which payload it is from.
pub(super) fn assert_identities(batch: &DecodedBatch) {
    for rows in &batch.rows {
        let sequence = rows.sequence.as_string::<i32>();
        let key = rows.partition_key.as_string::<i32>();
        let subsequence = rows.subsequence.as_primitive::<Int64Type>();
        let arrival = rows.arrival.as_primitive::<TimestampMillisecondType>();
        for row in 0..rows.len {
            let place: i64 = sequence.value(row).parse::<i64>().unwrap() - 100;
            assert_eq!(key.value(row), format!("key-{place}"));
            assert_eq!(subsequence.value(row), 7);
            assert_eq!(arrival.value(row), 1_000 + place);
        }
        assert_eq!(rows.arrival.null_count(), 0);
    }
}
