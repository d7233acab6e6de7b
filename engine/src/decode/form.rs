//! Forms: `application/x-www-form-urlencoded`, `a=1&b=x+y&a=2`.
//!
//! - Each line that holds something is an event; within a form a line end is written `%0A`.
//! - Names and values are decoded: `+` is a space, `%41` is `A`. A `%` that two hexadecimal digits
//!   do not follow makes the line a reject, `form.syntax`; bytes that are not UTF-8 in the end,
//!   `text.not_utf8`.
//! - A name without `=` has an empty text; what stands between two `&` and is empty is skipped.
//! - A name that is there several times is a list of its values in their order. Since one event
//!   cannot know of others, a name that is there once is no list, unless the options say so; a
//!   column in which both come becomes JSON text.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::DecodeLimits;
use super::content::Content;
use super::fields::Cursor;
use super::format::Format;
use super::lexical::{FieldType, Reading};
use super::repeated::Repeated;
use super::sink::Sink;
use super::text::{Text, not_utf8, too_large, too_many_fields};
use crate::types::RejectCode;

/// Forms as browsers send them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FormOptions {
    /// The types of fields, by name, as they were decided; the others follow `infer`.
    pub types: BTreeMap<String, FieldType>,
    /// Whether values of other fields are typed by their spelling; else they are text.
    #[serde(rename = "infer_types")]
    pub infer: bool,
    /// Texts that stand for null.
    pub null_values: Vec<String>,
    /// Fields that are lists even where they are there once.
    #[serde(rename = "list_fields")]
    pub lists: Vec<String>,
}

impl Default for FormOptions {
    fn default() -> Self {
        Self {
            types: BTreeMap::new(),
            infer: true,
            null_values: Vec::new(),
            lists: Vec::new(),
        }
    }
}

/// The format of forms.
pub(super) struct Form {
    options: FormOptions,
    max_event_bytes: usize,
    max_fields: usize,
    /// Names and values of a line, decoded.
    decoded: Vec<u8>,
    pairs: Vec<Pair>,
    repeated: Repeated,
}

/// A name and a value: where they stand in what was decoded.
struct Pair {
    name: Range<usize>,
    value: Range<usize>,
}

/// Why a line is no form.
enum NoForm {
    /// A `%` at this byte of the line.
    Escape(usize),
    NotUtf8,
    TooManyFields,
}

impl Form {
    pub(super) fn new(limits: &DecodeLimits, options: &FormOptions) -> Self {
        Self {
            options: options.clone(),
            max_event_bytes: limits.max_event_bytes,
            max_fields: limits.max_fields(),
            decoded: Vec::new(),
            pairs: Vec::new(),
            repeated: Repeated::default(),
        }
    }

    /// Reads the pairs of a line.
    fn read(&mut self, line: &[u8]) -> Result<(), NoForm> {
        self.decoded.clear();
        self.pairs.clear();
        let mut at = 0;
        for pair in line.split(|&byte| byte == b'&') {
            let start = at;
            at += pair.len() + 1;
            if pair.is_empty() {
                continue;
            }
            if self.pairs.len() == self.max_fields {
                return Err(NoForm::TooManyFields);
            }
            let equals = memchr::memchr(b'=', pair).unwrap_or(pair.len());
            let value = pair.get(equals + 1..).unwrap_or_default();
            let name = self.decode(&pair[..equals], start)?;
            let value = self.decode(value, start + equals + 1)?;
            self.pairs.push(Pair { name, value });
        }
        let (decoded, pairs) = (&self.decoded, &self.pairs);
        self.repeated
            .find(pairs.len(), |pair| &decoded[pairs[pair].name.clone()]);
        Ok(())
    }

    /// Decodes text that stands at `start` of its line.
    fn decode(&mut self, text: &[u8], start: usize) -> Result<Range<usize>, NoForm> {
        let from = self.decoded.len();
        let mut at = 0;
        while let Some(found) = memchr::memchr2(b'%', b'+', &text[at..]) {
            self.decoded.extend_from_slice(&text[at..at + found]);
            at += found;
            if text[at] == b'+' {
                self.decoded.push(b' ');
                at += 1;
                continue;
            }
            let byte = text.get(at + 1..at + 3).and_then(hexadecimal);
            self.decoded.push(byte.ok_or(NoForm::Escape(start + at))?);
            at += 3;
        }
        self.decoded.extend_from_slice(&text[at..]);
        let range = from..self.decoded.len();
        match simdutf8::basic::from_utf8(&self.decoded[range.clone()]) {
            Ok(_) => Ok(range),
            Err(_) => Err(NoForm::NotUtf8),
        }
    }

    /// Each part was looked at before.
    fn text(&self, range: &Range<usize>) -> &str {
        std::str::from_utf8(&self.decoded[range.clone()]).unwrap_or_default()
    }

    fn event(&mut self, content: &Content<'_>, range: Range<usize>, sink: &mut Sink<'_>) {
        if range.len() > self.max_event_bytes {
            let reason = too_large(range.len(), self.max_event_bytes);
            return sink.reject(content, range, RejectCode::TooLarge, reason);
        }
        if let Err(why) = self.read(&content.data[range.clone()]) {
            let (code, reason) = why.reject();
            return sink.reject(content, range, code, reason);
        }
        sink.content(content);
        let written = sink.event(range.len(), |fields, row, cells| {
            let mut cursor = Cursor::default();
            for (place, pair) in self.pairs.iter().enumerate() {
                if !self.repeated.is_first(place) {
                    continue;
                }
                let name = self.text(&pair.name);
                let Some(column) = fields.column(name, row, &mut cursor, cells) else {
                    continue;
                };
                let reading = self.reading(name);
                if self.repeated.goes_on(place) || self.is_list(name) {
                    let values = self.repeated.from(place);
                    reading.push_list(column, row, values.map(|place| self.value(place)));
                    continue;
                }
                match self.value(place) {
                    Some(value) => reading.push(column, row, value),
                    None => column.push_null(row),
                }
            }
            cells.add(fields.len());
        });
        if written.is_err() {
            sink.reject(content, range, RejectCode::TooLarge, too_many_fields());
        }
    }

    /// The value of a pair; `None` for null.
    fn value(&self, pair: usize) -> Option<&str> {
        let value = self.text(&self.pairs[pair].value);
        let null = self.options.null_values.iter().any(|null| null == value);
        (!null).then_some(value)
    }

    fn reading(&self, name: &str) -> Reading {
        match self.options.types.get(name) {
            Some(&decided) => Reading::Decided(decided),
            None => Reading::undecided(self.options.infer),
        }
    }

    fn is_list(&self, name: &str) -> bool {
        self.options.lists.iter().any(|list| list == name)
    }
}

impl NoForm {
    fn reject(&self) -> (RejectCode, String) {
        match self {
            NoForm::Escape(at) => (
                RejectCode::FormSyntax,
                format!("two hexadecimal digits must follow the % at byte {at}"),
            ),
            NoForm::NotUtf8 => (RejectCode::NotUtf8, not_utf8()),
            NoForm::TooManyFields => (RejectCode::TooLarge, too_many_fields()),
        }
    }
}

fn hexadecimal(digits: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let value = digit(digits[0])? * 16 + digit(digits[1])?;
    u8::try_from(value).ok()
}

impl Format for Form {
    fn decode(&mut self, contents: &[Content<'_>], sink: &mut Sink<'_>) {
        for content in contents {
            for range in Text::of(content.data).lines() {
                self.event(content, range, sink);
            }
        }
    }

    fn reset(&mut self) {
        self.decoded = Vec::new();
        self.pairs = Vec::new();
        self.repeated = Repeated::default();
    }
}
