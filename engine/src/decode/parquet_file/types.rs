//! As what the library reads each column, and what its type means beyond that.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayData, ArrayRef, RecordBatch, make_array};
use arrow::datatypes::{DataType, FieldRef, Fields, TimeUnit};
use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;
use arrow_schema::{Schema, SchemaRef};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::basic::{ConvertedType, LogicalType, Type as PhysicalType};
use parquet::schema::types::ColumnDescriptor;

use super::relabelled;
use crate::decode::whole_file::Refusal;

/// How a file is read.
pub(super) struct Plan {
    /// What the library is asked for: texts and bytes as views.
    pub(super) read_as: SchemaRef,
    /// The same with the extension types that columns have by their logical types.
    means: SchemaRef,
}

impl Plan {
    pub(super) fn of(file: &ArrowReaderMetadata) -> Result<Self, Refusal> {
        let columns = file.metadata().file_metadata().schema_descr().columns();
        let mut leaves = columns.iter().map(|column| &**column);
        let fields = file.schema().fields();
        let read_as: Fields = fields
            .iter()
            .map(|field| read_as(field, &mut leaves))
            .collect::<Result<_, _>>()?;
        let mut leaves = columns.iter().map(|column| &**column);
        let means: Fields = read_as
            .iter()
            .map(|field| meant(field, &mut leaves))
            .collect();
        let metadata = file.schema().metadata().clone();
        Ok(Self {
            read_as: Arc::new(Schema::new_with_metadata(read_as, metadata)),
            means: Arc::new(Schema::new(means)),
        })
    }

    /// A batch with its extension types.
    pub(super) fn marked(&self, batch: RecordBatch) -> Result<RecordBatch, Refusal> {
        relabelled(&batch, &self.means)
    }
}

type Leaves<'l, 'c> = &'l mut dyn Iterator<Item = &'c ColumnDescriptor>;

/// A field of the type that it is read as.
fn read_as(field: &FieldRef, leaves: Leaves<'_, '_>) -> Result<FieldRef, Refusal> {
    let data_type = match inner(field.data_type(), |field| read_as(field, leaves))? {
        Some(nested) => nested,
        None => {
            let column = leaves
                .next()
                .ok_or_else(|| Refusal::damaged("its columns do not fit its schema"))?;
            leaf_read_as(field.data_type(), column)?
        }
    };
    Ok(Arc::new(field.as_ref().clone().with_data_type(data_type)))
}

fn leaf_read_as(data_type: &DataType, column: &ColumnDescriptor) -> Result<DataType, Refusal> {
    Ok(match data_type {
        DataType::Dictionary(_, value) => leaf_read_as(value, column)?,
        DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary if is_enum(column) => DataType::Utf8View,
        DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
        // Microseconds reach as far as dates do that people write in this old type; nanoseconds
        // only to the year 2262.
        DataType::Timestamp(..) if column.physical_type() == PhysicalType::INT96 => {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        }
        DataType::Interval(_) => {
            // The library reads either the months or the rest.
            return Err(Refusal::damaged("intervals are not supported"));
        }
        other => other.clone(),
    })
}

fn is_enum(column: &ColumnDescriptor) -> bool {
    matches!(column.logical_type_ref(), Some(LogicalType::Enum))
        || column.converted_type() == ConvertedType::ENUM
}

/// A field with the extension types that logical types come to.
fn meant(field: &FieldRef, leaves: Leaves<'_, '_>) -> FieldRef {
    let nested = inner(field.data_type(), |field| {
        Ok::<_, Refusal>(meant(field, leaves))
    });
    if let Ok(Some(nested)) = nested {
        return Arc::new(field.as_ref().clone().with_data_type(nested));
    }
    let extension = leaves.next().and_then(|column| {
        match (column.logical_type_ref(), column.converted_type()) {
            (Some(LogicalType::Uuid), _) => Some("arrow.uuid"),
            (Some(LogicalType::Json), _) | (None, ConvertedType::JSON) => Some("arrow.json"),
            _ => None,
        }
    });
    match extension {
        None => Arc::clone(field),
        Some(name) => {
            let name = (EXTENSION_TYPE_NAME_KEY.to_owned(), name.to_owned());
            Arc::new(field.as_ref().clone().with_metadata(HashMap::from([name])))
        }
    }
}

/// A nested type with other fields; `None` for a type that has none.
fn inner<E>(
    data_type: &DataType,
    mut map: impl FnMut(&FieldRef) -> Result<FieldRef, E>,
) -> Result<Option<DataType>, E> {
    Ok(Some(match data_type {
        DataType::List(field) => DataType::List(map(field)?),
        DataType::LargeList(field) => DataType::LargeList(map(field)?),
        DataType::ListView(field) => DataType::ListView(map(field)?),
        DataType::LargeListView(field) => DataType::LargeListView(map(field)?),
        DataType::FixedSizeList(field, size) => DataType::FixedSizeList(map(field)?, *size),
        DataType::Map(field, sorted) => DataType::Map(map(field)?, *sorted),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(map).collect::<Result<_, _>>()?)
        }
        _ => return Ok(None),
    }))
}

/// The same array under a type of the same layout, which differs in what its fields say.
pub(super) fn relabel(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, Refusal> {
    if array.data_type() == to {
        return Ok(Arc::clone(array));
    }
    Ok(make_array(relabelled_data(array.to_data(), to)?))
}

fn relabelled_data(data: ArrayData, to: &DataType) -> Result<ArrayData, Refusal> {
    let fields: Vec<&FieldRef> = match to {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => vec![field],
        DataType::Struct(fields) => fields.iter().collect(),
        _ => Vec::new(),
    };
    let children = data.child_data().iter().zip(fields);
    let children = children
        .map(|(child, field)| relabelled_data(child.clone(), field.data_type()))
        .collect::<Result<Vec<_>, _>>()?;
    let data = data.into_builder().data_type(to.clone());
    data.child_data(children).build().map_err(Refusal::damaged)
}
