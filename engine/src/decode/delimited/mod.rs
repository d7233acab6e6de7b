//! CSV and TSV: records of fields with a delimiter between them.
//!
//! What a content means:
//! - A UTF-8 byte order mark at its start is skipped. [`records`] says where records and fields
//!   begin and end. Each record is an event, but for the first one where that is a header.
//! - Columns are named by the header or by the options; [`names`] says what doubled, missing and
//!   surplus ones are called. A record with fewer fields than columns is a reject, `csv.ragged`, or
//!   filled up with nulls.
//! - A field that is one of the null values is null. One that is not quoted is compared as it
//!   stands, so an empty field is null and `""` is an empty text.
//! - Other fields are text, or typed by their spelling ([`super::lexical`]): that looks at one value
//!   alone, whatever its quotes. A column in which numbers and words meet becomes JSON text; where
//!   `types` says that it is a column of text, it is that, whatever it holds.
//! - Bytes that are no record are a reject, `csv.syntax`, and the others stay events. So is a record
//!   that is no UTF-8, `text.not_utf8`. A content whose header cannot be read is a reject as a whole.

mod names;
mod options;
pub(super) mod records;

use std::ops::Range;

use self::names::{Named, Names};
pub use self::options::{DelimitedOptions, Mark, ShortLines};
use self::records::{Fault, Field, Record, Records, Syntax};
use super::DecodeLimits;
use super::content::Content;
use super::fields::Cursor;
use super::format::Format;
use super::sink::Sink;
use super::text::{Text, not_utf8, too_large, too_many_fields};
use crate::types::RejectCode;

/// The CSV and TSV formats.
pub(super) struct Delimited {
    options: DelimitedOptions,
    syntax: Syntax,
    max_event_bytes: usize,
    /// The names of the columns, and the header that they are from.
    names: Names,
    header: Vec<u8>,
    fields: Vec<Field>,
    unescaped: String,
}

impl Delimited {
    /// Fields with `delimiter` between them, unless the options name another.
    pub(super) fn new(limits: &DecodeLimits, options: &DelimitedOptions, delimiter: u8) -> Self {
        let given = options.columns.iter().flatten().map(String::as_str);
        Self {
            syntax: Syntax {
                delimiter: options.delimiter.map_or(delimiter, |mark| mark.0),
                quote: options.quote.map(|mark| mark.0),
                escape: options.escape.map(|mark| mark.0),
                trim: options.trim,
                max_fields: limits.max_fields(),
            },
            max_event_bytes: limits.max_event_bytes,
            names: Names::new(given, &options.types, options.infer),
            header: Vec::new(),
            fields: Vec::new(),
            unescaped: String::new(),
            options: options.clone(),
        }
    }

    fn content(&mut self, content: &Content<'_>, sink: &mut Sink<'_>) {
        let text = Text::of(content.data);
        let mut records = Records::new(content.data, text.start(), self.syntax);
        if self.options.has_header && self.header(content, &text, &mut records, sink).is_none() {
            return;
        }
        let mut fields = std::mem::take(&mut self.fields);
        while let Some(record) = records.next(&mut fields) {
            match record {
                Record::Good(range) => self.event(content, &text, range, &fields, sink),
                other => reject(content, other, sink),
            }
        }
        self.fields = fields;
    }

    /// Reads the header; `None` where nothing can be read after it.
    fn header(
        &mut self,
        content: &Content<'_>,
        text: &Text<'_>,
        records: &mut Records<'_>,
        sink: &mut Sink<'_>,
    ) -> Option<()> {
        let record = records.next(&mut self.fields)?;
        let named = self.options.columns.is_some();
        let everything = text.start()..content.data.len();
        let range = match record {
            // What it says is not asked.
            _ if named => {
                if let Record::Broken(..) = record {
                    reject(content, record, sink);
                }
                return Some(());
            }
            Record::Good(range) => range,
            Record::TooManyFields(_) => {
                reject(content, Record::TooManyFields(everything), sink);
                return None;
            }
            Record::Broken(_, fault) => {
                reject(content, Record::Broken(everything, fault), sink);
                return None;
            }
        };
        let Some(line) = text.part(range.clone()) else {
            sink.reject(content, everything, RejectCode::NotUtf8, not_utf8());
            return None;
        };
        // The contents of a stream have the same header, as a rule.
        if self.header != line.as_bytes() || self.names.given() == 0 {
            self.header.clear();
            self.header.extend_from_slice(line.as_bytes());
            let from = range.start;
            let names: Vec<String> = self
                .fields
                .iter()
                .map(|field| {
                    let mut name = String::new();
                    self.syntax.unescape(line, field.within(from), &mut name);
                    name
                })
                .collect();
            let names = names.iter().map(String::as_str);
            self.names = Names::new(names, &self.options.types, self.options.infer);
        }
        Some(())
    }

    fn event(
        &mut self,
        content: &Content<'_>,
        text: &Text<'_>,
        range: Range<usize>,
        fields: &[Field],
        sink: &mut Sink<'_>,
    ) {
        let columns = self.names.given();
        if fields.len() < columns && self.options.short_lines == ShortLines::Reject {
            let reason = format!("{} fields, but there are {columns} columns", fields.len());
            return sink.reject(content, range, RejectCode::CsvRagged, reason);
        }
        if range.len() > self.max_event_bytes {
            let reason = too_large(range.len(), self.max_event_bytes);
            return sink.reject(content, range, RejectCode::TooLarge, reason);
        }
        let Some(record) = text.part(range.clone()) else {
            return sink.reject(content, range, RejectCode::NotUtf8, not_utf8());
        };
        if fields.len() > self.names.columns().len() {
            let Self { names, options, .. } = self;
            names.extend(fields.len(), &options.types, options.infer);
        }
        let row = RowText {
            record,
            from: range.start,
            syntax: self.syntax,
            options: &self.options,
        };
        let named = self.names.columns();
        let unescaped = &mut self.unescaped;
        sink.content(content);
        let written = sink.event(range.len(), |columns, at, cells| {
            let mut cursor = Cursor::default();
            for (Named { name, reading }, field) in named.iter().zip(fields) {
                let Some(column) = columns.column(name, at, &mut cursor, cells) else {
                    continue;
                };
                match row.value(*field, unescaped) {
                    Some(value) => reading.push(column, at, value),
                    None => column.push_null(at),
                }
            }
            cells.add(columns.len());
        });
        if written.is_err() {
            sink.reject(content, range, RejectCode::TooLarge, too_many_fields());
        }
    }
}

impl Format for Delimited {
    fn decode(&mut self, contents: &[Content<'_>], sink: &mut Sink<'_>) {
        for content in contents {
            self.content(content, sink);
        }
    }

    fn reset(&mut self) {
        // Names are only ever replaced as a whole.
        self.fields = Vec::new();
    }
}

/// A record as text.
struct RowText<'a> {
    record: &'a str,
    /// Where it begins in its content.
    from: usize,
    syntax: Syntax,
    options: &'a DelimitedOptions,
}

impl RowText<'_> {
    /// What a field stands for; `None` for null.
    #[inline]
    fn value<'v>(&'v self, field: Field, unescaped: &'v mut String) -> Option<&'v str> {
        let field = field.within(self.from);
        let value = self.record.get(field.start..field.end).unwrap_or_default();
        if (!field.quoted || self.options.quoted_nulls)
            && self.options.null_values.iter().any(|null| null == value)
        {
            return None;
        }
        if !field.escaped {
            return Some(value);
        }
        unescaped.clear();
        self.syntax.unescape(self.record, field, unescaped);
        Some(unescaped)
    }
}

fn reject(content: &Content<'_>, record: Record, sink: &mut Sink<'_>) {
    let (range, code, reason) = match record {
        Record::Good(_) => return,
        Record::TooManyFields(range) => (range, RejectCode::TooLarge, too_many_fields()),
        Record::Broken(range, Fault::AfterQuote) => (
            range,
            RejectCode::CsvSyntax,
            "something follows a closing quote".to_owned(),
        ),
        Record::Broken(range, Fault::NotClosed) => (
            range,
            RejectCode::CsvSyntax,
            "a quote is opened and not closed".to_owned(),
        ),
    };
    sink.reject(content, range, code, reason);
}
