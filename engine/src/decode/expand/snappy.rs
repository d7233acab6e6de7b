//! Snappy, with its framing and without.

use snap::raw::Decoder;
use snap::read::FrameDecoder;

use super::Failure;
use super::output::Output;
use crate::decode::options::Compression;

/// The framing format: one or several streams.
pub(super) fn framed(data: &[u8], output: &mut Output) -> Result<(), Failure> {
    output.read_all(&mut FrameDecoder::new(data), Compression::Snappy)
}

/// A bare block.
pub(super) fn raw(data: &[u8], output: &mut Output) -> Result<(), Failure> {
    let damaged = |why: &str| Failure::damaged(Compression::SnappyRaw, why);
    // That many bytes really come out, so it may be asked for that much room.
    let length = expanded_length(data).ok_or_else(|| damaged("it is cut off or no block"))?;
    if length > output.left() {
        return Err(output.too_much());
    }
    let room = output.whole(length);
    let count = Decoder::new()
        .decompress(data, &mut room[..length])
        .map_err(|error| Failure::damaged(Compression::SnappyRaw, error))?;
    output.fill(count);
    Ok(())
}

/// Whether the first bytes may be those of a block that is not empty: its length, and then bytes
/// that stand for themselves, since there is nothing yet to be repeated. JSON that begins with an
/// object does not pass.
#[inline]
pub(super) fn may_be_raw(data: &[u8]) -> bool {
    let Some((length, at)) = stored_length(data) else {
        return false;
    };
    let Some(tag) = data.get(at) else {
        return false;
    };
    // At the very least a length of one byte and a tag for 64 bytes that are repeated.
    length > 0 && tag & 3 == LITERAL && data.len() <= most_compressed(length)
}

/// Whether `data` is wholly a block.
pub(super) fn is_raw(data: &[u8]) -> bool {
    expanded_length(data).is_some()
}

/// Bytes that a block of `length` bytes takes at the most.
fn most_compressed(length: usize) -> usize {
    32 + length + length / 6
}

const LITERAL: u8 = 0;

/// The length that a block gives for itself, and where its elements begin.
fn stored_length(data: &[u8]) -> Option<(usize, usize)> {
    let mut length = 0u64;
    for (place, &byte) in data.iter().take(5).enumerate() {
        length |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            let length = u32::try_from(length).ok()?;
            return Some((length as usize, place + 1));
        }
    }
    None
}

/// How many bytes really come out of a block, by its elements; `None` where they are not those of a
/// block of the length that it gives.
fn expanded_length(data: &[u8]) -> Option<usize> {
    let (length, mut at) = stored_length(data)?;
    let mut produced = 0usize;
    while at < data.len() {
        let tag = data[at];
        let rest = &data[at + 1..];
        let number = |bytes: usize| -> Option<usize> {
            let bytes = rest.get(..bytes)?.iter().rev();
            Some(bytes.fold(0, |number, &byte| number << 8 | usize::from(byte)))
        };
        let high = usize::from(tag >> 2);
        let (count, more, offset) = match tag & 3 {
            LITERAL if high < 60 => (high + 1, high + 1, None),
            LITERAL => {
                let bytes = high - 59;
                let count = number(bytes)? + 1;
                (count, bytes + count, None)
            }
            1 => {
                let offset = usize::from(tag >> 5) << 8 | number(1)?;
                ((high & 7) + 4, 1, Some(offset))
            }
            2 => (high + 1, 2, Some(number(2)?)),
            _ => (high + 1, 4, Some(number(4)?)),
        };
        if rest.len() < more || offset.is_some_and(|offset| offset == 0 || offset > produced) {
            return None;
        }
        produced += count;
        if produced > length {
            return None;
        }
        at += 1 + more;
    }
    (produced == length).then_some(length)
}
