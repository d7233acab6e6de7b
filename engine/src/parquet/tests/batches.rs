//! Decoded batches made from JSON values, and files turned back into them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Float64Array, Int32Array, Int64Array,
    ListArray, NullArray, StringArray, StructArray, TimestampMillisecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType as ArrowType, Float64Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType,
};
use arrow::util::display::{FormatOptions, array_value_to_string};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Number, Value};

use crate::budget::Budget;
use crate::parquet::{FileChunk, FileKind, FinishedFile};
use crate::schema::{DataType, Field, Schema, map_array};
use crate::types::{
    BatchHead, ClaimNumber, ClaimRef, Counts, DecodedBatch, Epoch, KinesisShardId, LaneId,
    Position, Reject, RejectCode, Rows, SequenceNumber, Window,
};

/// A text that is no value of its type is a fault of the test.
const STRICT: CastOptions<'static> = CastOptions {
    safe: false,
    format_options: FormatOptions::new(),
};

pub(super) const WINDOW: Window = Window(28_000_000);

/// A field of a test's schema.
pub(super) fn field(name: &str, data_type: DataType) -> Field {
    Field {
        name: name.into(),
        data_type,
    }
}

pub(super) fn schema(fields: Vec<Field>) -> Arc<Schema> {
    Arc::new(Schema { fields })
}

/// Makes batches with rising sequence numbers and charges them to a budget.
pub(super) struct Source {
    pub(super) budget: Budget,
    next: u64,
}

impl Source {
    pub(super) fn new() -> Self {
        Self {
            budget: Budget::new(1 << 30),
            next: 1,
        }
    }

    /// A batch of `rows` (objects), each column of the type that `schema` says.
    pub(super) fn rows(
        &mut self,
        shard: &str,
        schema: &Arc<Schema>,
        rows: &[Value],
    ) -> DecodedBatch {
        let columns = schema.fields.iter().map(|field| {
            let values: Vec<&Value> = rows.iter().map(|row| member(row, &field.name)).collect();
            array_of(&field.data_type, &values)
        });
        let first = self.next;
        self.next += rows.len() as u64;
        let numbers = first..self.next;
        let sequences = numbers.clone().map(|number| sequence(number).to_string());
        let rows = Rows {
            len: rows.len(),
            schema: Arc::clone(schema),
            columns: columns.collect(),
            sequence: Arc::new(StringArray::from_iter_values(sequences)),
            subsequence: Arc::new(Int64Array::from(vec![0; rows.len()])),
            partition_key: Arc::new(StringArray::from_iter_values(
                numbers.clone().map(|number| format!("key-{}", number % 7)),
            )),
            arrival: Arc::new(
                TimestampMillisecondArray::from_iter_values(numbers.map(|number| number as i64))
                    .with_timezone("UTC"),
            ),
            index: Arc::new(Int32Array::from(vec![0; rows.len()])),
        };
        let bytes = rows.memory_size();
        self.batch(shard, vec![rows], Vec::new(), bytes)
    }

    /// A batch of rejects, one for each text.
    pub(super) fn rejects(&mut self, shard: &str, texts: &[&str]) -> DecodedBatch {
        let rejects = texts.iter().map(|text| {
            let number = self.next;
            self.next += 1;
            Reject {
                sequence: sequence(number),
                subsequence: 2,
                partition_key: "key".into(),
                arrival: number as i64,
                index: 3,
                data: Bytes::copy_from_slice(text.as_bytes()),
                code: RejectCode::JsonSyntax,
                reason: format!("no value at {text}"),
            }
        });
        let rejects: Vec<_> = rejects.collect();
        self.batch(shard, Vec::new(), rejects, 1_000)
    }

    fn batch(
        &self,
        shard: &str,
        rows: Vec<Rows>,
        rejects: Vec<Reject>,
        bytes: usize,
    ) -> DecodedBatch {
        let claim = ClaimRef {
            epoch: Epoch(1),
            lane: LaneId(2),
            claim: ClaimNumber(3),
        };
        DecodedBatch {
            head: BatchHead {
                claim,
                shard: KinesisShardId::new(shard),
                window: WINDOW,
                from: Position::Start,
                to: sequence(self.next),
                arrival_at_to: self.next as i64,
                records: 0,
                received: 0,
            },
            rows,
            rejects,
            counts: Counts::default(),
            raw: None,
            credit: self.budget.charge(bytes),
        }
    }
}

/// A sequence number as long as those of Kinesis.
fn sequence(number: u64) -> SequenceNumber {
    SequenceNumber::new(&format!("4959033827149025660855969253836157{number:022}")).unwrap()
}

fn member<'a>(row: &'a Value, name: &str) -> &'a Value {
    row.get(name).unwrap_or(&Value::Null)
}

fn array_of(data_type: &DataType, values: &[&Value]) -> ArrayRef {
    match data_type {
        DataType::Null => Arc::new(NullArray::new(values.len())),
        DataType::Bool => Arc::new(
            values
                .iter()
                .map(|value| value.as_bool())
                .collect::<BooleanArray>(),
        ),
        DataType::Int53 | DataType::Int64 => Arc::new(
            values
                .iter()
                .map(|value| value.as_i64())
                .collect::<Int64Array>(),
        ),
        DataType::Float64 => Arc::new(
            values
                .iter()
                .map(|value| value.as_f64())
                .collect::<Float64Array>(),
        ),
        DataType::Utf8 => Arc::new(
            values
                .iter()
                .map(|value| value.as_str())
                .collect::<StringArray>(),
        ),
        // Logical types stand in their canonical text; the library reads it.
        DataType::Decimal { .. }
        | DataType::Date
        | DataType::Time
        | DataType::Timestamp
        | DataType::LocalTimestamp => {
            let texts = values.iter().map(|value| match value {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) => Some(number.to_string()),
                _ => None,
            });
            let texts = texts.collect::<StringArray>();
            if *data_type != DataType::Timestamp {
                return cast_with_options(&texts, &data_type.to_arrow(), &STRICT).unwrap();
            }
            // The library knows zones by their offset only.
            let utc = ArrowType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()));
            let instants = cast_with_options(&texts, &utc, &STRICT).unwrap();
            let instants = instants.as_primitive::<TimestampMicrosecondType>().clone();
            Arc::new(instants.with_timezone("UTC"))
        }
        DataType::Binary => {
            let bytes = values.iter().map(|value| {
                let text = value.as_str()?;
                Some(BASE64.decode(text).unwrap())
            });
            Arc::new(bytes.collect::<BinaryArray>())
        }
        DataType::Map(value) => map_of(value, values),
        DataType::Json => {
            let texts = values.iter().map(|v| (!v.is_null()).then(|| v.to_string()));
            Arc::new(texts.collect::<StringArray>())
        }
        DataType::List(item) => list_of(data_type, item, values),
        DataType::Struct(fields) => struct_of(data_type, fields, values),
    }
}

fn nulls_of(values: &[&Value]) -> Option<NullBuffer> {
    Some(
        values
            .iter()
            .map(|value| !value.is_null())
            .collect::<Vec<_>>()
            .into(),
    )
}

fn list_of(data_type: &DataType, item: &DataType, values: &[&Value]) -> ArrayRef {
    let none = Vec::new();
    let lists = values.iter().map(|value| value.as_array().unwrap_or(&none));
    let items: Vec<&Value> = lists.clone().flatten().collect();
    let ArrowType::List(field) = data_type.to_arrow() else {
        panic!("{data_type:?} is no list in Arrow")
    };
    Arc::new(ListArray::new(
        field,
        OffsetBuffer::from_lengths(lists.map(Vec::len)),
        array_of(item, &items),
        nulls_of(values),
    ))
}

fn map_of(value: &DataType, values: &[&Value]) -> ArrayRef {
    let none = Map::new();
    let maps = values
        .iter()
        .map(|value| value.as_object().unwrap_or(&none));
    let (keys, members): (Vec<&String>, Vec<&Value>) = maps.clone().flatten().unzip();
    let keys = StringArray::from_iter_values(keys);
    map_array(
        value,
        OffsetBuffer::from_lengths(maps.map(Map::len)),
        Arc::new(keys),
        array_of(value, &members),
        nulls_of(values),
    )
}

fn struct_of(data_type: &DataType, fields: &[Field], values: &[&Value]) -> ArrayRef {
    let ArrowType::Struct(arrow_fields) = data_type.to_arrow() else {
        panic!("{data_type:?} is no struct in Arrow")
    };
    if fields.is_empty() {
        return Arc::new(StructArray::new_empty_fields(
            values.len(),
            nulls_of(values),
        ));
    }
    let members = fields.iter().map(|field| {
        let values: Vec<&Value> = values.iter().map(|v| member(v, &field.name)).collect();
        array_of(&field.data_type, &values)
    });
    Arc::new(StructArray::new(
        arrow_fields,
        members.collect(),
        nulls_of(values),
    ))
}

/// A finished file of a window.
pub(super) struct File {
    pub(super) bytes: Bytes,
    pub(super) finished: FinishedFile,
    pub(super) chunks: usize,
}

/// Puts the chunks of all files together.
pub(super) fn files(chunks: &[FileChunk]) -> BTreeMap<(FileKind, u32), File> {
    let mut open: BTreeMap<(FileKind, u32), (Vec<u8>, usize)> = BTreeMap::new();
    let mut files = BTreeMap::new();
    for chunk in chunks {
        let key = (chunk.kind, chunk.part);
        assert!(
            !files.contains_key(&key),
            "a chunk after the last one of {key:?}"
        );
        assert_eq!(chunk.credit.bytes(), chunk.bytes.len());
        assert!(!chunk.bytes.is_empty());
        let (bytes, count) = open.entry(key).or_default();
        bytes.extend_from_slice(&chunk.bytes);
        *count += 1;
        if let Some(finished) = chunk.finished.clone() {
            let (bytes, chunks) = open.remove(&key).unwrap();
            assert_eq!(finished.bytes, bytes.len() as u64);
            let bytes = Bytes::from(bytes);
            files.insert(
                key,
                File {
                    bytes,
                    finished,
                    chunks,
                },
            );
        }
    }
    assert!(open.is_empty(), "not finished: {:?}", open.keys());
    files
}

/// The rows of a file as objects, nulls left out.
pub(super) fn read(file: &File) -> Vec<Value> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.bytes.clone()).unwrap();
    assert_eq!(
        reader.metadata().file_metadata().num_rows() as u64,
        file.finished.rows
    );
    let mut rows = Vec::new();
    for batch in reader.build().unwrap() {
        let batch = StructArray::from(batch.unwrap());
        rows.extend((0..batch.len()).map(|row| value_at(&batch, row)));
    }
    rows
}

fn value_at(array: &dyn Array, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        ArrowType::Boolean => array.as_boolean().value(row).into(),
        ArrowType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        ArrowType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        ArrowType::Float64 => array.as_primitive::<Float64Type>().value(row).into(),
        ArrowType::Utf8 => array.as_string::<i32>().value(row).into(),
        ArrowType::Binary => BASE64.encode(array.as_binary::<i32>().value(row)).into(),
        ArrowType::Decimal128(..) => {
            let text = array_value_to_string(array, row).unwrap();
            let shortest = match text.contains('.') {
                true => text.trim_end_matches('0').trim_end_matches('.'),
                false => &text,
            };
            // An integer among them is exact, and a float64 would not hold all of them.
            match shortest.parse::<i64>() {
                Ok(integer) => integer.into(),
                Err(_) => text.parse::<f64>().unwrap().into(),
            }
        }
        ArrowType::Date32 => array_value_to_string(array, row).unwrap().into(),
        ArrowType::Timestamp(TimeUnit::Microsecond, Some(zone)) => {
            assert_eq!(&**zone, "UTC");
            let instants = array.as_primitive::<TimestampMicrosecondType>().clone();
            let instants = instants.with_timezone("+00:00");
            short(&array_value_to_string(&instants, row).unwrap()).into()
        }
        ArrowType::Time64(TimeUnit::Microsecond)
        | ArrowType::Timestamp(TimeUnit::Microsecond, None) => {
            short(&array_value_to_string(array, row).unwrap()).into()
        }
        ArrowType::Map(..) => {
            let map = array.as_map();
            let entries = map.value(row);
            let keys = entries.column(0).as_string::<i32>();
            let entries = (0..keys.len()).map(|entry| {
                let value = value_at(entries.column(1), entry);
                (keys.value(entry).to_owned(), value)
            });
            Value::Object(entries.collect())
        }
        ArrowType::Timestamp(_, zone) => {
            assert_eq!(zone.as_deref(), Some("UTC"));
            array
                .as_primitive::<TimestampMillisecondType>()
                .value(row)
                .into()
        }
        ArrowType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            (0..items.len())
                .map(|item| value_at(&items, item))
                .collect()
        }
        ArrowType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let members = fields.iter().zip(columns);
            let members =
                members.map(|(field, column)| (field.name().clone(), value_at(column, row)));
            Value::Object(members.filter(|(_, value)| !value.is_null()).collect())
        }
        other => panic!("{other} is in no file of ours"),
    }
}

/// A time as the library writes it, without the zeros that end its fraction.
fn short(time: &str) -> String {
    let (time, zone) = match time.strip_suffix('Z') {
        Some(time) => (time, "Z"),
        None => (time, ""),
    };
    let time = match time.contains('.') {
        true => time.trim_end_matches('0').trim_end_matches('.'),
        false => time,
    };
    format!("{time}{zone}")
}

/// The event fields of a row: what its system columns leave.
pub(super) fn event(row: &Value) -> Value {
    let members = row.as_object().unwrap().iter();
    let events = members.filter(|(name, _)| !name.starts_with('_'));
    Value::Object(
        events
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    )
}

/// The number in the last digits of a row's sequence number.
pub(super) fn number(row: &Value) -> u64 {
    let text = row["_sequence"].as_str().unwrap();
    text[text.len() - 10..].parse().unwrap()
}

/// `value` without the members that are null, and with one spelling for numbers that are equal.
pub(super) fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            Some(float) if float.fract() == 0.0 && float.abs() <= 9e15 => (float as i64).into(),
            Some(float) if number.is_f64() => Number::from_f64(float).into(),
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(members) => {
            let known = members.iter().filter(|(_, value)| !value.is_null());
            let plain: Map<_, _> = known.map(|(k, v)| (k.clone(), plain(v))).collect();
            Value::Object(plain)
        }
        other => other.clone(),
    }
}
