//! Messages that stand for a value of another kind: points in time, lengths of time, numbers and
//! texts that may be absent, and JSON.
//!
//! A message may be in several pieces: decoders put together what comes of one field.

use std::collections::BTreeMap;

use super::read::{Read, Reader};
use super::scalar::{Scalar, ScalarType};
use super::wire::{Raw, Wire};
use crate::decode::whole_file::Refusal;
use crate::schema::calendar::{self, NANOSECONDS};

/// A point in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Moment {
    /// Since 1970-01-01T00:00:00 UTC.
    seconds: i64,
    /// On top of them, fewer than a second has.
    nanoseconds: u32,
}

impl Moment {
    /// The time in microseconds, where those hold it.
    pub(super) fn microseconds(&self) -> Option<i64> {
        let rest = i64::from(self.nanoseconds);
        let micros = self.seconds.checked_mul(1_000_000)?;
        (rest % 1_000 == 0).then_some(micros.checked_add(rest / 1_000)?)
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        calendar::write_instant(out, self.seconds, self.nanoseconds);
    }
}

/// What a JSON value is.
pub(super) enum JsonValue<'a> {
    Null,
    Number(f64),
    Text(&'a str),
    Bool(bool),
    Object(Vec<&'a [u8]>),
    List(Vec<&'a [u8]>),
}

impl<'a> Reader<'_, 'a, '_> {
    /// `google.protobuf.Timestamp`.
    pub(super) fn timestamp(&self, pieces: impl Iterator<Item = &'a [u8]>) -> Read<Moment> {
        let (seconds, nanos) = self.time(pieces)?;
        let carried = i64::from(nanos).div_euclid(NANOSECONDS);
        let beyond = || Refusal::damaged("a timestamp is beyond what can be counted");
        Ok(Moment {
            seconds: seconds.checked_add(carried).ok_or_else(beyond)?,
            // Fewer than a second has.
            nanoseconds: i64::from(nanos).rem_euclid(NANOSECONDS) as u32,
        })
    }

    /// `google.protobuf.Duration`, in nanoseconds.
    pub(super) fn duration(&self, pieces: impl Iterator<Item = &'a [u8]>) -> Read<i128> {
        let (seconds, nanos) = self.time(pieces)?;
        Ok(i128::from(seconds) * i128::from(NANOSECONDS) + i128::from(nanos))
    }

    fn time(&self, pieces: impl Iterator<Item = &'a [u8]>) -> Read<(i64, i32)> {
        let (mut seconds, mut nanos) = (0, 0);
        for piece in pieces {
            let mut wire = self.wire(piece);
            while let Some((number, raw)) = wire.next()? {
                match (number, raw) {
                    (1, Raw::Varint(value)) => seconds = value as i64,
                    (2, Raw::Varint(value)) => nanos = value as i32,
                    (1 | 2, _) => return Err(wrong("a time").into()),
                    _ => self.unknown("a time", number)?,
                }
            }
        }
        Ok((seconds, nanos))
    }

    /// The value of a wrapper.
    pub(super) fn wrapped(
        &self,
        scalar: ScalarType,
        pieces: impl Iterator<Item = &'a [u8]>,
    ) -> Read<Scalar<'a>> {
        let mut value = self.plan.default_value(scalar);
        for piece in pieces {
            let mut wire = self.wire(piece);
            while let Some((number, raw)) = wire.next()? {
                match number {
                    1 => value = scalar.of(raw).map_err(|_| wrong("a wrapped value"))?,
                    _ => self.unknown("a wrapper", number)?,
                }
            }
        }
        Ok(value)
    }

    /// `google.protobuf.Value`. One that says nothing is null.
    pub(super) fn json_value(&self, pieces: impl Iterator<Item = &'a [u8]>) -> Read<JsonValue<'a>> {
        let mut value = JsonValue::Null;
        for piece in pieces {
            let mut wire = self.wire(piece);
            while let Some((number, raw)) = wire.next()? {
                value = match (number, raw) {
                    (1, Raw::Varint(_)) => JsonValue::Null,
                    (2, Raw::Fixed64(bytes)) => JsonValue::Number(f64::from_le_bytes(bytes)),
                    (3, raw) => match ScalarType::String.of(raw) {
                        Ok(Scalar::Text(text)) => JsonValue::Text(text),
                        _ => return Err(wrong("a JSON value").into()),
                    },
                    (4, Raw::Varint(value)) => JsonValue::Bool(value != 0),
                    (5, Raw::Bytes(bytes)) => match value {
                        JsonValue::Object(pieces) => JsonValue::Object(and(pieces, bytes)),
                        _ => JsonValue::Object(vec![bytes]),
                    },
                    (6, Raw::Bytes(bytes)) => match value {
                        JsonValue::List(pieces) => JsonValue::List(and(pieces, bytes)),
                        _ => JsonValue::List(vec![bytes]),
                    },
                    (1..=6, _) => return Err(wrong("a JSON value").into()),
                    _ => {
                        self.unknown("google.protobuf.Value", number)?;
                        value
                    }
                };
            }
        }
        Ok(value)
    }

    /// The members of a `google.protobuf.Struct`, each with the pieces of its value. The last one of
    /// equal names counts.
    pub(super) fn members(
        &mut self,
        pieces: impl Iterator<Item = &'a [u8]>,
    ) -> Read<BTreeMap<&'a str, Vec<&'a [u8]>>> {
        let mut members = BTreeMap::new();
        for piece in pieces {
            let mut wire = self.wire(piece);
            while let Some((number, raw)) = wire.next()? {
                match (number, raw) {
                    (1, Raw::Bytes(entry)) => {
                        let (name, value) = self.member(self.wire(entry))?;
                        members.insert(name, value);
                    }
                    (1, _) => return Err(wrong("a JSON object").into()),
                    _ => self.unknown("google.protobuf.Struct", number)?,
                }
            }
        }
        Ok(members)
    }

    fn member(&mut self, mut wire: Wire<'a>) -> Read<(&'a str, Vec<&'a [u8]>)> {
        self.room.cells(Self::WAITING)?;
        let (mut name, mut value) = ("", Vec::new());
        while let Some((number, raw)) = wire.next()? {
            match (number, raw) {
                (1, raw) => match ScalarType::String.of(raw) {
                    Ok(Scalar::Text(text)) => name = text,
                    _ => return Err(wrong("the name in a JSON object").into()),
                },
                (2, Raw::Bytes(piece)) => value.push(piece),
                (2, _) => return Err(wrong("a JSON object").into()),
                _ => self.unknown("google.protobuf.Struct", number)?,
            }
        }
        Ok((name, value))
    }

    /// The items of a `google.protobuf.ListValue`.
    pub(super) fn elements(
        &mut self,
        pieces: impl Iterator<Item = &'a [u8]>,
    ) -> Read<Vec<&'a [u8]>> {
        let mut elements = Vec::new();
        for piece in pieces {
            let mut wire = self.wire(piece);
            while let Some((number, raw)) = wire.next()? {
                match (number, raw) {
                    (1, Raw::Bytes(element)) => {
                        self.room.cells(Self::WAITING)?;
                        elements.push(element);
                    }
                    (1, _) => return Err(wrong("a JSON list").into()),
                    _ => self.unknown("google.protobuf.ListValue", number)?,
                }
            }
        }
        Ok(elements)
    }
}

fn and<'a>(mut pieces: Vec<&'a [u8]>, piece: &'a [u8]) -> Vec<&'a [u8]> {
    pieces.push(piece);
    pieces
}

fn wrong(what: &str) -> Refusal {
    Refusal::Damaged(format!(
        "{what} is written in another way than it has to be"
    ))
}
