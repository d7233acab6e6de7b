//! What a decoder makes of payloads, by effect.

mod csv;
mod fixtures;
mod laws_of_text;
mod panics;
mod payloads;
mod properties;
mod rules;
