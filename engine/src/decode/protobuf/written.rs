//! Values that become canonical JSON text: messages within themselves, and JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::known::JsonValue;
use super::plan::{Field, KEY, Kind, Message, Plan, Shape, VALUE};
use super::read::{Read, Reader, check, each_item, has_parts, scalar_of};
use super::scalar::{Scalar, ScalarType};
use super::wire::Raw;
use crate::decode::whole_file::Refusal;
use crate::schema::calendar;
use crate::schema::text::{
    ObjectText, quoted, quoted_key, write_binary, write_bool, write_float, write_int, write_string,
};

/// A value of a field that was seen.
#[derive(Clone, Copy)]
struct Seen<'a> {
    slot: usize,
    field: usize,
    raw: Raw<'a>,
}

impl<'a> Reader<'_, 'a, '_> {
    /// Appends a value that has parts, of at most `depth` levels; false for JSON's null, which is
    /// not written.
    pub(super) fn write_unless_null(
        &mut self,
        kind: Kind,
        pieces: &[&'a [u8]],
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Read<bool> {
        let each = || pieces.iter().copied();
        match kind {
            Kind::Message(place) => self.write_message(place, pieces, out, depth)?,
            Kind::Timestamp => {
                let instant = self.timestamp(each())?;
                self.counted(out, |out| quoted(out, |out| instant.write(out)))?;
            }
            Kind::Duration => {
                let nanoseconds = self.duration(each())?;
                let write = |out: &mut Vec<u8>| calendar::write_nanoseconds(out, nanoseconds);
                self.counted(out, |out| quoted(out, write))?;
            }
            Kind::Wrapper(scalar) => {
                let value = self.wrapped(scalar, each())?;
                self.write_scalar(value, out)?;
            }
            Kind::Struct => self.write_members(pieces, out, depth)?,
            Kind::ListValue => self.write_elements(pieces, out, depth)?,
            Kind::Value => match self.json_value(each())? {
                JsonValue::Null => return Ok(false),
                JsonValue::Number(value) => self.write_scalar(Scalar::Double(value), out)?,
                JsonValue::Text(value) => self.write_scalar(Scalar::Text(value), out)?,
                JsonValue::Bool(value) => self.write_scalar(Scalar::Bool(value), out)?,
                JsonValue::Object(pieces) => self.write_members(&pieces, out, depth)?,
                JsonValue::List(pieces) => self.write_elements(&pieces, out, depth)?,
            },
            Kind::Scalar(_) => unreachable!("it has parts"),
        }
        Ok(true)
    }

    /// Appends what `write` writes and counts it.
    fn counted(&mut self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> Read<()> {
        let before = out.len();
        write(out);
        Ok(self.room.bytes(out.len() - before)?)
    }

    fn write_scalar(&mut self, value: Scalar<'_>, out: &mut Vec<u8>) -> Read<()> {
        let plan = self.plan;
        self.counted(out, |out| write_scalar(value, plan, out))
    }

    fn write_members(&mut self, pieces: &[&'a [u8]], out: &mut Vec<u8>, depth: usize) -> Read<()> {
        let depth = depth.checked_sub(1).ok_or(Refusal::TooDeep)?;
        let members = self.members(pieces.iter().copied())?;
        let mut object = ObjectText::open(out);
        for (name, value) in members {
            if matches!(self.json_value(value.iter().copied())?, JsonValue::Null) {
                continue;
            }
            let out = object.key(&quoted_key(name));
            self.room.bytes(name.len())?;
            self.write_unless_null(Kind::Value, &value, out, depth)?;
        }
        object.close();
        Ok(())
    }

    fn write_elements(&mut self, pieces: &[&'a [u8]], out: &mut Vec<u8>, depth: usize) -> Read<()> {
        let depth = depth.checked_sub(1).ok_or(Refusal::TooDeep)?;
        out.push(b'[');
        for (place, element) in self
            .elements(pieces.iter().copied())?
            .into_iter()
            .enumerate()
        {
            comma(place, out);
            self.write_or_null(Kind::Value, &[element], out, depth)?;
        }
        out.push(b']');
        Ok(())
    }

    fn write_or_null(
        &mut self,
        kind: Kind,
        pieces: &[&'a [u8]],
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Read<()> {
        if !self.write_unless_null(kind, pieces, out, depth)? {
            out.extend_from_slice(b"null");
        }
        Ok(())
    }

    /// Appends a message as the text that its columns would have.
    fn write_message(
        &mut self,
        place: usize,
        pieces: &[&'a [u8]],
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Read<()> {
        let depth = depth.checked_sub(1).ok_or(Refusal::TooDeep)?;
        let message = &self.plan.messages[place];
        let seen = self.seen(message, pieces)?;
        let mut object = ObjectText::open(out);
        for &at in &message.by_name {
            let field = &message.fields[at];
            let first = seen.partition_point(|seen| seen.slot < field.slot);
            let end = seen.partition_point(|seen| seen.slot <= field.slot);
            // Of a oneof counts what came last.
            let mine = seen[first..end].iter().rev();
            let mine = mine.take_while(|seen| seen.field == at).count();
            let mine = &seen[end - mine..end];
            if mine.is_empty() && field.shape == (Shape::Single { presence: true }) {
                continue;
            }
            self.write_field(message, field, mine, &mut object, depth)?;
        }
        object.close();
        Ok(())
    }

    /// The values of a message's fields, those of a slot together in their order.
    fn seen(&mut self, message: &Message, pieces: &[&'a [u8]]) -> Read<Vec<Seen<'a>>> {
        let mut seen = Vec::new();
        for piece in pieces {
            let mut wire = self.wire(piece);
            while let Some((number, raw)) = wire.next()? {
                let Some(field) = message.find(number) else {
                    self.unknown(&message.name, number)?;
                    continue;
                };
                self.room.cells(Self::WAITING)?;
                check(raw, message, &message.fields[field])?;
                let slot = message.fields[field].slot;
                seen.push(Seen { slot, field, raw });
            }
        }
        seen.sort_by_key(|seen| seen.slot);
        Ok(seen)
    }

    fn write_field(
        &mut self,
        message: &Message,
        field: &Field,
        seen: &[Seen<'a>],
        object: &mut ObjectText<'_>,
        depth: usize,
    ) -> Read<()> {
        let is = (message, field);
        match (field.shape, field.kind) {
            (Shape::List, _) => {
                self.room.bytes(field.key.len())?;
                self.write_list(is, seen, object.key(&field.key), depth)
            }
            (Shape::Map(key), _) => {
                self.room.bytes(field.key.len())?;
                self.write_map(is, key, seen, object.key(&field.key), depth)
            }
            (Shape::Single { .. }, Kind::Scalar(scalar)) => {
                let value = match seen.last() {
                    Some(seen) => scalar_of(scalar, seen.raw, message, field)?,
                    None => self.plan.default_value(scalar),
                };
                self.room.bytes(field.key.len())?;
                self.write_scalar(value, object.key(&field.key))
            }
            (Shape::Single { .. }, kind) => {
                let pieces = pieces_of(is, seen)?;
                let each = pieces.iter().copied();
                if kind == Kind::Value && matches!(self.json_value(each)?, JsonValue::Null) {
                    return Ok(());
                }
                self.room.bytes(field.key.len())?;
                let out = object.key(&field.key);
                self.write_unless_null(kind, &pieces, out, depth).map(drop)
            }
        }
    }

    fn write_list(
        &mut self,
        (message, field): (&Message, &Field),
        seen: &[Seen<'a>],
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Read<()> {
        let depth = depth.checked_sub(1).ok_or(Refusal::TooDeep)?;
        out.push(b'[');
        let mut place = 0;
        for seen in seen {
            if let Kind::Scalar(scalar) = field.kind {
                let (plan, room) = (self.plan, &mut *self.room);
                each_item(scalar, seen.raw, message, field, |value| {
                    let before = out.len();
                    comma(place, out);
                    place += 1;
                    write_scalar(value, plan, out);
                    room.bytes(out.len() - before)
                })?;
                continue;
            }
            let pieces = pieces_of((message, field), std::slice::from_ref(seen))?;
            comma(place, out);
            place += 1;
            self.write_or_null(field.kind, &pieces, out, depth)?;
        }
        out.push(b']');
        Ok(())
    }

    fn write_map(
        &mut self,
        is: (&Message, &Field),
        key_type: ScalarType,
        seen: &[Seen<'a>],
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Read<()> {
        let depth = depth.checked_sub(1).ok_or(Refusal::TooDeep)?;
        let (message, field) = is;
        // Of equal keys the last one counts.
        let mut entries: BTreeMap<Cow<'a, str>, Vec<Raw<'a>>> = BTreeMap::new();
        for entry in pieces_of((message, field), seen)? {
            let mut key = self.plan.default_value(key_type);
            let mut values = Vec::new();
            let mut wire = self.wire(entry);
            while let Some((number, raw)) = wire.next()? {
                match number {
                    KEY => key = scalar_of(key_type, raw, message, field)?,
                    VALUE => values.push(raw),
                    _ => self.unknown(&message.name, number)?,
                }
            }
            self.room.cells(Self::WAITING * (1 + values.len()))?;
            entries.insert(write_key(key, self.plan), values);
        }
        let mut object = ObjectText::open(out);
        for (key, values) in entries {
            self.room.bytes(key.len())?;
            let out = object.key(&quoted_key(&key));
            if let Kind::Scalar(scalar) = field.kind {
                let value = match values.last() {
                    Some(raw) => scalar_of(scalar, *raw, message, field)?,
                    None => self.plan.default_value(scalar),
                };
                self.write_scalar(value, out)?;
                continue;
            }
            let pieces = values.iter().map(|raw| {
                has_parts(*raw, message, field)?;
                Ok(raw.parts())
            });
            let pieces = pieces.collect::<Result<Vec<&[u8]>, Refusal>>()?;
            self.write_or_null(field.kind, &pieces, out, depth)?;
        }
        object.close();
        Ok(())
    }
}

/// The bytes of values with parts.
fn pieces_of<'a>(
    (message, field): (&Message, &Field),
    seen: &[Seen<'a>],
) -> Result<Vec<&'a [u8]>, Refusal> {
    let pieces = seen.iter().map(|seen| {
        has_parts(seen.raw, message, field)?;
        Ok(seen.raw.parts())
    });
    pieces.collect()
}

fn comma(place: usize, out: &mut Vec<u8>) {
    if place > 0 {
        out.push(b',');
    }
}

fn write_scalar(value: Scalar<'_>, plan: &Plan, out: &mut Vec<u8>) {
    match value {
        Scalar::Bool(value) => write_bool(out, value),
        Scalar::Int(value) => write_int(out, value),
        Scalar::Unsigned(value) => {
            out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        }
        Scalar::Float(value) => write_float(out, value.into()),
        Scalar::Double(value) => write_float(out, value),
        Scalar::Text(value) => write_string(out, value),
        Scalar::Bytes(value) => write_binary(out, value),
        Scalar::Enum(place, number) => {
            let mut digits = itoa::Buffer::new();
            write_string(out, plan.enums[place].text(number, &mut digits));
        }
    }
}

/// The key of a map as text.
pub(super) fn write_key<'a>(key: Scalar<'a>, plan: &Plan) -> Cow<'a, str> {
    match key {
        Scalar::Text(text) => Cow::Borrowed(text),
        other => {
            let mut text = Vec::new();
            write_scalar(other, plan, &mut text);
            let text = String::from_utf8_lossy(&text);
            Cow::Owned(text.trim_matches('"').to_owned())
        }
    }
}
