//! Where records and their fields begin and end.
//!
//! - A record ends at a line end (`\n`, `\r\n` or `\r`) that is not quoted, or with the text. Lines
//!   of nothing are skipped.
//! - A field is quoted if it begins with a quote. A quote elsewhere is a character like others.
//! - A record in which something follows a closing quote is broken up to its next line end. One
//!   with a quote that is never closed is broken up to the end of the text: what is after it may be
//!   part of the field.

use std::ops::Range;

use memchr::memchr2;

use super::super::marks::Marks;

/// The characters that structure a text.
#[derive(Clone, Copy)]
pub(in crate::decode) struct Syntax {
    pub(in crate::decode) delimiter: u8,
    pub(in crate::decode) quote: Option<u8>,
    pub(in crate::decode) escape: Option<u8>,
    pub(in crate::decode) trim: bool,
    /// Fields that are remembered of one record.
    pub(in crate::decode) max_fields: usize,
}

/// A field as it stands: its bytes between quotes, where it has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) struct Field {
    pub(in crate::decode) start: usize,
    pub(in crate::decode) end: usize,
    pub(in crate::decode) quoted: bool,
    /// Whether it holds quotes or escapes that do not stand for themselves.
    pub(in crate::decode) escaped: bool,
}

/// What comes next in a text.
pub(in crate::decode) enum Record {
    /// A record at these bytes, without its line end.
    Good(Range<usize>),
    /// One with more fields than are remembered.
    TooManyFields(Range<usize>),
    /// Bytes that are no record.
    Broken(Range<usize>, Fault),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) enum Fault {
    AfterQuote,
    NotClosed,
}

/// Reads the records of a text one after the other.
pub(in crate::decode) struct Records<'a> {
    text: &'a [u8],
    syntax: Syntax,
    at: usize,
    marks: Marks<'a>,
}

impl<'a> Records<'a> {
    pub(in crate::decode) fn new(text: &'a [u8], start: usize, syntax: Syntax) -> Self {
        let escape = syntax.escape.unwrap_or(syntax.delimiter);
        Self {
            text,
            syntax,
            at: start,
            marks: Marks::new(text, [syntax.delimiter, b'\n', b'\r', escape]),
        }
    }

    /// The next record; its fields replace those in `fields`.
    pub(in crate::decode) fn next(&mut self, fields: &mut Vec<Field>) -> Option<Record> {
        fields.clear();
        while matches!(self.text.get(self.at), Some(b'\n' | b'\r')) {
            self.at += 1;
        }
        if self.at >= self.text.len() {
            return None;
        }
        let start = self.at;
        let mut too_many = false;
        loop {
            let field = match self.field() {
                Ok(field) => field,
                Err(fault) => return Some(self.broken(start, fault)),
            };
            if fields.len() < self.syntax.max_fields {
                fields.push(field);
            } else {
                too_many = true;
            }
            // A delimiter, a line end, or the end of the text.
            match self.text.get(self.at) {
                Some(&byte) if byte == self.syntax.delimiter => self.at += 1,
                _ => break,
            }
        }
        let range = start..self.at;
        Some(match too_many {
            false => Record::Good(range),
            true => Record::TooManyFields(range),
        })
    }

    /// The field that begins here; goes on to what ends it.
    #[inline]
    fn field(&mut self) -> Result<Field, Fault> {
        if self.syntax.trim {
            self.skip_blanks();
        }
        match self.text.get(self.at) {
            Some(&byte) if Some(byte) == self.syntax.quote => self.quoted(),
            _ => Ok(self.plain()),
        }
    }

    #[inline]
    fn plain(&mut self) -> Field {
        let start = self.at;
        let mut escaped = false;
        let mut end = self.marks.next(start);
        while let Some(escape) = self.syntax.escape
            && self.text.get(end) == Some(&escape)
        {
            escaped = true;
            end = self.marks.next((end + 2).min(self.text.len()));
        }
        self.at = end;
        if self.syntax.trim {
            end = self.without_blanks(start, end);
        }
        Field {
            start,
            end,
            quoted: false,
            escaped,
        }
    }

    /// The field whose opening quote is here.
    fn quoted(&mut self) -> Result<Field, Fault> {
        let quote = self.text[self.at];
        let escape = self.syntax.escape.unwrap_or(quote);
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            let found = memchr2(quote, escape, rest).ok_or(Fault::NotClosed)?;
            at += found;
            let doubled = self.text.get(at + 1) == Some(&quote);
            if self.text[at] == quote && !doubled {
                break;
            }
            escaped = true;
            at += 2;
        }
        self.at = at + 1;
        if self.syntax.trim {
            self.skip_blanks();
        }
        match self.text.get(self.at) {
            None | Some(b'\n' | b'\r') => {}
            Some(&byte) if byte == self.syntax.delimiter => {}
            Some(_) => return Err(Fault::AfterQuote),
        }
        Ok(Field {
            start,
            end: at,
            quoted: true,
            escaped,
        })
    }

    fn broken(&mut self, start: usize, fault: Fault) -> Record {
        let end = match fault {
            Fault::AfterQuote => {
                let rest = &self.text[self.at..];
                memchr2(b'\n', b'\r', rest).map_or(self.text.len(), |end| self.at + end)
            }
            Fault::NotClosed => self.text.len(),
        };
        self.at = end;
        let trimmed = self.text[start..end].trim_ascii_end().len();
        Record::Broken(start..start + trimmed, fault)
    }

    fn is_blank(&self, byte: u8) -> bool {
        matches!(byte, b' ' | b'\t') && byte != self.syntax.delimiter
    }

    fn skip_blanks(&mut self) {
        while let Some(&byte) = self.text.get(self.at)
            && self.is_blank(byte)
        {
            self.at += 1;
        }
    }

    fn without_blanks(&self, start: usize, end: usize) -> usize {
        let field = &self.text[start..end];
        let last = field.iter().rposition(|&byte| !self.is_blank(byte));
        last.map_or(start, |last| start + last + 1)
    }
}

impl Syntax {
    /// Appends what a field stands for. `text` is all that it is in.
    pub(in crate::decode) fn unescape(&self, text: &str, field: Field, out: &mut String) {
        let bytes = text.as_bytes();
        let escape = self.escape.or(self.quote);
        let quote = if field.quoted { self.quote } else { escape };
        let (Some(escape), Some(quote), true) = (escape, quote, field.escaped) else {
            return out.push_str(text.get(field.start..field.end).unwrap_or_default());
        };
        let mut at = field.start;
        while let Some(found) = memchr2(quote, escape, &bytes[at..field.end]) {
            // Both are ASCII, so text is cut between characters.
            out.push_str(text.get(at..at + found).unwrap_or_default());
            // What comes after stands for itself, whole even where it takes several bytes.
            let meant = at + found + 1;
            let rest = text.get(meant..field.end).unwrap_or_default();
            let Some(first) = rest.chars().next() else {
                // An escape with nothing after it.
                out.push_str(text.get(at + found..field.end).unwrap_or_default());
                return;
            };
            out.push(first);
            at = meant + first.len_utf8();
        }
        out.push_str(text.get(at..field.end).unwrap_or_default());
    }
}

impl Field {
    /// The field counted from where its record begins.
    pub(in crate::decode) fn within(self, record: usize) -> Self {
        Self {
            start: self.start - record,
            end: self.end - record,
            ..self
        }
    }
}
