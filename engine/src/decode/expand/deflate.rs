//! gzip and zlib, and the deflate that both and zip hold.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::Failure;
use super::output::Output;
use crate::decode::options::Compression;

/// Undoes deflate. Keeps its window.
#[derive(Default)]
pub(super) struct Inflater {
    state: Option<Decompress>,
}

const CUT_OFF: &str = "it is cut off";

impl Inflater {
    /// gzip: its members, and zeros after them.
    pub(super) fn gzip(&mut self, data: &[u8], output: &mut Output) -> Result<(), Failure> {
        let damaged = |why: &str| Failure::damaged(Compression::Gzip, why);
        let mut rest = data;
        loop {
            let header = gzip_header(rest).map_err(damaged)?;
            let begin = output.filled().len();
            let length = self.inflate(&rest[header..], false, Compression::Gzip, output)?;
            let member = &output.filled()[begin..];
            let mut crc = Crc::new();
            crc.update(member);
            let trailer = rest
                .get(header + length..)
                .and_then(<[u8]>::first_chunk::<8>);
            let [c0, c1, c2, c3, l0, l1, l2, l3] = *trailer.ok_or_else(|| damaged(CUT_OFF))?;
            if crc.sum() != u32::from_le_bytes([c0, c1, c2, c3]) {
                return Err(damaged("its checksum is another one"));
            }
            // The length is stored modulo 2^32.
            if member.len() as u32 != u32::from_le_bytes([l0, l1, l2, l3]) {
                return Err(damaged("its length is another one"));
            }
            rest = &rest[header + length + 8..];
            if rest.iter().all(|&byte| byte == 0) {
                return Ok(());
            }
        }
    }

    /// zlib: one stream and nothing after it.
    pub(super) fn zlib(&mut self, data: &[u8], output: &mut Output) -> Result<(), Failure> {
        let length = self.inflate(data, true, Compression::Zlib, output)?;
        if length < data.len() {
            return Err(Failure::damaged(Compression::Zlib, "bytes follow its end"));
        }
        Ok(())
    }

    /// Undoes one stream of deflate, with zlib's header and checksum around it or without; gives
    /// how many bytes of `data` it has.
    pub(super) fn inflate(
        &mut self,
        data: &[u8],
        zlib: bool,
        within: Compression,
        output: &mut Output,
    ) -> Result<usize, Failure> {
        let state = self.state.get_or_insert_with(|| Decompress::new(zlib));
        state.reset(zlib);
        loop {
            let read = state.total_in();
            let written = state.total_out();
            let rest = &data[read as usize..];
            let status = match state.decompress(rest, output.room()?, FlushDecompress::None) {
                Ok(status) => status,
                Err(error) if error.needs_dictionary().is_some() => {
                    return Err(Failure::unsupported(within, "it needs a dictionary"));
                }
                Err(error) => return Err(Failure::damaged(within, error)),
            };
            output.fill((state.total_out() - written) as usize);
            if status == Status::StreamEnd {
                return Ok(state.total_in() as usize);
            }
            if state.total_in() == read && state.total_out() == written {
                return Err(Failure::damaged(within, CUT_OFF));
            }
        }
    }
}

/// The length of the header of a gzip member.
fn gzip_header(data: &[u8]) -> Result<usize, &'static str> {
    const FIXED: usize = 10;
    const HEADER_CHECKSUM: u8 = 1 << 1;
    const EXTRA: u8 = 1 << 2;
    const NAME: u8 = 1 << 3;
    const COMMENT: u8 = 1 << 4;
    const RESERVED: u8 = 0xe0;
    let [0x1f, 0x8b, method, flags, ..] = *data else {
        return Err("bytes that are no member follow");
    };
    if method != 8 || flags & RESERVED != 0 {
        return Err("its header is of a kind that does not exist");
    }
    let mut at = FIXED;
    if flags & EXTRA != 0 {
        let length = data.get(at..).and_then(<[u8]>::first_chunk::<2>);
        at += 2 + usize::from(u16::from_le_bytes(*length.ok_or(CUT_OFF)?));
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let rest = data.get(at..).ok_or(CUT_OFF)?;
            at += memchr::memchr(0, rest).ok_or(CUT_OFF)? + 1;
        }
    }
    let header = data.get(..at).ok_or(CUT_OFF)?;
    if flags & HEADER_CHECKSUM != 0 {
        let stored = data.get(at..).and_then(<[u8]>::first_chunk::<2>);
        let mut crc = Crc::new();
        crc.update(header);
        // Its lower half is stored.
        if crc.sum() as u16 != u16::from_le_bytes(*stored.ok_or(CUT_OFF)?) {
            return Err("the checksum of its header is another one");
        }
        at += 2;
    }
    Ok(at)
}
