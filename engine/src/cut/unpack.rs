//! The compression of a file, undone as a stream.

use std::io::{self, BufRead, Read};

use lz4_flex::frame::FrameDecoder;

use super::{CutError, damaged};
use crate::decode::Compression;

/// Memory that an xz file may ask for.
const XZ_MEMORY: u64 = 128 << 20;

/// Compressions that are undone here, and how their files begin.
const STREAMS: [(Compression, &[u8]); 6] = [
    (Compression::Gzip, b"\x1f\x8b"),
    (Compression::Zstd, b"\x28\xb5\x2f\xfd"),
    (Compression::Lz4, b"\x04\x22\x4d\x18"),
    (Compression::Snappy, b"\xff\x06\x00\x00sNaPpY"),
    (Compression::Bzip2, b"BZh"),
    (Compression::Xz, b"\xfd7zXZ\x00"),
];

/// Whether a compression is undone while a file is read, so that its payloads have none.
pub fn is_undone(compression: Compression) -> bool {
    STREAMS.iter().any(|(known, _)| *known == compression)
}

/// Whether a file of this compression is one payload, which the decoder expands.
pub(super) fn is_archive(compression: Compression) -> bool {
    let plain = matches!(compression, Compression::Auto | Compression::None);
    !plain && !is_undone(compression)
}

/// The compression of the file that begins with `head`, where it is undone here.
pub(super) fn find(head: &[u8], compression: Compression) -> Result<Option<Compression>, CutError> {
    let begins = STREAMS.iter().find(|(_, magic)| head.starts_with(magic));
    let found = begins.map(|(found, _)| *found);
    match compression {
        Compression::Auto => Ok(found),
        named if is_undone(named) && found != Some(named) => Err(damaged(format!(
            "it does not begin as {}, which `content.compression` says",
            named.as_str()
        ))),
        named if is_undone(named) => Ok(found),
        _ => Ok(None),
    }
}

/// Undoes a compression.
pub(super) fn reader<R: BufRead + Send + 'static>(
    packed: R,
    compression: Compression,
) -> Result<Box<dyn Read + Send>, CutError> {
    Ok(match compression {
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(packed)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(packed)?),
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(packed)),
        Compression::Xz => {
            const CONCATENATED: u32 = liblzma::stream::CONCATENATED;
            let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED);
            let stream = stream.map_err(damaged)?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(packed, stream))
        }
        Compression::Lz4 => Box::new(Lz4Frames::new(packed)),
        Compression::Snappy => Box::new(snap::read::FrameDecoder::new(packed)),
        _ => Box::new(packed),
    })
}

/// LZ4 frames one after another. The library takes the end of the data within a frame for the end
/// of the frame, so where a frame ends is followed here.
struct Lz4Frames<R: Read> {
    decoder: Option<FrameDecoder<Followed<R>>>,
    frames: u64,
}

/// Reads through, and follows the structure of one frame.
struct Followed<R> {
    inner: R,
    /// Bytes that are still to come of the part that is being read.
    left: u64,
    part: Part,
    flags: u8,
    /// The last bytes of a header or a length.
    seen: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Magic bytes and flags.
    Begin,
    Header,
    Length,
    Block,
    Checksum,
    End,
}

const BEGIN: u64 = 5;

impl<R: Read> Followed<R> {
    fn new(inner: R) -> Self {
        Self {
            inner,
            left: BEGIN,
            part: Part::Begin,
            flags: 0,
            seen: Vec::new(),
        }
    }

    fn when(&self, flag: u8, bytes: u64) -> u64 {
        match self.flags & flag {
            0 => 0,
            _ => bytes,
        }
    }

    /// Goes on to the next part, once all of one has come.
    fn part_is_over(&mut self) {
        const CONTENT_CHECKSUM: u8 = 1 << 2;
        const CONTENT_SIZE: u8 = 1 << 3;
        const BLOCK_CHECKSUMS: u8 = 1 << 4;
        const STORED: u32 = 1 << 31;
        let seen = std::mem::take(&mut self.seen);
        (self.part, self.left) = match self.part {
            Part::Begin => {
                self.flags = seen.last().copied().unwrap_or(0);
                // Size of blocks, checksum of the header.
                (Part::Header, 2 + self.when(CONTENT_SIZE, 8))
            }
            Part::Header | Part::Block => (Part::Length, 4),
            Part::Length => {
                let length = seen
                    .first_chunk()
                    .map_or(0, |four| u32::from_le_bytes(*four));
                match (length & !STORED, self.when(CONTENT_CHECKSUM, 4)) {
                    (0, 0) if length == 0 => (Part::End, 0),
                    (0, checksum) if length == 0 => (Part::Checksum, checksum),
                    (length, _) => (
                        Part::Block,
                        u64::from(length) + self.when(BLOCK_CHECKSUMS, 4),
                    ),
                }
            }
            Part::Checksum | Part::End => (Part::End, 0),
        };
    }
}

impl<R: Read> Read for Followed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.left == 0 && self.part != Part::End {
            self.part_is_over();
        }
        let most = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.inner.read(&mut buffer[..most])?;
        if matches!(self.part, Part::Begin | Part::Length) {
            self.seen.extend_from_slice(&buffer[..read]);
        }
        self.left -= read as u64;
        if self.left == 0 && self.part != Part::End {
            self.part_is_over();
        }
        Ok(read)
    }
}

impl<R: BufRead> Lz4Frames<R> {
    fn new(packed: R) -> Self {
        Self {
            decoder: Some(FrameDecoder::new(Followed::new(packed))),
            frames: 0,
        }
    }
}

impl<R: BufRead> Read for Lz4Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.decoder {
            let read = decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let followed = decoder.get_mut();
            let over = followed.inner.fill_buf()?.is_empty();
            match followed.part {
                Part::End | Part::Begin
                    if over && (self.frames > 0 || followed.part == Part::End) =>
                {
                    if followed.part == Part::Begin && followed.left < BEGIN {
                        return Err(cut_off());
                    }
                    self.decoder = None;
                }
                Part::End => {
                    self.frames += 1;
                    let decoder = self.decoder.take();
                    let rest = decoder.map(|decoder| decoder.into_inner().inner);
                    self.decoder = rest.map(|rest| FrameDecoder::new(Followed::new(rest)));
                }
                _ if over => return Err(cut_off()),
                // A block without content.
                _ => {}
            }
        }
        Ok(0)
    }
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "an LZ4 frame is cut off")
}
