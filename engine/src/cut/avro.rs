//! Avro container files, cut at blocks: header and blocks are a file again.

use std::io::{self, Read};

use bytes::Bytes;

use super::{CutError, MAX_PIECE, Piece, Pieces, damaged, skip, wanted};

const SYNC: usize = 16;
const MAX_HEADER: usize = 1 << 20;

/// The pieces of a container file.
pub(super) struct AvroPieces<R> {
    reader: R,
    header: Vec<u8>,
    position: u64,
}

impl<R: Read + Send> AvroPieces<R> {
    pub(super) fn open(mut reader: R, after: u64) -> Result<Self, CutError> {
        let mut header = Vec::new();
        read(&mut reader, 4, &mut header)?;
        if header != b"Obj\x01" {
            return Err(damaged("it does not begin as an Avro file"));
        }
        loop {
            let entries = long(&mut reader, &mut header)?.ok_or_else(cut_off)?;
            if entries == 0 {
                break;
            }
            if entries < 0 {
                // The bytes of the block of entries follow.
                long(&mut reader, &mut header)?.ok_or_else(cut_off)?;
            }
            for _ in 0..entries.unsigned_abs().saturating_mul(2) {
                let length = long(&mut reader, &mut header)?.ok_or_else(cut_off)?;
                let length = usize::try_from(length).ok();
                let length = length.filter(|length| header.len() + length <= MAX_HEADER);
                let length = length.ok_or_else(|| damaged("its header is too large"))?;
                read(&mut reader, length, &mut header)?;
            }
        }
        read(&mut reader, SYNC, &mut header)?;
        let begin = header.len() as u64;
        let position = match after {
            0 => begin,
            after => {
                skip(
                    &mut reader,
                    after.checked_sub(begin).ok_or(CutError::Shorter)?,
                )?;
                after
            }
        };
        Ok(Self {
            reader,
            header,
            position,
        })
    }

    /// Appends the next block; whether there was one.
    fn block(&mut self, into: &mut Vec<u8>) -> Result<bool, CutError> {
        if long(&mut self.reader, into)?.is_none() {
            return Ok(false);
        }
        let length = long(&mut self.reader, into)?.ok_or_else(cut_off)?;
        let length = usize::try_from(length).map_err(|_| damaged("a block of no length"))?;
        if length > MAX_PIECE {
            return Err(CutError::TooLarge(format!(
                "a block has {length} bytes; the most is {} MiB",
                MAX_PIECE >> 20
            )));
        }
        read(&mut self.reader, length + SYNC, into)?;
        let mark = &self.header[self.header.len() - SYNC..];
        match into.ends_with(mark) {
            true => Ok(true),
            false => Err(damaged("a block does not end with the file's mark")),
        }
    }
}

impl<R: Read + Send> Pieces for AvroPieces<R> {
    fn next_piece(&mut self) -> Result<Option<Piece>, CutError> {
        let mut data = self.header.clone();
        let header = data.len();
        let wanted = wanted(self.position);
        while data.len() - header < wanted && self.block(&mut data)? {}
        if data.len() == header {
            return Ok(None);
        }
        self.position += (data.len() - header) as u64;
        Ok(Some(Piece {
            data: Bytes::from(data),
            end: self.position,
        }))
    }
}

/// Appends so many bytes.
fn read(reader: &mut impl Read, length: usize, into: &mut Vec<u8>) -> Result<(), CutError> {
    let got = reader.take(length as u64).read_to_end(into)?;
    match got == length {
        true => Ok(()),
        false => Err(cut_off()),
    }
}

/// Reads a number, and appends its bytes; `None` where the file ends before it.
fn long(reader: &mut impl Read, into: &mut Vec<u8>) -> Result<Option<i64>, CutError> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        match reader.read_exact(&mut byte) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && shift == 0 => {
                return Ok(None);
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(cut_off()),
            Err(error) => return Err(error.into()),
        }
        into.push(byte[0]);
        value |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] < 0x80 {
            return Ok(Some((value >> 1) as i64 ^ -((value & 1) as i64)));
        }
    }
    Err(damaged("a number of more than 64 bits"))
}

fn cut_off() -> CutError {
    damaged("it is cut off")
}
