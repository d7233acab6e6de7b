//! Rows of a source's file into files of an output: all that needs no waiting.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::OutputError;
use super::definition::OutputFormat;
use super::encode::{OpenFile, stored};
use super::table::Table;
use super::transform::FileTransform;
use crate::budget::{Budget, Credit};
use crate::parquet::{RowReader, Step};
use crate::schema::Field;
use crate::types::Window;

/// Where a Parquet file has the types of its columns, as the source's files do.
pub(super) const SCHEMA_KEY: &str = "shardmill.schema";

/// Bytes after which a file ends and the next part begins: files that readers like, and that are
/// put in one piece.
const FILE_BYTES: usize = 32 << 20;

/// Batches of rows that are worked on before others get the thread.
const BATCHES_A_TURN: usize = 8;

/// Reads a file of the source.
pub(super) struct Grain {
    pub reader: RowReader,
    /// The columns of the file.
    pub fields: Vec<Field>,
    pub transform: Arc<dyn FileTransform>,
    /// The name of the file, for messages.
    pub name: Arc<str>,
}

/// What has to happen before the mill goes on.
pub(super) enum Turn {
    /// These bytes of the source's file are needed.
    Needs(Vec<Range<u64>>),
    /// A file is full.
    Full(Finished),
    /// Others may have the thread for a moment.
    Pause,
    /// The source's file is read.
    Over,
}

/// A file as it goes to the target.
pub(super) struct Finished {
    pub bytes: Bytes,
    pub rows: u64,
    /// Memory of `bytes`.
    pub _credit: Credit,
}

/// Fills the files of one window.
pub(super) struct Mill {
    format: OutputFormat,
    budget: Budget,
    metadata: Vec<(String, String)>,
    open: Option<OpenFile>,
    /// Rows that did not go into the file that was open.
    held: Option<Table>,
    /// What is read and worked on.
    credit: Credit,
    source_rows: u64,
}

impl Mill {
    pub(super) fn new(format: &OutputFormat, budget: &Budget, name: &str, window: Window) -> Self {
        let metadata = [
            ("shardmill.output", name.to_owned()),
            ("shardmill.window", window.to_string()),
        ];
        Self {
            format: format.clone(),
            budget: budget.clone(),
            metadata: metadata.map(|(key, value)| (key.to_owned(), value)).into(),
            open: None,
            held: None,
            credit: budget.charge(0),
            source_rows: 0,
        }
    }

    /// Rows of the source that were read.
    pub(super) fn source_rows(&self) -> u64 {
        self.source_rows
    }

    /// Works on a file of the source until something else has to happen.
    pub(super) fn turn(&mut self, grain: &mut Grain) -> Result<Turn, OutputError> {
        for _ in 0..BATCHES_A_TURN {
            let rows = match self.held.take() {
                Some(rows) => rows,
                None => match self.read(grain)? {
                    Next::Rows(rows) => rows,
                    Next::Turn(turn) => {
                        self.credit.resize(grain.reader.held_bytes());
                        return Ok(turn);
                    }
                },
            };
            self.credit
                .resize(grain.reader.held_bytes() + rows.memory_size());
            if rows.is_empty() {
                continue;
            }
            if let Some(open) = &self.open
                && (!open.takes(rows.fields()) || open.bytes() >= FILE_BYTES)
            {
                self.held = Some(rows);
                if let Some(full) = self.finish()? {
                    return Ok(Turn::Full(full));
                }
                continue;
            }
            let open = match &mut self.open {
                Some(open) => open,
                None => {
                    let open = OpenFile::new(&self.format, rows.fields(), &self.budget)?;
                    self.open.insert(open)
                }
            };
            open.push(&rows)?;
        }
        Ok(Turn::Pause)
    }

    fn read(&mut self, grain: &mut Grain) -> Result<Next, OutputError> {
        let unreadable = |detail: String| OutputError::SourceFile {
            name: grain.name.to_string(),
            detail,
        };
        let step = grain.reader.step();
        let batch = match step.map_err(|error| unreadable(error.to_string()))? {
            Step::Needs(ranges) => return Ok(Next::Turn(Turn::Needs(ranges))),
            Step::Done(None) => return Ok(Next::Turn(Turn::Over)),
            Step::Done(Some(batch)) => batch,
        };
        self.source_rows += batch.num_rows() as u64;
        let rows = Table::of(&batch, &grain.fields);
        let rows = rows.map_err(|error| unreadable(format!("cannot be read: {error}")))?;
        let made = grain.transform.apply(rows);
        let made = made.map_err(|error| OutputError::Transform {
            file: grain.name.to_string(),
            error,
        })?;
        Ok(Next::Rows(made))
    }

    /// Ends the file that is open.
    pub(super) fn finish(&mut self) -> Result<Option<Finished>, OutputError> {
        let Some(open) = self.open.take() else {
            return Ok(None);
        };
        let rows = open.rows();
        let mut metadata = self.metadata.clone();
        // Plain values: they are always JSON.
        let schema = serde_json::to_string(&stored(open.fields())).unwrap_or_default();
        metadata.push((SCHEMA_KEY.to_owned(), schema));
        let (bytes, credit) = open.finish(metadata)?;
        Ok(Some(Finished {
            bytes,
            rows,
            _credit: credit,
        }))
    }
}

enum Next {
    Rows(Table),
    Turn(Turn),
}
