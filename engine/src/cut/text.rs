//! Text, cut at line ends.

use std::io::{BufRead, Read};

use bytes::Bytes;

use super::{CutError, MAX_PIECE, Piece, Pieces, skip, wanted};

/// Bytes that are read together.
const STEP: usize = 64 << 10;
/// Bytes that a header may have.
const MAX_HEADER: usize = 1 << 20;

/// What is known of the lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LineOptions {
    /// What line ends are no line ends between.
    pub(super) quote: Option<u8>,
    /// What takes the meaning from the byte after it.
    pub(super) escape: Option<u8>,
    /// Whether the first line is one of names: then it stands before every piece.
    pub(super) header: bool,
}

/// The pieces of a text.
pub(super) struct TextPieces<R> {
    reader: R,
    options: LineOptions,
    header: Option<Vec<u8>>,
    position: u64,
    /// What was read and is in no piece yet.
    held: Vec<u8>,
    ended: bool,
}

/// Goes over bytes and tells where lines end.
#[derive(Clone, Copy, Default)]
struct Scan {
    quoted: bool,
    escaped: bool,
}

impl Scan {
    /// Whether a line ends with this byte.
    fn ends(&mut self, byte: u8, options: LineOptions) -> bool {
        if self.escaped {
            self.escaped = false;
            return false;
        }
        if options.escape == Some(byte) {
            self.escaped = true;
        } else if options.quote == Some(byte) {
            self.quoted = !self.quoted;
        }
        byte == b'\n' && !self.quoted
    }
}

impl<R: BufRead + Send> TextPieces<R> {
    pub(super) fn open(mut reader: R, options: LineOptions, after: u64) -> Result<Self, CutError> {
        let header = match options.header && after > 0 {
            true => Some(read_header(&mut reader, options)?),
            false => None,
        };
        let read = header.as_ref().map_or(0, |header| header.len() as u64);
        skip(
            &mut reader,
            after.checked_sub(read).ok_or(CutError::Shorter)?,
        )?;
        Ok(Self {
            reader,
            options,
            header,
            position: after,
            held: Vec::new(),
            ended: false,
        })
    }

    /// The length of the next piece, of which at least that much is held.
    fn next_length(&mut self) -> Result<usize, CutError> {
        let wanted = wanted(self.position);
        let (mut scan, mut looked, mut last) = (Scan::default(), 0, None);
        loop {
            // Whatever has been read beyond it, what counts is the same.
            let held = &self.held[..self.held.len().min(MAX_PIECE)];
            while looked < held.len() {
                let ends = scan.ends(held[looked], self.options);
                looked += 1;
                if ends {
                    last = Some(looked);
                    if looked >= wanted {
                        return Ok(looked);
                    }
                }
            }
            if held.len() == MAX_PIECE {
                // A quote that is never closed must not hold up all that follows.
                let any = || held.iter().rposition(|byte| *byte == b'\n');
                return last.or_else(|| any().map(|at| at + 1)).ok_or_else(|| {
                    CutError::TooLarge(format!(
                        "the line at byte {} has more than {} MiB",
                        self.position,
                        MAX_PIECE >> 20
                    ))
                });
            }
            if self.ended {
                return Ok(held.len());
            }
            let step = (&mut self.reader).take(STEP as u64);
            self.ended = { step }.read_to_end(&mut self.held)? == 0;
        }
    }
}

impl<R: BufRead + Send> Pieces for TextPieces<R> {
    fn next_piece(&mut self) -> Result<Option<Piece>, CutError> {
        let length = self.next_length()?;
        if length == 0 {
            return Ok(None);
        }
        let rest = self.held.split_off(length);
        let lines = std::mem::replace(&mut self.held, rest);
        let data = match &self.header {
            None => lines,
            Some(header) => [&header[..], &lines].concat(),
        };
        if self.options.header && self.header.is_none() {
            self.header = Some(header_of(&data, self.options)?);
        }
        self.position += length as u64;
        Ok(Some(Piece {
            data: Bytes::from(data),
            end: self.position,
        }))
    }
}

/// The first line with its end.
fn header_of(text: &[u8], options: LineOptions) -> Result<Vec<u8>, CutError> {
    let mut scan = Scan::default();
    let end = text.iter().position(|byte| scan.ends(*byte, options));
    let header = end.map_or(text, |end| &text[..=end]);
    match header.len() > MAX_HEADER {
        true => Err(header_too_large()),
        false => Ok(header.to_vec()),
    }
}

fn read_header(reader: &mut impl BufRead, options: LineOptions) -> Result<Vec<u8>, CutError> {
    let (mut header, mut scan) = (Vec::new(), Scan::default());
    loop {
        let available = reader.fill_buf()?;
        if available.is_empty() {
            return Ok(header);
        }
        let end = available.iter().position(|byte| scan.ends(*byte, options));
        let taken = end.map_or(available.len(), |end| end + 1);
        header.extend_from_slice(&available[..taken]);
        reader.consume(taken);
        if end.is_some() {
            return Ok(header);
        }
        if header.len() > MAX_HEADER {
            return Err(header_too_large());
        }
    }
}

fn header_too_large() -> CutError {
    CutError::TooLarge(format!("its header has more than {} MiB", MAX_HEADER >> 20))
}
