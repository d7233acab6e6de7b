//! What the pages of a file say of their sizes, and whether it is true.

use std::io::{self, Read};

use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

use super::thrift::{Thrift, kind};
use crate::decode::DecodeLimits;
use crate::decode::whole_file::Refusal;

/// What was seen of the pages.
#[derive(Default)]
pub(super) struct Pages {
    /// Values of all columns, nulls included.
    cells: usize,
    /// Bytes of all pages once their compression is undone.
    bytes: usize,
    /// What one row takes without its texts and lists, in cells.
    pub(super) row_cells: usize,
    /// Bytes that one value may take of those that are copied for each row.
    pub(super) largest_value: usize,
}

/// A page's header, as far as it matters.
#[derive(Default)]
struct Header {
    compressed: i64,
    uncompressed: i64,
    values: i64,
    encoding: i64,
    /// Bytes of levels, which are not compressed.
    levels: i64,
    /// A page of version 2 whose values are not compressed.
    plain: bool,
}

/// The encoding whose values share what they begin with.
const DELTA_BYTE_ARRAY: i64 = 7;

impl Pages {
    /// Looks at every page and refuses a file that passes a limit.
    pub(super) fn look(
        file: &[u8],
        metadata: &ParquetMetaData,
        limits: &DecodeLimits,
    ) -> Result<Self, Refusal> {
        let mut pages = Pages::default();
        for column in metadata.file_metadata().schema_descr().columns() {
            let width = usize::try_from(column.type_length()).unwrap_or(0);
            pages.row_cells += 2 + width / size_of::<u64>();
        }
        for row_group in metadata.row_groups() {
            // A file without columns has rows, too.
            pages.add_cells(row_group.num_rows(), limits)?;
            for column in row_group.columns() {
                pages.chunk(file, column, limits)?;
            }
        }
        Ok(pages)
    }

    fn chunk(
        &mut self,
        file: &[u8],
        column: &ColumnChunkMetaData,
        limits: &DecodeLimits,
    ) -> Result<(), Refusal> {
        let outside = || Refusal::damaged("a column lies outside of the file");
        self.add_cells(column.num_values(), limits)?;
        let offset = column
            .dictionary_page_offset()
            .unwrap_or(column.data_page_offset());
        let start = usize::try_from(offset).map_err(|_| outside())?;
        let len = usize::try_from(column.compressed_size()).map_err(|_| outside())?;
        let end = start.checked_add(len).ok_or_else(outside)?;
        let mut rest = file.get(start..end).ok_or_else(outside)?;
        while !rest.is_empty() {
            let (header, header_len) =
                header_of(rest).ok_or_else(|| Refusal::damaged("a page's header is broken"))?;
            let len = usize::try_from(header.compressed).ok();
            let page = len
                .and_then(|len| rest.get(header_len..header_len.checked_add(len)?))
                .ok_or_else(|| Refusal::damaged("a page is longer than its column"))?;
            self.page(&header, page, column.compression(), limits)?;
            rest = &rest[header_len + page.len()..];
        }
        Ok(())
    }

    fn page(
        &mut self,
        header: &Header,
        page: &[u8],
        compression: Compression,
        limits: &DecodeLimits,
    ) -> Result<(), Refusal> {
        let broken = || Refusal::damaged("a page's header is broken");
        let size = usize::try_from(header.uncompressed).map_err(|_| broken())?;
        self.add_cells(header.values, limits)?;
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > limits.max_event_bytes {
            return Err(too_large(limits));
        }
        if header.encoding == DELTA_BYTE_ARRAY {
            self.largest_value = self.largest_value.max(size);
        }
        let levels = usize::try_from(header.levels).map_err(|_| broken())?;
        let values = page.get(levels..).ok_or_else(broken)?;
        if !header.plain && expands_beyond(values, compression, size) {
            return Err(Refusal::damaged("a page expands to more than it says"));
        }
        Ok(())
    }

    fn add_cells(&mut self, cells: i64, limits: &DecodeLimits) -> Result<(), Refusal> {
        let cells = usize::try_from(cells)
            .map_err(|_| Refusal::damaged("it has a negative number of rows"))?;
        self.cells = self.cells.saturating_add(cells);
        // Rows, columns and pages are counted, so each value three times at most.
        if self.cells > limits.max_event_cells.saturating_mul(3) {
            return Err(too_large(limits));
        }
        Ok(())
    }
}

fn too_large(limits: &DecodeLimits) -> Refusal {
    Refusal::TooLarge(format!(
        "it expands to more than {} bytes or {} values",
        limits.max_event_bytes, limits.max_event_cells
    ))
}

/// Whether what the library expands without a limit comes to more than `size` bytes.
fn expands_beyond(values: &[u8], compression: Compression, size: usize) -> bool {
    match compression {
        Compression::GZIP(_) => longer(flate2::read::MultiGzDecoder::new(values), size),
        Compression::BROTLI(_) => longer(brotli::Decompressor::new(values, 4_096), size),
        Compression::LZ4 => longer(lz4_flex::frame::FrameDecoder::new(values), size),
        // The others are expanded into room for what the header says.
        _ => false,
    }
}

fn longer(reader: impl Read, size: usize) -> bool {
    let mut reader = reader.take(size as u64 + 1);
    // An error is found again, and said, by the library.
    io::copy(&mut reader, &mut io::sink()).is_ok_and(|len| len > size as u64) || reader.limit() == 0
}

/// The header of the page that `bytes` begin with, and its length.
fn header_of(bytes: &[u8]) -> Option<(Header, usize)> {
    const UNCOMPRESSED: i64 = 2;
    const COMPRESSED: i64 = 3;
    const DATA_PAGE: i64 = 5;
    const DICTIONARY_PAGE: i64 = 7;
    const DATA_PAGE_V2: i64 = 8;
    let mut header = Header::default();
    let mut thrift = Thrift::new(bytes);
    thrift.structure(|thrift, field, is| {
        match (field, is) {
            (UNCOMPRESSED, kind::I32) => header.uncompressed = thrift.int()?,
            (COMPRESSED, kind::I32) => header.compressed = thrift.int()?,
            (DATA_PAGE | DICTIONARY_PAGE, kind::STRUCT) => {
                thrift.structure(|thrift, field, is| {
                    match (field, is) {
                        (1, kind::I32) => header.values = thrift.int()?,
                        (2, kind::I32) => header.encoding = thrift.int()?,
                        _ => return Some(false),
                    }
                    Some(true)
                })?;
            }
            (DATA_PAGE_V2, kind::STRUCT) => {
                thrift.structure(|thrift, field, is| {
                    match (field, is) {
                        (1, kind::I32) => header.values = thrift.int()?,
                        (4, kind::I32) => header.encoding = thrift.int()?,
                        (5 | 6, kind::I32) => {
                            header.levels = header.levels.checked_add(thrift.int()?)?;
                        }
                        (7, kind::FALSE) => header.plain = true,
                        _ => return Some(false),
                    }
                    Some(true)
                })?;
            }
            _ => return Some(false),
        }
        Some(true)
    })?;
    Some((header, thrift.read()))
}
