//! Random batches, encoded at random times: the same rows in the same order, none lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::batches::{Source, WINDOW, field, files, number, plain, read, schema};
use crate::parquet::{FileKind, ParquetOptions, WindowEncoder};
use crate::schema::{DataType, Schema};

/// A type that an event's field may have, two levels deep.
fn data_type() -> impl Strategy<Value = DataType> {
    let leaf = prop_oneof![
        Just(DataType::Null),
        Just(DataType::Bool),
        Just(DataType::Int53),
        Just(DataType::Int64),
        Just(DataType::Float64),
        Just(DataType::Utf8),
        Just(DataType::Binary),
        Just(DataType::Date),
        Just(DataType::Time),
        Just(DataType::Timestamp),
        Just(DataType::LocalTimestamp),
        (4..=38_u8).prop_map(|precision| DataType::Decimal {
            precision,
            scale: 3
        }),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            inner
                .clone()
                .prop_map(|item| DataType::List(Box::new(item))),
            inner
                .clone()
                .prop_map(|value| DataType::Map(Box::new(value))),
            proptest::collection::btree_map("[a-c]", inner, 0..3).prop_map(|members| {
                let fields = members.into_iter().map(|(name, t)| field(&name, t));
                DataType::Struct(fields.collect())
            }),
        ]
    })
}

fn date() -> impl Strategy<Value = String> {
    (1..3_000, 1..13, 1..29).prop_map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}"))
}

fn time() -> impl Strategy<Value = String> {
    let fraction = prop_oneof![Just(""), Just(".5"), Just(".000001"), Just(".12")];
    (0..24, 0..60, 0..60, fraction).prop_map(|(hour, minute, second, fraction)| {
        format!("{hour:02}:{minute:02}:{second:02}{fraction}")
    })
}

/// A value of a type, or null.
fn value(data_type: &DataType) -> BoxedStrategy<Value> {
    let value = match data_type {
        DataType::Null => return Just(Value::Null).boxed(),
        DataType::Bool => any::<bool>().prop_map(Value::from).boxed(),
        DataType::Int53 => (-(1_i64 << 53)..=1 << 53).prop_map(Value::from).boxed(),
        DataType::Int64 => any::<i64>().prop_map(Value::from).boxed(),
        // Eighths: serde_json reads longer fractions back with an error in the last bit.
        DataType::Float64 => any::<i32>()
            .prop_map(|i| (f64::from(i) / 8.0).into())
            .boxed(),
        DataType::Utf8 | DataType::Json => "[a-z\"\\\\]{0,6}".prop_map(Value::from).boxed(),
        // Few digits: serde_json holds them exactly.
        DataType::Decimal { .. } => (-79..80)
            .prop_map(|eighths| (f64::from(eighths) / 8.0).into())
            .boxed(),
        DataType::Binary => vec(any::<u8>(), 0..5)
            .prop_map(|bytes| BASE64.encode(bytes).into())
            .boxed(),
        DataType::Date => date().prop_map(Value::from).boxed(),
        DataType::Time => time().prop_map(Value::from).boxed(),
        DataType::Timestamp => (date(), time())
            .prop_map(|(date, time)| format!("{date}T{time}Z").into())
            .boxed(),
        DataType::LocalTimestamp => (date(), time())
            .prop_map(|(date, time)| format!("{date}T{time}").into())
            .boxed(),
        DataType::Map(values) => proptest::collection::btree_map("[a-c]{0,2}", value(values), 0..3)
            .prop_map(|entries| Value::Object(entries.into_iter().collect()))
            .boxed(),
        DataType::List(item) => vec(value(item), 0..3).prop_map(Value::from).boxed(),
        DataType::Struct(fields) => fields
            .iter()
            .map(|field| (Just(field.name.to_string()), value(&field.data_type)))
            .collect::<Vec<_>>()
            .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>()))
            .boxed(),
    };
    prop_oneof![1 => Just(Value::Null), 3 => value].boxed()
}

#[derive(Clone, Debug)]
struct Batch {
    shard: String,
    schema: Arc<Schema>,
    events: Vec<Value>,
    encode_after: bool,
}

fn batch() -> impl Strategy<Value = Batch> {
    let fields = proptest::collection::btree_map("[a-e]", data_type(), 0..4);
    fields.prop_flat_map(|fields| {
        let root: Vec<_> = fields
            .into_iter()
            .map(|(name, t)| field(&name, t))
            .collect();
        let row = root
            .iter()
            .map(|field| (Just(field.name.to_string()), value(&field.data_type)))
            .collect::<Vec<_>>()
            .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>()));
        let shard = prop_oneof![Just("shard-1".to_owned()), Just("shard-2".to_owned())];
        (shard, Just(schema(root)), vec(row, 0..5), any::<bool>()).prop_map(
            |(shard, schema, events, encode_after)| Batch {
                shard,
                schema,
                events,
                encode_after,
            },
        )
    })
}

/// The event of a row of a file of `stored`: JSON text parsed, overflow put back.
fn event_of(row: &Value, stored: &Schema) -> Value {
    let mut event = Map::new();
    for field in &stored.fields {
        let found = row.get(&*field.name).unwrap_or(&Value::Null);
        event.insert(field.name.to_string(), parsed(found, &field.data_type));
    }
    let mut event = Value::Object(event);
    if let Some(text) = row.get("_overflow").and_then(Value::as_str) {
        merge_in(&mut event, serde_json::from_str(text).unwrap());
    }
    plain(&event)
}

fn parsed(found: &Value, data_type: &DataType) -> Value {
    match (data_type, found) {
        (DataType::Json, Value::String(text)) => serde_json::from_str(text).unwrap(),
        (DataType::List(item), Value::Array(items)) => {
            items.iter().map(|found| parsed(found, item)).collect()
        }
        (DataType::Map(values), Value::Object(entries)) => entries
            .iter()
            .map(|(key, found)| (key.clone(), parsed(found, values)))
            .collect(),
        (DataType::Struct(fields), Value::Object(members)) => {
            let known = fields.iter().map(|field| {
                let found = members.get(&*field.name).unwrap_or(&Value::Null);
                (field.name.to_string(), parsed(found, &field.data_type))
            });
            Value::Object(known.collect())
        }
        _ => found.clone(),
    }
}

/// Puts `rest` into `event`; no leaf of `rest` may be there already.
fn merge_in(event: &mut Value, rest: Value) {
    match (event, rest) {
        (Value::Object(members), Value::Object(rest)) => {
            for (name, value) in rest {
                merge_in(members.entry(name).or_insert(Value::Null), value);
            }
        }
        (place @ Value::Null, rest) => *place = rest,
        (place, rest) => panic!("{rest} overflowed, but {place} is in its place"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn random_batches_come_back(
        batches in vec(batch(), 0..8),
        max_columns in prop_oneof![Just(1_000), 1..6_usize],
    ) {
        let mut source = Source::new();
        let options = ParquetOptions { max_columns, row_group_bytes: 4_096, ..Default::default() };
        let mut encoder = WindowEncoder::new(WINDOW, Arc::new(Schema::default()), options);
        let mut expected: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let mut chunks = Vec::new();
        for batch in &batches {
            encoder.add(source.rows(&batch.shard, &batch.schema, &batch.events));
            let events = batch.events.iter().map(plain);
            expected.entry(batch.shard.clone()).or_default().extend(events);
            if batch.encode_after {
                chunks.extend(encoder.encode(&source.budget).unwrap());
                prop_assert_eq!(encoder.buffered_bytes(), 0);
            }
        }
        chunks.extend(encoder.finish(&source.budget).unwrap());

        let mut found: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        for ((kind, _), file) in &files(&chunks) {
            prop_assert_eq!(*kind, FileKind::Data);
            let inferred = file.finished.schema.as_deref().unwrap();
            let stored = inferred.in_file();
            prop_assert!(inferred.leaf_count() <= max_columns);
            for row in read(file) {
                let shard = row["_shard"].as_str().unwrap().to_owned();
                let before = last.insert(shard.clone(), number(&row));
                prop_assert!(before < Some(number(&row)), "rows of {} out of order", shard);
                found.entry(shard).or_default().push(event_of(&row, &stored));
            }
        }
        expected.retain(|_, events| !events.is_empty());
        prop_assert_eq!(json!(found), json!(expected));
        drop(chunks);
        prop_assert_eq!(source.budget.used(), 0);
    }
}
