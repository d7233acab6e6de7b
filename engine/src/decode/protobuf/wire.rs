//! Protobuf's wire format: fields one after the other, each with its number.

use crate::decode::cursor::Cursor;
use crate::decode::whole_file::Refusal;

/// A field's value as its wire type says, whatever the field's own type is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Raw<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    /// A text, bytes, a message, or packed numbers.
    Bytes(&'a [u8]),
    /// A message between the tags of a group.
    Group(&'a [u8]),
    Fixed32([u8; 4]),
}

impl<'a> Raw<'a> {
    /// The bytes of a message, or of something else that has parts.
    pub(super) fn parts(self) -> &'a [u8] {
        match self {
            Raw::Bytes(bytes) | Raw::Group(bytes) => bytes,
            Raw::Varint(_) | Raw::Fixed32(_) | Raw::Fixed64(_) => &[],
        }
    }

    /// The number of its wire type.
    pub(super) fn wire_type(&self) -> u8 {
        match self {
            Raw::Varint(_) => 0,
            Raw::Fixed64(_) => 1,
            Raw::Bytes(_) => 2,
            Raw::Group(_) => 3,
            Raw::Fixed32(_) => 5,
        }
    }
}

/// The fields of a message.
pub(super) struct Wire<'a> {
    cursor: Cursor<'a>,
    max_depth: usize,
}

/// The wire type that a group ends with.
const END_GROUP: u8 = 4;

/// The largest number that a field may have.
const MAX_NUMBER: u64 = (1 << 29) - 1;

impl<'a> Wire<'a> {
    /// Groups in `bytes` may be nested `max_depth` levels.
    pub(super) fn new(bytes: &'a [u8], max_depth: usize) -> Self {
        Self {
            cursor: Cursor::new(bytes),
            max_depth,
        }
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.cursor.rest()
    }

    /// The next field; `None` after the last.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<(u32, Raw<'a>)>, Refusal> {
        if self.rest().is_empty() {
            return Ok(None);
        }
        let (number, wire_type) = self.tag()?;
        let raw = match wire_type {
            3 => Raw::Group(self.group(number)?),
            END_GROUP => return Err(Refusal::damaged("a group ends that did not begin")),
            wire_type => self.plain(wire_type)?,
        };
        Ok(Some((number, raw)))
    }

    #[inline]
    fn tag(&mut self) -> Result<(u32, u8), Refusal> {
        let key = self.cursor.varint()?;
        let number = key >> 3;
        if !(1..=MAX_NUMBER).contains(&number) {
            return Err(Refusal::damaged(format!(
                "no field has the number {number}"
            )));
        }
        Ok((number as u32, (key & 7) as u8))
    }

    /// A value that is no group.
    #[inline]
    fn plain(&mut self, wire_type: u8) -> Result<Raw<'a>, Refusal> {
        Ok(match wire_type {
            0 => Raw::Varint(self.cursor.varint()?),
            1 => Raw::Fixed64(self.cursor.array()?),
            2 => {
                let len = self.cursor.varint()?;
                Raw::Bytes(self.cursor.take_len(len)?)
            }
            5 => Raw::Fixed32(self.cursor.array()?),
            other => return Err(Refusal::damaged(format!("{other} is no wire type"))),
        })
    }

    /// What stands before the end of the group that has begun.
    fn group(&mut self, number: u32) -> Result<&'a [u8], Refusal> {
        let all = self.rest();
        let mut open = vec![number];
        loop {
            let before = all.len() - self.rest().len();
            match self.tag()? {
                (number, 3) if open.len() < self.max_depth => open.push(number),
                (_, 3) => return Err(Refusal::TooDeep),
                (number, END_GROUP) if open.pop() != Some(number) => {
                    return Err(Refusal::damaged("a group ends within another"));
                }
                (_, END_GROUP) if open.is_empty() => return Ok(&all[..before]),
                (_, END_GROUP) => {}
                (_, wire_type) => {
                    self.plain(wire_type)?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(bytes: &[u8]) -> Result<Vec<(u32, Raw<'_>)>, Refusal> {
        let mut wire = Wire::new(bytes, 3);
        let mut fields = Vec::new();
        while let Some(field) = wire.next()? {
            fields.push(field);
        }
        Ok(fields)
    }

    #[test]
    fn every_wire_type_is_read() {
        let bytes = b"\x08\x96\x01\x11\x01\0\0\0\0\0\0\x80\x1a\x02ab\x23\x28\x05\x24\x35\x01\0\0\0";
        assert_eq!(
            fields(bytes).unwrap(),
            [
                (1, Raw::Varint(150)),
                (2, Raw::Fixed64([1, 0, 0, 0, 0, 0, 0, 0x80])),
                (3, Raw::Bytes(b"ab")),
                (4, Raw::Group(b"\x28\x05")),
                (6, Raw::Fixed32([1, 0, 0, 0])),
            ]
        );
        // Ten bytes of a number, bits beyond 64 among them.
        let long = b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f";
        assert_eq!(fields(long).unwrap(), [(1, Raw::Varint(u64::MAX))]);
    }

    #[test]
    fn groups_end_where_they_began() {
        let nested = b"\x0b\x13\x1b\x1c\x14\x0c";
        assert_eq!(fields(nested).unwrap(), [(1, Raw::Group(&nested[1..5]))]);
        let deeper = b"\x0b\x13\x1b\x23\x24\x1c\x14\x0c";
        assert!(matches!(fields(deeper), Err(Refusal::TooDeep)));
    }

    #[test]
    fn what_is_no_message_is_damaged() {
        for bytes in [
            &b"\x08"[..],
            b"\x08\x80",
            b"\x00\x01",
            b"\x0e",
            b"\x0c",
            b"\x1a\x05abcd",
            b"\x0b\x14",
            b"\x0b\x08",
            b"\x11\0\0\0\0\0\0\0",
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x82\x80\x80\x80\x10\x00",
        ] {
            assert!(
                matches!(fields(bytes), Err(Refusal::Damaged(_))),
                "{bytes:?}"
            );
        }
    }
}
