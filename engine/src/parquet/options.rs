//! What can be chosen about the files.

use std::fmt;
use std::str::FromStr;

/// How the files of a source are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParquetOptions {
    /// The codec of every page.
    pub compression: Compression,
    /// Bytes of Arrow memory that make a row group; a smaller one is made only at the end of a file
    /// and when credit is low.
    pub row_group_bytes: usize,
    /// The most leaf columns that event fields may have in a file; the rest goes to `_overflow`.
    pub max_columns: usize,
    /// Bytes of encoded values, before compression, after which a page ends.
    pub page_bytes: usize,
    /// Bytes that a column's dictionary may take in a row group; a column with more distinct values
    /// goes on without one.
    pub dictionary_bytes: usize,
    /// Columns that get a bloom filter, each by its path in the file with dots (`user.id`,
    /// `_partition_key`). None by default: a filter costs a hash for each value and about a byte for
    /// each distinct one, pays only where people look single values up, and which columns those are
    /// cannot be seen from the data. Minimum and maximum are there for every column.
    pub bloom_filter_columns: Vec<String>,
}

impl Default for ParquetOptions {
    fn default() -> Self {
        Self {
            compression: Compression::default(),
            row_group_bytes: 32 << 20,
            max_columns: 1_000,
            page_bytes: 1 << 20,
            dictionary_bytes: 256 << 10,
            bloom_filter_columns: Vec::new(),
        }
    }
}

/// The codec of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Zstandard: the default, at its fastest ordinary level.
    Zstd(ZstdLevel),
    /// Snappy, for readers from before Zstandard.
    Snappy,
    /// LZ4 blocks without the framing that Hadoop put around them (`LZ4_RAW`).
    Lz4Raw,
    /// Gzip, at its default level.
    Gzip,
    /// Brotli, at its fastest level.
    Brotli,
    /// No compression.
    None,
}

impl Default for Compression {
    fn default() -> Self {
        Compression::Zstd(ZstdLevel::default())
    }
}

/// A level of Zstandard, from 1 (fast, the default) to 22 (small).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ZstdLevel(u8);

impl ZstdLevel {
    /// A level; `None` unless it is between 1 and 22.
    pub fn new(level: u8) -> Option<Self> {
        (1..=22).contains(&level).then_some(Self(level))
    }

    /// The level as a number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for ZstdLevel {
    fn default() -> Self {
        Self(1)
    }
}

/// Why a text names no compression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no compression: use zstd, zstd(LEVEL) with a level from 1 to 22, snappy, lz4_raw, \
     gzip, brotli or none"
)]
pub struct CompressionError(String);

impl CompressionError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        "config.compression"
    }
}

impl FromStr for Compression {
    type Err = CompressionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = match text {
            "zstd" => Some(Compression::default()),
            "snappy" => Some(Compression::Snappy),
            "lz4_raw" => Some(Compression::Lz4Raw),
            "gzip" => Some(Compression::Gzip),
            "brotli" => Some(Compression::Brotli),
            "none" => Some(Compression::None),
            _ => text
                .strip_prefix("zstd(")
                .and_then(|rest| rest.strip_suffix(')'))
                .and_then(|level| level.parse().ok())
                .and_then(ZstdLevel::new)
                .map(Compression::Zstd),
        };
        named.ok_or_else(|| CompressionError(text.chars().take(80).collect()))
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Compression::Zstd(level) if *level == ZstdLevel::default() => f.write_str("zstd"),
            Compression::Zstd(level) => write!(f, "zstd({})", level.get()),
            Compression::Snappy => f.write_str("snappy"),
            Compression::Lz4Raw => f.write_str("lz4_raw"),
            Compression::Gzip => f.write_str("gzip"),
            Compression::Brotli => f.write_str("brotli"),
            Compression::None => f.write_str("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_compression_is_read_back_from_its_text() {
        for text in [
            "zstd", "zstd(9)", "snappy", "lz4_raw", "gzip", "brotli", "none",
        ] {
            let compression: Compression = text.parse().unwrap();
            assert_eq!(compression.to_string(), text);
        }
        assert_eq!("zstd(1)".parse(), Ok(Compression::default()));
    }

    #[test]
    fn what_names_no_compression_is_refused() {
        for text in [
            "", "ZSTD", "zstd(0)", "zstd(23)", "zstd(", "zstd()", "lz4", "lzo",
        ] {
            let error = text.parse::<Compression>().unwrap_err();
            assert_eq!(error, CompressionError(text.to_owned()));
        }
    }
}
