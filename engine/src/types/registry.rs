//! Schemas that are kept in a registry, by what messages call them.

use std::fmt;
use std::sync::Arc;

/// What a message's framing says its schema is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SchemaId {
    /// The number of a schema in a registry of Confluent's kind.
    Confluent(u32),
    /// The UUID of a schema version in AWS Glue.
    Glue([u8; 16]),
}

impl fmt::Display for SchemaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SchemaId::Confluent(number) => write!(f, "{number}"),
            SchemaId::Glue(bytes) => {
                let mut text = Vec::new();
                crate::schema::write_uuid(bytes, &mut text);
                f.write_str(&String::from_utf8_lossy(&text))
            }
        }
    }
}

/// What a registry has under an id. It never changes: registries give an id once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registered {
    /// A schema of Avro.
    Schema(AvroSchema),
    /// Nothing.
    Unknown,
    /// Something that Avro values cannot be read by; why, for people.
    Unusable(String),
}

/// A schema of Avro as its registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvroSchema {
    /// The JSON of the schema.
    pub text: Arc<str>,
    /// The JSON of the schemas that it refers to, each after those that it refers to itself.
    pub references: Vec<Arc<str>>,
}

impl AvroSchema {
    /// Bytes of all its texts.
    pub fn len(&self) -> usize {
        let references = self.references.iter().map(|text| text.len());
        self.text.len() + references.sum::<usize>()
    }

    /// Whether it has no text.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
