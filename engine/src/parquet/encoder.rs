//! A lane's writer of one window: keeps decoded batches, makes row groups of them.

use std::collections::VecDeque;
use std::sync::Arc;

use parquet::file::metadata::KeyValue;

use super::error::{EncodeError, FileRef};
use super::file_writer::{FileChunk, FileKind, FileWriter};
use super::options::ParquetOptions;
use super::properties::file_properties;
use super::reject_file::{reject_bytes, reject_columns, reject_schema};
use super::row_file::RowFile;
use crate::budget::Budget;
use crate::schema::Schema;
use crate::types::{ClaimRef, DecodedBatch, Rows, Window};

/// Rejects are never more than one file, however their window's data is cut.
const REJECTS_PART: u32 = 0;

/// Encodes one lane's batches of one window.
///
/// Batches are written in the order in which they were added, so rows stay in Kinesis order within
/// a Kinesis shard. All rows go into one data file unless a schema comes that the open file cannot
/// hold: then that file finishes and the next part begins.
#[derive(Debug)]
pub struct WindowEncoder {
    window: Window,
    options: ParquetOptions,
    remembered: Arc<Schema>,
    claim: Option<ClaimRef>,
    rows: VecDeque<BufferedRows>,
    rejects: Vec<BufferedRejects>,
    buffered: usize,
    data: Option<RowFile>,
    next_part: u32,
    reject_file: Option<FileWriter>,
}

/// One table of a batch. The batch's credit goes back when the last of its parts is encoded, here
/// and wherever else the batch is looked at.
#[derive(Debug)]
struct BufferedRows {
    batch: Arc<DecodedBatch>,
    table: usize,
    /// What the table holds of the batch's credit.
    bytes: usize,
}

#[derive(Debug)]
struct BufferedRejects {
    batch: Arc<DecodedBatch>,
    bytes: usize,
}

impl BufferedRows {
    fn rows(&self) -> &Rows {
        &self.batch.rows[self.table]
    }
}

impl WindowEncoder {
    /// An encoder for `window`. `remembered` is the schema of the source's files so far: the
    /// window's files have at least its columns, so that an early row group leaves room for the
    /// fields of later batches.
    pub fn new(window: Window, remembered: Arc<Schema>, options: ParquetOptions) -> Self {
        Self {
            window,
            options,
            remembered,
            claim: None,
            rows: VecDeque::new(),
            rejects: Vec::new(),
            buffered: 0,
            data: None,
            next_part: 0,
            reject_file: None,
        }
    }

    /// The window.
    pub fn window(&self) -> Window {
        self.window
    }

    /// Keeps a batch, with its credit, until the next [`encode`](Self::encode). A batch may be shared
    /// with others: its credit goes back when all are done with it.
    pub fn add(&mut self, batch: impl Into<Arc<DecodedBatch>>) {
        let batch: Arc<DecodedBatch> = batch.into();
        self.claim = Some(batch.head.claim);
        let tables = batch.rows.iter().enumerate();
        let tables: Vec<usize> = tables
            .filter(|(_, rows)| rows.len > 0)
            .map(|(table, _)| table)
            .collect();
        let mut left = batch.credit.bytes();
        if !batch.rejects.is_empty() {
            let bytes = match tables.is_empty() {
                true => left,
                false => batch.rejects.iter().map(reject_bytes).sum(),
            };
            let bytes = bytes.min(left);
            left -= bytes;
            self.buffered += bytes;
            self.rejects.push(BufferedRejects {
                batch: Arc::clone(&batch),
                bytes,
            });
        }
        let last = tables.last().copied();
        for table in tables {
            // The last table takes what its memory size does not explain.
            let bytes = match Some(table) == last {
                true => left,
                false => batch.rows[table].memory_size().min(left),
            };
            left -= bytes;
            self.buffered += bytes;
            self.rows.push_back(BufferedRows {
                batch: Arc::clone(&batch),
                table,
                bytes,
            });
        }
    }

    /// Bytes of credit that the batches hold which are not encoded yet.
    pub fn buffered_bytes(&self) -> usize {
        self.buffered
    }

    /// Encoded bytes that no chunk has given out yet.
    pub fn unsent_bytes(&self) -> usize {
        let data = self.data.as_ref().map_or(0, RowFile::unsent_bytes);
        let rejects = self.reject_file.as_ref();
        data + rejects.map_or(0, FileWriter::unsent_bytes)
    }

    /// Whether a row group's worth is there.
    pub fn wants_encoding(&self) -> bool {
        self.buffered >= self.options.row_group_bytes
    }

    /// The schema that the encoder began with, widened by what this window's files added.
    pub fn remembered(&self) -> Arc<Schema> {
        Arc::clone(&self.remembered)
    }

    /// Makes row groups of all that was added, gives its credit back and returns what became ready
    /// of the files. Encoded bytes are charged to `budget` without waiting. Heavy.
    ///
    /// # Errors
    /// After an error the encoder is of no more use: drop it, and read the window again.
    pub fn encode(&mut self, budget: &Budget) -> Result<Vec<FileChunk>, EncodeError> {
        let mut chunks = Vec::new();
        self.encode_rows(budget, &mut chunks)?;
        self.encode_rejects(budget)?;
        chunks.extend(self.data.as_mut().and_then(RowFile::drain));
        if let Some(file) = &mut self.reject_file {
            chunks.extend(file.drain(FileKind::Rejects, REJECTS_PART));
        }
        Ok(chunks)
    }

    /// Encodes the rest and finishes every file. No rows, no data file; no rejects, no file of
    /// rejects.
    ///
    /// # Errors
    /// As for [`encode`](Self::encode).
    pub fn finish(mut self, budget: &Budget) -> Result<Vec<FileChunk>, EncodeError> {
        let mut chunks = Vec::new();
        self.encode_rows(budget, &mut chunks)?;
        self.encode_rejects(budget)?;
        self.finish_data(&mut chunks)?;
        if let Some(file) = self.reject_file.take() {
            let chunk = file
                .finish(FileKind::Rejects, REJECTS_PART, None, self.metadata())
                .map_err(|source| self.rejects_file().parquet(source))?;
            chunks.extend(chunk);
        }
        Ok(chunks)
    }

    fn encode_rows(
        &mut self,
        budget: &Budget,
        chunks: &mut Vec<FileChunk>,
    ) -> Result<(), EncodeError> {
        let mut queue = std::mem::take(&mut self.rows);
        let total: usize = queue.iter().map(|rows| rows.bytes).sum();
        let group_bytes = even_groups(total, self.options.row_group_bytes);
        while !queue.is_empty() {
            let mut file = match self.data.take() {
                Some(file) => file,
                None => self.open_data(&queue),
            };
            let group = next_group(&mut file, &mut queue, group_bytes);
            let written = !group.is_empty();
            self.write_group(&mut file, group, budget)?;
            self.remembered = Arc::clone(file.inferred());
            self.data = Some(file);
            if !written {
                self.finish_data(chunks)?;
            }
        }
        Ok(())
    }

    fn open_data(&mut self, queue: &VecDeque<BufferedRows>) -> RowFile {
        let part = self.next_part;
        self.next_part += 1;
        let incoming = merged_schema(queue);
        RowFile::open(part, &self.remembered, &incoming, &self.options)
    }

    fn write_group(
        &mut self,
        file: &mut RowFile,
        group: Vec<BufferedRows>,
        budget: &Budget,
    ) -> Result<(), EncodeError> {
        if group.is_empty() {
            return Ok(());
        }
        let part = file.part();
        let mut batches = Vec::with_capacity(group.len());
        for buffered in &group {
            let columns = file
                .columns(&buffered.batch.head.shard, buffered.rows())
                .map_err(|source| self.data_file(part).layout(source))?;
            batches.push(columns);
        }
        file.write_row_group(batches, budget)
            .map_err(|source| self.data_file(part).parquet(source))?;
        self.buffered -= group.iter().map(|rows| rows.bytes).sum::<usize>();
        Ok(())
    }

    fn encode_rejects(&mut self, budget: &Budget) -> Result<(), EncodeError> {
        let buffered = std::mem::take(&mut self.rejects);
        if buffered.is_empty() {
            return Ok(());
        }
        let this = self.rejects_file();
        let mut file = match self.reject_file.take() {
            Some(file) => file,
            None => file_properties(&self.options)
                .and_then(|properties| {
                    FileWriter::open(Arc::new(reject_schema()), properties.build(), budget)
                })
                .map_err(|source| this.parquet(source))?,
        };
        let mut batches = Vec::with_capacity(buffered.len());
        for BufferedRejects { batch, .. } in &buffered {
            let columns = reject_columns(&batch.head.shard, &batch.rejects)
                .map_err(|source| this.layout(source))?;
            batches.push(columns);
        }
        file.write_row_group(batches)
            .map_err(|source| this.parquet(source))?;
        self.reject_file = Some(file);
        self.buffered -= buffered.iter().map(|rejects| rejects.bytes).sum::<usize>();
        Ok(())
    }

    fn finish_data(&mut self, chunks: &mut Vec<FileChunk>) -> Result<(), EncodeError> {
        let Some(file) = self.data.take() else {
            return Ok(());
        };
        let part = file.part();
        let chunk = file
            .finish(self.metadata())
            .map_err(|source| self.data_file(part).parquet(source))?;
        chunks.extend(chunk);
        Ok(())
    }

    /// What a file says about where it is from, beside its name.
    fn metadata(&self) -> Vec<KeyValue> {
        let entry = |key: &str, value: String| KeyValue::new(format!("shardmill.{key}"), value);
        let mut metadata = vec![entry("window", self.window.to_string())];
        if let Some(claim) = self.claim {
            metadata.push(entry("epoch", claim.epoch.to_string()));
            metadata.push(entry("lane", claim.lane.to_string()));
            metadata.push(entry("claim", claim.claim.to_string()));
        }
        metadata
    }

    fn data_file(&self, part: u32) -> FileRef {
        FileRef {
            window: self.window,
            kind: FileKind::Data,
            part,
        }
    }

    fn rejects_file(&self) -> FileRef {
        FileRef {
            window: self.window,
            kind: FileKind::Rejects,
            part: REJECTS_PART,
        }
    }
}

/// The next rows of `queue`, in order, that `file` admits, up to a row group's worth. A new file
/// takes at least the first, for which it was opened.
fn next_group(
    file: &mut RowFile,
    queue: &mut VecDeque<BufferedRows>,
    group_bytes: usize,
) -> Vec<BufferedRows> {
    let mut group = Vec::new();
    let mut bytes = 0;
    while bytes < group_bytes {
        let Some(next) = queue.pop_front() else { break };
        let first = file.is_empty() && group.is_empty();
        if !file.admits(&next.rows().schema) && !first {
            queue.push_front(next);
            break;
        }
        bytes += next.bytes;
        group.push(next);
    }
    group
}

/// The size of row groups that cuts `total` bytes evenly, each near `wanted` bytes: no small one is
/// left over at the end.
fn even_groups(total: usize, wanted: usize) -> usize {
    let wanted = wanted.max(1);
    let groups = ((total + wanted / 2) / wanted).max(1);
    total.div_ceil(groups).max(1)
}

fn merged_schema(queue: &VecDeque<BufferedRows>) -> Schema {
    let mut merged = Schema::default();
    let mut last: Option<&Arc<Schema>> = None;
    for rows in queue {
        let schema = &rows.rows().schema;
        // Batches mostly come in runs of one schema.
        if last != Some(schema) {
            merged = merged.merge(schema);
            last = Some(schema);
        }
    }
    merged
}
