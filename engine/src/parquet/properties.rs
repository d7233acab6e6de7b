//! Our options in the words of the Parquet library.

use parquet::basic::{BrotliLevel, Compression as Codec, GzipLevel, ZstdLevel};
use parquet::errors::Result;
use parquet::file::properties::{
    EnabledStatistics, WriterProperties, WriterPropertiesBuilder, WriterVersion,
};
use parquet::schema::types::ColumnPath;

use super::options::{Compression, ParquetOptions};

/// Who wrote the file, in the form that readers parse (`NAME version X`).
const CREATED_BY: &str = concat!("shardmill version ", env!("CARGO_PKG_VERSION"));

/// Bytes of a text that are kept as a minimum or maximum. Keys and ids fit; long texts do not
/// inflate the footer.
const STATISTICS_BYTES: usize = 64;

/// The most rows of a page, so that a reader which skips by page can skip finely.
const PAGE_ROWS: usize = 20_000;

/// Properties of a data file or a file of rejects.
pub(super) fn file_properties(options: &ParquetOptions) -> Result<WriterPropertiesBuilder> {
    let mut builder = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        // Version 1 pages: every reader knows them.
        .set_writer_version(WriterVersion::PARQUET_1_0)
        // Lists are written as the format wants them named (`list`, `element`).
        .set_coerce_types(true)
        .set_compression(codec(options.compression)?)
        // The encoder cuts the row groups.
        .set_max_row_group_row_count(None)
        .set_data_page_size_limit(options.page_bytes.max(1))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_dictionary_page_size_limit(options.dictionary_bytes)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_statistics_truncate_length(Some(STATISTICS_BYTES))
        .set_column_index_truncate_length(Some(STATISTICS_BYTES));
    for path in &options.bloom_filter_columns {
        builder = builder.set_column_bloom_filter_enabled(column_path(path), true);
    }
    Ok(builder)
}

fn column_path(dotted: &str) -> ColumnPath {
    ColumnPath::new(dotted.split('.').map(str::to_owned).collect())
}

fn codec(compression: Compression) -> Result<Codec> {
    Ok(match compression {
        Compression::Zstd(level) => {
            // What is no i32 is no level either: let the library say so.
            Codec::ZSTD(ZstdLevel::try_new(
                i32::try_from(level).unwrap_or(i32::MAX),
            )?)
        }
        Compression::Snappy => Codec::SNAPPY,
        Compression::Lz4Raw => Codec::LZ4_RAW,
        Compression::Gzip(level) => Codec::GZIP(GzipLevel::try_new(level)?),
        Compression::Brotli(level) => Codec::BROTLI(BrotliLevel::try_new(level)?),
        Compression::None => Codec::UNCOMPRESSED,
    })
}
