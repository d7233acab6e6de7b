//! What a decoder makes of payloads, by effect.

mod panics;
mod payloads;
mod properties;
mod rules;
mod tables;
