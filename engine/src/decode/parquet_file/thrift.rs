//! Thrift's compact protocol, as far as looking at headers takes.

/// Levels of values in values that are gone into.
const MAX_DEPTH: usize = 32;

/// Reads values one after the other. Every function gives `None` where the bytes are not that.
pub(super) struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Types as fields and lists name them.
pub(super) mod kind {
    pub const TRUE: u8 = 1;
    pub const FALSE: u8 = 2;
    pub const BYTE: u8 = 3;
    pub const I16: u8 = 4;
    pub const I32: u8 = 5;
    pub const I64: u8 = 6;
    pub const DOUBLE: u8 = 7;
    pub const BINARY: u8 = 8;
    pub const LIST: u8 = 9;
    pub const SET: u8 = 10;
    pub const MAP: u8 = 11;
    pub const STRUCT: u8 = 12;
}

impl<'a> Thrift<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes that were read.
    pub(super) fn read(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// An integer of any width.
    pub(super) fn int(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn skip_bytes(&mut self, len: u64) -> Option<()> {
        let end = self.at.checked_add(usize::try_from(len).ok()?)?;
        (end <= self.bytes.len()).then_some(())?;
        self.at = end;
        Some(())
    }

    /// The fields of a struct. `field` gets the number and type of each and says whether it read
    /// the value; if not, the value is skipped. A boolean is in its type and has no value.
    pub(super) fn structure(
        &mut self,
        mut field: impl FnMut(&mut Self, i64, u8) -> Option<bool>,
    ) -> Option<()> {
        let mut number = 0;
        loop {
            let header = self.byte()?;
            if header == 0 {
                return Some(());
            }
            number = match header >> 4 {
                0 => self.int()?,
                delta => number + i64::from(delta),
            };
            let kind = header & 0xf;
            if !field(self, number, kind)? {
                self.skip(kind, MAX_DEPTH)?;
            }
        }
    }

    /// How many items a list has, and their type. Each takes a byte at least.
    pub(super) fn list(&mut self) -> Option<(usize, u8)> {
        let header = self.byte()?;
        let len = match header >> 4 {
            15 => usize::try_from(self.varint()?).ok()?,
            len => usize::from(len),
        };
        (len <= self.bytes.len() - self.at).then_some((len, header & 0xf))
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            kind::TRUE | kind::FALSE => {}
            kind::BYTE => self.skip_bytes(1)?,
            kind::I16 | kind::I32 | kind::I64 => {
                self.varint()?;
            }
            kind::DOUBLE => self.skip_bytes(8)?,
            kind::BINARY => {
                let len = self.varint()?;
                self.skip_bytes(len)?;
            }
            kind::LIST | kind::SET => {
                let (len, kind) = self.list()?;
                for _ in 0..len {
                    self.skip_item(kind, depth)?;
                }
            }
            kind::MAP => self.skip_map(depth)?,
            kind::STRUCT => loop {
                let header = self.byte()?;
                if header == 0 {
                    break;
                }
                if header >> 4 == 0 {
                    self.varint()?;
                }
                self.skip(header & 0xf, depth)?;
            },
            _ => return None,
        }
        Some(())
    }

    fn skip_map(&mut self, depth: usize) -> Option<()> {
        let len = usize::try_from(self.varint()?).ok()?;
        if len == 0 {
            return Some(());
        }
        let kinds = self.byte()?;
        (len <= self.bytes.len() - self.at).then_some(())?;
        for _ in 0..len {
            self.skip_item(kinds >> 4, depth)?;
            self.skip_item(kinds & 0xf, depth)?;
        }
        Some(())
    }

    /// In lists and maps a boolean is a byte.
    fn skip_item(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            kind::TRUE | kind::FALSE => self.skip_bytes(1),
            kind => self.skip(kind, depth),
        }
    }
}
