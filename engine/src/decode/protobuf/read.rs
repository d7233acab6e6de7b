//! Reading a message into columns.
//!
//! Fields may come in any order and again: of a value the last one counts, and the pieces of a
//! message are put together. So what has parts, or excludes another field, waits until all of its
//! message was seen.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::column::{Column, Values};
use super::options::UnknownFields;
use super::plan::{Field, KEY, Kind, Message, Plan, Shape, VALUE};
use super::scalar::{Mismatch, Scalar, ScalarType};
use super::wire::{Raw, Wire};
use super::written::write_key;
use crate::decode::cursor::Cursor;
use crate::decode::room::Room;
use crate::decode::whole_file::Refusal;
use crate::schema::calendar;

/// Why a message is no row.
#[derive(Debug)]
pub(super) enum NoRow {
    Refused(Refusal),
    /// It has a field that its descriptor has not; which one.
    UnknownField(String),
}

impl From<Refusal> for NoRow {
    fn from(refusal: Refusal) -> Self {
        NoRow::Refused(refusal)
    }
}

pub(super) type Read<T> = Result<T, NoRow>;

/// Reads messages of a plan.
pub(super) struct Reader<'p, 'a, 'r> {
    pub(super) plan: &'p Plan,
    pub(super) room: &'r mut Room,
    /// What to do with fields that no descriptor has.
    pub(super) unknown_fields: UnknownFields,
    /// Levels that a message may have.
    pub(super) max_depth: usize,
    /// What waits, of all messages that are being read: those within others at the end.
    pub(super) waiting: Vec<Waiting<'a>>,
}

/// A value that waits for the end of its message.
#[derive(Clone, Copy)]
pub(super) struct Waiting<'a> {
    slot: usize,
    /// The place of its field in the message.
    field: usize,
    raw: Raw<'a>,
}

impl<'a> Reader<'_, 'a, '_> {
    /// Cells that a waiting value counts for: it takes about as much memory.
    pub(super) const WAITING: usize = size_of::<Waiting<'static>>() / size_of::<u64>();

    /// Reads a message of the type that the plan is for into `row` of its columns.
    pub(super) fn root(&mut self, bytes: &'a [u8], columns: &mut [Column], row: usize) -> Read<()> {
        let all = self.wait_alone(Raw::Bytes(bytes));
        let depth = self.max_depth.saturating_sub(1);
        self.message(super::plan::ROOT, columns, row, all, depth)
    }

    pub(super) fn wire(&self, bytes: &'a [u8]) -> Wire<'a> {
        Wire::new(bytes, self.max_depth)
    }

    pub(super) fn unknown(&self, message: &str, number: u32) -> Read<()> {
        match self.unknown_fields {
            UnknownFields::Skip => Ok(()),
            UnknownFields::Reject => {
                let which = format!("{message} has no field {number}");
                Err(NoRow::UnknownField(which))
            }
        }
    }

    fn wait_alone(&mut self, raw: Raw<'a>) -> Range<usize> {
        let start = self.waiting.len();
        let (slot, field) = (0, 0);
        self.waiting.push(Waiting { slot, field, raw });
        start..start + 1
    }

    fn pieces(&self, range: Range<usize>) -> impl Iterator<Item = &'a [u8]> {
        self.waiting[range]
            .iter()
            .map(|waiting| waiting.raw.parts())
    }

    /// Reads the pieces of a message. What is in it may have `depth` levels.
    fn message(
        &mut self,
        place: usize,
        columns: &mut [Column],
        row: usize,
        pieces: Range<usize>,
        depth: usize,
    ) -> Read<()> {
        let plan = self.plan;
        let message = &plan.messages[place];
        let start = self.waiting.len();
        for at in pieces {
            let mut wire = self.wire(self.waiting[at].raw.parts());
            while let Some((number, raw)) = wire.next()? {
                let Some(at) = message.find(number) else {
                    self.unknown(&message.name, number)?;
                    continue;
                };
                let field = &message.fields[at];
                match field.kind {
                    _ if field.waits => self.wait(message, at, raw)?,
                    Kind::Scalar(scalar) if field.shape != Shape::List => {
                        let value = scalar_of(scalar, raw, message, field)?;
                        columns[at].put(row, value, plan);
                    }
                    _ => self.items((message, field), raw, &mut columns[at], row, depth)?,
                }
            }
        }
        self.waited(start, message, columns, row, depth)?;
        for &at in &message.always {
            let (field, column) = (&message.fields[at], &mut columns[at]);
            match (field.shape, field.kind) {
                (Shape::Single { .. }, Kind::Scalar(scalar)) if column.len() <= row => {
                    column.put(row, plan.default_value(scalar), plan);
                }
                (Shape::Single { .. }, _) => {}
                (Shape::List | Shape::Map(_), _) if depth == 0 => {
                    return Err(Refusal::TooDeep.into());
                }
                (Shape::List | Shape::Map(_), _) => column.close(row),
            }
        }
        Ok(())
    }

    fn wait(&mut self, message: &Message, at: usize, raw: Raw<'a>) -> Read<()> {
        let field = &message.fields[at];
        check(raw, message, field)?;
        self.room.cells(Self::WAITING)?;
        self.waiting.push(Waiting {
            slot: field.slot,
            field: at,
            raw,
        });
        Ok(())
    }

    /// Reads what has waited since `start`.
    fn waited(
        &mut self,
        start: usize,
        message: &Message,
        columns: &mut [Column],
        row: usize,
        depth: usize,
    ) -> Read<()> {
        let end = self.waiting.len();
        // In the order of fields, and those of a oneof together as they came.
        self.waiting[start..].sort_by_key(|waiting| waiting.slot);
        let mut from = start;
        while from < end {
            let slot = self.waiting[from].slot;
            let same = self.waiting[from..end].iter();
            let to = from + same.take_while(|waiting| waiting.slot == slot).count();
            // Of a oneof counts what came last: an earlier piece of it counts only where no other
            // member came between.
            let last = self.waiting[to - 1];
            let run = self.waiting[from..to].iter().rev();
            let run = run.take_while(|waiting| waiting.field == last.field);
            let range = to - run.count()..to;
            let (field, column) = (&message.fields[last.field], &mut columns[last.field]);
            match (field.shape, field.kind) {
                (Shape::Map(key), _) => {
                    self.map((message, field), key, column, row, range, depth)?
                }
                (_, Kind::Scalar(scalar)) => {
                    let value = scalar_of(scalar, last.raw, message, field)?;
                    column.put(row, value, self.plan);
                }
                (_, kind) => self.value(kind, column, row, range, depth)?,
            }
            from = to;
        }
        self.waiting.truncate(start);
        Ok(())
    }

    /// Adds what a field of a list holds: an item, or several packed ones.
    fn items(
        &mut self,
        (message, field): (&Message, &Field),
        raw: Raw<'a>,
        column: &mut Column,
        row: usize,
        depth: usize,
    ) -> Read<()> {
        let depth = depth.checked_sub(1).ok_or(Refusal::TooDeep)?;
        column.settle(row);
        let Values::List(_, items) = &mut column.values else {
            unreachable!("lists are kept as lists where a level is left");
        };
        let Kind::Scalar(scalar) = field.kind else {
            has_parts(raw, message, field)?;
            self.room.cell()?;
            let start = self.waiting.len();
            let all = self.wait_alone(raw);
            let row = items.len();
            self.value(field.kind, items, row, all, depth)?;
            self.waiting.truncate(start);
            if items.len() == row {
                // Null, as JSON's.
                items.settle(row + 1);
            }
            return Ok(());
        };
        let (plan, room) = (self.plan, &mut *self.room);
        each_item(scalar, raw, message, field, |value| {
            room.cell()?;
            items.put(items.len(), value, plan);
            Ok(())
        })
    }

    /// Reads the entries of a map. Of equal keys the last one counts.
    fn map(
        &mut self,
        (message, field): (&Message, &Field),
        key_type: ScalarType,
        column: &mut Column,
        row: usize,
        entries: Range<usize>,
        depth: usize,
    ) -> Read<()> {
        let depth = depth.checked_sub(1).ok_or(Refusal::TooDeep)?;
        column.settle(row);
        let Values::Map(_, keys, values) = &mut column.values else {
            unreachable!("maps are kept as maps where a level is left");
        };
        let mut last: HashMap<Cow<'a, str>, usize> = HashMap::new();
        for at in entries.clone() {
            self.room.cells(Self::WAITING)?;
            last.insert(self.key(key_type, at, message, field)?, at);
        }
        for at in entries {
            let key = self.key(key_type, at, message, field)?;
            if last.get(&key) != Some(&at) {
                continue;
            }
            keys.push(key.as_bytes());
            let start = self.waiting.len();
            let row = values.len();
            let entry = self.entry(at, message, field)?;
            match field.kind {
                Kind::Scalar(scalar) => {
                    let value = match self.waiting.last().filter(|_| !entry.is_empty()) {
                        Some(last) => scalar_of(scalar, last.raw, message, field)?,
                        None => self.plan.default_value(scalar),
                    };
                    values.put(row, value, self.plan);
                }
                kind => self.value(kind, values, row, entry, depth)?,
            }
            values.settle(row + 1);
            self.waiting.truncate(start);
        }
        Ok(())
    }

    /// The key of an entry that waits at a place.
    fn key(
        &self,
        key_type: ScalarType,
        at: usize,
        message: &Message,
        field: &Field,
    ) -> Read<Cow<'a, str>> {
        let mut key = self.plan.default_value(key_type);
        let mut wire = self.wire(self.waiting[at].raw.parts());
        while let Some((number, raw)) = wire.next()? {
            if number == KEY {
                key = scalar_of(key_type, raw, message, field)?;
            }
        }
        Ok(write_key(key, self.plan))
    }

    /// Lets what an entry says of its value wait; where that is.
    fn entry(&mut self, at: usize, message: &Message, field: &Field) -> Read<Range<usize>> {
        let start = self.waiting.len();
        let mut wire = self.wire(self.waiting[at].raw.parts());
        while let Some((number, raw)) = wire.next()? {
            match number {
                VALUE => {
                    if !matches!(field.kind, Kind::Scalar(_)) {
                        has_parts(raw, message, field)?;
                    }
                    self.room.cells(Self::WAITING)?;
                    self.wait_alone(raw);
                }
                KEY => {}
                _ => self.unknown(&message.name, number)?,
            }
        }
        Ok(start..self.waiting.len())
    }

    /// Reads a value that has parts. JSON's null leaves the row as it is.
    fn value(
        &mut self,
        kind: Kind,
        column: &mut Column,
        row: usize,
        pieces: Range<usize>,
        depth: usize,
    ) -> Read<()> {
        column.settle(row);
        match (kind, &mut column.values) {
            (Kind::Message(place), Values::Message(parts)) => {
                self.room.cells(parts.cells)?;
                let depth = depth.saturating_sub(1);
                self.message(place, &mut parts.columns, row, pieces, depth)?;
            }
            (Kind::Timestamp, Values::Timestamp(values)) => {
                values.push(self.timestamp(self.pieces(pieces))?);
            }
            (Kind::Duration, Values::Text(ends)) => {
                let nanoseconds = self.duration(self.pieces(pieces))?;
                calendar::write_nanoseconds(&mut ends.data, nanoseconds);
                ends.close();
            }
            (Kind::Wrapper(scalar), _) => {
                let value = self.wrapped(scalar, self.pieces(pieces))?;
                column.put(row, value, self.plan);
            }
            (kind, Values::Json(ends)) => {
                let pieces: Vec<&[u8]> = self.pieces(pieces).collect();
                if !self.write_unless_null(kind, &pieces, &mut ends.data, depth)? {
                    return Ok(());
                }
                ends.close();
            }
            _ => unreachable!("a column is made of the type that is read into it"),
        }
        column.done(row);
        Ok(())
    }
}

/// The value of a field without parts.
#[inline]
pub(super) fn scalar_of<'a>(
    scalar: ScalarType,
    raw: Raw<'a>,
    message: &Message,
    field: &Field,
) -> Result<Scalar<'a>, Refusal> {
    scalar.of(raw).map_err(|mismatch| match mismatch {
        Mismatch::WireType => other_type(raw, message, field, scalar.wire_type()),
        Mismatch::NotUtf8 => {
            let (field, message) = (&field.name, &message.name);
            Refusal::Damaged(format!(
                "`{field}` of {message} is a text that is not UTF-8"
            ))
        }
    })
}

/// Calls `item` for each value of a list's field: one, or several packed ones.
pub(super) fn each_item<'a>(
    scalar: ScalarType,
    raw: Raw<'a>,
    message: &Message,
    field: &Field,
    mut item: impl FnMut(Scalar<'a>) -> Result<(), Refusal>,
) -> Read<()> {
    let packed = match raw {
        Raw::Bytes(packed) if scalar.is_packable() => packed,
        raw => return Ok(item(scalar_of(scalar, raw, message, field)?)?),
    };
    let mut packed = Cursor::new(packed);
    while !packed.rest().is_empty() {
        let raw = match scalar.wire_type() {
            1 => Raw::Fixed64(packed.array()?),
            5 => Raw::Fixed32(packed.array()?),
            _ => Raw::Varint(packed.varint()?),
        };
        item(scalar_of(scalar, raw, message, field)?)?;
    }
    Ok(())
}

/// Whether a value is written as its field's have to be, also where another one will count. Items of
/// lists are looked at when they are read.
pub(super) fn check(raw: Raw<'_>, message: &Message, field: &Field) -> Result<(), Refusal> {
    match (field.shape, field.kind) {
        (Shape::List, _) => Ok(()),
        (Shape::Single { .. }, Kind::Scalar(scalar)) => {
            scalar_of(scalar, raw, message, field).map(drop)
        }
        _ => has_parts(raw, message, field),
    }
}

/// Whether a value is written as one with parts has to be.
pub(super) fn has_parts(raw: Raw<'_>, message: &Message, field: &Field) -> Result<(), Refusal> {
    match (raw, field.is_group) {
        (Raw::Bytes(_), false) | (Raw::Group(_), true) => Ok(()),
        (_, false) => Err(other_type(raw, message, field, 2)),
        (_, true) => Err(other_type(raw, message, field, 3)),
    }
}

/// The bytes are of another message, or of another version of it that changed a type.
fn other_type(raw: Raw<'_>, message: &Message, field: &Field, should_be: u8) -> Refusal {
    Refusal::Damaged(format!(
        "field {} of {}, `{}`, has the wire type {} where its type has {should_be}",
        field.number,
        message.name,
        field.name,
        raw.wire_type()
    ))
}
