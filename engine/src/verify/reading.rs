//! Reading Parquet files off the target in ranges: at most a row group of one is in memory.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use futures::future::BoxFuture;

use super::violation::{VerifyError, Violation};
use crate::parquet::{Footer, FooterReader, RowReader, Step, Unreadable};
use crate::ports::{Host, Store, StoreError};

/// How often a call is made before the target counts as out of reach.
const TRIES: u32 = 8;
/// The wait after the first try, in milliseconds; each next one is double.
const FIRST_WAIT_MS: u64 = 100;

/// A target that is asked again a few times.
#[derive(Clone)]
pub(crate) struct Target {
    pub store: Arc<dyn Store>,
    pub host: Arc<dyn Host>,
}

impl Target {
    /// Makes a call, and makes it again if that may help.
    pub(crate) async fn retry<'s, T>(
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
    pub(crate) async fn there(&self, name: &str, length: u64) -> Result<(), VerifyError> {
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
    pub(crate) async fn open(&self, name: &str, length: u64) -> Result<ParquetFile, VerifyError> {
        self.there(name, length).await?;
        let unreadable = |why| unreadable(name, &why);
        let mut reader = FooterReader::new(length).map_err(unreadable)?;
        let footer = loop {
            match reader.step().map_err(unreadable)? {
                Step::Done(footer) => break footer,
                Step::Needs(ranges) => {
                    let data = self.ranges(name, &ranges).await?;
                    reader.push(ranges, data).map_err(unreadable)?;
                }
            }
        };
        let rows = footer.rows(None).map_err(unreadable)?;
        Ok(ParquetFile {
            target: self.clone(),
            name: name.to_owned(),
            footer,
            rows,
        })
    }

    async fn ranges(&self, name: &str, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, VerifyError> {
        let mut data = Vec::with_capacity(ranges.len());
        for range in ranges {
            let call = self.retry(|store| store.get_range(name, range.clone()));
            data.push(call.await?);
        }
        Ok(data)
    }
}

/// A Parquet file that is being read from its first row to its last.
pub(crate) struct ParquetFile {
    target: Target,
    name: String,
    footer: Footer,
    rows: RowReader,
}

impl ParquetFile {
    /// Its columns.
    pub(crate) fn schema(&self) -> &SchemaRef {
        self.rows.schema()
    }

    /// A text of the footer's key-value metadata.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.footer.text(key)
    }

    /// The next rows; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<RecordBatch>, VerifyError> {
        loop {
            match self
                .rows
                .step()
                .map_err(|why| unreadable(&self.name, &why))?
            {
                Step::Done(rows) => return Ok(rows),
                Step::Needs(ranges) => {
                    let data = self.target.ranges(&self.name, &ranges).await?;
                    let pushed = self.rows.push(ranges, data);
                    pushed.map_err(|why| unreadable(&self.name, &why))?;
                }
            }
        }
    }
}

fn unreadable(name: &str, why: &Unreadable) -> Violation {
    Violation::new("verify.unreadable_file", name, why.to_string())
}
