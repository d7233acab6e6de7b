//! Avro's object container files: a header with the schema, and blocks of values.

use std::io::Read;
use std::sync::Arc;

use super::cursor::{Cursor, Room};
use super::rows::RowsOf;
use super::schema::Schema;
use crate::decode::DecodeLimits;
use crate::decode::columns::Columns;
use crate::decode::whole_file::Refusal;

/// What a container file begins with.
const MAGIC: &[u8] = b"Obj\x01";

/// Bytes that divide blocks.
type Sync = [u8; 16];

/// How the blocks of a file are compressed.
#[derive(Clone, Copy)]
enum Codec {
    Null,
    Deflate,
    Snappy,
    Bzip2,
    Xz,
    Zstandard,
}

/// All rows of a file.
pub(super) fn decode(file: &[u8], limits: &DecodeLimits) -> Result<Vec<Columns>, Refusal> {
    let mut cursor = Cursor::new(file);
    if cursor.take(MAGIC.len())? != MAGIC {
        return Err(Refusal::damaged(
            "it does not begin as a container file does",
        ));
    }
    let (schema, codec) = metadata(&mut cursor)?;
    let sync: Sync = cursor.array()?;
    let mut room = Room::new(limits);
    let mut rows = RowsOf::new(&schema, limits)?;
    let mut tables = Vec::new();
    while !cursor.rest().is_empty() {
        let count = cursor.long()?;
        let block = cursor.bytes()?;
        let values = codec.expanded(block, &mut room)?;
        let mut values = Cursor::new(values.as_deref().unwrap_or(block));
        for _ in 0..count {
            rows.read(&mut values, &mut room)?;
            if rows.len() >= max_rows(limits) {
                tables.push(rows.finish()?);
            }
        }
        if count < 0 || !values.rest().is_empty() {
            return Err(Refusal::damaged(
                "a block has not as many values as it says",
            ));
        }
        if cursor.array()? != sync {
            return Err(Refusal::damaged("a block does not end as the header says"));
        }
    }
    tables.push(rows.finish()?);
    Ok(tables)
}

/// Rows after which a table ends. The cells of all tables together are bounded by the file's room.
fn max_rows(limits: &DecodeLimits) -> usize {
    limits.max_table_cells.clamp(1, 1 << 16)
}

/// The header's entries.
fn metadata(cursor: &mut Cursor<'_>) -> Result<(Arc<Schema>, Codec), Refusal> {
    let (mut schema, mut codec) = (None, Codec::Null);
    let mut count = cursor.block()?;
    while count > 0 {
        for _ in 0..count {
            match (cursor.text()?, cursor.bytes()?) {
                ("avro.schema", text) => {
                    let text = std::str::from_utf8(text).map_err(Refusal::damaged)?;
                    let parsed = Schema::parse(text, &[]);
                    let parsed =
                        parsed.map_err(|why| Refusal::Damaged(format!("its schema: {why}")))?;
                    schema = Some(Arc::new(parsed));
                }
                ("avro.codec", name) => codec = Codec::named(name)?,
                _ => {}
            }
        }
        count = cursor.block()?;
    }
    let schema = schema.ok_or_else(|| Refusal::damaged("it has no schema"))?;
    Ok((schema, codec))
}

impl Codec {
    fn named(name: &[u8]) -> Result<Self, Refusal> {
        Ok(match name {
            b"null" | b"" => Codec::Null,
            b"deflate" => Codec::Deflate,
            b"snappy" => Codec::Snappy,
            b"bzip2" => Codec::Bzip2,
            b"xz" => Codec::Xz,
            b"zstandard" => Codec::Zstandard,
            other => {
                let name = String::from_utf8_lossy(other);
                return Err(Refusal::Damaged(format!("its codec {name:?} is not known")));
            }
        })
    }

    /// The values of a block; `None` where they are not compressed.
    fn expanded(self, block: &[u8], room: &mut Room) -> Result<Option<Vec<u8>>, Refusal> {
        let values = match self {
            Codec::Null => return Ok(None),
            Codec::Deflate => bounded(flate2::read::DeflateDecoder::new(block), room)?,
            Codec::Bzip2 => bounded(bzip2::read::MultiBzDecoder::new(block), room)?,
            Codec::Xz => {
                // So much memory a decoder of the largest dictionary takes that people use.
                const MEMORY: u64 = 80 << 20;
                let stream = liblzma::stream::Stream::new_stream_decoder(MEMORY, 0);
                let stream = stream.map_err(Refusal::damaged)?;
                bounded(liblzma::read::XzDecoder::new_stream(block, stream), room)?
            }
            Codec::Zstandard => {
                let decoder = zstd::stream::read::Decoder::new(block);
                bounded(decoder.map_err(Refusal::damaged)?, room)?
            }
            Codec::Snappy => snappy(block, room)?,
        };
        room.bytes(values.len())?;
        Ok(Some(values))
    }
}

/// Everything that a decoder gives, if the room holds it.
pub(super) fn bounded(decoder: impl Read, room: &Room) -> Result<Vec<u8>, Refusal> {
    let mut values = Vec::new();
    let most = room.bytes_left() as u64;
    let mut decoder = decoder.take(most + 1);
    decoder.read_to_end(&mut values).map_err(Refusal::damaged)?;
    Ok(values)
}

/// A raw block of Snappy, and the CRC32 of what is in it.
fn snappy(block: &[u8], room: &Room) -> Result<Vec<u8>, Refusal> {
    let short = || Refusal::damaged("a block has no checksum");
    let (block, checksum) = block.split_last_chunk().ok_or_else(short)?;
    let len = snap::raw::decompress_len(block).map_err(Refusal::damaged)?;
    if len > room.bytes_left() {
        return Err(Refusal::TooLarge(
            "a block takes more room than one event may".to_owned(),
        ));
    }
    let values = snap::raw::Decoder::new().decompress_vec(block);
    let values = values.map_err(Refusal::damaged)?;
    if crc32fast::hash(&values) != u32::from_be_bytes(*checksum) {
        return Err(Refusal::damaged("a block's checksum is wrong"));
    }
    Ok(values)
}
