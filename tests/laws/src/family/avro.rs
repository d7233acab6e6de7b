//! Avro: container files, single values of given schemas, values in the framing of registries, and
//! values of a schema that is itself made of the input.

use std::sync::{Arc, LazyLock};

use shardmill_engine::decode::avro::check_schema;
use shardmill_engine::decode::{Compression, ContentOptions, FormatChoice};
use shardmill_engine::types::{AvroSchema, Registered, SchemaId};

use super::{Family, Seen};
use crate::decoding::{Case, Registry, seen};
use crate::fixtures;
use crate::input::Input;

/// Avro.
pub const FAMILY: Family = Family {
    name: "avro",
    law,
    seeds,
};

/// Schemas of single values; a registry calls them by their places.
const SCHEMAS: &[&str] = &[
    include_str!("../../../../engine/fixtures/avro/few.avsc"),
    r#"{"type":"record","name":"P","fields":[{"name":"n","type":"int"}]}"#,
    r#"{"type":"record","name":"Node","fields":[{"name":"value","type":"long"},{"name":"next","type":["null","Node"]},{"name":"all","type":{"type":"array","items":"Node"}}]}"#,
    r#"{"type":"record","name":"L","fields":[
        {"name":"ms","type":{"type":"long","logicalType":"timestamp-millis"}},
        {"name":"ns","type":{"type":"long","logicalType":"timestamp-nanos"}},
        {"name":"local","type":{"type":"long","logicalType":"local-timestamp-micros"}},
        {"name":"time","type":{"type":"int","logicalType":"time-millis"}},
        {"name":"day","type":{"type":"int","logicalType":"date"}},
        {"name":"id","type":{"type":"fixed","name":"U","size":16,"logicalType":"uuid"}},
        {"name":"took","type":{"type":"fixed","name":"D","size":12,"logicalType":"duration"}},
        {"name":"sum","type":{"type":"fixed","name":"S","size":5,"logicalType":"decimal","precision":9,"scale":3}},
        {"name":"big","type":{"type":"bytes","logicalType":"decimal","precision":38,"scale":10}},
        {"name":"suit","type":{"type":"enum","name":"E","symbols":["A","B"]}},
        {"name":"any","type":["null","boolean","float","double","bytes","string",{"type":"map","values":{"type":"array","items":"int"}}]}]}"#,
    r#"{"type":"array","items":{"type":"array","items":"null"}}"#,
    r#""bytes""#,
    "no schema",
];

/// The choices before and after those of single values of one schema.
const CONTAINER: usize = 0;
const CONFLUENT: usize = SCHEMAS.len() + 1;
const GLUE: usize = SCHEMAS.len() + 2;
/// The first payload is the schema of the others.
const OWN_SCHEMA: usize = SCHEMAS.len() + 3;
const CHOICES: usize = SCHEMAS.len() + 4;

/// An id of a schema that refers to another one, and of one that is none of Avro.
const REFERRING: u32 = 100;
const FOREIGN: u32 = 101;

static REGISTRY: LazyLock<Arc<Registry>> = LazyLock::new(|| {
    let mut registry = Registry::default();
    for (place, text) in SCHEMAS.iter().enumerate() {
        let schema = registered(text, &[]);
        let glue = SchemaId::Glue(glue_id(place));
        registry.0.insert(glue, Arc::clone(&schema));
        registry.0.insert(SchemaId::Confluent(place as u32), schema);
    }
    let referring = r#"{"type":"record","name":"W","fields":[{"name":"p","type":"P"}]}"#;
    let referring = registered(referring, &[SCHEMAS[1]]);
    let foreign = Arc::new(Registered::Unusable("no schema of Avro".to_owned()));
    for (id, known) in [(REFERRING, referring), (FOREIGN, foreign)] {
        registry.0.insert(SchemaId::Confluent(id), known);
    }
    Arc::new(registry)
});

fn registered(text: &str, references: &[&str]) -> Arc<Registered> {
    let references = references.iter().map(|text| Arc::from(*text)).collect();
    let text = text.into();
    Arc::new(Registered::Schema(AvroSchema { text, references }))
}

fn glue_id(place: usize) -> [u8; 16] {
    [place as u8; 16]
}

fn law(bytes: &[u8]) -> Seen {
    let mut input = Input::read(bytes);
    let choice = usize::from(input.choice) % CHOICES;
    let mut options = ContentOptions {
        compression: Compression::None,
        format: match choice {
            CONTAINER => FormatChoice::Avro,
            CONFLUENT => FormatChoice::AvroConfluent,
            GLUE => FormatChoice::AvroGlue,
            _ => FormatChoice::AvroRecord,
        },
        ..ContentOptions::default()
    };
    if choice == OWN_SCHEMA {
        let schema = input.payloads.remove(0);
        let schema = String::from_utf8_lossy(&schema).into_owned();
        let is_schema = check_schema(&schema).is_ok();
        options.avro_schema = Some(schema.into());
        let pieces = Case::new(&options, &input).check();
        let seen = seen(&pieces);
        assert!(is_schema || seen.events == 0, "events of no schema");
        return seen;
    }
    if options.format == FormatChoice::AvroRecord {
        options.avro_schema = Some(SCHEMAS[choice - 1].into());
    }
    seen(&Case::new(&options, &input).with_schemas(&REGISTRY).check())
}

fn seeds() -> Vec<Vec<u8>> {
    let few = fixtures::file("avro/few.message");
    let mut seeds: Vec<Vec<u8>> = fixtures::files("avro", &["avro"])
        .iter()
        .map(|file| Input::write(CONTAINER, 0, &[file]))
        .collect();
    let values: [&[u8]; 5] = [
        &few,
        b"\x02",
        b"\x02\x02\x04\x00\x00\x00",
        b"\x02\x02\x00\x00",
        b"\x02a",
    ];
    let places = [0, 1, 2, 4, 5];
    for (place, value) in places.into_iter().zip(values) {
        let confluent = [&[0][..], &(place as u32).to_be_bytes(), value].concat();
        let glue = [&[3, 0][..], &glue_id(place), value].concat();
        let schema = SCHEMAS[place].as_bytes();
        seeds.push(Input::write(place + 1, 1, &[value, value, &value[1..]]));
        seeds.push(Input::write(CONFLUENT, 1, &[&confluent, &confluent]));
        seeds.push(Input::write(GLUE, 1, &[&glue, &glue]));
        seeds.push(Input::write(OWN_SCHEMA, 1, &[schema, value]));
    }
    let [referring, foreign] =
        [REFERRING, FOREIGN].map(|id| [&[0][..], &id.to_be_bytes(), b"\x02"].concat());
    seeds.push(Input::write(CONFLUENT, 1, &[&referring, &foreign]));
    let logical = [
        &[0; 5][..],
        &[7; 16],
        &[1; 12],
        &[2; 5],
        b"\x04\x01\x02",
        b"\x02",
        b"\x0a\x02x",
    ]
    .concat();
    seeds.push(Input::write(4, 1, &[&logical, &logical]));
    let (options, value) = fixtures::of_format("avro_record");
    let schema = options["avro_schema"].as_str().expect("a schema");
    seeds.push(Input::write(OWN_SCHEMA, 1, &[schema.as_bytes(), &value]));
    seeds
}
