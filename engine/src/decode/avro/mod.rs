//! Avro: container files, and single values as they are or in the framing of a schema registry.
//!
//! The decoder is our own: values go from their bytes into Arrow arrays along the schema. It holds
//! what a library for trusted files need not: every value counts against the limits, also one that
//! has no bytes, records within themselves are read (as JSON text from the second level on), and
//! nothing is made before its bytes are there.

mod container;
mod cursor;
mod messages;
mod rows;
mod schema;
mod values;
mod written;

use std::sync::Arc;

pub(super) use self::messages::Framing;
pub use self::messages::SchemaLookup;
use self::messages::{Messages, Schemas};
use super::DecodeLimits;
use super::content::Content;
use super::format::Format;
use super::sink::Sink;
use super::whole_file::Family;
use crate::types::{Registered, RejectCode, SchemaId};

const FAMILY: Family = Family {
    name: "Avro",
    damaged: RejectCode::AvroDamaged,
    too_deep: RejectCode::AvroTooDeep,
};

/// A registry that has nothing.
pub struct NoSchemas;

impl SchemaLookup for NoSchemas {
    fn schema(&self, _id: SchemaId) -> Option<Arc<Registered>> {
        Some(Arc::new(Registered::Unknown))
    }
}

/// Says what is wrong with the JSON of a schema.
///
/// # Errors
/// If it is no schema; what is wrong with it, for people.
pub fn check_schema(text: &str) -> Result<(), String> {
    schema::Schema::parse(text, &[]).map(drop)
}

/// Decodes container files.
pub(super) struct AvroFile {
    limits: DecodeLimits,
    max_ratio: usize,
}

impl AvroFile {
    pub(super) fn new(limits: &DecodeLimits, max_ratio: usize) -> Self {
        let limits = limits.clone();
        Self { limits, max_ratio }
    }
}

impl Format for AvroFile {
    fn decode(&mut self, contents: &[Content<'_>], sink: &mut Sink<'_>) {
        let each = (&self.limits, self.max_ratio);
        FAMILY.decode(contents, sink, each, |file, limits| {
            container::decode(file, limits)
        });
    }

    fn reset(&mut self) {}
}

/// Decodes contents that are a single value each.
pub(super) struct AvroMessages {
    messages: Messages,
}

impl AvroMessages {
    /// Values of one schema.
    pub(super) fn of_schema(schema: Arc<str>, limits: &DecodeLimits, max_ratio: usize) -> Self {
        let messages = Messages::new(Schemas::One(schema), limits, max_ratio);
        Self { messages }
    }

    /// Values whose schemas a registry has.
    pub(super) fn of_registry(
        framing: Framing,
        lookup: Arc<dyn SchemaLookup>,
        limits: &DecodeLimits,
        max_ratio: usize,
    ) -> Self {
        let schemas = Schemas::Registry(framing, lookup);
        let messages = Messages::new(schemas, limits, max_ratio);
        Self { messages }
    }
}

impl Format for AvroMessages {
    fn decode(&mut self, contents: &[Content<'_>], sink: &mut Sink<'_>) {
        self.messages.decode(contents, sink);
    }

    /// Parsed schemas are whole; what else there is belongs to one call.
    fn reset(&mut self) {}
}
