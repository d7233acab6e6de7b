//! A file of any columns: what outputs write.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow_schema::{Schema as ArrowSchema, SchemaRef};
use bytes::Bytes;
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;

use super::column_plan::plan_columns;
use super::file_writer::{FileKind, FileWriter};
use super::options::ParquetOptions;
use super::properties::file_properties;
use crate::budget::{Budget, Credit};
use crate::schema::Field;

/// A file in memory, encoded row group by row group.
pub struct TableFile {
    arrow: SchemaRef,
    options: ParquetOptions,
    budget: Budget,
    /// Opened with the first row group, whose rows tell how to encode each column.
    writer: Option<FileWriter>,
    waiting: Vec<Vec<ArrayRef>>,
    waiting_bytes: usize,
    waiting_credit: Credit,
}

impl TableFile {
    /// A file with these columns, which are of types that files store ([`crate::schema::DataType::in_file`]).
    pub fn new(fields: &[Field], options: &ParquetOptions, budget: &Budget) -> Self {
        let fields: Vec<_> = fields.iter().map(Field::to_arrow).collect();
        Self {
            arrow: Arc::new(ArrowSchema::new(fields)),
            options: options.clone(),
            budget: budget.clone(),
            writer: None,
            waiting: Vec::new(),
            waiting_bytes: 0,
            waiting_credit: budget.charge(0),
        }
    }

    /// Adds rows: an array for each column.
    ///
    /// # Errors
    /// If the arrays are not of the columns, and what the Parquet library refuses.
    pub fn push(&mut self, columns: Vec<ArrayRef>) -> Result<()> {
        // Types, lengths and nulls are checked here: the library takes them as given.
        let batch = RecordBatch::try_new(Arc::clone(&self.arrow), columns)?;
        self.waiting_bytes += batch.get_array_memory_size();
        self.waiting_credit.resize(self.waiting_bytes);
        self.waiting.push(batch.columns().to_vec());
        if self.waiting_bytes >= self.options.row_group_bytes {
            self.write_row_group()?;
        }
        Ok(())
    }

    /// Bytes that are encoded so far.
    pub fn encoded_bytes(&self) -> usize {
        self.writer.as_ref().map_or(0, FileWriter::unsent_bytes)
    }

    /// Writes the footer; the whole file, with the credit that it holds.
    ///
    /// # Errors
    /// What the Parquet library refuses.
    pub fn finish(mut self, metadata: Vec<(String, String)>) -> Result<(Bytes, Credit)> {
        self.write_row_group()?;
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.open(&[])?,
        };
        let metadata = metadata.into_iter();
        let metadata = metadata.map(|(key, value)| KeyValue::new(key, value));
        let chunk = writer.finish(FileKind::Data, 0, None, metadata.collect())?;
        Ok(match chunk {
            Some(chunk) => (chunk.bytes, chunk.credit),
            None => (Bytes::new(), self.budget.charge(0)),
        })
    }

    fn open(&self, batches: &[Vec<ArrayRef>]) -> Result<FileWriter> {
        let builder = file_properties(&self.options)?;
        let builder = match batches {
            [] => builder,
            batches => plan_columns(builder, self.arrow.fields(), batches),
        };
        FileWriter::open(Arc::clone(&self.arrow), builder.build(), &self.budget)
    }

    fn write_row_group(&mut self) -> Result<()> {
        let batches = std::mem::take(&mut self.waiting);
        if batches.is_empty() {
            return Ok(());
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let opened = self.open(&batches)?;
                self.writer.insert(opened)
            }
        };
        writer.write_row_group(batches)?;
        self.waiting_bytes = 0;
        self.waiting_credit.resize(0);
        Ok(())
    }
}
