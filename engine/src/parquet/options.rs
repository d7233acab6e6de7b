//! What can be chosen about the files.

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
    /// `_partition_key`). None by default: a filter costs a hash for each value and about a byte
    /// for each distinct one, pays only where people look single values up, and which columns
    /// those are cannot be seen from the data. Minimum and maximum are there for every column.
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
    /// Zstandard with a level from 1 (fast, the default) to 22 (small).
    Zstd(u32),
    /// Snappy, for readers from before Zstandard.
    Snappy,
    /// LZ4 blocks without the framing that Hadoop put around them (`LZ4_RAW`).
    Lz4Raw,
    /// Gzip with a level from 0 to 9.
    Gzip(u32),
    /// Brotli with a level from 0 to 11.
    Brotli(u32),
    /// No compression.
    None,
}

impl Default for Compression {
    fn default() -> Self {
        Compression::Zstd(1)
    }
}
