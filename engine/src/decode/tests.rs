//! What a decoder makes of payloads, by effect.

mod files;
mod panics;
mod parquet_files;
mod payloads;
mod properties;
mod rules;
mod tables;
