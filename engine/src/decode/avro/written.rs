//! Values that become text: enums, durations, and records within themselves as canonical JSON text.

use arrow::datatypes::i256;

use super::cursor::{Cursor, Room};
use super::rows::{amount, each};
use super::schema::{Place, Schema, Type};
use crate::decode::whole_file::Refusal;
use crate::schema::calendar::{self, MICROSECONDS, MILLISECONDS};
use crate::schema::text::{
    ObjectText, quoted, quoted_key, write_binary, write_bool, write_float, write_int, write_null,
    write_string,
};
use crate::schema::{write_digits, write_uuid};

/// Writes values as text.
pub(super) struct Written<'s> {
    pub(super) schema: &'s Schema,
    /// As JSON text; if not, an enum and a duration stand alone.
    pub(super) quoted: bool,
}

impl Written<'_> {
    /// Appends the text of a value, whole UTF-8, of at most `depth` levels.
    pub(super) fn value(
        &self,
        place: Place,
        cursor: &mut Cursor<'_>,
        out: &mut Vec<u8>,
        room: &mut Room,
        depth: usize,
    ) -> Result<(), Refusal> {
        room.cell()?;
        match &self.schema.types[place] {
            Type::Null => write_null(out),
            Type::Boolean => write_bool(out, cursor.boolean()?),
            Type::Int => write_int(out, cursor.int()?.into()),
            Type::Long => write_int(out, cursor.long()?),
            Type::Float => write_float(out, f32::from_le_bytes(cursor.array()?).into()),
            Type::Double => write_float(out, f64::from_le_bytes(cursor.array()?)),
            Type::Bytes => write_binary(out, cursor.bytes()?),
            Type::Fixed(size) => write_binary(out, cursor.take(*size)?),
            Type::String => write_string(out, cursor.text()?),
            Type::Enum(symbols) => {
                let symbol = &symbols[cursor.place(symbols.len())?];
                // A symbol may be longer than what names it.
                room.bytes(symbol.len())?;
                match self.quoted {
                    true => write_string(out, symbol),
                    false => out.extend_from_slice(symbol.as_bytes()),
                }
            }
            Type::Uuid => {
                let bytes = cursor.take(16)?;
                quoted(out, |out| write_uuid(bytes, out));
            }
            Type::Duration => {
                let [months, days, millis] = duration(cursor)?;
                let write = |out: &mut Vec<u8>| {
                    calendar::write_duration(out, months, days, millis, MILLISECONDS);
                };
                match self.quoted {
                    true => quoted(out, write),
                    false => write(out),
                }
            }
            Type::Date => {
                let days = cursor.int()?.into();
                quoted(out, |out| calendar::write_date(out, days));
            }
            Type::TimeMillis => {
                let time = cursor.int()?.into();
                quoted(out, |out| calendar::write_time(out, time, MILLISECONDS));
            }
            Type::TimeMicros => {
                let time = cursor.long()?;
                quoted(out, |out| calendar::write_time(out, time, MICROSECONDS));
            }
            Type::Timestamp { per_second, utc } => {
                let time = cursor.long()?;
                quoted(out, |out| {
                    calendar::write_timestamp(out, time, *per_second, *utc);
                });
            }
            Type::Decimal { scale, size, .. } => {
                let amount = i256_of(amount(*size, cursor)?)?;
                write_digits(out, &amount.to_string(), i32::from(*scale));
            }
            _ => self.nested(place, cursor, out, room, depth)?,
        }
        Ok(())
    }

    fn nested(
        &self,
        place: Place,
        cursor: &mut Cursor<'_>,
        out: &mut Vec<u8>,
        room: &mut Room,
        depth: usize,
    ) -> Result<(), Refusal> {
        if let Type::Union(branches) = &self.schema.types[place] {
            return self.union(branches, cursor, out, room, depth);
        }
        let depth = depth.checked_sub(1).ok_or(Refusal::TooDeep)?;
        match &self.schema.types[place] {
            Type::Array(items) => {
                out.push(b'[');
                let mut first = true;
                each(cursor, |cursor| {
                    if !std::mem::take(&mut first) {
                        out.push(b',');
                    }
                    self.value(*items, cursor, out, room, depth)
                })?;
                out.push(b']');
            }
            Type::Map(values) => {
                let mut entries = Vec::new();
                each(cursor, |cursor| {
                    let key = cursor.text()?;
                    entries.push((key, self.text(*values, cursor, room, depth)?));
                    Ok(())
                })?;
                write_members(entries, out);
            }
            Type::Record(fields) => {
                let mut members = Vec::with_capacity(fields.len());
                for (name, place) in fields {
                    let text = self.text(*place, cursor, room, depth)?;
                    if text != b"null" {
                        members.push((&**name, text));
                    }
                }
                write_members(members, out);
            }
            _ => unreachable!("the others have nothing in them"),
        }
        Ok(())
    }

    /// A value of several types says which it is of, as a column of them does.
    fn union(
        &self,
        branches: &[Place],
        cursor: &mut Cursor<'_>,
        out: &mut Vec<u8>,
        room: &mut Room,
        depth: usize,
    ) -> Result<(), Refusal> {
        let place = branches[cursor.place(branches.len())?];
        let is_null = matches!(self.schema.types[place], Type::Null);
        if is_null || self.schema.values_of(branches).count() == 1 {
            return self.value(place, cursor, out, room, depth);
        }
        let depth = depth.checked_sub(1).ok_or(Refusal::TooDeep)?;
        let name = self.schema.branch_name(place);
        room.bytes(name.len())?;
        let mut object = ObjectText::open(out);
        let inside = object.key(&quoted_key(name));
        self.value(place, cursor, inside, room, depth)?;
        object.close();
        Ok(())
    }

    fn text(
        &self,
        place: Place,
        cursor: &mut Cursor<'_>,
        room: &mut Room,
        depth: usize,
    ) -> Result<Vec<u8>, Refusal> {
        let mut text = Vec::new();
        self.value(place, cursor, &mut text, room, depth)?;
        Ok(text)
    }
}

/// An object of the members in the order of their keys.
fn write_members(mut members: Vec<(&str, Vec<u8>)>, out: &mut Vec<u8>) {
    members.sort_by_key(|(key, _)| *key);
    let mut object = ObjectText::open(out);
    for (key, text) in members {
        object.key(&quoted_key(key)).extend_from_slice(&text);
    }
    object.close();
}

/// Months, days and milliseconds: unsigned numbers of 32 bits.
fn duration(cursor: &mut Cursor<'_>) -> Result<[i64; 3], Refusal> {
    let mut next = || Ok::<_, Refusal>(i64::from(u32::from_le_bytes(cursor.array()?)));
    Ok([next()?, next()?, next()?])
}

/// A number in two's complement, the highest byte first.
pub(super) fn i128_of(bytes: &[u8]) -> Result<i128, Refusal> {
    Ok(i128::from_be_bytes(extended(bytes)?))
}

/// The same in 256 bits.
pub(super) fn i256_of(bytes: &[u8]) -> Result<i256, Refusal> {
    Ok(i256::from_be_bytes(extended(bytes)?))
}

/// The bytes with the sign's before them, or without those that only repeat the sign.
fn extended<const N: usize>(bytes: &[u8]) -> Result<[u8; N], Refusal> {
    let negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
    let sign = if negative { 0xff } else { 0 };
    let (more, bytes) = bytes.split_at(bytes.len().saturating_sub(N));
    let keeps_sign = more.is_empty()
        || bytes
            .first()
            .is_some_and(|byte| (*byte >= 0x80) == negative);
    if !keeps_sign || more.iter().any(|byte| *byte != sign) {
        return Err(Refusal::damaged(
            "a decimal has more digits than its schema says",
        ));
    }
    let mut extended = [sign; N];
    extended[N - bytes.len()..].copy_from_slice(bytes);
    Ok(extended)
}
