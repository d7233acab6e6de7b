//! Rows of messages under way to a table.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};

use super::column::{Making, Parts};
use super::options::UnknownFields;
use super::plan::{Plan, ROOT};
use super::read::{Read, Reader};
use crate::decode::DecodeLimits;
use crate::decode::columns::Columns;
use crate::decode::room::Room;
use crate::decode::whole_file::Refusal;

/// Rows of a message.
pub(super) struct RowsOf {
    plan: Arc<Plan>,
    limits: DecodeLimits,
    parts: Parts,
    len: usize,
}

impl RowsOf {
    /// No rows yet.
    pub(super) fn new(plan: &Arc<Plan>, limits: &DecodeLimits) -> Result<Self, Refusal> {
        let parts = Making::new(plan).parts(ROOT, limits.max_depth);
        Ok(Self {
            plan: Arc::clone(plan),
            limits: limits.clone(),
            parts: parts.map_err(Refusal::Damaged)?,
            len: 0,
        })
    }

    /// Reads a row. After an error the rows before it are as they were.
    pub(super) fn read(
        &mut self,
        message: &[u8],
        room: &mut Room,
        unknown_fields: UnknownFields,
    ) -> Read<()> {
        room.cells(1 + self.parts.cells)?;
        let mut reader = Reader {
            plan: &self.plan,
            room,
            unknown_fields,
            max_depth: self.limits.max_depth,
            waiting: Vec::new(),
        };
        let read = reader.root(message, &mut self.parts.columns, self.len);
        match &read {
            Ok(()) => self.len += 1,
            Err(_) => {
                let columns = self.parts.columns.iter_mut();
                columns.for_each(|column| column.truncate(self.len));
            }
        }
        read
    }

    /// The rows as columns.
    pub(super) fn finish(self) -> Result<Columns, Refusal> {
        let rows = self.parts.finish(self.len, None, &self.plan);
        let (fields, columns, _) = rows.into_parts();
        let schema = Arc::new(arrow_schema::Schema::new(fields));
        let options = RecordBatchOptions::new().with_row_count(Some(self.len));
        let batch = RecordBatch::try_new_with_options(schema, columns, &options)
            .map_err(Refusal::damaged)?;
        // What the values take was counted when they were read.
        Ok(Columns::from_batch(batch, usize::MAX, &self.limits)?)
    }
}
