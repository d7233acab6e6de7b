//! Canonical JSON text, shaped: what a column of JSON text holds is a value like any other.

use std::borrow::Cow;

use super::{Place, Shaper};

/// Writes what stays of the value at the beginning of `text` (canonical JSON), and gives the length
/// of that value; whether anything stays.
pub(super) fn rewrite(
    shaper: &Shaper,
    place: &Place,
    text: &str,
    out: &mut Vec<u8>,
) -> (usize, bool) {
    match text.as_bytes().first() {
        Some(b'{') => (object(shaper, place, text, out), true),
        Some(b'[') => (list(shaper, place, text, out), true),
        _ => {
            let length = scalar(text);
            (length, shaper.write_scalar(place, &text[..length], out))
        }
    }
}

fn object(shaper: &Shaper, place: &Place, text: &str, out: &mut Vec<u8>) -> usize {
    out.push(b'{');
    let begin = out.len();
    let mut at = 1;
    while !closes(text, at, b'}') {
        let key = scalar(&text[at..]);
        let name = unquoted(&text[at..at + key]);
        let value = at + key + 1;
        let before = out.len();
        if out.len() > begin {
            out.push(b',');
        }
        out.extend_from_slice(&text.as_bytes()[at..value]);
        let (length, stays) = match shaper.below(place, &name) {
            Some(place) => rewrite(shaper, &place, &text[value..], out),
            None => (skip(&text[value..]), false),
        };
        if !stays {
            out.truncate(before);
        }
        at = after(text, value + length);
    }
    out.push(b'}');
    at + 1
}

fn list(shaper: &Shaper, place: &Place, text: &str, out: &mut Vec<u8>) -> usize {
    out.push(b'[');
    let begin = out.len();
    let mut at = 1;
    while !closes(text, at, b']') {
        if out.len() > begin {
            out.push(b',');
        }
        let before = out.len();
        let (length, stays) = rewrite(shaper, place, &text[at..], out);
        if !stays {
            out.truncate(before);
            out.extend_from_slice(b"null");
        }
        at = after(text, at + length);
    }
    out.push(b']');
    at + 1
}

/// The length of a value.
fn skip(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    loop {
        match text.as_bytes().get(at) {
            Some(b'{' | b'[') => depth += 1,
            Some(b'}' | b']') => depth = depth.saturating_sub(1),
            Some(b',' | b':') => {
                at += 1;
                continue;
            }
            Some(_) => at += scalar(&text[at..]).max(1) - 1,
            None => return at,
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
}

/// The length of a string with its quotes, a number, or a word.
fn scalar(text: &str) -> usize {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'"') {
        let end = bytes
            .iter()
            .position(|b| matches!(b, b',' | b'}' | b']' | b':'));
        return end.unwrap_or(bytes.len());
    }
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn closes(text: &str, at: usize, close: u8) -> bool {
    text.as_bytes().get(at).is_none_or(|byte| *byte == close)
}

/// After the comma, where there is one.
fn after(text: &str, at: usize) -> usize {
    at + usize::from(text.as_bytes().get(at) == Some(&b','))
}

/// A string's own text; any other value as it is written.
pub(super) fn unquoted(text: &str) -> Cow<'_, str> {
    let inner = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    match inner {
        None => text.into(),
        Some(inner) if !inner.contains('\\') => inner.into(),
        // The text is ours: it reads back.
        Some(inner) => serde_json::from_str(text).map_or(inner.into(), Cow::Owned),
    }
}
