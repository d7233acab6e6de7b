//! Rows into the bytes of a file, format by format.

mod avro;
mod compress;
mod csv;
mod json;

use arrow::array::ArrayRef;
use bytes::Bytes;

use super::OutputError;
use super::definition::OutputFormat;
use super::table::Table;
use crate::budget::{Budget, Credit};
use crate::parquet::TableFile;
use crate::schema::{DataType, Field, widen};

use self::avro::AvroFile;
use self::compress::Packed;

pub(super) use self::avro::AvroRows;
pub(super) use self::compress::unpacked;
pub(super) use self::csv::{CsvRows, header};
pub(super) use self::json::write_rows;

/// A file that is being made.
pub(super) struct OpenFile {
    fields: Vec<Field>,
    rows: u64,
    format: &'static str,
    inner: Inner,
    credit: Credit,
}

enum Inner {
    Parquet(Box<TableFile>),
    Json(Packed),
    Csv(Packed),
    Avro(Box<AvroFile>),
}

impl OpenFile {
    /// A file for rows with these columns.
    pub(super) fn new(
        format: &OutputFormat,
        fields: &[Field],
        budget: &Budget,
    ) -> Result<Self, OutputError> {
        let word = format.word();
        let failed = |error: std::io::Error| failed(word, &error);
        let inner = match format {
            OutputFormat::Parquet(options) => {
                let file = TableFile::new(&stored(fields), options, budget);
                Inner::Parquet(Box::new(file))
            }
            OutputFormat::Json(compression) => {
                Inner::Json(Packed::new(*compression).map_err(failed)?)
            }
            OutputFormat::Csv(compression) => {
                let mut packed = Packed::new(*compression).map_err(failed)?;
                packed.write(&header(fields)).map_err(failed)?;
                Inner::Csv(packed)
            }
            OutputFormat::Avro(compression) => {
                Inner::Avro(Box::new(AvroFile::new(fields, *compression)))
            }
        };
        Ok(Self {
            fields: fields.to_vec(),
            rows: 0,
            format: word,
            inner,
            credit: budget.charge(0),
        })
    }

    /// Whether rows with these columns belong into it.
    pub(super) fn takes(&self, fields: &[Field]) -> bool {
        self.fields == fields
    }

    /// Its columns.
    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// How many rows it has.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes that it has so far.
    pub(super) fn bytes(&self) -> usize {
        match &self.inner {
            Inner::Parquet(file) => file.encoded_bytes(),
            Inner::Json(packed) | Inner::Csv(packed) => packed.len(),
            Inner::Avro(file) => file.len(),
        }
    }

    /// Adds rows.
    pub(super) fn push(&mut self, rows: &Table) -> Result<(), OutputError> {
        self.rows += rows.len() as u64;
        let word = self.format;
        match &mut self.inner {
            Inner::Parquet(file) => {
                let pushed = file.push(stored_columns(rows));
                pushed.map_err(|error| failed(word, &error))?;
            }
            Inner::Json(packed) => {
                let mut text = Vec::new();
                write_rows(rows, &mut text);
                packed.write(&text).map_err(|error| failed(word, &error))?;
            }
            Inner::Csv(packed) => {
                let mut text = Vec::new();
                CsvRows::of(rows).write(&mut text);
                packed.write(&text).map_err(|error| failed(word, &error))?;
            }
            Inner::Avro(file) => {
                file.push(rows).map_err(|error| failed(word, &error))?;
            }
        }
        // A Parquet file holds credit of its own.
        if !matches!(self.inner, Inner::Parquet(_)) {
            self.credit.resize(self.bytes());
        }
        Ok(())
    }

    /// The whole file, with the credit that it holds.
    pub(super) fn finish(
        self,
        metadata: Vec<(String, String)>,
    ) -> Result<(Bytes, Credit), OutputError> {
        let word = self.format;
        let mut credit = self.credit;
        let bytes = match self.inner {
            Inner::Parquet(file) => {
                return file.finish(metadata).map_err(|error| failed(word, &error));
            }
            Inner::Json(packed) | Inner::Csv(packed) => packed.finish(),
            Inner::Avro(file) => file.finish(),
        };
        let bytes = bytes.map_err(|error| failed(word, &error))?;
        credit.resize(bytes.len());
        Ok((Bytes::from(bytes), credit))
    }
}

fn failed(format: &'static str, error: &dyn std::fmt::Display) -> OutputError {
    OutputError::Encode {
        format,
        detail: error.to_string(),
    }
}

/// The columns that a Parquet file has: those of a known type, or all where none has one.
pub(super) fn stored(fields: &[Field]) -> Vec<Field> {
    let known = fields.iter().filter(|field| is_stored(fields, field));
    let stored = known.map(|field| Field::new(field.name.clone(), field.data_type.in_file()));
    stored.collect()
}

fn is_stored(fields: &[Field], field: &Field) -> bool {
    let unknown = |field: &Field| field.data_type == DataType::Null;
    !unknown(field) || fields.iter().all(unknown)
}

fn stored_columns(rows: &Table) -> Vec<ArrayRef> {
    let fields = rows.fields();
    let columns = fields.iter().zip(rows.columns());
    let columns = columns.filter(|(field, _)| is_stored(fields, field));
    let columns =
        columns.map(|(field, column)| widen(column, &field.data_type, &field.data_type.in_file()));
    columns.collect()
}
