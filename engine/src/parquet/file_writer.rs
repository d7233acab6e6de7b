//! One open Parquet file: columns in, bytes out, nothing kept but what the footer needs.

use std::fmt;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow_schema::SchemaRef;
use bytes::Bytes;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowRowGroupWriterFactory, compute_leaves};
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;

use crate::budget::{Budget, Credit};
use crate::schema::Schema;

/// Bytes that the library keeps for the footer about each column of each row group: its metadata,
/// its statistics, and its pages' places, minima and maxima. An estimate: texts in them are cut at
/// 64 bytes, and most chunks have few pages.
const FOOTER_BYTES_PER_COLUMN_CHUNK: usize = 1 << 10;

/// The most row groups of one file: the format numbers them with 16 bits.
const MAX_ROW_GROUPS: usize = i16::MAX as usize;

pub use crate::types::FileKind;

/// The next bytes of a file. The chunks of one (`kind`, `part`) come in order, and one after
/// another they are the file.
#[derive(Debug)]
pub struct FileChunk {
    /// What the file holds.
    pub kind: FileKind,
    /// Which file of this kind and window, from 0.
    pub part: u32,
    /// The bytes; only the last chunk of a file may have none.
    pub bytes: Bytes,
    /// Credit for `bytes`.
    pub credit: Credit,
    /// On the last chunk of a file: what the whole file is.
    pub finished: Option<FinishedFile>,
}

/// A file whose last byte has been given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FinishedFile {
    /// Rows; payloads in a file of the raw copy.
    pub rows: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// The schema that was inferred of the event fields: of those in this file, and of those that
    /// were known before it. [`Schema::in_file`] of it is how they are stored. `None` for others.
    pub schema: Option<Arc<Schema>>,
}

/// A file that is being written.
pub(super) struct FileWriter {
    writer: SerializedFileWriter<Vec<u8>>,
    columns: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    rows: u64,
    given_out: u64,
    credit: Credit,
}

impl FileWriter {
    pub(super) fn open(
        schema: SchemaRef,
        properties: WriterProperties,
        budget: &Budget,
    ) -> Result<Self> {
        let parquet_schema = ArrowSchemaConverter::new()
            .with_coerce_types(properties.coerce_types())
            .convert(&schema)?;
        // The Arrow schema is not stored with the file: Parquet's own types say all there is, and
        // readers that know Arrow would take the names in it for the file's.
        let writer = SerializedFileWriter::new(
            Vec::new(),
            parquet_schema.root_schema_ptr(),
            Arc::new(properties),
        )?;
        let columns = ArrowRowGroupWriterFactory::new(&writer, Arc::clone(&schema));
        Ok(Self {
            writer,
            columns,
            schema,
            rows: 0,
            given_out: 0,
            credit: budget.charge(0),
        })
    }

    /// Encoded bytes that no chunk has taken yet.
    pub(super) fn unsent_bytes(&self) -> usize {
        self.writer.inner().len()
    }

    /// Whether the format has room for one more row group.
    pub(super) fn has_room(&self) -> bool {
        self.writer.flushed_row_groups().len() < MAX_ROW_GROUPS
    }

    /// Writes `batches`, each with one array for each column of the file, as one row group.
    ///
    /// It goes column by column, not batch by batch: one column's dictionary is in the processor's
    /// cache and in memory at a time, and each array is dropped as soon as it is written.
    pub(super) fn write_row_group(&mut self, mut batches: Vec<Vec<ArrayRef>>) -> Result<()> {
        let rows: usize = batches
            .iter()
            .map(|columns| columns.first().map_or(0, |column| column.len()))
            .sum();
        for columns in &mut batches {
            columns.reverse();
        }
        let number = self.writer.flushed_row_groups().len();
        let mut writers = self.columns.create_column_writers(number)?.into_iter();
        let leaves_of = leaves_by_field(&self.writer, self.schema.fields().len());
        let mut row_group = self.writer.next_row_group()?;
        for (field, leaves) in self.schema.fields().iter().zip(leaves_of) {
            let mut field_writers: Vec<_> = writers.by_ref().take(leaves).collect();
            for columns in &mut batches {
                let Some(column) = columns.pop() else {
                    continue;
                };
                for (writer, leaf) in field_writers
                    .iter_mut()
                    .zip(compute_leaves(field, &column)?)
                {
                    writer.write(&leaf)?;
                }
            }
            for writer in field_writers {
                writer.close()?.append_to_row_group(&mut row_group)?;
            }
        }
        row_group.close()?;
        self.writer.flush()?;
        self.rows += rows as u64;
        self.charge();
        Ok(())
    }

    /// Takes out what is encoded so far; `None` if that is nothing.
    pub(super) fn drain(&mut self, kind: FileKind, part: u32) -> Option<FileChunk> {
        let bytes = std::mem::take(self.writer.inner_mut());
        self.chunk(kind, part, bytes)
    }

    /// Writes the footer and gives out the rest.
    pub(super) fn finish(
        mut self,
        kind: FileKind,
        part: u32,
        schema: Option<Arc<Schema>>,
        metadata: Vec<KeyValue>,
    ) -> Result<Option<FileChunk>> {
        for entry in metadata {
            self.writer.append_key_value_metadata(entry);
        }
        self.writer.finish()?;
        let bytes = std::mem::take(self.writer.inner_mut());
        self.credit.resize(bytes.len());
        let chunk = self.chunk(kind, part, bytes).map(|chunk| FileChunk {
            finished: Some(FinishedFile {
                rows: self.rows,
                bytes: self.given_out,
                schema,
            }),
            ..chunk
        });
        Ok(chunk)
    }

    fn chunk(&mut self, kind: FileKind, part: u32, mut bytes: Vec<u8>) -> Option<FileChunk> {
        if bytes.is_empty() {
            return None;
        }
        bytes.shrink_to_fit();
        self.given_out += bytes.len() as u64;
        let credit = self.credit.split(bytes.len());
        Some(FileChunk {
            kind,
            part,
            credit,
            bytes: Bytes::from(bytes),
            finished: None,
        })
    }

    fn charge(&mut self) {
        let chunks: usize = self
            .writer
            .flushed_row_groups()
            .iter()
            .map(|row_group| row_group.num_columns())
            .sum();
        let footer = chunks * FOOTER_BYTES_PER_COLUMN_CHUNK;
        self.credit.resize(self.unsent_bytes() + footer);
    }
}

impl fmt::Debug for FileWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileWriter")
            .field("rows", &self.rows)
            .field("given_out", &self.given_out)
            .field("credit", &self.credit)
            .finish_non_exhaustive()
    }
}

/// How many leaf columns each top-level field has.
fn leaves_by_field(writer: &SerializedFileWriter<Vec<u8>>, fields: usize) -> Vec<usize> {
    let schema = writer.schema_descr();
    let mut leaves = vec![0; fields];
    for column in 0..schema.num_columns() {
        leaves[schema.get_column_root_idx(column)] += 1;
    }
    leaves
}
