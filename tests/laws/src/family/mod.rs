//! The families of decoders, each with its law.

pub mod avro;
pub mod choices;
pub mod columnar;
pub mod config;
pub mod expand;
pub mod json;
pub mod kpl;
pub mod protobuf_xml;
pub mod text;

use crate::watch::watched;

/// Decoders that are alike in what they read.
#[derive(Debug)]
pub struct Family {
    /// The name of its fuzz target, its corpus and its dictionary.
    pub name: &'static str,
    /// What must hold of any bytes.
    law: fn(&[u8]) -> Seen,
    /// Inputs to begin from.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// What an input came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Events, or whatever is good.
    pub events: usize,
    /// Rejects, or errors.
    pub rejects: usize,
}

impl Family {
    /// Checks the law on one input.
    ///
    /// # Panics
    /// If it does not hold.
    pub fn check(&self, bytes: &[u8]) -> Seen {
        watched(|| (self.law)(bytes))
    }
}

/// All of them.
pub const FAMILIES: [&Family; 8] = [
    &json::FAMILY,
    &text::FAMILY,
    &avro::FAMILY,
    &columnar::FAMILY,
    &protobuf_xml::FAMILY,
    &expand::FAMILY,
    &kpl::FAMILY,
    &config::FAMILY,
];
