//! The settings of a data source: from a TOML file, a text or Rust, with one set of checks.
//!
//! [`reference::keys`] says which keys there are and what they are by default; `document` reads
//! TOML by it, `resolve` applies the rules between keys, and [`ConfigError`] names everything that
//! is wrong, each with its place.

mod builder;
mod consumer;
mod content;
mod definition;
mod document;
mod environment;
mod files;
mod memory;
mod outputs;
mod problem;
mod protobuf;
pub mod reference;
mod registry;
mod resolve;
mod shape;
mod source;
mod value;
mod written;

pub use builder::DataSourceBuilder;
pub use consumer::ConsumerId;
pub use files::{FilesSettings, FilesSource};
pub use memory::{
    FETCH_BYTES, FETCH_EXPANSION, LIFETIME_STATISTICS, MAX_OPEN_WINDOWS, MIN_OPEN_WINDOWS,
    MemoryPlan, OPEN_FILES, UNSENT_PART_BYTES,
};
pub use outputs::{OUTPUT_BYTES, OutputOptions, OutputSettings};
#[cfg(any(feature = "cli", feature = "sql"))]
pub(crate) use problem::nearest;
pub use problem::{At, ConfigError, Problem};
pub use registry::{ConfluentSettings, RegistryCredentials, RegistrySettings, Secret};
pub use shardmill_engine::decode::{
    CloudWatchOptions, Compression as ContentCompression, ContentOptions, DelimitedOptions,
    FieldType, FixedColumn, FixedWidthOptions, FormOptions, FormatChoice as ContentFormat,
    JsonOptions, LinesOptions, Mark, Pattern, ProtobufFraming, ProtobufOptions, RawOptions,
    RegexOptions, RegexUnit, ShortLines, StoreJson, UnknownFields, XmlOptions,
};
pub use shardmill_engine::parquet::{Compression, ParquetOptions};
pub use source::{
    Connection, ContentSettings, DataSource, EngineSettings, KinesisSettings, RetentionMode,
    StatisticsSettings, TargetSettings, TargetUrl,
};
pub use value::{Kind, StartFrom, format_size};
#[cfg(feature = "cli")]
pub(crate) use written::Remarks;

#[cfg(test)]
mod content_tests;
#[cfg(test)]
mod protobuf_tests;
#[cfg(test)]
mod registry_tests;
#[cfg(test)]
mod shape_tests;
#[cfg(test)]
mod tests;
