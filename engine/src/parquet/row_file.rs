//! An open data file: which rows its schema can hold, and how they become its columns.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow_schema::{ArrowError, DataType as ArrowType, Field, Schema as ArrowSchema, SchemaRef};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::KeyValue;

use super::column_plan::plan_columns;
use super::file_writer::{FileChunk, FileKind, FileWriter};
use super::layout::{identity_fields, shard_column};
use super::options::ParquetOptions;
use super::properties::file_properties;
use crate::budget::Budget;
use crate::schema::{Schema, admit, conform, file_field_name};
use crate::types::{KinesisShardId, Rows};

/// The column for the fields that `max_columns` leaves no column of their own.
const OVERFLOW: &str = "_overflow";

/// A data file that is being written.
#[derive(Debug)]
pub(super) struct RowFile {
    part: u32,
    /// What was inferred of the rows; may still go from int53 to int64, which are one in the file.
    inferred: Arc<Schema>,
    /// The event columns as they are stored, under the names of the event.
    stored: Arc<Schema>,
    overflow: bool,
    /// The schema that was last found to fit, so that a run of batches is looked at once.
    fits: Option<Arc<Schema>>,
    arrow: SchemaRef,
    options: ParquetOptions,
    /// Opened with the first rows, which tell how to encode each column.
    writer: Option<FileWriter>,
}

impl RowFile {
    /// A file for rows of `incoming`: it has the columns of `known`, widened as far as need be.
    pub(super) fn open(
        part: u32,
        known: &Schema,
        incoming: &Schema,
        options: &ParquetOptions,
    ) -> Self {
        let inferred = admit_all(known, incoming, options.max_columns);
        let stored = inferred.in_file();
        // A file whose columns are used up has the column at once: the next new field needs it.
        let overflow = inferred.leaf_count() >= options.max_columns || !inferred.holds(incoming);
        let mut fields: Vec<Field> = stored
            .arrow_fields()
            .into_iter()
            .map(|field| {
                let name = file_field_name(field.name()).into_owned();
                field.with_name(name)
            })
            .collect();
        if overflow {
            fields.push(Field::new(OVERFLOW, ArrowType::Utf8, true));
        }
        fields.extend(identity_fields());
        Self {
            part,
            inferred: Arc::new(inferred),
            stored: Arc::new(stored),
            overflow,
            fits: None,
            arrow: Arc::new(ArrowSchema::new(fields)),
            options: options.clone(),
            writer: None,
        }
    }

    pub(super) fn part(&self) -> u32 {
        self.part
    }

    /// What was inferred of all rows so far and of all that was known before.
    pub(super) fn inferred(&self) -> &Arc<Schema> {
        &self.inferred
    }

    pub(super) fn is_empty(&self) -> bool {
        self.writer.is_none()
    }

    pub(super) fn unsent_bytes(&self) -> usize {
        self.writer.as_ref().map_or(0, FileWriter::unsent_bytes)
    }

    /// Whether rows of this schema can go into this file without losing or changing a value. If so,
    /// what they add to the inferred schema is taken over.
    pub(super) fn admits(&mut self, incoming: &Arc<Schema>) -> bool {
        if self
            .writer
            .as_ref()
            .is_some_and(|writer| !writer.has_room())
        {
            return false;
        }
        if self.fits.as_ref().is_some_and(|seen| seen == incoming) {
            return true;
        }
        if !self.inferred.holds(incoming) {
            let wider = admit(&self.inferred, incoming, self.options.max_columns);
            let spills = !self.overflow && !wider.holds(incoming);
            if spills || wider.in_file() != *self.stored {
                return false;
            }
            self.inferred = Arc::new(wider);
        }
        self.fits = Some(Arc::clone(incoming));
        true
    }

    /// Rows that the file admits, as its columns.
    pub(super) fn columns(
        &self,
        shard: &KinesisShardId,
        rows: &Rows,
    ) -> std::result::Result<Vec<ArrayRef>, ArrowError> {
        let conformed = conform(rows, &self.stored);
        let mut columns = conformed.columns;
        match conformed.overflow {
            overflow if self.overflow => {
                columns.push(overflow.unwrap_or_else(|| new_null_array(&ArrowType::Utf8, rows.len)))
            }
            Some(_) => {
                return Err(ArrowError::SchemaError(format!(
                    "rows need the column {OVERFLOW}, which the file was opened without"
                )));
            }
            None => {}
        }
        columns.push(shard_column(shard, rows.len)?);
        columns.extend([
            Arc::clone(&rows.sequence),
            Arc::clone(&rows.subsequence),
            Arc::clone(&rows.partition_key),
            Arc::clone(&rows.arrival),
            Arc::clone(&rows.index),
        ]);
        // Types, lengths and nulls are checked here: the library takes them as given.
        let batch = RecordBatch::try_new(Arc::clone(&self.arrow), columns)?;
        Ok(batch.columns().to_vec())
    }

    /// Writes what [`columns`](Self::columns) made of some batches as one row group.
    pub(super) fn write_row_group(
        &mut self,
        batches: Vec<Vec<ArrayRef>>,
        budget: &Budget,
    ) -> Result<()> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let builder = file_properties(&self.options)?;
                let builder = plan_columns(builder, self.arrow.fields(), &batches);
                let schema = Arc::clone(&self.arrow);
                self.writer
                    .insert(FileWriter::open(schema, builder.build(), budget)?)
            }
        };
        writer.write_row_group(batches)
    }

    pub(super) fn drain(&mut self) -> Option<FileChunk> {
        self.writer.as_mut()?.drain(FileKind::Data, self.part)
    }

    pub(super) fn finish(self, mut metadata: Vec<KeyValue>) -> Result<Option<FileChunk>> {
        let Some(writer) = self.writer else {
            return Ok(None);
        };
        let schema = serde_json::to_string(&*self.inferred)
            .map_err(|error| ParquetError::External(Box::new(error)))?;
        metadata.push(KeyValue::new("shardmill.schema".to_owned(), schema));
        writer.finish(FileKind::Data, self.part, Some(self.inferred), metadata)
    }
}

/// What [`admit`] comes to when it is asked until nothing changes: a field that widens to JSON text
/// late in the schema may make room for one that was left out before it. Only then is a part of
/// `incoming` sure to be admitted as the whole was.
fn admit_all(known: &Schema, incoming: &Schema, max_columns: usize) -> Schema {
    let mut admitted = admit(known, incoming, max_columns);
    loop {
        let wider = admit(&admitted, incoming, max_columns);
        if wider == admitted {
            return admitted;
        }
        admitted = wider;
    }
}
