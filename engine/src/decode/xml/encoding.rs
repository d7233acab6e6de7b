//! The encoding of a document, by its first bytes and by what it says of itself.

use std::borrow::Cow;

use memchr::memmem;

use crate::decode::text::not_utf8;
use crate::types::RejectCode;

/// What a content says, as text.
pub(super) struct Decoded<'a> {
    pub(super) text: Cow<'a, str>,
    /// Where the text begins in the content, if its bytes are those of the content.
    pub(super) start: Option<usize>,
}

/// Why a content is no text.
pub(super) struct Unreadable {
    pub(super) code: RejectCode,
    pub(super) reason: String,
}

const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Decodes a content. UTF-8 with or without a byte order mark and UTF-16 with one (or beginning with
/// `<`) are known by their first bytes; what a document of single bytes says of itself counts for
/// ISO-8859-1. One that says UTF-16 and begins like UTF-8 was recoded on its way: it is UTF-8.
pub(super) fn decode(data: &[u8]) -> Result<Decoded<'_>, Unreadable> {
    match data {
        [0xFF, 0xFE, rest @ ..] => return utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => return utf16(rest, u16::from_be_bytes),
        [b'<', 0, ..] => return utf16(data, u16::from_le_bytes),
        [0, b'<', ..] => return utf16(data, u16::from_be_bytes),
        _ => {}
    }
    let start = match data.starts_with(UTF8_MARK) {
        true => UTF8_MARK.len(),
        false => 0,
    };
    let bytes = &data[start..];
    let encoding = declared(bytes).unwrap_or("utf-8").to_ascii_lowercase();
    match &*encoding {
        "utf-8" | "utf8" | "us-ascii" | "ascii" | "utf-16" | "utf-16le" | "utf-16be" => {
            match simdutf8::basic::from_utf8(bytes) {
                Ok(text) => Ok(Decoded {
                    text: Cow::Borrowed(text),
                    start: Some(start),
                }),
                Err(_) => Err(Unreadable {
                    code: RejectCode::NotUtf8,
                    reason: not_utf8(),
                }),
            }
        }
        "iso-8859-1" | "iso_8859-1" | "latin1" | "latin-1" if start == 0 => Ok(Decoded {
            // The first characters of Unicode are those of ISO-8859-1.
            text: bytes.iter().map(|&byte| char::from(byte)).collect(),
            start: None,
        }),
        _ => Err(Unreadable {
            code: RejectCode::XmlEncoding,
            reason: format!("the encoding {encoding:?} is not read"),
        }),
    }
}

fn utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> Result<Decoded<'static>, Unreadable> {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let text: Result<String, _> = char::decode_utf16(units).collect();
    match text {
        Ok(text) if bytes.len().is_multiple_of(2) => Ok(Decoded {
            text: Cow::Owned(text),
            start: None,
        }),
        _ => Err(Unreadable {
            code: RejectCode::XmlEncoding,
            reason: "the bytes begin like UTF-16 and are not".to_owned(),
        }),
    }
}

/// The encoding that the declaration at the beginning names.
fn declared(bytes: &[u8]) -> Option<&str> {
    let inside = bytes.trim_ascii_start().strip_prefix(b"<?xml")?;
    let inside = &inside[..memmem::find(inside, b"?>")?];
    let after = &inside[memmem::find(inside, b"encoding")? + b"encoding".len()..];
    let value = after
        .trim_ascii_start()
        .strip_prefix(b"=")?
        .trim_ascii_start();
    let (&quote, value) = value.split_first()?;
    let end = value.iter().position(|&byte| byte == quote)?;
    std::str::from_utf8(&value[..end]).ok()
}
