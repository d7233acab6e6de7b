//! The Parquet files that commits name.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimeUnit, TimestampMillisecondType};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::lane::Range;
use super::{Counts, Lake, ensure};
use crate::ledger::{PayloadId, Sequence};

/// A row of a data file: who it is, and the number of its event.
#[derive(Clone, Debug)]
pub struct Row {
    /// The payload that it is from.
    pub payload: PayloadId,
    /// Its place in the payload.
    pub index: i32,
    /// The event's own `id`.
    pub event: Option<i64>,
    /// The window of its file.
    pub window: i64,
}

/// A row of a file of rejects.
#[derive(Clone, Debug)]
pub struct RejectRow {
    /// The payload that it is from.
    pub payload: PayloadId,
    /// Its place in the payload.
    pub index: i32,
    /// The stable code.
    pub code: String,
    /// The window of its file.
    pub window: i64,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Rows.
    Data,
    /// Rejects.
    Rejects,
}

/// A file as its commit describes it.
pub struct File<'a> {
    /// Name below the source.
    pub name: &'a str,
    /// The window of all its rows.
    pub window: i64,
    /// Rows.
    pub rows: Option<u64>,
    /// Length.
    pub bytes: Option<u64>,
}

const COLUMNS: [&str; 7] = [
    "id",
    "code",
    "_shard",
    "_sequence",
    "_subsequence",
    "_arrival",
    "_index",
];

impl File<'_> {
    /// Reads the file into `lake`, adds what it holds to `found`, and checks each row against the
    /// commit's ranges.
    pub fn read(
        &self,
        source: &Path,
        kind: Kind,
        ranges: &BTreeMap<String, Range>,
        window_length: i64,
        lake: &mut Lake,
        found: &mut BTreeMap<String, Counts>,
    ) -> Result<(), String> {
        let file = std::fs::File::open(source.join(self.name)).map_err(|e| e.to_string())?;
        let bytes = file.metadata().map_err(|e| e.to_string())?.len();
        ensure!(
            self.bytes == Some(bytes),
            "it has {bytes} bytes, its commit says {:?}",
            self.bytes
        );
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| error.to_string())?;
        let mask = ProjectionMask::columns(builder.parquet_schema(), COLUMNS);
        let reader = builder.with_projection(mask).build();
        let mut rows = 0;
        // Rows of a Kinesis shard are in Kinesis order.
        let mut last: BTreeMap<String, (Sequence, u64, i32)> = BTreeMap::new();
        for batch in reader.map_err(|error| error.to_string())? {
            let batch = batch.map_err(|error| error.to_string())?;
            rows += batch.num_rows() as u64;
            let columns = Columns::of(&batch)?;
            for row in 0..batch.num_rows() {
                let (payload, index) = columns.identity(row);
                self.belongs(&payload, columns.arrival(row), ranges, window_length)?;
                let place = (payload.1.clone(), payload.2, index);
                let before = last.insert(payload.0.clone(), place.clone());
                ensure!(
                    before.as_ref() < Some(&place),
                    "{payload:?} [{index}] stands after {before:?}"
                );
                let counts = found.entry(payload.0.clone()).or_default();
                match kind {
                    Kind::Data => {
                        counts.rows += 1;
                        lake.rows
                            .push(columns.row(row, payload, index, self.window)?);
                    }
                    Kind::Rejects => {
                        counts.rejects += 1;
                        lake.rejects
                            .push(columns.reject(row, payload, index, self.window)?);
                    }
                }
            }
        }
        ensure!(
            self.rows == Some(rows),
            "it has {rows} rows, its commit says {:?}",
            self.rows
        );
        Ok(())
    }

    /// A row lies in its Kinesis shard's range, and its window is not before its arrival's.
    pub(super) fn belongs(
        &self,
        payload: &PayloadId,
        arrival: i64,
        ranges: &BTreeMap<String, Range>,
        window_length: i64,
    ) -> Result<(), String> {
        let (shard, sequence, _) = payload;
        let range = ranges.get(shard);
        let range = range.ok_or_else(|| format!("a row of {shard}, which has no range"))?;
        let inside = range.from.as_ref() < Some(sequence) && Some(sequence) <= range.to.as_ref();
        ensure!(inside, "{payload:?} lies outside its commit's range");
        ensure!(
            arrival.div_euclid(window_length) <= self.window,
            "{payload:?} arrived at {arrival}, after window {}",
            self.window
        );
        Ok(())
    }
}

/// The columns that say who a row is.
struct Columns<'a> {
    batch: &'a RecordBatch,
    shard: &'a ArrayRef,
    sequence: &'a ArrayRef,
    subsequence: &'a ArrayRef,
    arrival: &'a ArrayRef,
    index: &'a ArrayRef,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, String> {
        let arrival = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
        Ok(Self {
            batch,
            shard: column(batch, "_shard", &DataType::Utf8)?,
            sequence: column(batch, "_sequence", &DataType::Utf8)?,
            subsequence: column(batch, "_subsequence", &DataType::Int64)?,
            arrival: column(batch, "_arrival", &arrival)?,
            index: column(batch, "_index", &DataType::Int32)?,
        })
    }

    fn identity(&self, row: usize) -> (PayloadId, i32) {
        let shard = self.shard.as_string::<i32>().value(row);
        let sequence = self.sequence.as_string::<i32>().value(row);
        let subsequence = self.subsequence.as_primitive::<Int64Type>().value(row);
        let subsequence = u64::try_from(subsequence).unwrap_or(u64::MAX);
        let payload = (shard.to_owned(), Sequence::new(sequence), subsequence);
        (payload, self.index.as_primitive::<Int32Type>().value(row))
    }

    fn arrival(&self, row: usize) -> i64 {
        let arrival = self.arrival.as_primitive::<TimestampMillisecondType>();
        arrival.value(row)
    }

    fn row(&self, row: usize, payload: PayloadId, index: i32, window: i64) -> Result<Row, String> {
        // A file may hold no event with an id at all.
        let event = match self.batch.column_by_name("id") {
            None => None,
            Some(_) => {
                let ids = column(self.batch, "id", &DataType::Int64)?;
                let ids = ids.as_primitive::<Int64Type>();
                ids.is_valid(row).then(|| ids.value(row))
            }
        };
        Ok(Row {
            payload,
            index,
            event,
            window,
        })
    }

    fn reject(
        &self,
        row: usize,
        payload: PayloadId,
        index: i32,
        window: i64,
    ) -> Result<RejectRow, String> {
        let code = column(self.batch, "code", &DataType::Utf8)?;
        Ok(RejectRow {
            payload,
            index,
            code: code.as_string::<i32>().value(row).to_owned(),
            window,
        })
    }
}

fn column<'a>(
    batch: &'a RecordBatch,
    name: &str,
    data_type: &DataType,
) -> Result<&'a ArrayRef, String> {
    let column = batch.column_by_name(name);
    let column = column.ok_or_else(|| format!("there is no column {name}"))?;
    ensure!(
        column.data_type() == data_type,
        "the column {name} is of type {}",
        column.data_type()
    );
    Ok(column)
}
