//! What a decoder makes of payloads, by effect.

mod payloads;
mod rules;
