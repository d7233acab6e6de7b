//! JSON: one or several documents a content.
//!
//! What a content means:
//! - A UTF-8 byte order mark at its start is skipped. A content of nothing but white space is empty.
//! - It holds documents one after the other, with or without white space or line ends between. An
//!   object is an event; the items of a list at the root are taken as documents (but a list inside
//!   it is not taken apart again); what else stands there is a reject, `json.not_an_object`.
//! - A document that is no JSON, or nested too deep, is a reject with its own bytes, and the others
//!   stay events. [`split`] says where it ends.
//! - Of equal keys the last one wins. Numbers beyond int64 and float64 keep their digits.
//!
//! There are two ways. The short one ([`direct`]) takes events that bring no new field or type, which
//! are most of them, from their bytes straight into the columns. The long one ([`parse`], [`walk`])
//! has simd-json put values on a tape and walks that: contents are first taken for one document each
//! and parsed many at a time; where that fails, halves are tried, down to the content that is to
//! blame; only that one is split, and its parts are parsed in the same way. All make the same of a
//! content; which is taken is a matter of speed.
//!
//! Where options change what events are ([`adapted`]), and for envelopes of CloudWatch Logs
//! ([`cloudwatch`]), documents are always split and parsed one by one.

mod adapted;
mod cloudwatch;
mod direct;
mod documents;
mod group;
mod nested;
pub(super) mod numbers;
mod options;
mod pace;
mod parse;
mod reason;
mod scan;
mod split;
mod walk;

use std::ops::Range;

use simd_json::Node;

pub(super) use self::adapted::AdaptedJson;
pub(super) use self::cloudwatch::CloudWatch;
pub use self::cloudwatch::CloudWatchOptions;
use self::direct::Direct;
use self::group::{Group, Kind, Unit, Units};
pub use self::options::{JsonOptions, StoreJson};
use self::pace::Pace;
use self::parse::{ParseError, Parsed, Parser};
use self::split::{Part, Splitter, skip_white_space};
use self::walk::{Nodes, Walk, skip};
use super::DecodeLimits;
use super::content::Content;
use super::fetch::fetch;
use super::format::Format;
use super::sink::Sink;
use crate::types::RejectCode;

/// Lines of 64 bytes of the next content to ask for while one is read.
const FETCHED_LINES: usize = 24;

/// The JSON format.
pub(super) struct Json {
    max_event_bytes: usize,
    max_depth: usize,
    direct: Direct,
    pace: Pace,
    parser: Parser,
    splitter: Splitter,
    parts: Vec<Part>,
    /// How many bytes to parse at once; falls where parsing fails, and recovers.
    group_bytes: usize,
    /// Whether the last content that had to be split held several documents.
    expect_lines: bool,
}

impl Format for Json {
    fn decode(&mut self, contents: &[Content<'_>], sink: &mut Sink<'_>) {
        let mut units = Units::default();
        for (place, content) in contents.iter().enumerate() {
            if let Some(next) = contents.get(place + 1) {
                fetch(next.data, FETCHED_LINES);
            }
            let data = content.data;
            let mut start = beginning(data);
            if self.pace.try_directly() {
                start = self.read_directly(content, start, sink);
            }
            let text = start..end(data, start);
            if text.is_empty() {
                continue;
            }
            if units.bytes + text.len() > self.group_bytes {
                self.flush(contents, &mut units, sink);
            }
            self.add_content(place, data, text, &mut units);
            if self.pace.directly_next() {
                // The rows must be in their place before the next ones.
                self.flush(contents, &mut units, sink);
            }
        }
        self.flush(contents, &mut units, sink);
    }

    fn reset(&mut self) {
        self.parser = Parser::new(self.max_depth);
        self.splitter = Splitter::default();
        self.parts.clear();
    }
}

impl Json {
    /// Bytes that are parsed at once: their tape stays in the processor's second cache.
    const GROUP_BYTES: usize = 32 << 10;

    pub(super) fn new(limits: &DecodeLimits) -> Self {
        Self {
            max_event_bytes: limits.max_event_bytes,
            max_depth: limits.max_depth,
            direct: Direct::default(),
            pace: Pace::default(),
            parser: Parser::new(limits.max_depth),
            splitter: Splitter::default(),
            parts: Vec::new(),
            group_bytes: Self::GROUP_BYTES,
            expect_lines: false,
        }
    }

    /// Reads the events that a content begins with the short way, as far as that goes; gives where
    /// the rest begins.
    fn read_directly(&mut self, content: &Content<'_>, start: usize, sink: &mut Sink<'_>) -> usize {
        let data: &[u8] = content.data;
        let mut at = start;
        while at < data.len() {
            sink.content(content);
            let read = sink.event_like_others(|row| {
                let bytes = self.direct.read(data, at, self.max_depth, row)? - at;
                (bytes <= self.max_event_bytes).then_some(bytes)
            });
            self.pace.went(read.is_some());
            match read {
                Some(bytes) => at = skip_white_space(data, at + bytes),
                None => break,
            }
        }
        at
    }

    fn add_content(&self, place: usize, data: &[u8], text: Range<usize>, units: &mut Units) {
        if self.expect_lines && memchr::memchr(b'\n', &data[text.clone()]).is_some() {
            units.add(place, Kind::Lines, lines(data, text));
        } else {
            units.add(place, Kind::Whole, std::iter::once(text));
        }
    }

    fn flush(&mut self, contents: &[Content<'_>], units: &mut Units, sink: &mut Sink<'_>) {
        let group = Group {
            contents,
            pieces: &units.pieces,
            units: &units.units,
        };
        self.read(group, sink);
        units.clear();
    }

    /// Reads units into the sink, all of them at once if that works.
    fn read(&mut self, group: Group<'_>, sink: &mut Sink<'_>) {
        let Err(error) = self.try_read(group, sink) else {
            self.group_bytes = (self.group_bytes * 2).min(Self::GROUP_BYTES);
            return;
        };
        if let [unit] = group.units {
            self.read_bad(group, unit, error, sink);
            return;
        }
        self.group_bytes = (self.group_bytes / 2).max(1);
        for half in group.halves() {
            self.read(half, sink);
        }
    }

    /// Reads units into the sink, or leaves it as it was.
    fn try_read(&mut self, group: Group<'_>, sink: &mut Sink<'_>) -> Result<(), ParseError> {
        if group.units.is_empty() {
            return Ok(());
        }
        if group
            .pieces()
            .any(|piece| piece.len() > self.max_event_bytes)
        {
            return Err(ParseError::TooLarge);
        }
        let splitter = &mut self.splitter;
        self.parser.parse(group.pieces(), |parsed| {
            read_parsed(group, parsed, splitter, sink);
        })
    }

    /// A unit that cannot be read as it is.
    fn read_bad(&mut self, group: Group<'_>, unit: &Unit, error: ParseError, sink: &mut Sink<'_>) {
        match unit.kind {
            Kind::Whole | Kind::Lines => self.read_split(group, unit, error, sink),
            Kind::Document | Kind::Item => {
                let piece = group.pieces[unit.pieces.start].clone();
                self.read_document(group, unit, piece, error, sink);
            }
        }
    }

    /// Splits a content and reads its parts.
    fn read_split(
        &mut self,
        group: Group<'_>,
        unit: &Unit,
        error: ParseError,
        sink: &mut Sink<'_>,
    ) {
        let data = group.data(unit);
        let pieces = &group.pieces[unit.pieces.clone()];
        let text = pieces[0].start..pieces[pieces.len() - 1].end;
        let mut parts = std::mem::take(&mut self.parts);
        parts.clear();
        self.splitter
            .split(&data[..text.end], text.start, &mut parts);
        self.expect_lines = parts.len() > 1;
        if unit.kind == Kind::Whole && parts == [Part::Document(text.clone())] {
            // It has been tried.
            self.read_document(group, unit, text, error, sink);
        } else {
            self.read_parts(group.contents, unit.content, &parts, sink);
        }
        self.parts = parts;
    }

    fn read_parts(
        &mut self,
        contents: &[Content<'_>],
        place: usize,
        parts: &[Part],
        sink: &mut Sink<'_>,
    ) {
        let mut units = Units::default();
        for part in parts {
            let (kind, piece) = match part {
                Part::Document(piece) => (Kind::Document, piece),
                Part::Item(piece) => (Kind::Item, piece),
                Part::Junk(junk) => {
                    self.flush(contents, &mut units, sink);
                    let code = RejectCode::JsonSyntax;
                    sink.reject(&contents[place], junk.clone(), code, reason::junk());
                    continue;
                }
            };
            if units.bytes + piece.len() > self.group_bytes {
                self.flush(contents, &mut units, sink);
            }
            units.add(place, kind, std::iter::once(piece.clone()));
        }
        self.flush(contents, &mut units, sink);
    }

    /// One document that the parser refuses: it may be for its numbers, else it is a reject.
    fn read_document(
        &mut self,
        group: Group<'_>,
        unit: &Unit,
        piece: Range<usize>,
        error: ParseError,
        sink: &mut Sink<'_>,
    ) {
        let data = group.data(unit);
        let mut error = error;
        if matches!(error, ParseError::Syntax { number: true, .. }) {
            let splitter = &mut self.splitter;
            let pieces = [piece.clone()];
            let unit = Unit {
                content: unit.content,
                kind: unit.kind,
                pieces: 0..1,
            };
            let group = Group {
                contents: group.contents,
                pieces: &pieces,
                units: std::slice::from_ref(&unit),
            };
            match self
                .parser
                .parse_with_numbers(&data[piece.clone()], |parsed| {
                    read_parsed(group, parsed, splitter, sink);
                }) {
                Some(Ok(())) => return,
                Some(Err(other)) => error = other,
                None => {}
            }
        }
        let (code, reason) = reason::of(&error, piece.len(), self.max_depth, self.max_event_bytes);
        sink.reject(group.content(unit), piece, code, reason);
    }
}

/// Gives the values of a group's pieces to the sink.
fn read_parsed(group: Group<'_>, parsed: Parsed<'_>, splitter: &mut Splitter, sink: &mut Sink<'_>) {
    let mut nodes = parsed.nodes.clone();
    for unit in group.units {
        let content = group.content(unit);
        sink.content(content);
        for piece in &group.pieces[unit.pieces.clone()] {
            match nodes.as_slice().first() {
                Some(Node::Array { len, .. }) if unit.kind != Kind::Item => {
                    nodes.next();
                    read_list(*len, &mut nodes, &parsed, content, piece, splitter, sink);
                }
                _ => {
                    if let Err(why) = read_event(&mut nodes, &parsed, piece.len(), sink) {
                        why.reject(content, piece.clone(), sink);
                    }
                }
            }
            // The mark.
            nodes.next();
        }
    }
}

/// The items of a list at the root; its node was taken.
fn read_list(
    len: usize,
    nodes: &mut Nodes<'_, '_>,
    parsed: &Parsed<'_>,
    content: &Content<'_>,
    piece: &Range<usize>,
    splitter: &mut Splitter,
    sink: &mut Sink<'_>,
) {
    // The tape does not know where items begin; only rejects ask.
    let mut items: Vec<Part> = Vec::new();
    for place in 0..len {
        let Err(why) = read_event(nodes, parsed, piece.len() / len, sink) else {
            continue;
        };
        if items.is_empty() {
            splitter.split(&content.data[..piece.end], piece.start, &mut items);
        }
        let item = match items.get(place) {
            Some(Part::Item(item)) => item.clone(),
            _ => piece.clone(),
        };
        why.reject(content, item, sink);
    }
}

/// Why a value of good JSON is no event.
enum NoEvent {
    NotAnObject,
    TooManyCells,
}

impl NoEvent {
    fn reject(&self, content: &Content<'_>, piece: Range<usize>, sink: &mut Sink<'_>) {
        let (code, reason) = match self {
            NoEvent::NotAnObject => (RejectCode::JsonNotAnObject, reason::not_an_object()),
            NoEvent::TooManyCells => (RejectCode::TooLarge, reason::too_many_cells()),
        };
        sink.reject(content, piece, code, reason);
    }
}

/// Takes one value from the nodes and writes it as a row.
fn read_event(
    nodes: &mut Nodes<'_, '_>,
    parsed: &Parsed<'_>,
    bytes: usize,
    sink: &mut Sink<'_>,
) -> Result<(), NoEvent> {
    let mut value = nodes.clone();
    skip(nodes);
    let Some(Node::Object { len, .. }) = value.next() else {
        return Err(NoEvent::NotAnObject);
    };
    let written = sink.event(bytes, |fields, row, cells| {
        let mut walk = Walk {
            cells,
            numbers: parsed.numbers,
            base: parsed.base,
        };
        walk.object(&mut value.clone(), *len, fields, row);
    });
    written.map_err(|_| NoEvent::TooManyCells)
}

/// Where a content begins, after a byte order mark and white space.
fn beginning(data: &[u8]) -> usize {
    const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
    let start = match data.starts_with(BYTE_ORDER_MARK) {
        true => BYTE_ORDER_MARK.len(),
        false => 0,
    };
    skip_white_space(data, start)
}

/// Where `data[start..]` ends, before white space.
fn end(data: &[u8], start: usize) -> usize {
    let white_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let last = data[start..].iter().rposition(|byte| !white_space(byte));
    last.map_or(start, |last| start + last + 1)
}

/// The lines of `data[text]` that are not blank.
fn lines(data: &[u8], text: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut at = text.start;
    std::iter::from_fn(move || {
        while at < text.end {
            let start = at;
            let end = memchr::memchr(b'\n', &data[at..text.end]).map_or(text.end, |n| at + n);
            at = end + 1;
            if skip_white_space(data, start) < end {
                return Some(start..end);
            }
        }
        None
    })
}
