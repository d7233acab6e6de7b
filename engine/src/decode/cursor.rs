//! Reading binary values one after the other, never beyond the end.

use super::whole_file::Refusal;

/// Bytes that are read from the front.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read.
    #[inline]
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], Refusal> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or_else(ends_early)?;
        self.rest = rest;
        Ok(taken)
    }

    /// As [`Self::take`], of a length that was read.
    #[inline]
    pub(super) fn take_len(&mut self, len: u64) -> Result<&'a [u8], Refusal> {
        // There are never so many.
        self.take(usize::try_from(len).unwrap_or(usize::MAX))
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(ends_early)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A number of up to 64 bits, seven in a byte, the lowest first; what is beyond them does not
    /// count, as in other decoders.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, Refusal> {
        if let [byte @ 0..=0x7f, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, Refusal> {
        let mut value = 0;
        for (at, &byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[at + 1..];
                return Ok(value);
            }
        }
        match self.rest.len() {
            10.. => Err(Refusal::damaged("a number has more than 64 bits")),
            _ => Err(ends_early()),
        }
    }
}

fn ends_early() -> Refusal {
    Refusal::damaged("it ends within a value")
}
