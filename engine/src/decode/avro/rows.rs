//! Rows of one schema under way to a table.

use std::sync::Arc;

use arrow::array::{AsArray, BooleanBufferBuilder, RecordBatch, RecordBatchOptions};

use super::cursor::{Cursor, Room};
use super::schema::{Place, Schema, Type};
use super::values::{Column, Ends, Values, record};
use super::written::{Written, i128_of, i256_of};
use crate::decode::DecodeLimits;
use crate::decode::columns::Columns;
use crate::decode::whole_file::Refusal;
use crate::schema::{JSON_EXTENSION, UUID_EXTENSION};

/// The column of values that are no records.
const VALUE: &str = "value";

/// The most digits of a decimal in 128 bits.
const DIGITS_OF_128_BITS: u8 = 38;

/// Rows of a schema.
pub(super) struct RowsOf {
    schema: Arc<Schema>,
    limits: DecodeLimits,
    /// Of the whole value.
    column: Column,
}

impl RowsOf {
    /// No rows yet; a schema that is too deep or too wide is refused.
    pub(super) fn new(schema: &Arc<Schema>, limits: &DecodeLimits) -> Result<Self, Refusal> {
        let mut making = Making {
            schema,
            open: Vec::new(),
            // A row takes a cell of each at least.
            columns_left: limits.max_event_cells.min(MAX_COLUMNS),
        };
        let column = making.column(schema.root, limits.max_depth)?;
        Ok(Self {
            schema: Arc::clone(schema),
            limits: limits.clone(),
            column,
        })
    }

    pub(super) fn len(&self) -> usize {
        self.column.len()
    }

    /// Reads a row. After an error the rows before it are as they were.
    pub(super) fn read(&mut self, cursor: &mut Cursor<'_>, room: &mut Room) -> Result<(), Refusal> {
        let len = self.column.len();
        let reading = Reading {
            schema: &self.schema,
            depth: self.limits.max_depth,
        };
        let read = reading.value(self.schema.root, &mut self.column, cursor, room);
        if read.is_err() {
            self.truncate(len);
        }
        read
    }

    /// Forgets the rows from `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        self.column.truncate(len);
    }

    /// The rows as columns; none are left.
    pub(super) fn finish(&mut self) -> Result<Columns, Refusal> {
        let empty = Self::new(&self.schema, &self.limits)?.column;
        let column = std::mem::replace(&mut self.column, empty);
        let len = column.len();
        let rows = match column {
            Column {
                values: Values::Record(fields),
                ..
            } => record(fields, len, None),
            column => record(vec![(VALUE.to_owned(), column)], len, None),
        };
        let rows = rows.as_struct().clone();
        let (fields, columns, _) = rows.into_parts();
        let schema = Arc::new(arrow_schema::Schema::new(fields));
        let options = RecordBatchOptions::new().with_row_count(Some(len));
        let batch = RecordBatch::try_new_with_options(schema, columns, &options)
            .map_err(Refusal::damaged)?;
        // What the values take was counted when they were read.
        Ok(Columns::from_batch(batch, usize::MAX, &self.limits)?)
    }
}

/// Columns that a schema may come to: a type can be meant again and again by its name.
const MAX_COLUMNS: usize = 100_000;

/// Makes the columns of a schema.
struct Making<'s> {
    schema: &'s Schema,
    /// Records that are being made.
    open: Vec<Place>,
    columns_left: usize,
}

impl Making<'_> {
    fn column(&mut self, place: Place, depth: usize) -> Result<Column, Refusal> {
        let too_wide = || Refusal::TooLarge("its schema has too many columns".to_owned());
        self.columns_left = self.columns_left.checked_sub(1).ok_or_else(too_wide)?;
        let deeper = || depth.checked_sub(1).ok_or(Refusal::TooDeep);
        let values = match &self.schema.types[place] {
            Type::Null => Values::Null,
            Type::Boolean => Values::Boolean(BooleanBufferBuilder::new(0)),
            Type::Int => Values::Int(Vec::new()),
            Type::Long => Values::Long(Vec::new()),
            Type::Float => Values::Float(Vec::new()),
            Type::Double => Values::Double(Vec::new()),
            Type::Bytes => Values::Bytes(Ends::new()),
            Type::Fixed(size) => Values::Fixed(*size as i32, Vec::new()),
            Type::Uuid => {
                let mut uuids = Column::new(Values::Fixed(16, Vec::new()));
                uuids.extension = Some(UUID_EXTENSION);
                return Ok(uuids);
            }
            Type::String | Type::Enum(_) | Type::Duration => Values::Text(Ends::new()),
            Type::Date => Values::Date(Vec::new()),
            Type::TimeMillis => Values::TimeMillis(Vec::new()),
            Type::TimeMicros => Values::TimeMicros(Vec::new()),
            Type::Timestamp { per_second, utc } => Values::Timestamp(Vec::new(), *per_second, *utc),
            Type::Decimal {
                precision, scale, ..
            } => match *precision <= DIGITS_OF_128_BITS {
                true => Values::Decimal(Vec::new(), *precision, *scale),
                false => Values::LongDecimal(Vec::new(), *precision, *scale),
            },
            Type::Array(items) => Values::List(vec![0], Box::new(self.column(*items, deeper()?)?)),
            Type::Map(values) => {
                let values = self.column(*values, deeper()?)?;
                Values::Map(vec![0], Ends::new(), Box::new(values))
            }
            Type::Union(branches) => return self.union(branches, depth),
            // A record within itself has no end: from there on it is text.
            Type::Record(_) if self.open.contains(&place) => {
                let mut text = Column::new(Values::Text(Ends::new()));
                text.extension = Some(JSON_EXTENSION);
                return Ok(text);
            }
            Type::Record(fields) => {
                self.open.push(place);
                let depth = deeper()?;
                let fields = fields
                    .iter()
                    .map(|(name, place)| Ok((name.clone(), self.column(*place, depth)?)))
                    .collect::<Result<_, Refusal>>()?;
                self.open.pop();
                Values::Record(fields)
            }
        };
        Ok(Column::new(values))
    }

    fn union(&mut self, branches: &[Place], depth: usize) -> Result<Column, Refusal> {
        let values: Vec<Place> = self.schema.values_of(branches).collect();
        match values[..] {
            [] => Ok(Column::new(Values::Null)),
            [only] => self.column(only, depth),
            _ => {
                let depth = depth.checked_sub(1).ok_or(Refusal::TooDeep)?;
                let named = branches.iter().map(|branch| {
                    let name = self.schema.branch_name(*branch).to_owned();
                    Ok((name, self.column(*branch, depth)?))
                });
                let branches = named.collect::<Result<_, Refusal>>()?;
                Ok(Column::new(Values::Union(branches, Vec::new(), Vec::new())))
            }
        }
    }
}

/// Reads values into columns.
struct Reading<'s> {
    schema: &'s Schema,
    /// Levels that values within records within themselves may have.
    depth: usize,
}

impl Reading<'_> {
    fn value(
        &self,
        place: Place,
        column: &mut Column,
        cursor: &mut Cursor<'_>,
        room: &mut Room,
    ) -> Result<(), Refusal> {
        let data_type = &self.schema.types[place];
        if let Type::Union(branches) = data_type {
            return self.union(branches, column, cursor, room);
        }
        room.cell()?;
        match (data_type, &mut column.values) {
            (Type::Null, _) => {
                column.nulls.append_null();
                return Ok(());
            }
            (Type::Boolean, Values::Boolean(values)) => values.append(cursor.boolean()?),
            (Type::Int, Values::Int(values))
            | (Type::Date, Values::Date(values))
            | (Type::TimeMillis, Values::TimeMillis(values)) => values.push(cursor.int()?),
            (Type::Long, Values::Long(values))
            | (Type::TimeMicros, Values::TimeMicros(values))
            | (Type::Timestamp { .. }, Values::Timestamp(values, ..)) => {
                values.push(cursor.long()?);
            }
            (Type::Float, Values::Float(values)) => {
                values.push(f32::from_le_bytes(cursor.array()?));
            }
            (Type::Double, Values::Double(values)) => {
                values.push(f64::from_le_bytes(cursor.array()?));
            }
            (Type::Bytes, Values::Bytes(ends)) => ends.push(cursor.bytes()?),
            (Type::Fixed(_) | Type::Uuid, Values::Fixed(size, data)) => {
                data.extend_from_slice(cursor.take(*size as usize)?);
            }
            (Type::String, Values::Text(ends)) => ends.push(cursor.text()?.as_bytes()),
            (Type::Decimal { size, .. }, Values::Decimal(values, ..)) => {
                values.push(i128_of(amount(*size, cursor)?)?);
            }
            (Type::Decimal { size, .. }, Values::LongDecimal(values, ..)) => {
                values.push(i256_of(amount(*size, cursor)?)?);
            }
            (Type::Array(items), Values::List(offsets, column)) => {
                each(cursor, |cursor| self.value(*items, column, cursor, room))?;
                offsets.push(end(column.len())?);
            }
            (Type::Map(values), Values::Map(offsets, keys, column)) => {
                each(cursor, |cursor| {
                    keys.push(cursor.text()?.as_bytes());
                    self.value(*values, column, cursor, room)
                })?;
                offsets.push(end(column.len())?);
            }
            (Type::Record(fields), Values::Record(columns)) => {
                for ((_, place), (_, column)) in fields.iter().zip(columns) {
                    self.value(*place, column, cursor, room)?;
                }
            }
            // Enums, durations, and records within themselves.
            (_, Values::Text(ends)) => {
                let quoted = column.extension.is_some();
                self.text(place, quoted, ends, cursor, room)?;
            }
            _ => unreachable!("a column is made of the type that is read into it"),
        }
        column.nulls.append_non_null();
        Ok(())
    }

    /// Writes a value as text.
    fn text(
        &self,
        place: Place,
        quoted: bool,
        ends: &mut Ends,
        cursor: &mut Cursor<'_>,
        room: &mut Room,
    ) -> Result<(), Refusal> {
        let written = Written {
            schema: self.schema,
            quoted,
        };
        let before = ends.data.len();
        if let Err(refusal) = written.value(place, cursor, &mut ends.data, room, self.depth) {
            ends.data.truncate(before);
            return Err(refusal);
        }
        room.bytes(ends.data.len() - before)?;
        ends.close();
        Ok(())
    }

    fn union(
        &self,
        branches: &[Place],
        column: &mut Column,
        cursor: &mut Cursor<'_>,
        room: &mut Room,
    ) -> Result<(), Refusal> {
        let branch = cursor.place(branches.len())?;
        let place = branches[branch];
        let is_null = matches!(self.schema.types[place], Type::Null);
        match &mut column.values {
            Values::Union(columns, ids, places) if self.schema.values_of(branches).count() > 1 => {
                let (_, inner) = &mut columns[branch];
                ids.push(branch as i8);
                places.push(end(inner.len())?);
                self.value(place, inner, cursor, room)?;
                column.nulls.append_non_null();
                Ok(())
            }
            _ if is_null => column.push_null(room),
            _ => self.value(place, column, cursor, room),
        }
    }
}

/// Reads the items of an array or a map, block after block.
pub(super) fn each<'a>(
    cursor: &mut Cursor<'a>,
    mut item: impl FnMut(&mut Cursor<'a>) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut count = cursor.block()?;
    while count > 0 {
        for _ in 0..count {
            item(cursor)?;
        }
        count = cursor.block()?;
    }
    Ok(())
}

/// The bytes of a decimal.
pub(super) fn amount<'a>(
    size: Option<usize>,
    cursor: &mut Cursor<'a>,
) -> Result<&'a [u8], Refusal> {
    match size {
        Some(size) => cursor.take(size),
        None => cursor.bytes(),
    }
}

fn end(len: usize) -> Result<i32, Refusal> {
    let too_many = |_| Refusal::TooLarge("it has more values than a table may".to_owned());
    i32::try_from(len).map_err(too_many)
}
