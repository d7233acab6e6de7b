//! Fixed width: lines whose fields stand at fixed places.
//!
//! Places and widths count characters of Unicode. A field that is one of the null values (nothing
//! but blanks, unless said otherwise) is null, and so is one that its line ends before. What stands
//! after the last field and is not blank is kept as `_rest`.

use serde::{Deserialize, Serialize};

use super::DecodeLimits;
use super::content::Content;
use super::delimited::ShortLines;
use super::fields::Cursor;
use super::format::Format;
use super::lexical::{FieldType, Reading};
use super::lines::readable;
use super::options::OptionError;
use super::sink::Sink;
use super::text::{Text, too_many_fields};
use crate::types::RejectCode;

/// Lines of fields at fixed places.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FixedWidthOptions {
    /// The fields; at least one.
    pub columns: Vec<FixedColumn>,
    /// Whether blanks around values are left out.
    pub trim: bool,
    /// Whether values of columns without a type are typed by their spelling; else they are text.
    #[serde(rename = "infer_types")]
    pub infer: bool,
    /// Texts that stand for null, after trimming.
    pub null_values: Vec<String>,
    /// What a line is that ends before its last column begins. It is filled up unless said
    /// otherwise: blanks at the end of lines get lost on their way.
    pub short_lines: ShortLines,
}

impl Default for FixedWidthOptions {
    fn default() -> Self {
        Self {
            columns: Vec::new(),
            trim: true,
            infer: true,
            null_values: vec![String::new()],
            short_lines: ShortLines::Fill,
        }
    }
}

/// A field at a fixed place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedColumn {
    /// Its name.
    pub name: String,
    /// The place of its first character, from 1; after the column before it where nothing is said.
    #[serde(default)]
    pub start: Option<usize>,
    /// How many characters it has.
    pub width: usize,
    /// Its type, where that was decided.
    #[serde(default, rename = "type")]
    pub field_type: Option<FieldType>,
}

impl FixedWidthOptions {
    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// Where there is no column, two have one name, or one has no width or no place.
    pub fn check(&self) -> Result<(), OptionError> {
        if self.columns.is_empty() {
            return Err(OptionError::new("fixed width needs columns").at("columns"));
        }
        for (place, column) in self.columns.iter().enumerate() {
            let wrong = if column.width == 0 {
                "has a width of 0"
            } else if column.start == Some(0) {
                "starts at 0; places count from 1"
            } else if self.columns[..place]
                .iter()
                .any(|other| other.name == column.name)
            {
                "is there twice"
            } else {
                continue;
            };
            let name = &column.name;
            let reason = format!("column {name:?} {wrong}");
            return Err(OptionError::new(reason).at("columns"));
        }
        Ok(())
    }
}

/// The format of fixed width.
pub(super) struct FixedWidth {
    options: FixedWidthOptions,
    columns: Vec<Placed>,
    /// Where the last column ends.
    end: usize,
    max_event_bytes: usize,
    /// Where the characters of a line begin, should it hold others than those of ASCII.
    places: Vec<usize>,
}

/// A column and the characters that it has.
struct Placed {
    name: String,
    start: usize,
    end: usize,
    reading: Reading,
}

/// The name of what stands after the last column.
const REST: &str = "_rest";

impl FixedWidth {
    pub(super) fn new(limits: &DecodeLimits, options: &FixedWidthOptions) -> Self {
        let mut next = 0usize;
        let columns = options.columns.iter().map(|column| {
            let start = column.start.map_or(next, |start| start.saturating_sub(1));
            next = start.saturating_add(column.width);
            let undecided = Reading::undecided(options.infer);
            Placed {
                name: column.name.clone(),
                start,
                end: next,
                reading: column.field_type.map_or(undecided, Reading::Decided),
            }
        });
        let columns: Vec<Placed> = columns.collect();
        Self {
            end: columns.iter().map(|column| column.end).max().unwrap_or(0),
            columns,
            max_event_bytes: limits.max_event_bytes,
            places: Vec::new(),
            options: options.clone(),
        }
    }

    /// Whether a line of so many characters ends before a column begins.
    fn is_short(&self, characters: usize) -> bool {
        let last = self.columns.iter().map(|column| column.start).max();
        self.options.short_lines == ShortLines::Reject
            && last.is_some_and(|last| characters <= last)
    }

    fn value<'t>(&self, text: &'t str) -> Option<&'t str> {
        let text = match self.options.trim {
            true => text.trim_matches([' ', '\t']),
            false => text,
        };
        let null = self.options.null_values.iter().any(|null| null == text);
        (!null).then_some(text)
    }
}

/// A line whose characters can be counted.
struct Line<'a> {
    text: &'a str,
    /// Where its characters begin; `None` where each has one byte.
    places: Option<&'a [usize]>,
}

impl<'a> Line<'a> {
    fn new(text: &'a str, places: &'a mut Vec<usize>) -> Self {
        if text.is_ascii() {
            return Self { text, places: None };
        }
        places.clear();
        places.extend(text.char_indices().map(|(at, _)| at));
        Self {
            text,
            places: Some(places),
        }
    }

    fn characters(&self) -> usize {
        self.places.map_or(self.text.len(), <[usize]>::len)
    }

    /// Some of its characters, as many as there are.
    fn part(&self, start: usize, end: usize) -> &'a str {
        let at = |place: usize| match self.places {
            None => place.min(self.text.len()),
            Some(places) => places.get(place).copied().unwrap_or(self.text.len()),
        };
        self.text.get(at(start)..at(end)).unwrap_or_default()
    }
}

impl Format for FixedWidth {
    fn decode(&mut self, contents: &[Content<'_>], sink: &mut Sink<'_>) {
        let mut places = std::mem::take(&mut self.places);
        for content in contents {
            let text = Text::of(content.data);
            for range in text.lines() {
                let line = readable(content, &text, &range, self.max_event_bytes, sink);
                let Some(line) = line else { continue };
                let line = Line::new(line, &mut places);
                if self.is_short(line.characters()) {
                    let reason =
                        format!("{} characters: some column is missing", line.characters());
                    sink.reject(content, range, RejectCode::FixedWidthShort, reason);
                    continue;
                }
                let rest = line.part(self.end, usize::MAX);
                let rest = (!rest.trim().is_empty()).then_some(rest);
                sink.content(content);
                let written = sink.event(range.len(), |fields, row, cells| {
                    let mut cursor = Cursor::default();
                    for Placed {
                        name,
                        start,
                        end,
                        reading,
                    } in &self.columns
                    {
                        let Some(column) = fields.column(name, row, &mut cursor, cells) else {
                            continue;
                        };
                        match self.value(line.part(*start, *end)) {
                            Some(value) => reading.push(column, row, value),
                            None => column.push_null(row),
                        }
                    }
                    if let Some(rest) = rest
                        && let Some(column) = fields.column(REST, row, &mut cursor, cells)
                    {
                        column.push_str(row, rest);
                    }
                    cells.add(fields.len());
                });
                if written.is_err() {
                    sink.reject(content, range, RejectCode::TooLarge, too_many_fields());
                }
            }
        }
        self.places = places;
    }

    fn reset(&mut self) {
        self.places = Vec::new();
    }
}
