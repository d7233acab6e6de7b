//! Random events and how they come in batches.

use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use shardmill_engine::budget::Budget;
use shardmill_engine::decode::{ContentOptions, DecodeLimits, Decoder};
use shardmill_engine::statistics::{Pane, PaneLimits};
use shardmill_engine::types::{
    BatchHead, ClaimNumber, ClaimRef, Epoch, KinesisShardId, LaneId, Payload, PayloadBatch,
    Position, SequenceNumber, Window,
};

/// An event with its arrival.
#[derive(Clone, Debug)]
pub struct Event {
    pub document: Value,
    pub arrival: i64,
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => (-5i64..5).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        2 => (-400i32..400).prop_map(|eighths| json!(f64::from(eighths) / 8.0)),
        1 => any::<f64>().prop_filter("JSON has no others", |value| value.is_finite())
            .prop_map(Value::from),
        3 => "[a-c]{0,2}".prop_map(Value::from),
        1 => "\\PC{0,6}".prop_map(Value::from),
        1 => Just(Value::from("x".repeat(300))),
        // Cut in the middle of a character, before it.
        1 => "[xzé]{1,3}".prop_map(|end| Value::from("x".repeat(254) + &end)),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..4).prop_map(object),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[a-e]", 1 => Just("date".to_owned()), 1 => Just("x.y[]".to_owned())]
}

fn object(members: Vec<(String, Value)>) -> Value {
    Value::Object(members.into_iter().collect::<Map<_, _>>())
}

/// A field has mostly one type, as in real events; some are anything.
fn event() -> impl Strategy<Value = Event> {
    let typed = (
        prop::option::of(-3i64..100),
        prop::option::of("[a-z]{1,3}"),
        prop::option::of(-1e6f64..1e6),
        prop::collection::vec((name(), value()), 0..5),
        -2_000i64..60_000,
    );
    typed.prop_map(|(count, word, price, others, arrival)| {
        let mut document = Map::new();
        count.map(|count| document.insert("count".into(), count.into()));
        word.map(|word| document.insert("word".into(), word.into()));
        price.map(|price| document.insert("price".into(), price.into()));
        document.extend(others);
        Event {
            document: Value::Object(document),
            arrival: 1_795_341_780_000 + arrival,
        }
    })
}

pub fn events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event(), 1..60)
}

/// A decoder as a source of JSON has it.
pub fn decoder() -> Decoder {
    Decoder::new(DecodeLimits::default(), &ContentOptions::default())
}

/// Decodes events as one batch, the first of them the `first` of the stream, into a pane.
pub fn observe(pane: &mut Pane, decoder: &mut Decoder, events: &[Event], first: usize) {
    let sequence = |place: usize| SequenceNumber::from((1_000 + first + place) as u64);
    let payload = |(place, event): (usize, &Event)| Payload {
        sequence: sequence(place),
        subsequence: 0,
        partition_key: Arc::from(format!("key-{}", (first + place) % 3)),
        arrival: event.arrival,
        data: Bytes::from(event.document.to_string()),
    };
    let head = BatchHead {
        claim: ClaimRef {
            epoch: Epoch(1),
            lane: LaneId(0),
            claim: ClaimNumber(1),
        },
        shard: shard(),
        window: Window(29_922_363),
        from: Position::Horizon,
        to: sequence(events.len() - 1),
        arrival_at_to: events[events.len() - 1].arrival,
        records: events.len() as u64,
        received: 0,
    };
    let budget = Budget::new(1 << 30);
    let batch = PayloadBatch {
        head,
        payloads: events.iter().enumerate().map(payload).collect(),
        credit: budget.charge(1),
    };
    pane.observe(&decoder.decode(batch, &budget));
}

pub fn shard() -> KinesisShardId {
    KinesisShardId::new("shardId-000000000000")
}

/// A pane of all events in batches that end at `cuts`.
pub fn pane(events: &[Event], cuts: &[usize], limits: PaneLimits) -> Pane {
    let mut pane = Pane::new(limits);
    let mut decoder = decoder();
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % events.len()).collect();
    ends.sort_unstable();
    ends.push(events.len());
    let mut begin = 0;
    for end in ends {
        if end > begin {
            observe(&mut pane, &mut decoder, &events[begin..end], begin);
            begin = end;
        }
    }
    pane
}
