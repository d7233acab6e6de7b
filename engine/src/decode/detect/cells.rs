//! What a field of a text looks like.

use crate::decode::lexical::{Scalar, infer};

/// What a field looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Empty,
    Number,
    Bool,
    /// A date, a time, or both.
    Time,
    /// Something without spaces, or something in quotes.
    Word,
    /// Anything else, as in a sentence.
    Words,
}

impl Cell {
    pub(super) fn of(text: &str, quoted: bool, delimiter: u8) -> Self {
        if text.trim_ascii().is_empty() {
            return Cell::Empty;
        }
        let trimmed = text.trim_ascii();
        match infer(trimmed) {
            Scalar::Int(_) | Scalar::Float(_) | Scalar::Digits => return Cell::Number,
            Scalar::Bool(_) => return Cell::Bool,
            Scalar::Text => {}
        }
        if is_time(trimmed) {
            return Cell::Time;
        }
        if delimiter != b',' && is_decimal_comma(trimmed) {
            return Cell::Number;
        }
        let spaced = text.len() != trimmed.len() && delimiter == b',';
        match quoted || !(spaced || trimmed.bytes().any(|byte| byte.is_ascii_whitespace())) {
            true => Cell::Word,
            false => Cell::Words,
        }
    }

    /// Whether it has a type that names of columns have not.
    pub(super) fn is_typed(self) -> bool {
        matches!(self, Cell::Number | Cell::Bool | Cell::Time)
    }
}

/// Digits with at least two marks of dates and times among them: `2026-11-22`, `10:00:00`.
fn is_time(text: &str) -> bool {
    let mark = |byte: &u8| matches!(byte, b'-' | b'/' | b':' | b'.');
    let known = |byte: u8| byte.is_ascii_digit() || b"-/:. TZ+".contains(&byte);
    text.len() <= 40
        && text
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_digit())
        && text.bytes().all(known)
        && text.as_bytes().iter().filter(|byte| mark(byte)).count() >= 2
}

/// `1,5`, as it stands in files with semicolons.
fn is_decimal_comma(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let parts = unsigned.split_once(',');
    parts.is_some_and(|(whole, fraction)| digits(whole) && digits(fraction))
}
