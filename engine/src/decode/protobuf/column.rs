//! Values of a field under way to an Arrow array. Rows that got no value are filled up with nulls
//! when the next one does, so that a field that is absent costs nothing.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, BooleanBufferBuilder, Float32Array, Float64Array,
    Int64Array, ListArray, MapArray, StringArray, StructArray, TimestampMicrosecondArray,
    UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field as ArrowField, Fields};
use arrow_schema::extension::EXTENSION_TYPE_NAME_KEY;

use super::known::Moment;
use super::plan::{Kind, Plan, Shape};
use super::scalar::{Scalar, ScalarType};
use crate::decode::ends::Ends;
use crate::decode::nulls::Nulls;
use crate::schema::JSON_EXTENSION;
use crate::schema::text::quoted;

pub(super) struct Column {
    len: usize,
    nulls: Nulls,
    pub(super) values: Values,
}

pub(super) enum Values {
    Bool(BooleanBufferBuilder),
    Int(Vec<i64>),
    Unsigned(Vec<u64>),
    Float(Vec<f32>),
    Double(Vec<f64>),
    Bytes(Ends),
    Text(Ends),
    /// Canonical JSON text.
    Json(Ends),
    Timestamp(Vec<Moment>),
    /// Where lists end, and their items.
    List(Vec<i32>, Box<Column>),
    /// Where maps end, their keys and values.
    Map(Vec<i32>, Ends, Box<Column>),
    Message(Box<Parts>),
}

/// The fields of a message.
pub(super) struct Parts {
    /// The message's place in the plan.
    place: usize,
    pub(super) columns: Vec<Column>,
    /// How many columns a row of it has, at every depth but within lists and maps.
    pub(super) cells: usize,
}

/// Columns that a message may come to: a type may be meant again and again by its name.
const MAX_COLUMNS: usize = 100_000;

/// Makes the columns of messages.
pub(super) struct Making<'p> {
    plan: &'p Plan,
    /// Messages that are being made.
    open: Vec<usize>,
    left: usize,
}

impl<'p> Making<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        Self {
            plan,
            open: Vec::new(),
            left: MAX_COLUMNS,
        }
    }

    /// The columns of a message that may have `depth` levels, its own among them.
    pub(super) fn parts(&mut self, place: usize, depth: usize) -> Result<Parts, String> {
        self.open.push(place);
        let inside = depth.saturating_sub(1);
        let fields = self.plan.messages[place].fields.iter();
        let columns = fields.map(|field| self.column(field.shape, field.kind, inside));
        let columns = columns.collect::<Result<Vec<_>, String>>()?;
        self.open.pop();
        let cells = columns.iter().map(Column::cells).sum();
        Ok(Parts {
            place,
            columns,
            cells,
        })
    }

    fn column(&mut self, shape: Shape, kind: Kind, depth: usize) -> Result<Column, String> {
        let too_wide = || format!("its message has more than {MAX_COLUMNS} columns");
        self.left = self.left.checked_sub(1).ok_or_else(too_wide)?;
        let inside = depth.saturating_sub(1);
        let values = match shape {
            // Where no level is left nothing of it can be read.
            Shape::List | Shape::Map(_) if depth == 0 => Values::Json(Ends::new()),
            Shape::Single { .. } => self.values(kind, depth)?,
            Shape::List => {
                let items = Column::new(self.values(kind, inside)?);
                Values::List(vec![0], Box::new(items))
            }
            Shape::Map(_) => {
                let values = Column::new(self.values(kind, inside)?);
                Values::Map(vec![0], Ends::new(), Box::new(values))
            }
        };
        Ok(Column::new(values))
    }

    fn values(&mut self, kind: Kind, depth: usize) -> Result<Values, String> {
        Ok(match kind {
            Kind::Scalar(scalar) | Kind::Wrapper(scalar) => match scalar {
                ScalarType::Bool => Values::Bool(BooleanBufferBuilder::new(0)),
                ScalarType::Uint64 | ScalarType::Fixed64 => Values::Unsigned(Vec::new()),
                ScalarType::Float => Values::Float(Vec::new()),
                ScalarType::Double => Values::Double(Vec::new()),
                ScalarType::Bytes => Values::Bytes(Ends::new()),
                ScalarType::String | ScalarType::Enum(_) => Values::Text(Ends::new()),
                _ => Values::Int(Vec::new()),
            },
            Kind::Timestamp => Values::Timestamp(Vec::new()),
            Kind::Duration => Values::Text(Ends::new()),
            // A message within itself has no end: from there on it is text.
            Kind::Message(place) if depth > 0 && !self.open.contains(&place) => {
                Values::Message(Box::new(self.parts(place, depth)?))
            }
            Kind::Message(_) | Kind::Struct | Kind::Value | Kind::ListValue => {
                Values::Json(Ends::new())
            }
        })
    }
}

impl Column {
    fn new(values: Values) -> Self {
        Self {
            len: 0,
            nulls: Nulls::default(),
            values,
        }
    }

    /// Values, nulls among them.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn cells(&self) -> usize {
        match &self.values {
            Values::Message(parts) => 1 + parts.cells,
            _ => 1,
        }
    }

    /// Makes `row` the next one: those before it that have no value are null.
    #[inline]
    pub(super) fn settle(&mut self, row: usize) {
        if self.len < row {
            self.fill(row);
        }
    }

    fn fill(&mut self, len: usize) {
        self.nulls.add(self.len, len);
        let missing = len - self.len;
        self.len = len;
        match &mut self.values {
            Values::Bool(values) => values.append_n(missing, false),
            Values::Int(values) => values.resize(len, 0),
            Values::Unsigned(values) => values.resize(len, 0),
            Values::Float(values) => values.resize(len, 0.0),
            Values::Double(values) => values.resize(len, 0.0),
            Values::Bytes(ends) | Values::Text(ends) | Values::Json(ends) => ends.fill(len),
            Values::Timestamp(values) => values.resize(len, Moment::default()),
            Values::List(offsets, _) | Values::Map(offsets, ..) => {
                let end = offsets.last().copied().unwrap_or_default();
                offsets.resize(len + 1, end);
            }
            // Its parts are filled up themselves.
            Values::Message(_) => {}
        }
    }

    /// Forgets the values from `len` on, and items of a list that was not ended.
    pub(super) fn truncate(&mut self, len: usize) {
        let len = self.len.min(len);
        self.len = len;
        self.nulls.truncate(len);
        match &mut self.values {
            Values::Bool(values) => values.truncate(len),
            Values::Int(values) => values.truncate(len),
            Values::Unsigned(values) => values.truncate(len),
            Values::Float(values) => values.truncate(len),
            Values::Double(values) => values.truncate(len),
            Values::Bytes(ends) | Values::Text(ends) | Values::Json(ends) => ends.truncate(len),
            Values::Timestamp(values) => values.truncate(len),
            Values::List(offsets, items) => {
                offsets.truncate(len + 1);
                items.truncate(offsets[len] as usize);
            }
            Values::Map(offsets, keys, values) => {
                offsets.truncate(len + 1);
                keys.truncate(offsets[len] as usize);
                values.truncate(offsets[len] as usize);
            }
            Values::Message(parts) => {
                let columns = parts.columns.iter_mut();
                columns.for_each(|column| column.truncate(len));
            }
        }
    }

    /// Puts a value into `row`, in place of one that is there already.
    #[inline]
    pub(super) fn put(&mut self, row: usize, value: Scalar<'_>, plan: &Plan) {
        if self.len > row {
            self.truncate(row);
        }
        self.settle(row);
        match (&mut self.values, value) {
            (Values::Bool(values), Scalar::Bool(value)) => values.append(value),
            (Values::Int(values), Scalar::Int(value)) => values.push(value),
            (Values::Unsigned(values), Scalar::Unsigned(value)) => values.push(value),
            (Values::Float(values), Scalar::Float(value)) => values.push(value),
            (Values::Double(values), Scalar::Double(value)) => values.push(value),
            (Values::Text(ends), Scalar::Text(value)) => ends.push(value.as_bytes()),
            (Values::Bytes(ends), Scalar::Bytes(value)) => ends.push(value),
            (Values::Text(ends), Scalar::Enum(place, number)) => {
                let mut digits = itoa::Buffer::new();
                ends.push(plan.enums[place].text(number, &mut digits).as_bytes());
            }
            _ => unreachable!("a column is made of the type that is read into it"),
        }
        self.len = row + 1;
    }

    /// Ends the list or the map of `row` with what was added to it.
    pub(super) fn close(&mut self, row: usize) {
        self.settle(row);
        match &mut self.values {
            Values::List(offsets, items) => offsets.push(offset(items.len)),
            Values::Map(offsets, _, values) => offsets.push(offset(values.len)),
            _ => unreachable!("only lists and maps end"),
        }
        self.len = row + 1;
    }

    /// The value of `row` was put into `values`.
    pub(super) fn done(&mut self, row: usize) {
        self.len = row + 1;
    }

    /// The column with `len` rows, as an array, with the field that it stands under.
    pub(super) fn finish(mut self, name: &str, len: usize, plan: &Plan) -> (ArrowField, ArrayRef) {
        self.settle(len);
        let nulls = self.nulls.to_buffer(len);
        let (array, is_json): (ArrayRef, bool) = match self.values {
            Values::Json(ends) => (text(ends, nulls), true),
            Values::Timestamp(values) => timestamps(&values, nulls),
            values => (finish(values, len, nulls, plan), false),
        };
        let field = ArrowField::new(name, array.data_type().clone(), true);
        let field = match is_json {
            false => field,
            true => {
                let key = EXTENSION_TYPE_NAME_KEY.to_owned();
                field.with_metadata(HashMap::from([(key, JSON_EXTENSION.to_owned())]))
            }
        };
        (field, array)
    }
}

/// Tables are cut long before 2^31 items.
fn offset(len: usize) -> i32 {
    i32::try_from(len).expect("a table is cut before its lists reach 2^31")
}

fn finish(values: Values, len: usize, nulls: Option<NullBuffer>, plan: &Plan) -> ArrayRef {
    match values {
        Values::Bool(mut values) => Arc::new(BooleanArray::new(values.finish(), nulls)),
        Values::Int(values) => Arc::new(Int64Array::new(values.into(), nulls)),
        Values::Unsigned(values) => Arc::new(UInt64Array::new(values.into(), nulls)),
        Values::Float(values) => Arc::new(Float32Array::new(values.into(), nulls)),
        Values::Double(values) => Arc::new(Float64Array::new(values.into(), nulls)),
        Values::Bytes(ends) => {
            let (offsets, data) = ends.into_buffers();
            Arc::new(BinaryArray::new(offsets, data, nulls))
        }
        Values::Text(ends) | Values::Json(ends) => text(ends, nulls),
        Values::Timestamp(values) => timestamps(&values, nulls).0,
        Values::List(offsets, items) => {
            let count = items.len;
            let (field, items) = items.finish("item", count, plan);
            let offsets = OffsetBuffer::new(offsets.into());
            Arc::new(ListArray::new(Arc::new(field), offsets, items, nulls))
        }
        Values::Map(offsets, keys, values) => {
            let count = values.len;
            let key = ArrowField::new("key", DataType::Utf8, false);
            let (value, values) = values.finish("value", count, plan);
            let fields: Fields = vec![key, value].into();
            let entries = StructArray::new(fields.clone(), vec![text(keys, None), values], None);
            let field = ArrowField::new("entries", DataType::Struct(fields), false);
            let offsets = OffsetBuffer::new(offsets.into());
            Arc::new(MapArray::new(
                Arc::new(field),
                offsets,
                entries,
                nulls,
                false,
            ))
        }
        Values::Message(parts) => Arc::new(parts.finish(len, nulls, plan)),
    }
}

impl Parts {
    /// The fields of `len` messages as one array.
    pub(super) fn finish(self, len: usize, nulls: Option<NullBuffer>, plan: &Plan) -> StructArray {
        let names = plan.messages[self.place].fields.iter();
        let columns = self.columns.into_iter().zip(names);
        let columns = columns.map(|(column, field)| column.finish(&field.name, len, plan));
        let (fields, arrays): (Vec<ArrowField>, Vec<ArrayRef>) = columns.unzip();
        match fields.is_empty() {
            true => StructArray::new_empty_fields(len, nulls),
            false => StructArray::new(fields.into(), arrays, nulls),
        }
    }
}

fn text(ends: Ends, nulls: Option<NullBuffer>) -> ArrayRef {
    let (offsets, data) = ends.into_buffers();
    // SAFETY: `data` is made of whole `&str`s and of canonical JSON text, which is; offsets stand
    // between those.
    Arc::new(unsafe { StringArray::new_unchecked(offsets, data, nulls) })
}

/// Points in time in microseconds, or, where those do not hold one of them, as JSON text that does.
fn timestamps(values: &[Moment], nulls: Option<NullBuffer>) -> (ArrayRef, bool) {
    let micros: Option<Vec<i64>> = values.iter().map(Moment::microseconds).collect();
    if let Some(micros) = micros {
        let array = TimestampMicrosecondArray::new(micros.into(), nulls);
        return (Arc::new(array.with_timezone("UTC")), false);
    }
    let mut ends = Ends::new();
    for (row, value) in values.iter().enumerate() {
        if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
            quoted(&mut ends.data, |out| value.write(out));
        }
        ends.close();
    }
    (text(ends, nulls), true)
}
