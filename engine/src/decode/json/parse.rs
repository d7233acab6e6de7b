//! Many pieces of JSON in one pass of the parser.
//!
//! The parser has a cost for each call and wants a copy that it may write to. So pieces are put
//! together into one list, `[piece,"",piece,"",...]`, with a line end after each piece, and parsed
//! at once. A piece that is not exactly one value could borrow from its neighbours: swallow them
//! into an open list, or count for two. The empty strings prove that none did: each must be at the
//! root of the list, after exactly one value, and be the very one that was put there. A line end
//! inside a string is not JSON, so no piece can pull one into a string of its own.

use simd_json::{Buffers, ErrorType, INPUT_PADDING, Node, Tape, fill_tape_padded};

use super::numbers::BigNumbers;
use super::reason;
use super::walk::{Nodes, skip};

/// What stands between two pieces.
const MARK: &[u8] = b"\n,\"\"";
/// Where in it the text of the empty string is.
const MARK_TEXT: usize = 3;

/// The parser with its buffers.
pub(super) struct Parser {
    text: Vec<u8>,
    /// For each piece, where in `text` the text of its mark is.
    marks: Vec<usize>,
    buffers: Buffers,
    tape: Tape<'static>,
    numbers: BigNumbers,
}

/// Why pieces could not be parsed.
pub(super) enum ParseError {
    /// A value is nested too deep.
    TooDeep,
    /// A piece has more bytes than an event may have.
    TooLarge,
    /// Some piece is not exactly one value of JSON.
    Syntax {
        /// What is wrong, for people.
        what: &'static str,
        /// At which byte of the first piece, where the parser knows.
        at: Option<usize>,
        /// Whether a number that no machine type holds may be all that is wrong.
        number: bool,
    },
}

impl ParseError {
    fn of(error: &simd_json::Error) -> Self {
        let kind = error.error();
        // Inside strings the parser counts from their own start.
        let in_string = matches!(
            kind,
            ErrorType::InvalidEscape
                | ErrorType::InvalidUnicodeEscape
                | ErrorType::InvalidUnicodeCodepoint
        );
        match kind {
            ErrorType::DepthLimitExceeded => ParseError::TooDeep,
            kind => ParseError::Syntax {
                what: reason::syntax(kind),
                at: error.index().checked_sub(1).filter(|_| !in_string),
                number: matches!(kind, ErrorType::InvalidNumber),
            },
        }
    }
}

/// Values that were parsed: one a piece.
pub(super) struct Parsed<'a> {
    /// The values, with a mark after each.
    pub(super) nodes: Nodes<'a, 'a>,
    /// Numbers that are strings in `nodes`.
    pub(super) numbers: &'a BigNumbers,
    /// The address that strings count from.
    pub(super) base: usize,
}

impl Parser {
    /// Where the first piece begins in the text that is parsed: after a bracket.
    pub(super) const FIRST: usize = 1;

    /// A parser for values of at most `max_depth` levels.
    pub(super) fn new(max_depth: usize) -> Self {
        Self {
            text: Vec::new(),
            marks: Vec::new(),
            // One more level: the list that pieces are put in.
            buffers: Buffers::with_max_depth(0, max_depth + 1),
            tape: Tape(Vec::new()),
            numbers: BigNumbers::default(),
        }
    }

    /// Parses pieces and gives what `read` makes of their values.
    pub(super) fn parse<'p, R>(
        &mut self,
        pieces: impl Iterator<Item = &'p [u8]>,
        read: impl FnOnce(Parsed<'_>) -> R,
    ) -> Result<R, ParseError> {
        self.join(pieces);
        self.numbers.clear();
        self.parse_text(read)
    }

    /// Parses one piece with numbers that no machine type holds; `None` where it has none.
    pub(super) fn parse_with_numbers<R>(
        &mut self,
        piece: &[u8],
        read: impl FnOnce(Parsed<'_>) -> R,
    ) -> Option<Result<R, ParseError>> {
        self.join(std::iter::once(piece));
        self.numbers
            .replace(&mut self.text)
            .then(|| self.parse_text(read))
    }

    fn join<'p>(&mut self, pieces: impl Iterator<Item = &'p [u8]>) {
        self.text.clear();
        self.marks.clear();
        self.text.push(b'[');
        for piece in pieces {
            if !self.marks.is_empty() {
                self.text.push(b',');
            }
            self.text.extend_from_slice(piece);
            self.marks.push(self.text.len() + MARK_TEXT);
            self.text.extend_from_slice(MARK);
        }
        self.text.push(b']');
    }

    fn parse_text<R>(&mut self, read: impl FnOnce(Parsed<'_>) -> R) -> Result<R, ParseError> {
        let len = self.text.len();
        self.text.resize(len + INPUT_PADDING, b' ');
        let base = self.text.as_ptr() as usize;
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let outcome = fill_tape_padded(&mut self.text, len, &mut self.buffers, &mut tape)
            .map_err(|error| ParseError::of(&error))
            .and_then(|()| {
                // The list itself is not of interest.
                let mut nodes = tape.0.iter();
                nodes.next();
                if !marks_stand(nodes.clone(), &self.marks, base) {
                    return Err(ParseError::Syntax {
                        what: reason::syntax(&ErrorType::TrailingData),
                        at: None,
                        number: false,
                    });
                }
                Ok(read(Parsed {
                    nodes,
                    numbers: &self.numbers,
                    base,
                }))
            });
        self.tape = tape.reset();
        outcome
    }
}

/// Whether the nodes are a value and its mark, as often as there are marks.
fn marks_stand(mut nodes: Nodes<'_, '_>, marks: &[usize], base: usize) -> bool {
    for mark in marks {
        skip(&mut nodes);
        match nodes.next() {
            Some(Node::String(text))
                if text.is_empty() && text.as_ptr() as usize == base + mark => {}
            _ => return false,
        }
    }
    nodes.next().is_none()
}
