//! Text that is compressed as it comes.

use std::io::{self, Read, Write};

use flate2::Compression as GzipLevel;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::output::definition::TextCompression;

/// Zstandard's own default.
const ZSTD_LEVEL: i32 = 3;

/// Bytes that are compressed, or not, as they are written.
pub(super) enum Packed {
    Plain(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::Encoder<'static, Vec<u8>>),
}

impl Packed {
    pub(super) fn new(compression: TextCompression) -> io::Result<Self> {
        Ok(match compression {
            TextCompression::None => Packed::Plain(Vec::new()),
            TextCompression::Gzip => Packed::Gzip(GzEncoder::new(Vec::new(), GzipLevel::default())),
            TextCompression::Zstd => Packed::Zstd(zstd::Encoder::new(Vec::new(), ZSTD_LEVEL)?),
        })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Packed::Plain(out) => out.write_all(bytes),
            Packed::Gzip(encoder) => encoder.write_all(bytes),
            Packed::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    /// Bytes that have come out so far.
    pub(super) fn len(&self) -> usize {
        match self {
            Packed::Plain(out) => out.len(),
            Packed::Gzip(encoder) => encoder.get_ref().len(),
            Packed::Zstd(encoder) => encoder.get_ref().len(),
        }
    }

    pub(super) fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Packed::Plain(out) => Ok(out),
            Packed::Gzip(encoder) => encoder.finish(),
            Packed::Zstd(encoder) => encoder.finish(),
        }
    }
}

/// Deflate without a frame, as Avro has it.
pub(super) fn deflated(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), GzipLevel::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// A Zstandard frame.
pub(super) fn zstandard(bytes: &[u8]) -> io::Result<Vec<u8>> {
    zstd::bulk::compress(bytes, ZSTD_LEVEL)
}

/// What is in a file, by how its name ends.
pub(in crate::output) fn unpacked<'f>(
    name: &str,
    file: &'f [u8],
) -> io::Result<Box<dyn Read + 'f>> {
    Ok(if name.ends_with(".gz") {
        Box::new(MultiGzDecoder::new(file))
    } else if name.ends_with(".zst") {
        Box::new(zstd::Decoder::new(file)?)
    } else {
        Box::new(file)
    })
}
