//! Rows that come as columns: tables of columnar formats, and small ones joined to larger ones.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StructArray};
use arrow::compute::concat;
use arrow::datatypes::Field as ArrowField;

use super::DecodeLimits;
use crate::schema::{DataType, Field, FromArrowError, Schema, conform, from_arrow};
use crate::types::Rows;

/// Rows without identities.
pub(super) struct Columns {
    pub(super) len: usize,
    pub(super) fields: Vec<Field>,
    /// One array a field, exactly of its type.
    pub(super) columns: Vec<ArrayRef>,
}

impl Columns {
    /// Takes a batch of the library's. At most `max_bytes` are allocated for it.
    pub(super) fn from_batch(
        batch: RecordBatch,
        max_bytes: usize,
        limits: &DecodeLimits,
    ) -> Result<Self, FromArrowError> {
        let len = batch.num_rows();
        let rows: ArrayRef = Arc::new(StructArray::from(batch));
        let field = ArrowField::new("", rows.data_type().clone(), false);
        let (data_type, rows) = from_arrow(&field, &rows, max_bytes, limits.max_depth)?;
        let DataType::Struct(fields) = data_type else {
            unreachable!("a struct stays a struct");
        };
        let columns = rows.as_struct().columns().to_vec();
        Ok(Self {
            len,
            fields,
            columns,
        })
    }

    /// Bytes that the arrays hold.
    pub(super) fn memory_size(&self) -> usize {
        let sizes = self.columns.iter();
        sizes.map(|array| array.get_array_memory_size()).sum()
    }
}

/// Joins neighbours that have the same columns, up to the limits of a table: files of few rows would
/// else be as many tables.
pub(super) fn join_alike(all: Vec<Rows>, limits: &DecodeLimits) -> Vec<Rows> {
    let mut joined = Vec::with_capacity(all.len());
    let mut run: Vec<Rows> = Vec::new();
    let mut schema = Arc::new(Schema::default());
    let (mut len, mut bytes) = (0, 0);
    for rows in all {
        let size = rows.memory_size();
        let merged = match run.last() {
            Some(last) if last.schema == rows.schema => Some(Arc::clone(&schema)),
            Some(_) => Some(Arc::new(schema.merge(&rows.schema))),
            None => None,
        };
        // A column that only some have would be null in the others.
        let alike = merged.filter(|merged| {
            let leaves = merged.leaf_count();
            leaves == schema.leaf_count()
                && leaves == rows.schema.leaf_count()
                && merged.fields.len() == rows.schema.fields.len()
                && (len + rows.len) * leaves <= limits.max_table_cells
                && bytes + size <= limits.max_table_bytes
        });
        match alike {
            Some(merged) => {
                schema = merged;
                (len, bytes) = (len + rows.len, bytes + size);
            }
            None => {
                joined.extend(join(std::mem::take(&mut run), &schema));
                schema = Arc::clone(&rows.schema);
                (len, bytes) = (rows.len, size);
            }
        }
        run.push(rows);
    }
    joined.extend(join(run, &schema));
    joined
}

/// One table of several whose columns `schema` has.
fn join(mut run: Vec<Rows>, schema: &Arc<Schema>) -> Option<Rows> {
    if run.len() <= 1 {
        return run.pop();
    }
    let parts: Vec<Vec<ArrayRef>> = run
        .iter()
        .map(|rows| conform(rows, schema).columns)
        .collect();
    let columns = (0..schema.fields.len()).map(|at| end_to_end(parts.iter().map(|part| &part[at])));
    let columns = columns.collect();
    Some(Rows {
        len: run.iter().map(|rows| rows.len).sum(),
        schema: Arc::clone(schema),
        columns,
        sequence: end_to_end(run.iter().map(|rows| &rows.sequence)),
        subsequence: end_to_end(run.iter().map(|rows| &rows.subsequence)),
        partition_key: end_to_end(run.iter().map(|rows| &rows.partition_key)),
        arrival: end_to_end(run.iter().map(|rows| &rows.arrival)),
        index: end_to_end(run.iter().map(|rows| &rows.index)),
    })
}

fn end_to_end<'a>(arrays: impl Iterator<Item = &'a ArrayRef>) -> ArrayRef {
    let arrays: Vec<&dyn Array> = arrays.map(|array| &**array).collect();
    concat(&arrays).expect("arrays of one type, of fewer bytes than offsets count")
}
