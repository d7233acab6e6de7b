//! What rejects say to people.

use simd_json::ErrorType;

use super::parse::ParseError;
use crate::types::RejectCode;

/// Code and reason for a document of `len` bytes that could not be parsed.
pub(super) fn of(
    error: &ParseError,
    len: usize,
    max_depth: usize,
    max_event_bytes: usize,
) -> (RejectCode, String) {
    match error {
        ParseError::TooDeep => (
            RejectCode::JsonTooDeep,
            format!("nested deeper than {max_depth} levels"),
        ),
        ParseError::TooLarge => (
            RejectCode::TooLarge,
            format!("{len} bytes; one event may have {max_event_bytes}"),
        ),
        ParseError::Syntax { what, at, .. } => {
            let reason = match at {
                Some(at) if *at >= len => format!("not JSON: {what}, at its end"),
                Some(at) => format!("not JSON: {what}, at byte {at}"),
                None => format!("not JSON: {what}"),
            };
            (RejectCode::JsonSyntax, reason)
        }
    }
}

/// For what begins like no document or does not end.
pub(super) fn junk() -> String {
    "not JSON: no document begins here, or it does not end".to_owned()
}

pub(super) fn not_an_object() -> String {
    "JSON, but not an object: only objects are events".to_owned()
}

pub(super) fn too_many_cells() -> String {
    "too many different fields in one event".to_owned()
}

/// What the parser found wrong.
pub(super) fn syntax(kind: &ErrorType) -> &'static str {
    match kind {
        ErrorType::InvalidUtf8 => "the bytes are not UTF-8",
        ErrorType::InvalidNumber | ErrorType::InvalidExponent => "a number is malformed",
        ErrorType::InvalidEscape => "an escape in a string is unknown",
        ErrorType::InvalidUnicodeCodepoint | ErrorType::InvalidUnicodeEscape => {
            "a \\u escape names no character"
        }
        ErrorType::ExpectedTrue | ErrorType::ExpectedFalse | ErrorType::ExpectedNull => {
            "a word is neither true nor false nor null"
        }
        ErrorType::ExpectedObjectColon => "a key is not followed by a colon",
        ErrorType::ExpectedObjectKey => "a comma is not followed by a key",
        ErrorType::ExpectedObjectContent => "an object does not go on as objects do",
        ErrorType::ExpectedArrayContent => "a list does not go on as lists do",
        _ => "a string is not closed or has a control character, or the structure is broken",
    }
}
