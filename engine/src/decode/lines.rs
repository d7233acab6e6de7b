//! Lines: each one is an event of one field.
//!
//! A line ends with `\n` or `\r\n`, which are no part of it. Lines of nothing are skipped. A line
//! that is not UTF-8 is a reject, `text.not_utf8`.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::DecodeLimits;
use super::content::Content;
use super::fields::Cursor;
use super::format::Format;
use super::sink::Sink;
use super::text::{Text, not_utf8, too_large, too_many_fields};
use crate::types::RejectCode;

/// Lines as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinesOptions {
    /// The name of the field.
    pub field: String,
}

impl Default for LinesOptions {
    fn default() -> Self {
        Self {
            field: "line".to_owned(),
        }
    }
}

/// The format of lines.
pub(super) struct Lines {
    field: String,
    max_event_bytes: usize,
}

impl Lines {
    pub(super) fn new(limits: &DecodeLimits, options: &LinesOptions) -> Self {
        Self {
            field: options.field.clone(),
            max_event_bytes: limits.max_event_bytes,
        }
    }
}

impl Format for Lines {
    fn decode(&mut self, contents: &[Content<'_>], sink: &mut Sink<'_>) {
        for content in contents {
            let text = Text::of(content.data);
            for range in text.lines() {
                let line = readable(content, &text, &range, self.max_event_bytes, sink);
                let Some(line) = line else { continue };
                sink.content(content);
                let written = sink.event(range.len(), |fields, row, cells| {
                    if let Some(column) =
                        fields.column(&self.field, row, &mut Cursor::default(), cells)
                    {
                        column.push_str(row, line);
                    }
                    cells.add(fields.len());
                });
                if written.is_err() {
                    sink.reject(content, range, RejectCode::TooLarge, too_many_fields());
                }
            }
        }
    }

    fn reset(&mut self) {}
}

/// The text of a line, or a reject.
pub(super) fn readable<'a>(
    content: &Content<'_>,
    text: &Text<'a>,
    range: &Range<usize>,
    max_event_bytes: usize,
    sink: &mut Sink<'_>,
) -> Option<&'a str> {
    if range.len() > max_event_bytes {
        let reason = too_large(range.len(), max_event_bytes);
        sink.reject(content, range.clone(), RejectCode::TooLarge, reason);
        return None;
    }
    let line = text.part(range.clone());
    if line.is_none() {
        sink.reject(content, range.clone(), RejectCode::NotUtf8, not_utf8());
    }
    line
}
