//! Regular expressions: the named groups of a match are the fields of an event.
//!
//! A line (or a whole content) that the pattern does not match is a reject, `regex.no_match`; it may
//! match a part of it: `^` and `$` say that it must be all. A group that took no part in the match is
//! null. Matching takes time in proportion to the text, whatever the pattern.

use regex::{CaptureLocations, Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use std::collections::BTreeMap;
use std::ops::Range;

use super::DecodeLimits;
use super::content::Content;
use super::fields::Cursor;
use super::format::Format;
use super::lexical::{FieldType, Reading};
use super::lines::readable;
use super::options::OptionError;
use super::sink::Sink;
use super::text::{Text, too_many_fields};
use crate::types::RejectCode;

/// Text that a regular expression takes apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegexOptions {
    /// The expression. There is none at first, and one is needed.
    pub pattern: Option<Pattern>,
    /// What it is matched with.
    pub unit: RegexUnit,
    /// The types of groups, by name, as they were decided; the others follow `infer`.
    pub types: BTreeMap<String, FieldType>,
    /// Whether values of other groups are typed by their spelling; else they are text.
    #[serde(rename = "infer_types")]
    pub infer: bool,
    /// Texts that stand for null.
    pub null_values: Vec<String>,
}

impl Default for RegexOptions {
    fn default() -> Self {
        Self {
            pattern: None,
            unit: RegexUnit::Line,
            types: BTreeMap::new(),
            infer: true,
            null_values: Vec::new(),
        }
    }
}

impl RegexOptions {
    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// Where there is no pattern.
    pub fn check(&self) -> Result<(), OptionError> {
        match self.pattern {
            Some(_) => Ok(()),
            None => Err(OptionError::new("the format regex needs a pattern").at("pattern")),
        }
    }
}

/// What a pattern is matched with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegexUnit {
    /// Each line that holds something.
    #[default]
    Line,
    /// Each content as a whole, without line ends at its end.
    Content,
}

/// A regular expression with at least one named group, compiled within bounds. Its syntax is that of
/// the crate `regex`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Regex);

/// Bytes that a compiled expression may take, and that its matcher may remember.
const MAX_PATTERN_BYTES: usize = 1 << 20;

impl Pattern {
    /// Compiles an expression.
    ///
    /// # Errors
    /// Where it is none, is too large, or names no group.
    pub fn new(pattern: &str) -> Result<Self, OptionError> {
        let regex = RegexBuilder::new(pattern)
            .size_limit(MAX_PATTERN_BYTES)
            .dfa_size_limit(MAX_PATTERN_BYTES)
            .build()
            .map_err(|error| OptionError::new(error.to_string()))?;
        if regex.capture_names().flatten().next().is_none() {
            return Err(OptionError::new(
                "the pattern names no group: (?<name>...) makes a field",
            ));
        }
        Ok(Self(regex))
    }

    /// The expression.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl TryFrom<String> for Pattern {
    type Error = OptionError;

    fn try_from(pattern: String) -> Result<Self, OptionError> {
        Self::new(&pattern)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.as_str().to_owned()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

/// The format of regular expressions.
pub(super) struct Matched {
    /// The expression with room for a match; `None` where none was given: nothing matches then.
    matcher: Option<(Regex, CaptureLocations)>,
    groups: Vec<Group>,
    unit: RegexUnit,
    null_values: Vec<String>,
    max_event_bytes: usize,
}

/// A named group: a field.
struct Group {
    /// Its place among all groups.
    place: usize,
    name: String,
    reading: Reading,
}

impl Matched {
    pub(super) fn new(limits: &DecodeLimits, options: &RegexOptions) -> Self {
        let undecided = Reading::undecided(options.infer);
        let names = options
            .pattern
            .iter()
            .flat_map(|pattern| pattern.0.capture_names());
        let groups = names.enumerate().filter_map(|(place, name)| {
            let decided = options.types.get(name?).copied();
            Some(Group {
                place,
                name: name?.to_owned(),
                reading: decided.map_or(undecided, Reading::Decided),
            })
        });
        Self {
            groups: groups.collect(),
            matcher: options.pattern.as_ref().map(|pattern| {
                let locations = pattern.0.capture_locations();
                (pattern.0.clone(), locations)
            }),
            unit: options.unit,
            null_values: options.null_values.clone(),
            max_event_bytes: limits.max_event_bytes,
        }
    }

    fn event(
        &mut self,
        content: &Content<'_>,
        text: &Text<'_>,
        range: Range<usize>,
        sink: &mut Sink<'_>,
    ) {
        let line = readable(content, text, &range, self.max_event_bytes, sink);
        let Some(line) = line else { return };
        let found = self.matcher.as_mut().and_then(|(regex, locations)| {
            regex.captures_read(locations, line)?;
            Some(locations)
        });
        let Some(found) = found else {
            let reason = "the pattern does not match".to_owned();
            return sink.reject(content, range, RejectCode::RegexNoMatch, reason);
        };
        sink.content(content);
        let written = sink.event(range.len(), |fields, row, cells| {
            let mut cursor = Cursor::default();
            for Group {
                place,
                name,
                reading,
            } in &self.groups
            {
                let Some(column) = fields.column(name, row, &mut cursor, cells) else {
                    continue;
                };
                let value = found
                    .get(*place)
                    .and_then(|(start, end)| line.get(start..end));
                match value {
                    Some(value) if !self.null_values.iter().any(|null| null == value) => {
                        reading.push(column, row, value);
                    }
                    _ => column.push_null(row),
                }
            }
            cells.add(fields.len());
        });
        if written.is_err() {
            sink.reject(content, range, RejectCode::TooLarge, too_many_fields());
        }
    }
}

impl Format for Matched {
    fn decode(&mut self, contents: &[Content<'_>], sink: &mut Sink<'_>) {
        for content in contents {
            let text = Text::of(content.data);
            match self.unit {
                RegexUnit::Line => {
                    for range in text.lines() {
                        self.event(content, &text, range, sink);
                    }
                }
                RegexUnit::Content => {
                    let whole = text.without_line_ends();
                    if !whole.is_empty() {
                        self.event(content, &text, whole, sink);
                    }
                }
            }
        }
    }

    fn reset(&mut self) {}
}
