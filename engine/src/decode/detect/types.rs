//! The types of fields of text, decided by a sample.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::decode::lexical::{FieldType, decide_types};
use crate::decode::options::{Compression, ContentOptions, FormatChoice};
use crate::decode::{DecodeLimits, Decoder};
use crate::schema::Schema;
use crate::types::{Payload, SequenceNumber};

/// Bytes of a sample that are decoded for its types.
const LOOKED_AT: usize = 16 << 20;
/// Fields whose types are remembered; those of later ones follow their spelling.
const MAX_FIELDS: usize = 2_000;

/// The types that the values of a sample have, by field.
pub(super) fn types_of(
    contents: &[&Bytes],
    options: &ContentOptions,
    format: FormatChoice,
    limits: &DecodeLimits,
) -> BTreeMap<String, FieldType> {
    let options = ContentOptions {
        format,
        compression: Compression::None,
        ..options.clone()
    };
    let mut left = LOOKED_AT;
    let looked_at = contents.iter().take_while(|content| {
        let here = left > 0;
        left = left.saturating_sub(content.len());
        here
    });
    let payloads: Vec<Payload> = looked_at.map(|content| payload(content)).collect();
    let sample = Decoder::new(limits.clone(), &options).decode_sample(&payloads);
    let schemas = sample.rows.iter().map(|rows| &*rows.schema);
    let schema = schemas.fold(Schema::default(), |all, schema| all.merge(schema));
    decide_types(&schema).into_iter().take(MAX_FIELDS).collect()
}

/// A payload that comes from nowhere.
fn payload(content: &Bytes) -> Payload {
    Payload {
        sequence: SequenceNumber::from(0),
        subsequence: 0,
        partition_key: "".into(),
        arrival: 0,
        data: content.clone(),
    }
}
