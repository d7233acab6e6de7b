//! Contents that are Parquet files.
//!
//! The library decodes. What it would not survive is looked for first: the schema's tree
//! ([`footer`]), and what pages say of their sizes and what they expand to ([`pages`]). Texts are
//! read as views, so that a long one that a dictionary repeats is in memory once; what that comes to
//! is counted when the rows become ours.

mod footer;
mod pages;
mod thrift;
mod types;

use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::ParquetMetaDataReader;

use self::pages::Pages;
use super::DecodeLimits;
use super::columns::Columns;
use super::content::Content;
use super::format::Format;
use super::sink::Sink;
use super::whole_file::{Family, Refusal};
use crate::types::RejectCode;

const FAMILY: Family = Family {
    name: "Parquet",
    damaged: RejectCode::ParquetDamaged,
    too_deep: RejectCode::ParquetTooDeep,
};

/// Rows that are read at a time, at most.
const BATCH_ROWS: usize = 8_192;

/// Decodes Parquet files.
pub(super) struct ParquetFile {
    limits: DecodeLimits,
    max_ratio: usize,
}

impl ParquetFile {
    pub(super) fn new(limits: &DecodeLimits, max_ratio: usize) -> Self {
        let limits = limits.clone();
        Self { limits, max_ratio }
    }
}

impl Format for ParquetFile {
    fn decode(&mut self, contents: &[Content<'_>], sink: &mut Sink<'_>) {
        let each = (&self.limits, self.max_ratio);
        FAMILY.decode(contents, sink, each, decode);
    }

    fn reset(&mut self) {}
}

/// All rows of a file.
fn decode(file: &Bytes, limits: &DecodeLimits) -> Result<Vec<Columns>, Refusal> {
    footer::check(file, limits.max_depth)?;
    let metadata = ParquetMetaDataReader::new()
        .parse_and_finish(file)
        .map_err(Refusal::damaged)?;
    footer::check_rows(&metadata)?;
    let pages = Pages::look(file, &metadata, limits)?;
    let as_written = ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new())
        .map_err(Refusal::damaged)?;
    let plan = types::Plan::of(&as_written)?;
    let options = ArrowReaderOptions::new().with_schema(Arc::clone(&plan.read_as));
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(as_written.metadata()), options)
        .map_err(Refusal::damaged)?;
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file.clone(), metadata)
        .with_batch_size(batch_rows(&pages, limits))
        .build()
        .map_err(Refusal::damaged)?;
    let mut tables = Vec::new();
    let mut left = limits.max_event_bytes;
    for batch in reader {
        let batch = plan.marked(batch.map_err(Refusal::damaged)?)?;
        let columns = Columns::from_batch(batch, left, limits)?;
        left = left.checked_sub(columns.memory_size()).ok_or_else(|| {
            Refusal::TooLarge(format!(
                "its rows take more than the {} bytes of one event",
                limits.max_event_bytes
            ))
        })?;
        tables.push(columns);
    }
    Ok(tables)
}

/// Rows of a batch such that what the library makes of it stays below the limits of a table.
fn batch_rows(pages: &Pages, limits: &DecodeLimits) -> usize {
    let by_cells = limits.max_table_cells / pages.row_cells.max(1);
    let by_bytes = limits.max_table_bytes / pages.largest_value.max(1);
    BATCH_ROWS.min(by_cells).min(by_bytes).max(1)
}

/// A batch whose fields say more than the library's: a batch of the same arrays under other types
/// of the same layout.
fn relabelled(
    batch: &RecordBatch,
    schema: &arrow_schema::SchemaRef,
) -> Result<RecordBatch, Refusal> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns = columns
        .map(|(array, field)| types::relabel(array, field.data_type()))
        .collect::<Result<Vec<_>, _>>()?;
    let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(Refusal::damaged)
}
