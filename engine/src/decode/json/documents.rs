//! JSON read document by document, for what cannot be read many at a time.

use std::ops::Range;

use super::nested::Nested;
use super::parse::{ParseError, Parsed, Parser};
use super::split::{Part, Splitter};
use super::{beginning, end, reason};
use crate::decode::DecodeLimits;
use crate::decode::content::Content;
use crate::decode::sink::Sink;
use crate::types::RejectCode;

/// Finds the documents of contents and parses them one by one.
pub(super) struct Documents {
    parser: Parser,
    splitter: Splitter,
    parts: Vec<Part>,
    max_depth: usize,
    max_event_bytes: usize,
}

impl Documents {
    /// With `split_lists`, the items of a list at the root are documents.
    pub(super) fn new(limits: &DecodeLimits, split_lists: bool) -> Self {
        Self {
            parser: Parser::new(limits.max_depth),
            splitter: Splitter::new(split_lists),
            parts: Vec::new(),
            max_depth: limits.max_depth,
            max_event_bytes: limits.max_event_bytes,
        }
    }

    /// The places of a content's documents, in their order; what is none is a reject.
    pub(super) fn each(
        &mut self,
        content: &Content<'_>,
        sink: &mut Sink<'_>,
        mut read: impl FnMut(&mut Self, Range<usize>, &mut Sink<'_>),
    ) {
        let data = content.data;
        let start = beginning(data);
        let mut parts = std::mem::take(&mut self.parts);
        parts.clear();
        self.splitter
            .split(&data[..end(data, start)], start, &mut parts);
        for part in &parts {
            match part {
                Part::Document(piece) | Part::Item(piece) => read(self, piece.clone(), sink),
                Part::Junk(junk) => {
                    let code = RejectCode::JsonSyntax;
                    sink.reject(content, junk.clone(), code, reason::junk());
                }
            }
        }
        self.parts = parts;
    }

    /// Parses one document and gives what `read` makes of it.
    pub(super) fn parse<R>(
        &mut self,
        document: &[u8],
        read: impl FnMut(Parsed<'_>) -> R,
    ) -> Result<R, ParseError> {
        if document.len() > self.max_event_bytes {
            return Err(ParseError::TooLarge);
        }
        parse_one(&mut self.parser, document, read)
    }

    /// The document with JSON in place of text that holds it, where it has such text.
    pub(super) fn rewrite(&mut self, nested: &mut Nested, document: &[u8]) -> Option<Vec<u8>> {
        nested.rewrite(&mut self.parser, document)
    }

    /// Makes a document that could not be parsed a reject.
    pub(super) fn reject(
        &self,
        content: &Content<'_>,
        piece: Range<usize>,
        error: &ParseError,
        sink: &mut Sink<'_>,
    ) {
        let (code, reason) = reason::of(error, piece.len(), self.max_depth, self.max_event_bytes);
        sink.reject(content, piece, code, reason);
    }

    /// Forgets whatever a panic may have left behind.
    pub(super) fn reset(&mut self) {
        self.parser = Parser::new(self.max_depth);
        self.splitter.reset();
        self.parts.clear();
    }
}

/// Parses one document, with numbers that no machine type holds if need be.
pub(super) fn parse_one<R>(
    parser: &mut Parser,
    document: &[u8],
    mut read: impl FnMut(Parsed<'_>) -> R,
) -> Result<R, ParseError> {
    let outcome = parser.parse(std::iter::once(document), &mut read);
    if !matches!(outcome, Err(ParseError::Syntax { number: true, .. })) {
        return outcome;
    }
    parser
        .parse_with_numbers(document, &mut read)
        .unwrap_or(outcome)
}
