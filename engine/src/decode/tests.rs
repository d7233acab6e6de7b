//! What a decoder makes of payloads, by effect.

mod expansion;
mod panics;
mod payloads;
mod properties;
mod rules;
