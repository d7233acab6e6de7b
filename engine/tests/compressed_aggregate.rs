//! Compressed payloads inside a KPL aggregate: from the Kinesis record to the rows.

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use shardmill_engine::budget::Budget;
use shardmill_engine::decode::{ContentOptions, DecodeLimits, Decoder};
use shardmill_engine::ports::{Records, StreamRecord};
use shardmill_engine::source::{CursorOutput, CursorStep, ShardCursor};
use shardmill_engine::types::{
    ClaimNumber, ClaimRef, DecodedBatch, Epoch, KinesisShardId, LaneId, PayloadBatch, Position,
    ReadFrom, SequenceNumber, Window, WindowLength,
};

/// What `fixtures/compression/make.py` wrote: user records of events 0 to 11 (gzip), of nothing, of
/// events 12 to 23 (lz4), of gzip that is cut off, and of event 0 as it is.
const AGGREGATE: &[u8] = include_bytes!("../fixtures/compression/aggregate.kpl");

/// The batch that a cursor makes of one Kinesis record.
fn read(data: &'static [u8], budget: &Budget) -> PayloadBatch {
    let claim = ClaimRef {
        epoch: Epoch(1),
        lane: LaneId(0),
        claim: ClaimNumber(1),
    };
    let from = ReadFrom {
        shard: KinesisShardId::new("shardId-000000000000"),
        position: Position::Start,
        current_window: Window(0),
    };
    let mut cursor = ShardCursor::new(claim, from, None, WindowLength::MINUTE, 1);
    let mut now = 0;
    loop {
        match cursor.next(now) {
            CursorStep::Fetch { .. } => break,
            CursorStep::Iterator(_) => cursor.on_iterator(Ok("iterator".to_owned()), now),
            CursorStep::Wait { until } => now = until,
            step => panic!("unexpected step {step:?}"),
        }
    }
    let record = StreamRecord {
        sequence: SequenceNumber::new("42").unwrap(),
        partition_key: "outer".to_owned(),
        arrival: 7,
        data: data.into(),
    };
    let answer = Records {
        records: vec![record],
        next_iterator: Some("next".to_owned()),
        millis_behind: Some(0),
        children: Vec::new(),
        server_time: 7,
    };
    let outputs = cursor.on_records(Ok(answer), now, Window(i64::MAX), budget);
    let batch = outputs.into_iter().find_map(|output| match output {
        CursorOutput::Batch(batch) => Some(batch),
        _ => None,
    });
    batch.expect("the record makes a batch")
}

/// (subsequence, `id` of the event) of each row.
fn rows(decoded: &DecodedBatch) -> Vec<(i64, i64)> {
    let mut found = Vec::new();
    for rows in &decoded.rows {
        let place = rows
            .schema
            .fields
            .iter()
            .position(|field| &*field.name == "id");
        let ids = rows.columns[place.unwrap()].as_primitive::<Int64Type>();
        let subsequences = rows.subsequence.as_primitive::<Int64Type>();
        found.extend((0..rows.len).map(|row| (subsequences.value(row), ids.value(row))));
    }
    found
}

#[test]
fn user_records_are_expanded_one_by_one() {
    let budget = Budget::new(1 << 20);
    let batch = read(AGGREGATE, &budget);
    assert_eq!((batch.head.records, batch.payloads.len()), (1, 5));
    let mut decoder = Decoder::new(DecodeLimits::default(), &ContentOptions::default());
    let decoded = decoder.decode(batch, &budget);
    let expected = (0..12).map(|id| (0, id));
    let expected = expected.chain((12..24).map(|id| (2, id))).chain([(4, 0)]);
    assert_eq!(rows(&decoded), expected.collect::<Vec<_>>());
    let [reject] = &decoded.rejects[..] else {
        panic!("one reject: {:?}", decoded.rejects);
    };
    assert_eq!(reject.code.as_str(), "compression.damaged");
    assert_eq!((reject.subsequence, &*reject.partition_key), (3, "key-3"));
    assert!(reject.data.starts_with(b"\x1f\x8b"));
    assert_eq!((decoded.counts.payloads, decoded.counts.empty), (5, 1));
}
