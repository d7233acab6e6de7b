//! A column that learns its type while it grows.

use std::mem;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, Float64Array, Int64Array, ListArray,
    NullArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};

use super::fields::Fields;
use super::nulls::Nulls;
use super::texts::{Texts, last, offset, tight, zeros};
use crate::schema::text::{EXACT_INTEGERS, write_bool, write_float, write_int, write_string};
use crate::schema::{DataType, item_field, widen};

/// Values of one field. Every `push` names the row that the value is for: rows that were left out
/// before it become null, and a row that has a value already gets the new one instead (the last of
/// two equal keys wins; the first one's type still counts, so that the type of a column depends on
/// the values that stood in it and not on their order).
#[derive(Default)]
pub(super) struct Column {
    /// Rows so far, nulls included.
    len: usize,
    /// Rows to make room for at once.
    expected: usize,
    nulls: Nulls,
    values: Values,
}

#[derive(Default)]
enum Values {
    /// Only nulls so far.
    #[default]
    Null,
    Bool(BooleanBufferBuilder),
    Int(Ints),
    Float(Vec<f64>),
    Utf8(Texts),
    /// Canonical JSON text.
    Json(Texts),
    List(Box<List>),
    Struct(Box<Fields>),
}

struct Ints {
    values: Vec<i64>,
    /// Whether some value is beyond 2^53, so that the column is an int64 and not an int53.
    wide: bool,
}

/// Bytes of text to make room for at once, at most.
const MOST_EXPECTED_BYTES: usize = 64 << 10;

fn is_wide(value: i64) -> bool {
    value.unsigned_abs() > EXACT_INTEGERS
}

/// Items of lists end to end.
pub(super) struct List {
    offsets: Vec<i32>,
    /// The items of all lists so far; the next item's row in `column`.
    pub(super) items: usize,
    /// The items.
    pub(super) column: Column,
}

impl List {
    fn with_nulls(nulls: usize, expected: usize) -> Self {
        Self {
            offsets: zeros(nulls + 1, expected + 1),
            items: 0,
            column: Column::default(),
        }
    }

    /// Ends the list that the last items belong to.
    pub(super) fn close(&mut self) {
        self.offsets.push(offset(self.items));
    }
}

impl Column {
    /// A column that so many rows are expected of.
    pub(super) fn expecting(rows: usize) -> Self {
        Self {
            expected: rows,
            ..Self::default()
        }
    }

    /// Makes `row` the next one.
    #[inline]
    fn settle(&mut self, row: usize) {
        if self.len != row {
            self.settle_elsewhere(row);
        }
    }

    #[inline(never)]
    fn settle_elsewhere(&mut self, row: usize) {
        if self.len < row {
            self.fill(row);
        } else {
            self.truncate(row);
        }
    }

    /// Makes the rows up to `len` null.
    fn fill(&mut self, len: usize) {
        let missing = len - self.len;
        if missing == 0 {
            return;
        }
        self.nulls.add(self.len, len);
        self.len = len;
        match &mut self.values {
            Values::Null | Values::Struct(_) => {}
            Values::Bool(values) => values.append_n(missing, false),
            Values::Int(ints) => ints.values.resize(len, 0),
            Values::Float(values) => values.resize(len, 0.0),
            Values::Utf8(texts) | Values::Json(texts) => {
                texts.fill(len);
            }
            Values::List(list) => list.offsets.resize(len + 1, last(&list.offsets)),
        }
    }

    /// Forgets the rows from `len` on, but neither fields nor types that they brought.
    pub(super) fn truncate(&mut self, len: usize) {
        if self.len <= len {
            return;
        }
        self.len = len;
        self.nulls.truncate(len);
        match &mut self.values {
            Values::Null => {}
            Values::Bool(values) => values.truncate(len),
            Values::Int(ints) => ints.values.truncate(len),
            Values::Float(values) => values.truncate(len),
            Values::Utf8(texts) | Values::Json(texts) => {
                texts.truncate(len);
            }
            Values::List(list) => {
                list.offsets.truncate(len + 1);
                list.items = last(&list.offsets) as usize;
                list.column.truncate(list.items);
            }
            Values::Struct(fields) => fields.truncate(len),
        }
    }

    /// Forgets fields that were first seen at `row` or later.
    pub(super) fn forget_fields_since(&mut self, row: usize) {
        match &mut self.values {
            Values::List(list) => list.column.forget_fields_since(list.items),
            Values::Struct(fields) => fields.forget_since(row),
            _ => {}
        }
    }

    pub(super) fn push_null(&mut self, row: usize) {
        // Nulls are made up for by the next value, or at the end.
        self.truncate(row);
    }

    pub(super) fn push_bool(&mut self, row: usize, value: bool) {
        self.settle(row);
        match &mut self.values {
            Values::Bool(values) => values.append(value),
            Values::Null => {
                let mut values = BooleanBufferBuilder::new(row + 1);
                values.append_n(row, false);
                values.append(value);
                self.values = Values::Bool(values);
            }
            _ => return self.push_json(row, |out| write_bool(out, value)),
        }
        self.len = row + 1;
    }

    #[inline]
    pub(super) fn push_int(&mut self, row: usize, value: i64) {
        self.settle(row);
        if let Values::Int(ints) = &mut self.values {
            ints.values.push(value);
            ints.wide |= is_wide(value);
            self.len = row + 1;
        } else {
            self.push_int_elsewhere(row, value);
        }
    }

    #[inline(never)]
    fn push_int_elsewhere(&mut self, row: usize, value: i64) {
        match &mut self.values {
            Values::Float(values) if !is_wide(value) => values.push(value as f64),
            Values::Null => {
                let mut values = zeros(row, self.expected);
                values.push(value);
                let wide = is_wide(value);
                self.values = Values::Int(Ints { values, wide });
            }
            _ => return self.push_json(row, |out| write_int(out, value)),
        }
        self.len = row + 1;
    }

    pub(super) fn push_float(&mut self, row: usize, value: f64) {
        self.settle(row);
        match &mut self.values {
            Values::Float(values) => values.push(value),
            Values::Null => {
                let mut values = zeros(row, self.expected);
                values.push(value);
                self.values = Values::Float(values);
            }
            Values::Int(ints) if !ints.wide => {
                let mut values: Vec<f64> = Vec::with_capacity(ints.values.capacity());
                values.extend(ints.values.iter().map(|&int| int as f64));
                values.push(value);
                self.values = Values::Float(values);
            }
            _ => return self.push_json(row, |out| write_float(out, value)),
        }
        self.len = row + 1;
    }

    #[inline]
    pub(super) fn push_str(&mut self, row: usize, value: &str) {
        self.settle(row);
        if let Values::Utf8(texts) = &mut self.values {
            texts.push(value);
            self.len = row + 1;
        } else {
            self.push_str_elsewhere(row, value);
        }
    }

    #[inline(never)]
    fn push_str_elsewhere(&mut self, row: usize, value: &str) {
        if !matches!(self.values, Values::Null) {
            return self.push_json(row, |out| write_string(out, value));
        }
        let mut texts = Texts::with_nulls(row, self.expected);
        // The others are about as long, as a rule.
        let room = (self.expected - row.min(self.expected)) * value.len();
        texts.reserve(room.min(MOST_EXPECTED_BYTES));
        texts.push(value);
        self.values = Values::Utf8(texts);
        self.len = row + 1;
    }

    /// A value as JSON text: the column becomes one of JSON text. `write` appends canonical text
    /// and nothing else, so whole UTF-8.
    pub(super) fn push_json(&mut self, row: usize, write: impl FnOnce(&mut Vec<u8>)) {
        self.settle(row);
        let texts = self.as_json();
        texts.push_with(write);
        self.len = row + 1;
    }

    /// The fields of an object at `row`, for the caller to fill; `None` where objects are kept as
    /// JSON text.
    #[inline]
    pub(super) fn object(&mut self, row: usize) -> Option<&mut Fields> {
        self.settle(row);
        match &self.values {
            Values::Struct(_) => {}
            Values::Null => {
                self.values = Values::Struct(Box::new(Fields::expecting(self.expected)))
            }
            _ => {
                self.as_json();
                return None;
            }
        }
        self.len = row + 1;
        match &mut self.values {
            Values::Struct(fields) => Some(fields),
            _ => None,
        }
    }

    /// A list at `row`, for the caller to add items and close; `None` where lists are kept as JSON
    /// text.
    pub(super) fn list(&mut self, row: usize) -> Option<&mut List> {
        self.settle(row);
        match &self.values {
            Values::List(_) => {}
            Values::Null => {
                self.values = Values::List(Box::new(List::with_nulls(row, self.expected)))
            }
            _ => {
                self.as_json();
                return None;
            }
        }
        self.len = row + 1;
        match &mut self.values {
            Values::List(list) => Some(list),
            _ => None,
        }
    }

    // The `add` functions are for values that bring nothing new. They refuse (`None`) a value that
    // would change the column's type, and a second one for a row.

    /// Makes `row` the next one, unless it has a value.
    #[inline]
    fn settle_new(&mut self, row: usize) -> Option<()> {
        if self.len != row {
            if self.len > row {
                return None;
            }
            self.settle_elsewhere(row);
        }
        Some(())
    }

    pub(super) fn add_null(&mut self, row: usize) -> Option<()> {
        (self.len <= row).then_some(())
    }

    pub(super) fn add_bool(&mut self, row: usize, value: bool) -> Option<()> {
        self.settle_new(row)?;
        match &mut self.values {
            Values::Bool(values) => values.append(value),
            Values::Json(texts) => texts.push_with(|out| write_bool(out, value)),
            _ => return None,
        }
        self.len = row + 1;
        Some(())
    }

    #[inline]
    pub(super) fn add_int(&mut self, row: usize, value: i64) -> Option<()> {
        self.settle_new(row)?;
        match &mut self.values {
            Values::Int(ints) if ints.wide || !is_wide(value) => ints.values.push(value),
            Values::Float(values) if !is_wide(value) => values.push(value as f64),
            Values::Json(texts) => texts.push_with(|out| write_int(out, value)),
            _ => return None,
        }
        self.len = row + 1;
        Some(())
    }

    #[inline]
    pub(super) fn add_float(&mut self, row: usize, value: f64) -> Option<()> {
        self.settle_new(row)?;
        match &mut self.values {
            Values::Float(values) => values.push(value),
            Values::Json(texts) => texts.push_with(|out| write_float(out, value)),
            _ => return None,
        }
        self.len = row + 1;
        Some(())
    }

    /// `from` is where the value stands, with what comes after it. Inlined, as all of its kind that
    /// most values go through: left to the compiler that comes and goes with unrelated code.
    #[inline(always)]
    pub(super) fn add_str(&mut self, row: usize, value: &str, from: &[u8]) -> Option<()> {
        self.settle_new(row)?;
        match &mut self.values {
            Values::Utf8(texts) => texts.push_from(value, from),
            Values::Json(texts) => texts.push_with(|out| write_string(out, value)),
            _ => return None,
        }
        self.len = row + 1;
        Some(())
    }

    #[inline]
    pub(super) fn add_object(&mut self, row: usize) -> Option<&mut Fields> {
        self.settle_new(row)?;
        match &mut self.values {
            Values::Struct(fields) => {
                self.len = row + 1;
                Some(fields)
            }
            _ => None,
        }
    }

    #[inline]
    pub(super) fn add_list(&mut self, row: usize) -> Option<&mut List> {
        self.settle_new(row)?;
        match &mut self.values {
            Values::List(list) => {
                self.len = row + 1;
                Some(list)
            }
            _ => None,
        }
    }

    /// Turns what is there into JSON text.
    fn as_json(&mut self) -> &mut Texts {
        if !matches!(self.values, Values::Json(_)) {
            let values = mem::take(&mut self.values);
            self.values = Values::Json(json_text(values, self.len, &self.nulls));
        }
        match &mut self.values {
            Values::Json(texts) => texts,
            _ => unreachable!("made so above"),
        }
    }

    /// The column with `len` rows.
    pub(super) fn finish(mut self, len: usize) -> (DataType, ArrayRef) {
        self.fill(len);
        finish(self.values, len, self.nulls.to_buffer(len))
    }
}

fn json_text(values: Values, len: usize, nulls: &Nulls) -> Texts {
    if matches!(values, Values::Null) {
        return Texts::with_nulls(len, 0);
    }
    let (from, array) = finish(values, len, nulls.to_buffer(len));
    let text = widen(&array, &from, &DataType::Json);
    Texts::from_array(text.as_string())
}

fn finish(values: Values, len: usize, nulls: Option<NullBuffer>) -> (DataType, ArrayRef) {
    match values {
        Values::Null => (DataType::Null, Arc::new(NullArray::new(len))),
        Values::Bool(mut values) => {
            let array = BooleanArray::new(values.finish(), nulls);
            (DataType::Bool, Arc::new(array))
        }
        Values::Int(Ints { values, wide }) => {
            let data_type = if wide {
                DataType::Int64
            } else {
                DataType::Int53
            };
            (data_type, Arc::new(Int64Array::new(tight(values), nulls)))
        }
        Values::Float(values) => {
            let array = Float64Array::new(tight(values), nulls);
            (DataType::Float64, Arc::new(array))
        }
        Values::Utf8(texts) => (DataType::Utf8, texts.finish(nulls)),
        Values::Json(texts) => (DataType::Json, texts.finish(nulls)),
        Values::List(list) => {
            let (item, items) = list.column.finish(list.items);
            let offsets = OffsetBuffer::new(tight(list.offsets));
            let array = ListArray::new(item_field(&item), offsets, items, nulls);
            (DataType::List(Box::new(item)), Arc::new(array))
        }
        Values::Struct(fields) => fields.finish(len, nulls),
    }
}
