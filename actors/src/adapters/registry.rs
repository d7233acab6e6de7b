//! Registries that have the schemas of messages, over HTTP.

mod confluent;
mod glue;
mod http;

pub use confluent::ConfluentRegistry;
pub use glue::GlueRegistry;

/// Bytes of the largest schema that is used, with all that it refers to.
const MAX_SCHEMA_BYTES: usize = 2 << 20;

fn unusable_type(found: &str) -> String {
    format!("it is a schema of the type {found}, not of Avro")
}

fn too_large(bytes: usize) -> String {
    format!("it has {bytes} bytes, more than {MAX_SCHEMA_BYTES}")
}
