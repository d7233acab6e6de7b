//! What a decoder makes of payloads, by effect.

mod avro_files;
mod avro_messages;
mod expansion;
mod files;
mod orc_files;
mod panics;
mod parquet_files;
mod payloads;
mod properties;
mod rules;
mod tables;
