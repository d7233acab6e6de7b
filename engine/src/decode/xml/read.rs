//! From the bytes of documents to records.

use std::ops::Range;

use quick_xml::errors::{Error, IllFormedError};
use quick_xml::escape::{EscapeError, resolve_xml_entity};
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::tree::{Closing, Full, Limits, Tree};
use crate::types::RejectCode;

/// Reads the records of a text one after the other.
pub(super) struct Records<'a> {
    reader: Reader<&'a [u8]>,
    text: &'a str,
    path: &'a [String],
    trim: bool,
    limits: Limits,
    max_record_bytes: usize,
    /// Elements that are open outside of records, and how many of them are on the path.
    outside: usize,
    on_path: usize,
    /// The record that is open.
    record: Option<Open>,
    /// Where what is not accounted for begins.
    from: usize,
}

/// A record under way.
struct Open {
    start: usize,
    /// Elements of it that are open.
    depth: usize,
    /// Why it will be none.
    why: Option<NoRecord>,
}

/// What comes next in a text: a record at these bytes, in the tree, or a piece that is none.
pub(super) type Next = Result<Range<usize>, (Range<usize>, NoRecord)>;

/// Why a piece is no record. Past some of them nothing more can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NoRecord {
    Syntax(String),
    Entity(String),
    NotThePath(String),
    TooDeep,
    /// More elements than are kept.
    TooMany,
    TooLarge(usize),
}

impl NoRecord {
    pub(super) fn reject(self, max_depth: usize, max_event_bytes: usize) -> (RejectCode, String) {
        match self {
            NoRecord::Syntax(what) => (RejectCode::XmlSyntax, format!("not XML: {what}")),
            NoRecord::Entity(name) => (
                RejectCode::XmlEntity,
                format!("the entity {name:?} is not built in; entities of a DOCTYPE are not read"),
            ),
            NoRecord::NotThePath(name) => (
                RejectCode::XmlNoRecord,
                format!(
                    "the root element is {name:?}, which the path of records does not begin with"
                ),
            ),
            NoRecord::TooDeep => (
                RejectCode::XmlTooDeep,
                format!("nested deeper than {max_depth} levels"),
            ),
            NoRecord::TooMany => (RejectCode::TooLarge, crate::decode::text::too_many_fields()),
            NoRecord::TooLarge(bytes) => (
                RejectCode::TooLarge,
                crate::decode::text::too_large(bytes, max_event_bytes),
            ),
        }
    }
}

fn syntax(what: impl std::fmt::Display) -> NoRecord {
    NoRecord::Syntax(what.to_string())
}

impl From<Full> for NoRecord {
    fn from(full: Full) -> Self {
        match full {
            Full::TooDeep => NoRecord::TooDeep,
            Full::TooLarge => NoRecord::TooMany,
        }
    }
}

impl<'a> Records<'a> {
    pub(super) fn new(
        text: &'a str,
        path: &'a [String],
        trim: bool,
        limits: Limits,
        max_record_bytes: usize,
    ) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            text,
            path,
            trim,
            limits,
            max_record_bytes,
            outside: 0,
            on_path: 0,
            record: None,
            from: 0,
        }
    }

    /// The next record; it is in `tree` then.
    pub(super) fn next(&mut self, tree: &mut Tree) -> Option<Next> {
        loop {
            if self.from > self.text.len() {
                return None;
            }
            let before = self.position();
            let event = match self.reader.read_event() {
                Ok(event) => event,
                Err(error) => return Some(Err(self.broken(describe(&error)))),
            };
            let outcome = match event {
                Event::Eof => return self.finish().map(Err),
                Event::Start(tag) => self.start(&tag, before, tree),
                Event::End(_) => match self.end(tree) {
                    Some(next) => return Some(next),
                    None => Ok(()),
                },
                Event::Text(text) => self.characters(&text.xml10_content(), false, tree),
                Event::CData(text) => self.characters(&text.xml10_content(), true, tree),
                Event::GeneralRef(entity) => self.entity(&entity, tree),
                Event::Decl(_) if self.record.is_some() || self.outside > 0 => {
                    Err(syntax("a declaration within an element"))
                }
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) | Event::DocType(_) => Ok(()),
                Event::Empty(_) => Ok(()),
            };
            if let Err(why) = outcome {
                return Some(Err(self.broken(why)));
            }
        }
    }

    fn position(&self) -> usize {
        // Within a text in memory.
        self.reader.buffer_position() as usize
    }

    /// What is left is no XML.
    fn broken(&mut self, why: NoRecord) -> (Range<usize>, NoRecord) {
        let start = self.record.take().map_or(self.from, |record| record.start);
        let left = start..self.text.len();
        // Nothing more is read.
        self.from = self.text.len() + 1;
        let text = self.text.get(left.clone()).unwrap_or_default();
        match text.trim_ascii().is_empty() {
            // It ends too early: all of it is to blame.
            true => (0..self.text.len(), why),
            false => (left, why),
        }
    }

    /// The end of the text.
    fn finish(&mut self) -> Option<(Range<usize>, NoRecord)> {
        if self.record.is_none() && self.outside == 0 {
            self.from = self.text.len() + 1;
            return None;
        }
        Some(self.broken(syntax("it ends within an element")))
    }

    fn start(&mut self, tag: &BytesStart<'_>, at: usize, tree: &mut Tree) -> Result<(), NoRecord> {
        let name = tag.name();
        let name: &str = name.as_ref();
        check_name(name)?;
        if self.record.is_none() && !self.begins(name)? {
            return Ok(());
        }
        let record = self.record.get_or_insert_with(|| {
            tree.clear();
            Open {
                start: at,
                depth: 0,
                why: None,
            }
        });
        record.depth += 1;
        let kept = match record.why {
            None => tree.open(name, &self.limits).map_err(NoRecord::from),
            Some(_) => return check_attributes(tag),
        };
        let kept = match kept {
            Ok(()) => attributes(tag, tree, &self.limits)?,
            Err(why) => Err(why),
        };
        record.why = kept.err();
        Ok(())
    }

    /// Whether a record begins with this element, which is outside of records.
    fn begins(&mut self, name: &str) -> Result<bool, NoRecord> {
        if self.path.is_empty() {
            return Ok(true);
        }
        let on_path =
            self.on_path == self.outside && self.path.get(self.outside).is_some_and(|n| n == name);
        if self.outside == 0 && !on_path {
            return Err(NoRecord::NotThePath(name.to_owned()));
        }
        if on_path && self.outside + 1 == self.path.len() {
            return Ok(true);
        }
        self.outside += 1;
        self.on_path += usize::from(on_path);
        Ok(false)
    }

    fn end(&mut self, tree: &mut Tree) -> Option<Next> {
        let Some(record) = &mut self.record else {
            self.outside = self.outside.saturating_sub(1);
            self.on_path = self.on_path.min(self.outside);
            if self.outside == 0 {
                self.from = self.position();
            }
            return None;
        };
        record.depth -= 1;
        let last = record.depth == 0;
        if record.why.is_none() {
            match tree.close(self.trim) {
                Ok(_) => {}
                Err(Closing::Full(full)) => record.why = Some(full.into()),
                Err(Closing::AttributeTwice) => {
                    record.why = Some(syntax("an attribute is there twice"));
                }
            }
        }
        if !last {
            return None;
        }
        let Open { start, why, .. } = self.record.take()?;
        let range = start..self.position();
        self.from = range.end;
        if let Some(why) = why {
            return Some(Err((range, why)));
        }
        if range.len() > self.max_record_bytes {
            let bytes = range.len();
            return Some(Err((range, NoRecord::TooLarge(bytes))));
        }
        Some(Ok(range))
    }

    fn characters(&mut self, text: &str, exact: bool, tree: &mut Tree) -> Result<(), NoRecord> {
        match &self.record {
            Some(Open { why: None, .. }) => tree.text(text, exact),
            Some(_) => {}
            None if self.outside == 0 && (exact || !text.trim_ascii().is_empty()) => {
                return Err(syntax("text outside of elements"));
            }
            None => {}
        }
        Ok(())
    }

    fn entity(&mut self, entity: &BytesRef<'_>, tree: &mut Tree) -> Result<(), NoRecord> {
        let character = entity
            .resolve_char_ref()
            .map_err(|error| describe(&error))?;
        let mut buffer = [0; 4];
        let text = match character {
            Some(character) => &*character.encode_utf8(&mut buffer),
            None => match resolve_xml_entity(entity) {
                Some(text) => text,
                None => {
                    let why = NoRecord::Entity(excerpt(entity));
                    // The record around it ends where it should.
                    return match &mut self.record {
                        Some(record) => {
                            record.why.get_or_insert(why);
                            Ok(())
                        }
                        None => Err(why),
                    };
                }
            },
        };
        match self.record.is_some() || self.outside > 0 {
            // A character that was written so counts as white space no more.
            true => self.characters(text, true, tree),
            false => Err(syntax("text outside of elements")),
        }
    }
}

/// Gives the open element its attributes. The outer error is one of syntax, the inner one of room or
/// of entities.
fn attributes(
    tag: &BytesStart<'_>,
    tree: &mut Tree,
    limits: &Limits,
) -> Result<Result<(), NoRecord>, NoRecord> {
    for attribute in tag.attributes().with_checks(false) {
        let attribute = attribute.map_err(syntax)?;
        check_name(attribute.key.as_ref())?;
        if attribute.value.contains('<') {
            return Err(syntax("a < in the value of an attribute"));
        }
        let value = match attribute.normalized_value(XmlVersion::Implicit1_0) {
            Ok(value) => value,
            Err(error) => match describe(&error) {
                why @ NoRecord::Entity(_) => return Ok(Err(why)),
                why => return Err(why),
            },
        };
        if let Err(full) = tree.attribute(attribute.key.as_ref(), &value, limits) {
            return Ok(Err(full.into()));
        }
    }
    Ok(Ok(()))
}

/// Looks at the attributes of an element that is not kept.
fn check_attributes(tag: &BytesStart<'_>) -> Result<(), NoRecord> {
    for attribute in tag.attributes().with_checks(false) {
        check_name(attribute.map_err(syntax)?.key.as_ref())?;
    }
    Ok(())
}

/// Names as XML has them, but for some characters beyond ASCII.
fn check_name(name: &str) -> Result<(), NoRecord> {
    let first =
        |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b':') || byte >= 0x80;
    let other = |byte: u8| first(byte) || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    let mut bytes = name.bytes();
    match bytes.next().is_some_and(first) && bytes.all(other) {
        true => Ok(()),
        false => Err(syntax(format!("{:?} is no name", excerpt(name)))),
    }
}

fn describe(error: &Error) -> NoRecord {
    match error {
        Error::Escape(EscapeError::UnrecognizedEntity(_, name)) => NoRecord::Entity(excerpt(name)),
        // The names in these may be as long as the text.
        Error::IllFormed(
            IllFormedError::MismatchedEndTag { .. } | IllFormedError::UnmatchedEndTag(_),
        ) => syntax("an end tag that does not match its start tag"),
        Error::IllFormed(IllFormedError::MissingEndTag(_)) => syntax("an end tag is missing"),
        error => syntax(excerpt(&error.to_string())),
    }
}

/// The beginning of a text, for people.
fn excerpt(text: &str) -> String {
    const CHARACTERS: usize = 80;
    match text.char_indices().nth(CHARACTERS) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
