//! The same events in every format, as the libraries of those formats write them.

use std::fmt::Write as _;
use std::io::Cursor;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_json::ReaderBuilder;
use arrow_json::reader::infer_json_schema;
use bytes::Bytes;
use serde_json::{Map, Value};
use shardmill_benches::events::{Events, Kind};

use crate::protobuf::Definition;

/// Events in a payload.
const EVENTS: usize = 100;

/// What [`Contents::log`] writes.
pub const LOG_PATTERN: &str = r#"^(?P<host>\S+) \[(?P<time>[^\]]+)\] "(?P<method>\w+) (?P<path>[^"]*)" (?P<status>\d{3}) "(?P<agent>[^"]*)"$"#;

/// Events, in groups of a payload.
pub struct Contents {
    /// Of all events.
    pub schema: SchemaRef,
    /// Of the events as Protobuf messages.
    pub definition: Definition,
    batches: Vec<RecordBatch>,
    objects: Vec<Vec<Map<String, Value>>>,
}

impl Contents {
    /// Events that have at least so many bytes as JSON.
    pub fn new(bytes: usize) -> Self {
        let mut made = 0;
        let mut events: Vec<Bytes> = Vec::new();
        for event in Events::new(Kind::WebAccess, 7) {
            if made >= bytes && events.len().is_multiple_of(EVENTS) {
                break;
            }
            made += event.len();
            events.push(event);
        }
        let lines = events.join(&b'\n');
        let (schema, _) = infer_json_schema(Cursor::new(&lines), None).expect("events are JSON");
        let schema = Arc::new(schema);
        let reader = ReaderBuilder::new(Arc::clone(&schema))
            .with_batch_size(EVENTS)
            .build(Cursor::new(&lines));
        let batches = reader.expect("the schema is of the events");
        let objects = events
            .iter()
            .map(|event| match serde_json::from_slice(event) {
                Ok(Value::Object(object)) => object,
                other => panic!("{other:?}"),
            });
        let objects: Vec<_> = objects.collect();
        Self {
            definition: Definition::new(&schema),
            schema,
            batches: batches
                .map(|batch| batch.expect("events are JSON"))
                .collect(),
            objects: objects.chunks(EVENTS).map(<[_]>::to_vec).collect(),
        }
    }

    pub fn events(&self) -> usize {
        self.objects.iter().map(Vec::len).sum()
    }

    /// With a header in each payload.
    pub fn csv(&self) -> Vec<Bytes> {
        self.written(|batch, out| {
            let mut writer = arrow_csv::Writer::new(out);
            writer.write(batch).expect("the columns are flat");
        })
    }

    /// Container files.
    pub fn avro(&self) -> Vec<Bytes> {
        self.written(|batch, out| {
            let writer = arrow_avro::writer::AvroWriter::new(out, (*batch.schema()).clone());
            let mut writer = writer.expect("the schema is one of Avro's");
            writer.write(batch).expect("it takes the schema's batches");
            writer.finish().expect("memory takes all");
        })
    }

    pub fn parquet(&self) -> Vec<Bytes> {
        self.written(|batch, out| {
            let writer = parquet::arrow::ArrowWriter::try_new(out, batch.schema(), None);
            let mut writer = writer.expect("the schema is one of Parquet's");
            writer.write(batch).expect("it takes the schema's batches");
            writer.close().expect("memory takes all");
        })
    }

    pub fn orc(&self) -> Vec<Bytes> {
        self.written(|batch, out| {
            let writer = orc_rust::ArrowWriterBuilder::new(out, batch.schema()).try_build();
            let mut writer = writer.expect("the schema is one of ORC's");
            writer.write(batch).expect("it takes the schema's batches");
            writer.close().expect("memory takes all");
        })
    }

    /// Messages, each with its length before it.
    pub fn protobuf(&self) -> Vec<Bytes> {
        let payload = |events: &Vec<_>| self.definition.payload(events);
        self.objects.iter().map(payload).collect()
    }

    /// An element for each event, one for each field in it.
    pub fn xml(&self) -> Vec<Bytes> {
        self.texts(|events, text| {
            text.push_str("<events>");
            for event in events {
                text.push_str("<event>");
                for (name, value) in event {
                    let value = plain(value);
                    let value = value.replace('&', "&amp;").replace('<', "&lt;");
                    let _ = write!(text, "<{name}>{value}</{name}>");
                }
                text.push_str("</event>");
            }
            text.push_str("</events>");
        })
    }

    /// A form on each line.
    pub fn form(&self) -> Vec<Bytes> {
        self.texts(|events, text| {
            for event in events {
                let mut form = form_urlencoded::Serializer::new(String::new());
                for (name, value) in event {
                    form.append_pair(name, &plain(value));
                }
                text.push_str(&form.finish());
                text.push('\n');
            }
        })
    }

    /// A line for each event, which [`LOG_PATTERN`] matches.
    pub fn log(&self) -> Vec<Bytes> {
        self.texts(|events, text| {
            for event in events {
                let field = |name: &str| event.get(name).map(plain).unwrap_or_default();
                let _ = writeln!(
                    text,
                    "{} [{}] \"{} {}\" {} \"{}\"",
                    field("remote_addr"),
                    field("time"),
                    field("method"),
                    field("path"),
                    field("status"),
                    field("user_agent")
                );
            }
        })
    }

    fn written(&self, write: impl Fn(&RecordBatch, &mut Vec<u8>)) -> Vec<Bytes> {
        let payload = |batch| {
            let mut out = Vec::new();
            write(batch, &mut out);
            Bytes::from(out)
        };
        self.batches.iter().map(payload).collect()
    }

    fn texts(&self, write: impl Fn(&[Map<String, Value>], &mut String)) -> Vec<Bytes> {
        let payload = |events: &Vec<Map<String, Value>>| {
            let mut text = String::new();
            write(events, &mut text);
            Bytes::from(text)
        };
        self.objects.iter().map(payload).collect()
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
