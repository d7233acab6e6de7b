//! Files cut into payloads, so that a file takes the part of a Kinesis shard.
//!
//! What a file is follows from its bytes and the options: its compression is undone as a stream
//! (`unpack`); text is cut at line ends (`text`), Avro at blocks (`avro`), Parquet by rows
//! (`columns`), and what only means something as a whole is one payload. Each piece has a position,
//! which grows within the file; cutting begins again at the end of any piece, and what is cut there
//! depends on the bytes from there on and the options alone.

mod avro;
mod columns;
mod kind;
#[cfg(test)]
mod tests;
mod text;
mod unpack;

pub use self::unpack::is_undone;

use std::io::{self, BufReader, Read};

use bytes::Bytes;
use parquet::file::reader::ChunkReader;

use self::avro::AvroPieces;
use self::columns::ParquetPieces;
use self::kind::Kind;
use self::text::TextPieces;
use crate::decode::ContentOptions;

/// The largest payload that is made of a file.
pub const MAX_PIECE: usize = 10 << 20;
/// Bytes that pieces have by and by, and those of the first: where a file begins is looked at before
/// its time has come.
const USUAL_PIECE: u64 = 1 << 20;
const FIRST_PIECE: u64 = 64 << 10;
/// Bytes by which is told what a file is.
const PEEK: usize = 64 << 10;

/// A payload of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The payload.
    pub data: Bytes,
    /// The position after it, above that of the piece before.
    pub end: u64,
}

/// Why a file cannot be cut.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    /// It is not whole, or is not what it seems to be.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It has a part that is larger than [`MAX_PIECE`] and cannot be cut.
    #[error("{0}")]
    TooLarge(String),
    /// It ends before the position at which cutting should begin.
    #[error("it is shorter than what has been read of it")]
    Shorter,
    /// It could not be read, or its compression is damaged.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The payloads of a file, one after the other.
pub trait Pieces: Send {
    /// The next payload; `None` at the end.
    ///
    /// # Errors
    /// [`CutError`]; nothing comes after it.
    fn next_piece(&mut self) -> Result<Option<Piece>, CutError>;
}

/// Begins to cut a file after a position: 0, or the end of a piece.
///
/// # Errors
/// [`CutError`].
pub fn open<F>(file: F, content: &ContentOptions, after: u64) -> Result<Box<dyn Pieces>, CutError>
where
    F: ChunkReader + 'static,
    F::T: Send + 'static,
{
    if file.len() == 0 {
        return Ok(Box::new(Nothing));
    }
    let (head, reader) = peeked(file.get_read(0).map_err(damaged)?)?;
    let packed = unpack::find(&head, content.compression)?;
    let unpacked: Box<dyn Read + Send> = match packed {
        None => Box::new(reader),
        Some(compression) => unpack::reader(BufReader::new(reader), compression)?,
    };
    let (head, reader) = peeked(unpacked)?;
    let reader = BufReader::with_capacity(PEEK, reader);
    let kind = match unpack::is_archive(content.compression) {
        true => Kind::Whole,
        false => kind::of(&head, content),
    };
    Ok(match kind {
        Kind::Parquet if packed.is_none() => Box::new(ParquetPieces::open(file, after)?),
        Kind::Parquet | Kind::Whole => Box::new(Whole::new(reader, after)),
        Kind::Avro => Box::new(AvroPieces::open(reader, after)?),
        Kind::Lines(options) => Box::new(TextPieces::open(reader, options, after)?),
    })
}

/// How many bytes the piece at a position should have at least, where it can be chosen.
fn wanted(position: u64) -> usize {
    usize::try_from(position.clamp(FIRST_PIECE, USUAL_PIECE)).unwrap_or(MAX_PIECE)
}

/// The first bytes, up to [`PEEK`], and a reader of all.
fn peeked<R: Read>(mut reader: R) -> Result<(Vec<u8>, impl Read + use<R>), CutError> {
    let mut head = Vec::new();
    (&mut reader).take(PEEK as u64).read_to_end(&mut head)?;
    Ok((head.clone(), io::Cursor::new(head).chain(reader)))
}

/// Reads up to a position.
fn skip(reader: &mut impl Read, bytes: u64) -> Result<(), CutError> {
    let skipped = io::copy(&mut reader.take(bytes), &mut io::sink())?;
    match skipped == bytes {
        true => Ok(()),
        false => Err(CutError::Shorter),
    }
}

fn damaged(error: impl std::fmt::Display) -> CutError {
    CutError::Damaged(error.to_string())
}

/// An empty file.
struct Nothing;

impl Pieces for Nothing {
    fn next_piece(&mut self) -> Result<Option<Piece>, CutError> {
        Ok(None)
    }
}

/// A file that is one payload.
struct Whole<R> {
    reader: Option<R>,
}

impl<R: Read> Whole<R> {
    /// Whoever is after any position is after all of it.
    fn new(reader: R, after: u64) -> Self {
        Self {
            reader: (after == 0).then_some(reader),
        }
    }
}

impl<R: Read + Send> Pieces for Whole<R> {
    fn next_piece(&mut self) -> Result<Option<Piece>, CutError> {
        let Some(reader) = self.reader.take() else {
            return Ok(None);
        };
        let mut data = Vec::new();
        reader.take(MAX_PIECE as u64 + 1).read_to_end(&mut data)?;
        if data.len() > MAX_PIECE {
            return Err(CutError::TooLarge(format!(
                "it can only be read as a whole, and has more than {} MiB: cut it into several files",
                MAX_PIECE >> 20
            )));
        }
        let end = data.len() as u64;
        let piece = Piece {
            data: Bytes::from(data),
            end,
        };
        Ok((end > 0).then_some(piece))
    }
}
