//! Parquet files, cut by rows into small ones. Positions are numbers of rows.

use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::array::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::ChunkReader;

use super::{CutError, MAX_PIECE, Piece, Pieces, USUAL_PIECE, damaged};

/// Rows of one piece.
const MAX_ROWS: u64 = 64 << 10;

/// The pieces of a Parquet file.
pub(super) struct ParquetPieces {
    reader: ParquetRecordBatchReader,
    position: u64,
}

impl ParquetPieces {
    pub(super) fn open<F: ChunkReader + 'static>(file: F, after: u64) -> Result<Self, CutError> {
        let after_rows = usize::try_from(after).map_err(damaged)?;
        let (reader, rows) = guarded(|| {
            let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
            let groups = builder.metadata().row_groups();
            let bytes: u64 = groups
                .iter()
                .map(|group| u64::try_from(group.total_byte_size()).unwrap_or(0))
                .sum();
            let rows: u64 = groups
                .iter()
                .map(|group| u64::try_from(group.num_rows()).unwrap_or(0))
                .sum();
            let each = (bytes / rows.max(1)).max(1);
            let batch = (USUAL_PIECE / each).clamp(1, MAX_ROWS);
            let builder = builder
                .with_batch_size(usize::try_from(batch).unwrap_or(1))
                .with_offset(after_rows);
            Ok((builder.build()?, rows))
        })?;
        if after > rows {
            return Err(CutError::Shorter);
        }
        Ok(Self {
            reader,
            position: after,
        })
    }
}

impl Pieces for ParquetPieces {
    fn next_piece(&mut self) -> Result<Option<Piece>, CutError> {
        let reader = &mut self.reader;
        let made = guarded(|| {
            let Some(batch) = reader.next().transpose()? else {
                return Ok(None);
            };
            Ok(Some((batch.num_rows() as u64, written(&batch)?)))
        })?;
        let Some((rows, data)) = made else {
            return Ok(None);
        };
        if data.len() > MAX_PIECE {
            return Err(CutError::TooLarge(format!(
                "the rows from {} on take more than {} MiB",
                self.position,
                MAX_PIECE >> 20
            )));
        }
        self.position += rows;
        Ok(Some(Piece {
            data: Bytes::from(data),
            end: self.position,
        }))
    }
}

/// Rows as a file of their own.
fn written(batch: &RecordBatch) -> Result<Vec<u8>, ParquetError> {
    let properties = WriterProperties::builder().set_dictionary_enabled(true);
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.build()))?;
    writer.write(batch)?;
    writer.into_inner()
}

/// Runs code of the library, which panics now and then on what is not Parquet.
fn guarded<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, CutError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(damaged),
        Err(_) => Err(damaged("the Parquet decoder panicked on it")),
    }
}
