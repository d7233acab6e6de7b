//! Reading a Parquet file that lies elsewhere: says which bytes it needs, and turns them into rows.
//!
//! Nothing here waits for anything, so whoever fetches decides how. At most a row group of the wanted
//! columns is in memory.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use parquet::DecodeResult;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::push_decoder::{ParquetPushDecoder, ParquetPushDecoderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataPushDecoder};

/// Rows that are looked at together.
const BATCH_ROWS: usize = 8_192;

/// Why bytes are not a Parquet file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it cannot be read as Parquet: {0}")]
pub struct Unreadable(String);

/// The next step of a reading.
#[derive(Debug)]
pub enum Step<T> {
    /// These bytes of the file are needed first.
    Needs(Vec<Range<u64>>),
    /// Here it is.
    Done(T),
}

/// Finds out what is in a file.
pub struct FooterReader {
    decoder: ParquetMetaDataPushDecoder,
    length: u64,
}

impl FooterReader {
    /// Begins with a file of so many bytes.
    ///
    /// # Errors
    /// If no Parquet file is so short.
    pub fn new(length: u64) -> Result<Self, Unreadable> {
        let decoder = guarded(|| ParquetMetaDataPushDecoder::try_new(length))?;
        Ok(Self { decoder, length })
    }

    /// Takes bytes that were needed.
    ///
    /// # Errors
    /// If they are not what was asked for.
    pub fn push(&mut self, ranges: Vec<Range<u64>>, data: Vec<Bytes>) -> Result<(), Unreadable> {
        guarded(|| self.decoder.push_ranges(ranges, data))
    }

    /// Goes on.
    ///
    /// # Errors
    /// If the file has no footer that can be read, or one that points outside of the file.
    pub fn step(&mut self) -> Result<Step<Footer>, Unreadable> {
        match guarded(|| self.decoder.try_decode())? {
            DecodeResult::NeedsData(ranges) => within(self.length, ranges).map(Step::Needs),
            DecodeResult::Data(metadata) => Ok(Step::Done(Footer {
                metadata: Arc::new(metadata),
                length: self.length,
            })),
            DecodeResult::Finished => Err(Unreadable("it has no footer".to_owned())),
        }
    }
}

/// What a file says of itself.
pub struct Footer {
    metadata: Arc<ParquetMetaData>,
    length: u64,
}

impl Footer {
    /// A text of the key-value metadata.
    pub fn text(&self, key: &str) -> Option<&str> {
        let pairs = self.metadata.file_metadata().key_value_metadata()?;
        pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
    }

    /// Begins to read rows: of all columns, or of the top-level ones that `wanted` says yes to.
    ///
    /// # Errors
    /// If the file's types cannot be read.
    pub fn rows(&self, wanted: Option<&dyn Fn(&str) -> bool>) -> Result<RowReader, Unreadable> {
        let builder = guarded(|| {
            // Columns as Parquet has them, whatever Arrow types the writer had in mind.
            let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
            let metadata = Arc::clone(&self.metadata);
            ParquetPushDecoderBuilder::try_new_decoder_with_options(metadata, options)
        })?;
        let schema = Arc::clone(builder.schema());
        let builder = match wanted {
            None => builder,
            Some(wanted) => {
                let roots = schema.fields().iter().enumerate();
                let roots = roots.filter(|(_, field)| wanted(field.name()));
                let roots: Vec<usize> = roots.map(|(at, _)| at).collect();
                let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
                builder.with_projection(mask)
            }
        };
        let decoder = guarded(|| builder.with_batch_size(BATCH_ROWS).build())?;
        Ok(RowReader {
            decoder,
            schema,
            length: self.length,
        })
    }
}

/// Reads rows from the first to the last.
pub struct RowReader {
    decoder: ParquetPushDecoder,
    schema: SchemaRef,
    length: u64,
}

impl RowReader {
    /// All columns of the file, also those that are not read.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Bytes of the file that it holds.
    pub fn held_bytes(&self) -> usize {
        usize::try_from(self.decoder.buffered_bytes()).unwrap_or(usize::MAX)
    }

    /// Takes bytes that were needed.
    ///
    /// # Errors
    /// If they are not what was asked for.
    pub fn push(&mut self, ranges: Vec<Range<u64>>, data: Vec<Bytes>) -> Result<(), Unreadable> {
        guarded(|| self.decoder.push_ranges(ranges, data))
    }

    /// Goes on: to the next rows, or to `None` after the last.
    ///
    /// # Errors
    /// If the file is damaged.
    pub fn step(&mut self) -> Result<Step<Option<RecordBatch>>, Unreadable> {
        match guarded(|| self.decoder.try_decode())? {
            DecodeResult::NeedsData(ranges) => within(self.length, ranges).map(Step::Needs),
            DecodeResult::Data(batch) => Ok(Step::Done(Some(batch))),
            DecodeResult::Finished => Ok(Step::Done(None)),
        }
    }
}

/// A damaged footer may point anywhere.
fn within(length: u64, ranges: Vec<Range<u64>>) -> Result<Vec<Range<u64>>, Unreadable> {
    let inside = |range: &Range<u64>| range.start <= range.end && range.end <= length;
    match ranges.iter().all(inside) {
        true => Ok(ranges),
        false => Err(Unreadable("its footer points outside of it".to_owned())),
    }
}

/// Runs code of the Parquet library, which panics now and then on what is not Parquet.
fn guarded<T>(decode: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, Unreadable> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(decoded)) => Ok(decoded),
        Ok(Err(error)) => Err(Unreadable(error.to_string())),
        Err(_) => Err(Unreadable("the Parquet decoder panicked on it".to_owned())),
    }
}
