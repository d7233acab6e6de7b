//! Contents of every format that other libraries wrote, and what our decoder makes of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{Int32Type, Int64Type};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use shardmill_engine::decode::avro::SchemaLookup;
use shardmill_engine::decode::{ContentOptions, DecodeLimits, Decoder};
use shardmill_engine::schema::text::RowText;
use shardmill_engine::types::{AvroSchema, Payload, Registered, SchemaId, SequenceNumber};

/// What `fixtures/formats/make.py` wrote: one content of each format, under every compression.
const CASES: &str = include_str!("../../fixtures/formats/cases.json");

/// A content, what it is, and what has to come of it.
#[derive(Deserialize)]
pub struct Case {
    pub made_by: String,
    pub options: ContentOptions,
    /// What a registry has, by the ids in the messages.
    #[serde(default)]
    schemas: BTreeMap<String, Arc<str>>,
    /// Canonical JSON text.
    pub rows: Vec<String>,
    /// By the words of compressions, in base64.
    payloads: BTreeMap<String, String>,
}

impl Case {
    /// The content under a compression.
    pub fn payload(&self, compression: &str) -> Bytes {
        let payload = STANDARD.decode(&self.payloads[compression]);
        payload.unwrap().into()
    }

    /// The content under every compression.
    pub fn payloads(&self) -> impl Iterator<Item = Bytes> {
        self.payloads
            .keys()
            .map(|compression| self.payload(compression))
    }
}

/// All cases by the words of their formats.
pub fn all() -> BTreeMap<String, Case> {
    serde_json::from_str(CASES).unwrap()
}

/// A registry that has the schemas of all cases.
struct Registry(BTreeMap<String, Arc<str>>);

impl SchemaLookup for Registry {
    fn schema(&self, id: SchemaId) -> Option<Arc<Registered>> {
        Some(Arc::new(match self.0.get(&id.to_string()) {
            None => Registered::Unknown,
            Some(text) => Registered::Schema(AvroSchema {
                text: Arc::clone(text),
                references: Vec::new(),
            }),
        }))
    }
}

/// A decoder that the schemas of all cases are known to.
pub fn decoder(options: &ContentOptions) -> Decoder {
    let schemas = all().into_values().flat_map(|case| case.schemas);
    let registry = Arc::new(Registry(schemas.collect()));
    Decoder::with_schemas(DecodeLimits::default(), options, registry)
}

/// What came of payloads, by the number of the payload and the place in it.
#[derive(Debug, Default, PartialEq)]
pub struct Found {
    /// Canonical JSON text.
    pub rows: BTreeMap<(i64, i32), String>,
    /// Code and bytes.
    pub rejects: BTreeMap<(i64, i32), (String, Bytes)>,
}

impl Found {
    /// Rows in their order.
    pub fn texts(&self) -> Vec<&str> {
        self.rows.values().map(String::as_str).collect()
    }
}

/// Decodes numbered payloads together.
pub fn decode(decoder: &mut Decoder, payloads: &[(i64, Bytes)], found: &mut Found) {
    let payloads = payloads.iter().map(|(number, data)| Payload {
        sequence: SequenceNumber::from(100),
        subsequence: *number as u64,
        partition_key: Arc::from("key"),
        arrival: 1,
        data: data.clone(),
    });
    let payloads: Vec<Payload> = payloads.collect();
    let decoded = decoder.decode_sample(&payloads);
    assert!(decoded.awaited.is_empty(), "{:?}", decoded.awaited);
    for rows in &decoded.rows {
        let number = rows.subsequence.as_primitive::<Int64Type>();
        let index = rows.index.as_primitive::<Int32Type>();
        let text = RowText::of(&rows.schema.fields, &rows.columns);
        let texts =
            (0..rows.len).map(|row| ((number.value(row), index.value(row)), text.text(row)));
        found.rows.extend(texts);
    }
    let rejects = decoded.rejects.into_iter().map(|reject| {
        let place = (reject.subsequence as i64, reject.index as i32);
        (place, (format!("{:?}", reject.code), reject.data))
    });
    found.rejects.extend(rejects);
}

/// Decodes one payload.
pub fn decode_one(options: &ContentOptions, payload: Bytes) -> Found {
    let mut found = Found::default();
    let mut decoder = decoder(options);
    decode(&mut decoder, &[(0, payload)], &mut found);
    found
}
