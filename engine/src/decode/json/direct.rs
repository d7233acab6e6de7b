//! The short way: an event that brings nothing new, from its bytes straight into the columns.
//!
//! Most events of a stream have the fields and types of the ones before. Such an event needs no tape:
//! one pass checks the grammar, finds each field where it was the last time, and appends values to
//! columns of the very type. Whatever is not like that ends the attempt: a new field, another type, an
//! equal key twice, a number or an escape that needs care, deep nesting, anything that is no JSON.
//! The row is taken back, no type and no field has changed by it, and the event goes the long way by
//! the parser, which decides. So this module never rejects anything, and what it takes is JSON that
//! the parser would have taken, with the same values.

use super::scan::{Scanned, digits, scan};
use super::split::skip_white_space;
use crate::decode::cells::Cells;
use crate::decode::column::{Column, List};
use crate::decode::fields::{Cursor, Fields};

/// Reads events the short way. Keeps a buffer for strings with escapes.
#[derive(Default)]
pub(super) struct Direct {
    unescaped: Vec<u8>,
}

impl Direct {
    /// Reads the object at `start` of `text` into `row`; gives where it ends. `None` where it is not
    /// for the short way; the row must be taken back then.
    pub(super) fn read(
        &mut self,
        text: &[u8],
        start: usize,
        max_depth: usize,
        (fields, row, cells): (&mut Fields, usize, &mut Cells),
    ) -> Option<usize> {
        if text.get(start) != Some(&b'{') {
            return None;
        }
        let mut reader = Reader {
            text,
            at: start + 1,
            levels: max_depth.checked_sub(1)?,
            cells,
            unescaped: &mut self.unescaped,
        };
        reader.object(fields, row)?;
        Some(reader.at)
    }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    /// How many levels may still be opened.
    levels: usize,
    cells: &'a mut Cells,
    unescaped: &'a mut Vec<u8>,
}

/// A number of JSON.
enum Number {
    Int(i64),
    Float(f64),
}

impl Reader<'_> {
    /// The next byte that is no white space, not taken yet.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        let byte = *self.text.get(self.at)?;
        if byte > b' ' {
            return Some(byte);
        }
        self.at = skip_white_space(self.text, self.at);
        self.text.get(self.at).copied()
    }

    /// The members of an object, whose brace was taken.
    fn object(&mut self, fields: &mut Fields, row: usize) -> Option<()> {
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        let mut cursor = Cursor::default();
        loop {
            self.peek()?;
            let (column, end) = fields.known(self.text, self.at, &mut cursor)?;
            self.at = end;
            self.value(column, row)?;
            match self.peek()? {
                b',' => self.at += 1,
                b'}' => break,
                _ => return None,
            }
        }
        self.at += 1;
        self.cells.add(fields.len()).then_some(())
    }

    /// The items of a list, whose bracket was taken.
    fn list(&mut self, list: &mut List) -> Option<()> {
        if self.peek()? == b']' {
            self.at += 1;
            list.close();
            return Some(());
        }
        loop {
            self.value(&mut list.column, list.items)?;
            list.items += 1;
            match self.peek()? {
                b',' => self.at += 1,
                b']' => break,
                _ => return None,
            }
        }
        self.at += 1;
        list.close();
        Some(())
    }

    /// The next value. Inlined, so that the most frequent ones cost no call.
    #[inline(always)]
    fn value(&mut self, column: &mut Column, row: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.string(column, row),
            b'-' | b'0'..=b'9' => match self.number()? {
                Number::Int(value) => column.add_int(row, value),
                Number::Float(value) => column.add_float(row, value),
            },
            first => self.other_value(first, column, row),
        }
    }

    #[inline(never)]
    fn other_value(&mut self, first: u8, column: &mut Column, row: usize) -> Option<()> {
        match first {
            b'{' => {
                let fields = column.add_object(row)?;
                self.inside(|reader| reader.object(fields, row))
            }
            b'[' => {
                let list = column.add_list(row)?;
                self.inside(|reader| reader.list(list))
            }
            b'n' => {
                self.word(b"null")?;
                column.add_null(row)
            }
            b't' => {
                self.word(b"true")?;
                column.add_bool(row, true)
            }
            b'f' => {
                self.word(b"false")?;
                column.add_bool(row, false)
            }
            _ => None,
        }
    }

    /// What a bracket opens.
    fn inside(&mut self, read: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        self.levels = self.levels.checked_sub(1)?;
        self.at += 1;
        read(self)?;
        self.levels += 1;
        Some(())
    }

    fn word(&mut self, word: &[u8]) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        rest.starts_with(word).then(|| self.at += word.len())
    }

    #[inline(always)]
    fn string(&mut self, column: &mut Column, row: usize) -> Option<()> {
        let start = self.at + 1;
        let found = scan(self.text, start)?;
        if self.text[found.end] == b'"' {
            self.at = found.end + 1;
            let from = &self.text[start..];
            let value = utf8(&from[..found.end - start], found.beyond_ascii)?;
            return column.add_str(row, value, from);
        }
        self.escaped_string(start, found, column, row)
    }

    /// The string from `start` on, of which the part before the first escape was scanned.
    #[inline(never)]
    fn escaped_string(
        &mut self,
        start: usize,
        first: Scanned,
        column: &mut Column,
        row: usize,
    ) -> Option<()> {
        self.unescaped.clear();
        let (mut start, mut part) = (start, first);
        let mut beyond_ascii = false;
        loop {
            beyond_ascii |= part.beyond_ascii;
            self.unescaped
                .extend_from_slice(&self.text[start..part.end]);
            match self.text[part.end] {
                b'"' => break,
                b'\\' => {}
                _ => return None,
            }
            let meant = match self.text.get(part.end + 1)? {
                escaped @ (b'"' | b'\\' | b'/') => *escaped,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'b' => 0x08,
                b'f' => 0x0c,
                // Halves of surrogate pairs and the like: the parser knows.
                _ => return None,
            };
            self.unescaped.push(meant);
            start = part.end + 2;
            part = scan(self.text, start)?;
        }
        self.at = part.end + 1;
        let value = utf8(self.unescaped, beyond_ascii)?;
        column.add_str(row, value, self.unescaped)
    }

    fn number(&mut self) -> Option<Number> {
        let start = self.at;
        let negative = self.text[start] == b'-';
        let first = start + usize::from(negative);
        let integer = digits(self.text, first, 0)?;
        if self.text[first] == b'0' && integer.end > first + 1 {
            return None;
        }
        self.at = integer.end;
        match self.text.get(integer.end) {
            Some(b'.') => {
                let fraction = digits(self.text, integer.end + 1, integer.value)?;
                self.at = fraction.end;
                if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
                    return self.exponent(start);
                }
                let places = fraction.end - integer.end - 1;
                if fraction.end - first > EXACT_DIGITS + 1 {
                    return self.float(start);
                }
                // Both are exact, so their quotient is rounded once.
                let float = fraction.value as f64 / POWERS_OF_TEN[places];
                Some(Number::Float(if negative { -float } else { float }))
            }
            Some(b'e' | b'E') => self.exponent(start),
            _ if integer.end - first > INT_DIGITS => None,
            _ => {
                let value = integer.value as i64;
                Some(Number::Int(if negative { -value } else { value }))
            }
        }
    }

    /// A number from `start` on, whose exponent is next.
    fn exponent(&mut self, start: usize) -> Option<Number> {
        let sign = usize::from(matches!(self.text.get(self.at + 1), Some(b'+' | b'-')));
        self.at = digits(self.text, self.at + 1 + sign, 0)?.end;
        self.float(start)
    }

    /// The number from `start` up to here.
    fn float(&self, start: usize) -> Option<Number> {
        let text = utf8(&self.text[start..self.at], false)?;
        let float: f64 = text.parse().ok()?;
        float.is_finite().then_some(Number::Float(float))
    }
}

/// Decimal digits that always fit an i64.
const INT_DIGITS: usize = 18;
/// Decimal digits that a float64 always holds exactly.
const EXACT_DIGITS: usize = 15;
const POWERS_OF_TEN: [f64; EXACT_DIGITS + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// The text of bytes that hold nothing beyond ASCII, or are looked through.
fn utf8(bytes: &[u8], beyond_ascii: bool) -> Option<&str> {
    if beyond_ascii {
        return simdutf8::basic::from_utf8(bytes).ok();
    }
    // SAFETY: callers have seen that every byte is ASCII, which is UTF-8.
    Some(unsafe { std::str::from_utf8_unchecked(bytes) })
}
