//! What a decoder makes of payloads, by effect.

mod csv;
mod expansion;
mod files;
mod fixtures;
mod json_options;
mod laws_of_text;
mod lines;
mod panics;
mod parquet_files;
mod payloads;
mod properties;
mod rules;
mod tables;
mod xml;
