//! Reading Avro's binary encoding, within limits.

pub(super) use crate::decode::cursor::Cursor;
pub(super) use crate::decode::room::Room;
use crate::decode::whole_file::Refusal;

impl<'a> Cursor<'a> {
    #[inline]
    pub(super) fn long(&mut self) -> Result<i64, Refusal> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
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
