//! LZ4 frames.

use lz4_flex::frame::FrameDecoder;

use super::detect::skippable;
use super::output::Output;
use super::{Failure, MAX_PARTS};
use crate::decode::options::Compression;

/// All frames, and parts to be skipped between them.
///
/// The library takes the end of the data within a frame for the end of the frame, and an empty block
/// for the end of the data. So where frames end is found here, and each must be read to its end.
pub(super) fn frames(data: &[u8], output: &mut Output) -> Result<(), Failure> {
    let cut_off = || Failure::damaged(Compression::Lz4, "it is cut off");
    let mut rest = data;
    let mut parts = 0;
    while !rest.is_empty() {
        parts += 1;
        if parts > MAX_PARTS {
            return Err(Failure::TooManyParts);
        }
        if let Some(length) = skippable(rest) {
            rest = rest.get(length..).ok_or_else(cut_off)?;
            continue;
        }
        let frame = frame(rest)?.ok_or_else(cut_off)?;
        let (frame, after) = rest.split_at_checked(frame).ok_or_else(cut_off)?;
        let mut decoder = FrameDecoder::new(frame);
        let mut unread = frame.len() + 1;
        while decoder.get_ref().len() < unread {
            unread = decoder.get_ref().len();
            output.read_all(&mut decoder, Compression::Lz4)?;
        }
        if unread > 0 {
            return Err(cut_off());
        }
        rest = after;
    }
    Ok(())
}

/// The length of the frame that `data` begins with; `None` where it does not end.
fn frame(data: &[u8]) -> Result<Option<usize>, Failure> {
    const VERSION: u8 = 0xc0;
    const BLOCK_CHECKSUMS: u8 = 1 << 4;
    const CONTENT_SIZE: u8 = 1 << 3;
    const CONTENT_CHECKSUM: u8 = 1 << 2;
    const DICTIONARY: u8 = 1;
    let flags = match data {
        [0x04, 0x22, 0x4d, 0x18, flags, ..] => *flags,
        [0x04, 0x22, 0x4d, 0x18] => return Ok(None),
        _ => {
            return Err(Failure::damaged(
                Compression::Lz4,
                "bytes that are no frame follow",
            ));
        }
    };
    if flags & VERSION != 0x40 {
        return Err(Failure::unsupported(
            Compression::Lz4,
            "its version is not known",
        ));
    }
    if flags & DICTIONARY != 0 {
        return Err(Failure::unsupported(
            Compression::Lz4,
            "it needs a dictionary",
        ));
    }
    let when = |flag: u8, bytes: usize| if flags & flag != 0 { bytes } else { 0 };
    // Magic bytes, flags, size of blocks, checksum of the header.
    let mut at = 4 + 1 + 1 + when(CONTENT_SIZE, 8) + 1;
    loop {
        const STORED: u32 = 1 << 31;
        let Some(length) = data.get(at..).and_then(<[u8]>::first_chunk) else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(*length);
        at += 4;
        if length == 0 {
            return Ok(Some(at + when(CONTENT_CHECKSUM, 4)));
        }
        at += (length & !STORED) as usize + when(BLOCK_CHECKSUMS, 4);
    }
}
