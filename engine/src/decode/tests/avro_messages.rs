//! Single Avro values: of a given schema, and in the framing of a registry.

use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

use proptest::prelude::*;

use super::payloads::{assert_identities, batch, outcome};
use crate::budget::Budget;
use crate::decode::avro::{Framing, SchemaId, SchemaLookup, check_schema, schema_id};
use crate::decode::{ContentOptions, DecodeLimits, Decoder, FormatChoice};
use crate::types::DecodedBatch;

const GLUE: [u8; 16] = *b"\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef";

#[derive(Default)]
struct Registry(HashMap<SchemaId, Arc<str>>);

impl SchemaLookup for Registry {
    fn schema(&self, id: SchemaId) -> Option<Arc<str>> {
        self.0.get(&id).cloned()
    }
}

/// A registry with the fixture's schema, and a plain one.
fn registry() -> Arc<Registry> {
    let few: Arc<str> = include_str!("../../../fixtures/avro/few.avsc").into();
    let plain: Arc<str> =
        r#"{"type": "record", "name": "P", "fields": [{"name": "n", "type": "int"}]}"#.into();
    Arc::new(Registry(HashMap::from([
        (SchemaId::Confluent(258), Arc::clone(&few)),
        (SchemaId::Confluent(1), plain),
        (SchemaId::Confluent(2), "no schema".into()),
        (SchemaId::Glue(GLUE), few),
    ])))
}

fn decode(content: &ContentOptions, payloads: &[&[u8]]) -> DecodedBatch {
    let budget = Budget::new(1 << 30);
    let mut decoder = Decoder::with_schemas(DecodeLimits::default(), content, registry());
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
        avro_schema: registry().schema(SchemaId::Confluent(258)),
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

#[test]
fn registries_are_asked_for_the_schema_that_a_message_names() {
    let (message, row) = message();
    let framed = |id: u32, body: &[u8]| [&[0][..], &id.to_be_bytes(), body].concat();
    let payloads = [
        framed(258, &message),
        framed(1, &[2]),
        framed(258, &message),
        framed(77, &message),
        framed(2, &message),
        b"{}".to_vec(),
        framed(1, &[4]),
    ];
    let slices: Vec<&[u8]> = payloads.iter().map(Vec::as_slice).collect();
    let decoded = decode(&of(FormatChoice::AvroConfluent), &slices);
    let found = outcome(&decoded);
    assert_eq!(found[0], std::slice::from_ref(&row));
    assert_eq!(found[1], [r#"{"n":1}"#]);
    assert_eq!(found[2], [row]);
    assert_eq!(found[6], [r#"{"n":2}"#]);
    let codes = decoded.rejects.iter().map(|reject| reject.code.as_str());
    let expected = ["avro.unknown_schema", "avro.damaged", "avro.damaged"];
    assert!(codes.eq(expected));
    assert_eq!(
        schema_id(Framing::Confluent, &payloads[0]),
        Some(SchemaId::Confluent(258))
    );
    assert_eq!(schema_id(Framing::Confluent, b"\0\0\0"), None);
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
    let id = schema_id(Framing::Glue, &compressed).unwrap();
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
