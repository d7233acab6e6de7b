//! Streams as they are compressed: in chunks, each with a header of three bytes.

use std::io::Read;

use crate::decode::whole_file::Refusal;

/// How the chunks of a file are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Compression {
    #[default]
    None,
    Zlib,
    Snappy,
    Lz4,
    Zstd,
}

impl Compression {
    pub(super) fn of(kind: u64) -> Result<Self, Refusal> {
        Ok(match kind {
            0 => Compression::None,
            1 => Compression::Zlib,
            2 => Compression::Snappy,
            4 => Compression::Lz4,
            5 => Compression::Zstd,
            // The library expands it without a limit.
            3 => return Err(Refusal::damaged("LZO is not supported")),
            _ => return Err(Refusal::damaged("its compression is not known")),
        })
    }
}

/// Expands streams and counts what that comes to.
pub(super) struct Chunks {
    pub(super) compression: Compression,
    pub(super) block_size: usize,
    /// Bytes that may still come out.
    pub(super) left: usize,
}

impl Chunks {
    /// A stream's bytes; they count against what is left.
    pub(super) fn expand(&mut self, mut stream: &[u8]) -> Result<Vec<u8>, Refusal> {
        let mut out = Vec::new();
        if self.compression == Compression::None {
            self.count(stream.len())?;
            return Ok(stream.to_vec());
        }
        while !stream.is_empty() {
            let cut = || Refusal::damaged("a stream ends within a chunk");
            let (header, rest) = stream.split_first_chunk::<3>().ok_or_else(cut)?;
            let header = u32::from_le_bytes([header[0], header[1], header[2], 0]);
            let len = (header >> 1) as usize;
            let (chunk, rest) = rest.split_at_checked(len).ok_or_else(cut)?;
            stream = rest;
            if header & 1 == 1 {
                self.count(chunk.len())?;
                out.extend_from_slice(chunk);
            } else {
                let expanded = self.chunk(chunk)?;
                self.count(expanded.len())?;
                out.extend_from_slice(&expanded);
            }
        }
        Ok(out)
    }

    fn chunk(&self, chunk: &[u8]) -> Result<Vec<u8>, Refusal> {
        match self.compression {
            Compression::None => Ok(chunk.to_vec()),
            Compression::Zlib => self.bounded(flate2::read::DeflateDecoder::new(chunk)),
            Compression::Zstd => {
                let decoder = zstd::stream::read::Decoder::new(chunk);
                self.bounded(decoder.map_err(Refusal::damaged)?)
            }
            Compression::Snappy => {
                let len = snap::raw::decompress_len(chunk).map_err(Refusal::damaged)?;
                if len > self.left {
                    return Err(too_large());
                }
                let expanded = snap::raw::Decoder::new().decompress_vec(chunk);
                expanded.map_err(Refusal::damaged)
            }
            Compression::Lz4 => {
                lz4_flex::block::decompress(chunk, self.block_size).map_err(Refusal::damaged)
            }
        }
    }

    fn bounded(&self, decoder: impl Read) -> Result<Vec<u8>, Refusal> {
        let mut out = Vec::new();
        let mut decoder = decoder.take(self.left as u64 + 1);
        decoder.read_to_end(&mut out).map_err(Refusal::damaged)?;
        Ok(out)
    }

    fn count(&mut self, bytes: usize) -> Result<(), Refusal> {
        self.left = self.left.checked_sub(bytes).ok_or_else(too_large)?;
        Ok(())
    }
}

fn too_large() -> Refusal {
    Refusal::TooLarge("it expands to more bytes than one event may".to_owned())
}
