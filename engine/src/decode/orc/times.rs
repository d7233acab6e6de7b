//! Timestamps without a loss: the library reads nanoseconds only to the year 2262, and where it must
//! make null of a value it does. As decimals it reads all that the format holds.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, ListArray, MapArray, RecordBatch,
    RecordBatchOptions, StringArray, StructArray, TimestampMicrosecondArray,
    TimestampNanosecondArray, UnionArray,
};
use arrow::datatypes::{DataType, Decimal128Type, Field, FieldRef, Fields, TimeUnit, UnionFields};
use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;
use arrow_schema::{ArrowError, Schema};

use crate::schema::JSON_EXTENSION;
use crate::schema::calendar::{NANOSECONDS, SECONDS, write_timestamp};

/// What the library reads as decimals of nanoseconds.
const NANOS: DataType = DataType::Decimal128(38, 9);

/// The schema to ask for.
pub(super) fn read_as(schema: &Schema) -> Schema {
    Schema::new(schema.fields().iter().map(asked).collect::<Fields>())
}

fn asked(field: &FieldRef) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::Timestamp(..) => NANOS,
        DataType::List(item) => DataType::List(asked(item)),
        DataType::Map(entries, sorted) => DataType::Map(asked(entries), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(asked).collect()),
        DataType::Union(fields, mode) => {
            let fields = fields.iter().map(|(id, field)| (id, asked(field)));
            DataType::Union(fields.collect(), *mode)
        }
        other => other.clone(),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// A batch that was read as [`read_as`] says, with timestamps where `schema` has them.
pub(super) fn restored(batch: &RecordBatch, schema: &Schema) -> Result<RecordBatch, ArrowError> {
    let columns = batch.columns().iter().zip(schema.fields());
    let columns: Vec<(FieldRef, ArrayRef)> = columns
        .map(|(array, field)| restore(array, field))
        .collect::<Result<_, _>>()?;
    let (fields, columns): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
    let schema = Arc::new(Schema::new(fields));
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema, columns, &options)
}

fn restore(array: &ArrayRef, was: &FieldRef) -> Result<(FieldRef, ArrayRef), ArrowError> {
    let array: ArrayRef = match was.data_type() {
        DataType::Timestamp(_, zone) => return Ok(timestamps(array, was, zone.is_some())),
        DataType::List(item) => {
            let list = array.as_list::<i32>();
            let (item, values) = restore(list.values(), item)?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Arc::new(ListArray::try_new(item, offsets, values, nulls)?)
        }
        DataType::Map(entries, sorted) => {
            let map = array.as_map();
            let whole: ArrayRef = Arc::new(map.entries().clone());
            let (field, whole) = restore(&whole, entries)?;
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            let entries = whole.as_struct().clone();
            Arc::new(MapArray::try_new(field, offsets, entries, nulls, *sorted)?)
        }
        DataType::Struct(fields) if !fields.is_empty() => {
            let array = array.as_struct();
            let columns = array.columns().iter().zip(fields);
            let columns = columns.map(|(array, field)| restore(array, field));
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            let (fields, columns): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
            let nulls = array.nulls().cloned();
            Arc::new(StructArray::try_new(fields.into(), columns, nulls)?)
        }
        DataType::Union(fields, _) => {
            let union = array.as_union();
            let columns = fields.iter().map(|(id, field)| {
                let (field, column) = restore(union.child(id), field)?;
                Ok::<_, ArrowError>(((id, field), column))
            });
            let columns = columns.collect::<Result<Vec<_>, _>>()?;
            let (fields, columns): (Vec<_>, Vec<_>) = columns.into_iter().unzip();
            let fields: UnionFields = fields.into_iter().collect();
            let (ids, offsets) = (union.type_ids().clone(), union.offsets().cloned());
            Arc::new(UnionArray::try_new(fields, ids, offsets, columns)?)
        }
        _ => Arc::clone(array),
    };
    let field = was
        .as_ref()
        .clone()
        .with_data_type(array.data_type().clone());
    Ok((Arc::new(field), array))
}

/// Nanoseconds as timestamps in the finest unit that holds them all, or as their text.
fn timestamps(array: &ArrayRef, was: &FieldRef, utc: bool) -> (FieldRef, ArrayRef) {
    let nanos = array.as_primitive::<Decimal128Type>();
    let zone = utc.then_some("UTC");
    let array: ArrayRef = if let Some(values) = each(nanos, |value| i64::try_from(value).ok()) {
        let array = TimestampNanosecondArray::from_iter(values);
        Arc::new(array.with_timezone_opt(zone))
    } else if let Some(values) = each(nanos, |value| {
        (value % 1_000 == 0).then(|| i64::try_from(value / 1_000).ok())?
    }) {
        let array = TimestampMicrosecondArray::from_iter(values);
        Arc::new(array.with_timezone_opt(zone))
    } else {
        let texts = nanos
            .iter()
            .map(|value| value.map(|value| text(value, utc)));
        let array: ArrayRef = Arc::new(texts.collect::<StringArray>());
        let name = (
            EXTENSION_TYPE_NAME_KEY.to_owned(),
            JSON_EXTENSION.to_owned(),
        );
        let field = Field::new(was.name(), DataType::Utf8, was.is_nullable());
        return (Arc::new(field.with_metadata([name].into())), array);
    };
    let data_type = array.data_type().clone();
    let field = was.as_ref().clone().with_data_type(data_type);
    debug_assert!(matches!(
        field.data_type(),
        DataType::Timestamp(TimeUnit::Nanosecond | TimeUnit::Microsecond, _)
    ));
    (Arc::new(field), array)
}

/// Every value by `map`; `None` where that refuses one.
fn each(nanos: &Decimal128Array, map: impl Fn(i128) -> Option<i64>) -> Option<Vec<Option<i64>>> {
    let value = |value: Option<i128>| match value {
        Some(value) => map(value).map(Some),
        None => Some(None),
    };
    nanos.iter().map(value).collect()
}

/// JSON text of a time that no timestamp holds.
fn text(nanos: i128, utc: bool) -> String {
    let per_second = i128::from(NANOSECONDS);
    let seconds = i64::try_from(nanos.div_euclid(per_second)).unwrap_or(i64::MAX);
    let fraction = nanos.rem_euclid(per_second);
    let mut out = vec![b'"'];
    write_timestamp(&mut out, seconds, SECONDS, false);
    if fraction > 0 {
        let digits = format!(".{fraction:09}");
        out.extend_from_slice(digits.trim_end_matches('0').as_bytes());
    }
    out.extend_from_slice(if utc { b"Z\"" } else { b"\"" });
    String::from_utf8_lossy(&out).into_owned()
}
