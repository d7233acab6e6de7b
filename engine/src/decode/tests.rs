//! What a decoder makes of payloads, by effect.

mod avro_files;
mod avro_messages;
mod csv;
mod expansion;
mod files;
mod fixtures;
mod json_options;
mod laws_of_text;
mod lines;
mod mixed;
mod orc_files;
mod panics;
mod parquet_files;
mod payloads;
mod properties;
mod protobuf;
mod rules;
mod shape;
mod tables;
mod xml;
