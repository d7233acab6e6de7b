//! What bytes look like.
//!
//! JSON is never taken for anything else. It begins with white space, a quote, a bracket, a digit, a
//! minus, `t`, `f`, `n` or a byte order mark, and holds no control characters but tab, line feed and
//! carriage return:
//! - gzip, zstd, lz4, snappy's framing, bzip2 and xz begin with a byte that no JSON begins with, or
//!   (zstd's `(` and what may be skipped before a frame, from `P` on) that no JSON begins with either.
//! - zip's first bytes and tar's mark have control characters in them.
//! - Of the first bytes that zlib may have only `8` begins JSON, and the second byte that zlib wants
//!   after it begins nothing that goes on a number.
//! - Raw snappy may begin with any byte, so text is never tried: bytes that are UTF-8 without control
//!   characters are text.

use crate::decode::options::Compression;

const GZIP: &[u8] = b"\x1f\x8b\x08";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";
const LZ4: &[u8] = b"\x04\x22\x4d\x18";
const SNAPPY: &[u8] = b"\xff\x06\x00\x00sNaPpY";
const BZIP2: &[u8] = b"BZh";
/// What follows in bzip2 after the digit: a block, or the end of an empty stream.
const BZIP2_BLOCK: &[u8] = b"1AY&SY";
const BZIP2_END: &[u8] = b"\x17\x72\x45\x38\x50\x90";
const XZ: &[u8] = b"\xfd7zXZ\x00";
const ZIP: &[u8] = b"PK\x03\x04";
const EMPTY_ZIP: &[u8] = b"PK\x05\x06";
const TAR_BLOCK: usize = 512;
const TAR_CHECKSUM: std::ops::Range<usize> = 148..156;
const TAR_MARK: std::ops::Range<usize> = 257..265;
/// POSIX; and GNU's old one.
const TAR_MARKS: [&[u8]; 2] = [b"ustar\0", b"ustar  \0"];
/// Formats that are known by their first bytes, beside compressions.
const CONTAINERS: [&[u8]; 3] = [b"Obj\x01", b"PAR1", b"ORC"];

/// What the first bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// No compression.
    Plain,
    /// This one.
    Is(Compression),
    /// Perhaps one that has no magic bytes.
    Perhaps,
}

/// Looks at the first bytes. Called for every payload, so what most of them are comes first.
#[inline]
pub(super) fn look(data: &[u8]) -> Look {
    if let [
        b'{' | b'[',
        b'"' | b'{' | b'[' | b'}' | b']' | b'\n' | b'\r',
        ..,
    ] = data
    {
        return Look::Plain;
    }
    look_closer(data)
}

fn look_closer(data: &[u8]) -> Look {
    let Some(&first) = data.first() else {
        return Look::Plain;
    };
    let found = match first {
        0x1f if data.starts_with(GZIP) => Some(Compression::Gzip),
        0x28 if data.starts_with(ZSTD) => Some(Compression::Zstd),
        0x04 if data.starts_with(LZ4) => Some(Compression::Lz4),
        0xff if data.starts_with(SNAPPY) => Some(Compression::Snappy),
        0xfd if data.starts_with(XZ) => Some(Compression::Xz),
        b'B' if is_bzip2(data) => Some(Compression::Bzip2),
        b'P' if data.starts_with(ZIP) || data.starts_with(EMPTY_ZIP) => Some(Compression::Zip),
        b'P'..=b'_' => after_skippable(data),
        _ => None,
    };
    match found {
        Some(compression) => Look::Is(compression),
        None if is_tar(data) => Look::Is(Compression::Tar),
        None if has_zlib_header(data) || super::snappy::may_be_raw(data) => Look::Perhaps,
        None => Look::Plain,
    }
}

/// Whether a payload of a named compression begins as such.
pub(super) fn begins_as(compression: Compression, data: &[u8]) -> bool {
    match compression {
        Compression::Auto | Compression::None => true,
        Compression::Gzip => data.starts_with(&GZIP[..2]),
        Compression::Zlib => is_zlib_header(data),
        Compression::Zstd => data.starts_with(ZSTD) || skippable(data).is_some(),
        Compression::Lz4 => data.starts_with(LZ4) || skippable(data).is_some(),
        Compression::Snappy => data.starts_with(SNAPPY),
        // It has nothing to be known by.
        Compression::SnappyRaw => true,
        Compression::Bzip2 => data.starts_with(BZIP2),
        Compression::Xz => data.starts_with(XZ),
        Compression::Zip => data.starts_with(ZIP) || data.starts_with(EMPTY_ZIP),
        // Before POSIX tar had no mark.
        Compression::Tar => has_tar_checksum(data) || data.iter().all(|&byte| byte == 0),
    }
}

fn is_bzip2(data: &[u8]) -> bool {
    let rest = match data.strip_prefix(BZIP2) {
        Some([b'1'..=b'9', rest @ ..]) => rest,
        _ => return false,
    };
    rest.starts_with(BZIP2_BLOCK) || rest.starts_with(BZIP2_END)
}

/// The length of the part that zstd and lz4 skip, where `data` begins with one.
pub(super) fn skippable(data: &[u8]) -> Option<usize> {
    let [low, 0x2a, 0x4d, 0x18, length @ ..] = data else {
        return None;
    };
    let length = u32::from_le_bytes(*length.first_chunk()?);
    (0x50..0x60)
        .contains(low)
        .then(|| 8usize.saturating_add(length as usize))
}

/// What comes after parts that are to be skipped.
fn after_skippable(data: &[u8]) -> Option<Compression> {
    let mut rest = data;
    while let Some(length) = skippable(rest) {
        rest = rest.get(length..)?;
    }
    if rest.starts_with(ZSTD) {
        Some(Compression::Zstd)
    } else if rest.starts_with(LZ4) {
        Some(Compression::Lz4)
    } else {
        None
    }
}

fn is_tar(data: &[u8]) -> bool {
    let Some(mark) = data.get(TAR_MARK) else {
        return false;
    };
    TAR_MARKS.iter().any(|known| mark.starts_with(known)) && has_tar_checksum(data)
}

/// Whether the first block of `data` is a header of tar by its checksum: the sum of its bytes, in
/// octal, for which the checksum itself counts as spaces.
fn has_tar_checksum(data: &[u8]) -> bool {
    let Some(block) = data.get(..TAR_BLOCK) else {
        return false;
    };
    let stored = &block[TAR_CHECKSUM];
    let digits = stored.iter().skip_while(|&&byte| byte == b' ');
    let digits = digits.take_while(|byte| (b'0'..=b'7').contains(byte));
    let (count, stored_sum) = digits.fold((0, 0u32), |(count, sum), digit| {
        (count + 1, sum * 8 + u32::from(digit - b'0'))
    });
    let sum = |bytes: &[u8]| bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>();
    let spaces = u32::from(b' ') * TAR_CHECKSUM.len() as u32;
    count > 0 && stored_sum == sum(block) - sum(stored) + spaces
}

/// Whether `data` may be zlib that needs no dictionary.
pub(super) fn has_zlib_header(data: &[u8]) -> bool {
    const NEEDS_DICTIONARY: u8 = 0x20;
    is_zlib_header(data) && data[1] & NEEDS_DICTIONARY == 0
}

fn is_zlib_header(data: &[u8]) -> bool {
    let [method, flags, ..] = *data else {
        return false;
    };
    // Deflate, with a window of at most 32 KiB, and a check over both bytes.
    method & 0x0f == 8 && method >> 4 <= 7 && u16::from_be_bytes([method, flags]).is_multiple_of(31)
}

/// Whether bytes are text: UTF-8 without control characters that no JSON and hardly any other text
/// has.
pub(super) fn is_text(data: &[u8]) -> bool {
    let control = |byte: &u8| *byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
    !data.iter().any(control) && simdutf8::basic::from_utf8(data).is_ok()
}

/// Whether bytes are something that is known: text, a file format, a compression with magic bytes.
pub(super) fn is_known(data: &[u8]) -> bool {
    CONTAINERS.iter().any(|magic| data.starts_with(magic))
        || matches!(look(data), Look::Is(_))
        || is_text(data)
}
