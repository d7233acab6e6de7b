//! Compressed payloads, by effect: files that other libraries wrote, and what must hold for any bytes.

mod fixtures;
mod laws;
mod limits;

use super::payloads::{batch, outcome};
use crate::budget::Budget;
use crate::decode::{Compression, ContentOptions, DecodeLimits, Decoder, ExpansionLimits};
use crate::types::DecodedBatch;

/// Decodes payloads of a compression, of which none may come to more than 2 MiB.
fn decode_as(compression: Compression, payloads: &[&[u8]]) -> DecodedBatch {
    let limits = ExpansionLimits {
        max_bytes: 2 << 20,
        max_ratio: 100_000,
    };
    let budget = Budget::new(1 << 20);
    decoder(compression, limits).decode(batch(payloads, &budget), &budget)
}

fn decoder(compression: Compression, expansion: ExpansionLimits) -> Decoder {
    let content = ContentOptions {
        compression,
        expansion,
        ..ContentOptions::default()
    };
    Decoder::new(DecodeLimits::default(), &content)
}

/// What a payload alone becomes.
fn alone(compression: Compression, payload: &[u8]) -> Vec<String> {
    outcome(&decode_as(compression, &[payload])).remove(0)
}
