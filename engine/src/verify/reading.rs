//! Reading Parquet files off the target in ranges: at most a row group of one is in memory.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use futures::future::BoxFuture;
use parquet::DecodeResult;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::push_decoder::{ParquetPushDecoder, ParquetPushDecoderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataPushDecoder};

use super::violation::{VerifyError, Violation};
use crate::ports::{Host, Store, StoreError};

/// Rows that are looked at together.
const BATCH_ROWS: usize = 8_192;
/// How often a call is made before the target counts as out of reach.
const TRIES: u32 = 8;
/// The wait after the first try, in milliseconds; each next one is double.
const FIRST_WAIT_MS: u64 = 100;

/// A target that is asked again a few times.
#[derive(Clone)]
pub(super) struct Target {
    pub store: Arc<dyn Store>,
    pub host: Arc<dyn Host>,
}

impl Target {
    /// Makes a call, and makes it again if that may help.
    pub(super) async fn retry<'s, T>(
        &'s self,
        call: impl Fn(&'s dyn Store) -> BoxFuture<'s, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let mut wait = FIRST_WAIT_MS;
        for _ in 1..TRIES {
            match call(&*self.store).await {
                Err(StoreError::Unavailable { .. } | StoreError::Conflict { .. }) => {
                    self.host.sleep(wait).await;
                    wait *= 2;
                }
                answer => return answer,
            }
        }
        call(&*self.store).await
    }

    /// Whether an object that a commit names is there in its length.
    pub(super) async fn there(&self, name: &str, length: u64) -> Result<(), VerifyError> {
        let found = self.retry(|store| store.head(name)).await?;
        let Some(found) = found else {
            let detail = "a commit names it, but it is not there".to_owned();
            return Err(Violation::new("verify.missing_file", name, detail).into());
        };
        if found != length {
            let detail = format!("it has {found} bytes, but its commit says {length}");
            return Err(Violation::new("verify.file_length", name, detail).into());
        }
        Ok(())
    }

    /// Opens a Parquet file that a commit names, and reads its footer.
    pub(super) async fn open(&self, name: &str, length: u64) -> Result<ParquetFile, VerifyError> {
        self.there(name, length).await?;
        let mut decoder = guarded(name, || ParquetMetaDataPushDecoder::try_new(length))?;
        let metadata = loop {
            match guarded(name, || decoder.try_decode())? {
                DecodeResult::NeedsData(ranges) => {
                    let data = self.ranges(name, length, &ranges).await?;
                    guarded(name, || decoder.push_ranges(ranges, data))?;
                }
                DecodeResult::Data(metadata) => break Arc::new(metadata),
                DecodeResult::Finished => return Err(unreadable(name, "it has no footer").into()),
            }
        };
        let decoder = guarded(name, || {
            // Columns as Parquet has them, whatever Arrow types the writer had in mind.
            let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
            ParquetPushDecoderBuilder::try_new_decoder_with_options(Arc::clone(&metadata), options)
        })?;
        let schema = Arc::clone(decoder.schema());
        let decoder = guarded(name, || decoder.with_batch_size(BATCH_ROWS).build())?;
        let name = name.to_owned();
        Ok(ParquetFile {
            target: self.clone(),
            name,
            length,
            metadata,
            schema,
            decoder,
        })
    }

    async fn ranges(
        &self,
        name: &str,
        length: u64,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>, VerifyError> {
        let mut data = Vec::with_capacity(ranges.len());
        for range in ranges {
            // A damaged footer may point anywhere.
            if range.start > range.end || range.end > length {
                return Err(unreadable(name, "its footer points outside of it").into());
            }
            data.push(
                self.retry(|store| store.get_range(name, range.clone()))
                    .await?,
            );
        }
        Ok(data)
    }
}

/// A Parquet file that is being read from its first row to its last.
pub(super) struct ParquetFile {
    target: Target,
    name: String,
    length: u64,
    metadata: Arc<ParquetMetaData>,
    schema: SchemaRef,
    decoder: ParquetPushDecoder,
}

impl ParquetFile {
    /// Its columns.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// A text of the footer's key-value metadata.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        let pairs = self.metadata.file_metadata().key_value_metadata()?;
        pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
    }

    /// The next rows; `None` after the last.
    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>, VerifyError> {
        loop {
            let decoder = &mut self.decoder;
            match guarded(&self.name, || decoder.try_decode())? {
                DecodeResult::NeedsData(ranges) => {
                    let data = self.target.ranges(&self.name, self.length, &ranges).await?;
                    guarded(&self.name, || decoder.push_ranges(ranges, data))?;
                }
                DecodeResult::Data(batch) => return Ok(Some(batch)),
                DecodeResult::Finished => return Ok(None),
            }
        }
    }
}

/// Runs code of the Parquet library, which panics now and then on what is not Parquet.
fn guarded<T>(
    name: &str,
    decode: impl FnOnce() -> Result<T, ParquetError>,
) -> Result<T, Violation> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(decoded)) => Ok(decoded),
        Ok(Err(error)) => Err(unreadable(name, &error.to_string())),
        Err(_) => Err(unreadable(name, "the Parquet decoder panicked on it")),
    }
}

fn unreadable(name: &str, why: &str) -> Violation {
    Violation::new(
        "verify.unreadable_file",
        name,
        format!("it cannot be read as Parquet: {why}"),
    )
}
