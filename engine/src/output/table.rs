//! Rows as an output passes them on: columns of the engine's own types.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, ListArray, RecordBatch};
use arrow::compute::{cast, filter};
use arrow_schema::{ArrowError, DataType as ArrowType};

use crate::schema::{
    DataType, Field, SYSTEM_COLUMNS, Schema, file_field_name, item_field, map_array, struct_array,
};

/// Rows with the names and types of their columns.
#[derive(Clone, Debug)]
pub struct Table {
    fields: Arc<[Field]>,
    columns: Vec<ArrayRef>,
    rows: usize,
}

impl Table {
    /// A table; each array is of its field's [`DataType::to_arrow`].
    ///
    /// # Errors
    /// If arrays differ in length, or are not as many as fields.
    pub fn new(
        fields: Arc<[Field]>,
        columns: Vec<ArrayRef>,
        rows: usize,
    ) -> Result<Self, ArrowError> {
        let alike = columns.iter().all(|column| column.len() == rows);
        if !alike || fields.len() != columns.len() {
            let message = format!("{} columns of {rows} rows do not fit", columns.len());
            return Err(ArrowError::InvalidArgumentError(message));
        }
        Ok(Self {
            fields,
            columns,
            rows,
        })
    }

    /// Rows of a file of the source that has the columns `fields` ([`fields_of`]). Columns that were
    /// not read are left out.
    pub(super) fn of(batch: &RecordBatch, fields: &[Field]) -> Result<Self, ArrowError> {
        let there = fields.iter().filter_map(|field| {
            let column = batch.column_by_name(&field.name)?;
            Some(shaped(column, &field.data_type).map(|column| (field.clone(), column)))
        });
        let there = there.collect::<Result<Vec<_>, _>>()?;
        let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = there.into_iter().unzip();
        Self::new(fields.into(), columns, batch.num_rows())
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The columns' names and types.
    pub fn fields(&self) -> &Arc<[Field]> {
        &self.fields
    }

    /// The columns.
    pub fn columns(&self) -> &[ArrayRef] {
        &self.columns
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<(&Field, &ArrayRef)> {
        let at = self.fields.iter().position(|field| &*field.name == name)?;
        Some((&self.fields[at], &self.columns[at]))
    }

    /// The rows where `keep` is true.
    ///
    /// # Errors
    /// If `keep` has another length.
    pub fn filtered(self, keep: &BooleanArray) -> Result<Self, ArrowError> {
        let rows = keep.iter().filter(|keep| *keep == Some(true)).count();
        if rows == self.rows && keep.len() == rows {
            return Ok(self);
        }
        let columns = self.columns.iter().map(|column| filter(column, keep));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        Self::new(self.fields, columns, rows)
    }

    /// Bytes of memory that the arrays hold, by capacity.
    pub fn memory_size(&self) -> usize {
        let sizes = self
            .columns
            .iter()
            .map(|column| column.get_array_memory_size());
        sizes.sum()
    }
}

/// The columns of a file of the source: those of its events, and who each row is.
pub(super) fn fields_of(schema: &Schema, found: &arrow_schema::Schema) -> Vec<Field> {
    let events = schema.in_file().fields.into_iter().map(|field| {
        let name = file_field_name(&field.name).into_owned();
        Field::new(name, field.data_type)
    });
    let mut fields: Vec<Field> = events.collect();
    let names = found.fields().iter().map(|field| field.name().as_str());
    fields.extend(names.filter_map(system_field));
    fields
}

/// The columns that files of a source with this schema have for its outputs.
pub fn source_columns(schema: &Schema) -> Vec<Field> {
    let names = SYSTEM_COLUMNS.map(|name| arrow_schema::Field::new(name, ArrowType::Null, true));
    fields_of(schema, &arrow_schema::Schema::new(names.to_vec()))
}

/// A column that is not the events' own.
fn system_field(name: &str) -> Option<Field> {
    let data_type = match name {
        "_overflow" => DataType::Json,
        "_shard" | "_sequence" | "_partition_key" => DataType::Utf8,
        "_subsequence" | "_index" => DataType::Int64,
        "_arrival" => DataType::Timestamp,
        _ => return None,
    };
    Some(Field::new(name, data_type))
}

/// An array as Parquet gives it, as one of exactly [`DataType::to_arrow`].
fn shaped(array: &ArrayRef, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
    Ok(match data_type {
        DataType::Struct(fields) => {
            let found = array
                .as_struct_opt()
                .ok_or_else(|| unlike(array, data_type))?;
            let members = fields.iter().map(|field| {
                let member = found.column_by_name(&field.name);
                let member = member.ok_or_else(|| unlike(array, data_type))?;
                shaped(member, &field.data_type)
            });
            let members = members.collect::<Result<Vec<_>, _>>()?;
            struct_array(found.len(), fields, members, found.nulls().cloned())
        }
        DataType::List(item) => {
            let found = array
                .as_list_opt::<i32>()
                .ok_or_else(|| unlike(array, data_type))?;
            let values = shaped(found.values(), item)?;
            let (offsets, nulls) = (found.offsets().clone(), found.nulls().cloned());
            Arc::new(ListArray::try_new(
                item_field(item),
                offsets,
                values,
                nulls,
            )?)
        }
        DataType::Map(value) => {
            let found = array.as_map_opt().ok_or_else(|| unlike(array, data_type))?;
            let values = shaped(found.values(), value)?;
            let (offsets, nulls) = (found.offsets().clone(), found.nulls().cloned());
            map_array(value, offsets, Arc::clone(found.keys()), values, nulls)
        }
        simple => {
            let wanted = simple.to_arrow();
            match (array.data_type(), &wanted) {
                (found, wanted) if found == wanted => Arc::clone(array),
                (ArrowType::Int32 | ArrowType::Timestamp(..), _) => cast(array, &wanted)?,
                _ => return Err(unlike(array, data_type)),
            }
        }
    })
}

fn unlike(array: &ArrayRef, wanted: &DataType) -> ArrowError {
    ArrowError::SchemaError(format!(
        "a column is {}, not {wanted:?} as its commit says",
        array.data_type()
    ))
}
