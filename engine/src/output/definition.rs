//! What an output is told to be.

use super::record::Definition;
use crate::parquet::ParquetOptions;
use crate::types::TimestampMs;

/// Where a new output begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// In the first window that the source has not closed in any lane when it first sees it.
    FirstSeen,
    /// With the oldest window that is not expired.
    Start,
    /// In the window of this time.
    At(TimestampMs),
}

/// How files of text are compressed, each as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TextCompression {
    /// Not at all.
    None,
    /// Gzip, level 6.
    #[default]
    Gzip,
    /// Zstandard, level 3.
    Zstd,
}

/// How the blocks of Avro files are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AvroCompression {
    /// Not at all.
    None,
    /// Deflate, which every reader of Avro knows.
    #[default]
    Deflate,
    /// Zstandard, level 3.
    Zstd,
}

/// The format of an output's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputFormat {
    /// Parquet, written as the data files of a source are.
    Parquet(ParquetOptions),
    /// A JSON object a line.
    Json(TextCompression),
    /// Comma-separated values with a header.
    Csv(TextCompression),
    /// Avro object container files.
    Avro(AvroCompression),
}

impl OutputFormat {
    /// The word that `_output.json` has for it.
    pub fn word(&self) -> &'static str {
        match self {
            OutputFormat::Parquet(_) => "parquet",
            OutputFormat::Json(_) => "json",
            OutputFormat::Csv(_) => "csv",
            OutputFormat::Avro(_) => "avro",
        }
    }

    /// How names of its files end, without the first dot.
    pub fn extension(&self) -> String {
        let packed = match self {
            OutputFormat::Json(packed) | OutputFormat::Csv(packed) => packed.ending(),
            OutputFormat::Parquet(_) | OutputFormat::Avro(_) => "",
        };
        format!("{}{packed}", self.word())
    }
}

impl TextCompression {
    fn ending(self) -> &'static str {
        match self {
            TextCompression::None => "",
            TextCompression::Gzip => ".gz",
            TextCompression::Zstd => ".zst",
        }
    }
}

/// Everything that one output is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputPlan {
    /// Its name.
    pub name: String,
    /// Where it begins, if it is new.
    pub begin: Begin,
    /// The format of its files. What it is never changes; how it is compressed may.
    pub format: OutputFormat,
    /// Columns and filter, as they were written.
    pub definition: Definition,
    /// Windows that are older than this, in milliseconds, go; `None` keeps all.
    pub retention_ms: Option<i64>,
}
