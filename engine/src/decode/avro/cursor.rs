//! Reading Avro's binary encoding, within limits.

pub(super) use crate::decode::room::Room;
use crate::decode::whole_file::Refusal;

/// Reads values one after the other.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Refusal> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(ends_early)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(ends_early)?;
        self.rest = rest;
        Ok(*taken)
    }

    #[inline]
    pub(super) fn long(&mut self) -> Result<i64, Refusal> {
        let mut value = 0;
        for (at, &byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[at + 1..];
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        match self.rest.len() {
            10.. => Err(Refusal::damaged("a number has more than 64 bits")),
            _ => Err(ends_early()),
        }
    }

    pub(super) fn int(&mut self) -> Result<i32, Refusal> {
        let wide = |_| Refusal::damaged("an int has more than 32 bits");
        i32::try_from(self.long()?).map_err(wide)
    }

    pub(super) fn boolean(&mut self) -> Result<bool, Refusal> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(Refusal::damaged("a boolean is neither 0 nor 1")),
        }
    }

    /// Bytes with their length before them.
    pub(super) fn bytes(&mut self) -> Result<&'a [u8], Refusal> {
        let negative = |_| Refusal::damaged("a length is negative");
        let len = usize::try_from(self.long()?).map_err(negative)?;
        self.take(len)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Refusal> {
        let broken = |_| Refusal::damaged("a string is not UTF-8");
        simdutf8::basic::from_utf8(self.bytes()?).map_err(broken)
    }

    /// How many items the next block of an array or a map has; 0 after the last.
    pub(super) fn block(&mut self) -> Result<u64, Refusal> {
        let count = self.long()?;
        if count < 0 {
            // For who wants to skip it: the bytes of the block.
            self.long()?;
        }
        Ok(count.unsigned_abs())
    }

    /// The place of a branch of a union, or of a symbol of an enum, of so many.
    pub(super) fn place(&mut self, of: usize) -> Result<usize, Refusal> {
        let place = usize::try_from(self.long()?)
            .ok()
            .filter(|place| *place < of);
        place.ok_or_else(|| Refusal::damaged("it names a branch or symbol that its schema has not"))
    }
}

fn ends_early() -> Refusal {
    Refusal::damaged("it ends within a value")
}
