//! Single Avro values: of a given schema, and in the framing of a registry.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use proptest::prelude::*;

use super::payloads::{assert_identities, batch, outcome};
use crate::budget::Budget;
use crate::decode::avro::{SchemaLookup, check_schema};
use crate::decode::{ContentOptions, DecodeLimits, Decoder, FormatChoice};
use crate::types::{AvroSchema, DecodedBatch, Registered, SchemaId};

const GLUE: [u8; 16] = *b"\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef";

#[derive(Default)]
struct Registry(HashMap<SchemaId, Arc<Registered>>);

impl SchemaLookup for Registry {
    fn schema(&self, id: SchemaId) -> Option<Arc<Registered>> {
        self.0.get(&id).cloned()
    }
}

fn few() -> Arc<str> {
    include_str!("../../../fixtures/avro/few.avsc").into()
}

fn registered(text: &str, references: &[&str]) -> Arc<Registered> {
    let references = references.iter().map(|text| Arc::from(*text)).collect();
    let text = text.into();
    Arc::new(Registered::Schema(AvroSchema { text, references }))
}

/// A registry with the fixture's schema, a plain one, and some that cannot be used.
fn registry() -> Registry {
    let plain = r#"{"type": "record", "name": "P", "fields": [{"name": "n", "type": "int"}]}"#;
    let whole = r#"{"type": "record", "name": "W", "fields": [{"name": "p", "type": "P"}]}"#;
    let other = "it is a schema of PROTOBUF, not of Avro".to_owned();
    Registry(HashMap::from([
        (SchemaId::Confluent(258), registered(&few(), &[])),
        (SchemaId::Confluent(1), registered(plain, &[])),
        (SchemaId::Confluent(2), registered("no schema", &[])),
        (SchemaId::Confluent(3), registered(whole, &[plain])),
        (
            SchemaId::Confluent(4),
            Arc::new(Registered::Unusable(other)),
        ),
        (SchemaId::Confluent(77), Arc::new(Registered::Unknown)),
        (SchemaId::Glue(GLUE), registered(&few(), &[])),
        (SchemaId::Glue([9; 16]), Arc::new(Registered::Unknown)),
    ]))
}

fn decode(content: &ContentOptions, payloads: &[&[u8]]) -> DecodedBatch {
    let budget = Budget::new(1 << 30);
    let lookup = Arc::new(registry());
    let mut decoder = Decoder::with_schemas(DecodeLimits::default(), content, lookup);
    let decoded = decoder.decode(batch(payloads, &budget), &budget);
    assert_identities(&decoded);
    decoded
}

fn of(format: FormatChoice) -> ContentOptions {
    ContentOptions {
        format,
        ..ContentOptions::default()
    }
}

fn records() -> ContentOptions {
    ContentOptions {
        avro_schema: Some(few()),
        ..of(FormatChoice::AvroRecord)
    }
}

fn message() -> (Vec<u8>, String) {
    let message = include_bytes!("../../../fixtures/avro/few.message");
    let row = include_str!("../../../fixtures/avro/few_message.rows");
    (message.to_vec(), row.trim_end().to_owned())
}

#[test]
fn bare_values_are_rows_of_one_table() {
    let (message, row) = message();
    let short = &message[..message.len() - 1];
    let long = [&message[..], b"x"].concat();
    let payloads: [&[u8]; 6] = [&message, short, &message, b"", &long, &message];
    let decoded = decode(&records(), &payloads);
    let damaged = |data: &[u8]| format!("avro.damaged {}", String::from_utf8_lossy(data));
    assert_eq!(
        outcome(&decoded),
        [
            vec![row.clone()],
            vec![damaged(short)],
            vec![row.clone()],
            vec![],
            vec![damaged(&long)],
            vec![row],
        ]
    );
    assert_eq!(decoded.rows.len(), 1);
}

fn framed(id: u32, body: &[u8]) -> Vec<u8> {
    [&[0][..], &id.to_be_bytes(), body].concat()
}

#[test]
fn registries_are_asked_for_the_schema_that_a_message_names() {
    let (message, row) = message();
    let payloads = [
        framed(258, &message),
        framed(1, &[2]),
        framed(258, &message),
        framed(77, &message),
        framed(2, &message),
        b"{}".to_vec(),
        framed(4, &message),
        framed(3, &[6]),
        framed(1, &[4]),
    ];
    let slices: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
    let decoded = decode(&of(FormatChoice::AvroConfluent), &slices);
    let found = outcome(&decoded);
    assert_eq!(found[0], std::slice::from_ref(&row));
    assert_eq!(found[1], [r#"{"n":1}"#]);
    assert_eq!(found[2], [row]);
    assert_eq!(found[7], [r#"{"p":{"n":3}}"#]);
    assert_eq!(found[8], [r#"{"n":2}"#]);
    let codes = decoded.rejects.iter().map(|reject| reject.code.as_str());
    let expected = [
        "avro.unknown_schema",
        "avro.unusable_schema",
        "avro.damaged",
        "avro.unusable_schema",
    ];
    assert!(codes.eq(expected));
    assert_eq!(
        decoded.rejects[3].reason,
        "its schema, 4: it is a schema of PROTOBUF, not of Avro"
    );
}

#[test]
fn a_batch_waits_for_the_schemas_that_nobody_has_looked_up() {
    let payloads = [
        framed(1, &[2]),
        framed(5, &[2]),
        framed(6, &[2]),
        framed(5, &[4]),
    ];
    let slices: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
    let budget = Budget::new(1 << 30);
    let content = of(FormatChoice::AvroConfluent);
    let mut decoder =
        Decoder::with_schemas(DecodeLimits::default(), &content, Arc::new(registry()));
    let before = batch(&slices, &budget);
    let used = budget.used();
    let undecoded = decoder.try_decode(before, &budget).unwrap_err();
    let missing = [SchemaId::Confluent(5), SchemaId::Confluent(6)];
    assert!(undecoded.schemas.iter().eq(&missing));
    assert_eq!(undecoded.batch.payloads.len(), payloads.len());
    assert_eq!(budget.used(), used);

    let plain = registry().0[&SchemaId::Confluent(1)].clone();
    let mut known = registry();
    known.0.extend(missing.map(|id| (id, Arc::clone(&plain))));
    let mut decoder = Decoder::with_schemas(DecodeLimits::default(), &content, Arc::new(known));
    let decoded = decoder.try_decode(undecoded.batch, &budget).unwrap();
    let rows = [r#"{"n":1}"#, r#"{"n":1}"#, r#"{"n":1}"#, r#"{"n":2}"#];
    assert_eq!(outcome(&decoded).concat(), rows);
}

#[test]
fn glue_names_a_uuid_and_may_compress() {
    let (message, row) = message();
    let plain = [&[3, 0][..], &GLUE, &message].concat();
    let mut deflated = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(6));
    deflated.write_all(&message).unwrap();
    let compressed = [&[3, 5][..], &GLUE, &deflated.finish().unwrap()].concat();
    let unknown = [&[3, 0][..], &[9; 16], &message].concat();
    let decoded = decode(
        &of(FormatChoice::AvroGlue),
        &[&plain, &compressed, &unknown],
    );
    let found = outcome(&decoded);
    assert_eq!((&found[0], &found[1]), (&vec![row.clone()], &vec![row]));
    assert!(
        decoded.rejects[0]
            .reason
            .contains("09090909-0909-0909-0909-090909090909")
    );
    let id = SchemaId::Glue(GLUE);
    assert_eq!(id.to_string(), "01234567-89ab-cdef-0123-456789abcdef");
}

#[test]
fn a_schema_can_be_checked() {
    assert_eq!(check_schema("\"int\""), Ok(()));
    assert!(check_schema("{\"type\": \"later\"}").is_err());
}

proptest! {
    #[test]
    fn bare_values_do_not_depend_on_their_neighbours(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let (message, _) = message();
        let payloads: Vec<Vec<u8>> = changes
            .iter()
            .map(|(at, byte)| {
                let mut message = message.clone();
                let at = at.index(message.len());
                message[at] = *byte;
                message
            })
            .collect();
        let payloads: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
        let together = outcome(&decode(&records(), &payloads));
        for (payload, found) in payloads.iter().zip(&together) {
            prop_assert_eq!(&outcome(&decode(&records(), &[payload]))[0], found);
        }
    }
}
