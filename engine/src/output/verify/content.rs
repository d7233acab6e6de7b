//! Rows as bytes that do not depend on how they are packed, hashed as they come.

use std::io::{self, Read};

use md5::{Digest, Md5};

use crate::output::encode::{AvroRows, CsvRows, unpacked, write_rows};
use crate::output::mill::SCHEMA_KEY;
use crate::output::record::OutputFile;
use crate::output::table::Table;
use crate::schema::Field;
use crate::verify::reading::Target;
use crate::verify::{VerifyError, Violation};

/// Rows of one window: as JSON lines for Parquet and JSON, else as they stand in the file.
pub(super) struct Content {
    form: Form,
    rows: u64,
    digest: Md5,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Parquet,
    Json,
    Csv,
    Avro,
}

impl Content {
    pub(super) fn new(format: &str) -> Self {
        let form = match format {
            "json" => Form::Json,
            "csv" => Form::Csv,
            "avro" => Form::Avro,
            _ => Form::Parquet,
        };
        Self {
            form,
            rows: 0,
            digest: Md5::new(),
        }
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn equals(&self, other: &Self) -> bool {
        self.rows == other.rows && self.digest.clone().finalize() == other.digest.clone().finalize()
    }

    /// Adds rows that were made.
    pub(super) fn add(&mut self, rows: &Table) {
        let mut bytes = Vec::new();
        match self.form {
            Form::Parquet | Form::Json => write_rows(rows, &mut bytes),
            Form::Csv => CsvRows::of(rows).write(&mut bytes),
            Form::Avro => {
                let cells = AvroRows::of(rows);
                (0..rows.len()).for_each(|row| cells.write(row, &mut bytes));
            }
        }
        self.rows += rows.len() as u64;
        self.digest.update(&bytes);
    }

    /// Adds the rows of a file of the output.
    pub(super) async fn read(
        &mut self,
        target: &Target,
        file: &OutputFile,
    ) -> Result<(), VerifyError> {
        let before = self.rows;
        match self.form {
            Form::Parquet => self.parquet(target, file).await?,
            _ => {
                let body = target.retry(|store| store.get(&file.name)).await?;
                let body = body.unwrap_or_default();
                let read = match self.form {
                    Form::Avro => self.avro(&body),
                    _ => self.text(file, &body),
                };
                read.map_err(|error| unreadable(file, error.to_string()))?;
            }
        }
        let rows = self.rows - before;
        // Lines of CSV may hold line ends, so they are not counted.
        if self.form == Form::Csv {
            self.rows = before + file.rows;
        } else if rows != file.rows {
            let detail = format!("it has {rows} rows, but its commit says {}", file.rows);
            return Err(Violation::new("verify.row_count", &file.name, detail).into());
        }
        Ok(())
    }

    async fn parquet(&mut self, target: &Target, file: &OutputFile) -> Result<(), VerifyError> {
        let mut parquet = target.open(&file.name, file.bytes).await?;
        let said = parquet.text(SCHEMA_KEY);
        let fields: Option<Vec<Field>> = said.and_then(|text| serde_json::from_str(text).ok());
        let fields = fields.ok_or_else(|| unreadable(file, "its footer has no schema".into()))?;
        while let Some(batch) = parquet.next().await? {
            let rows = Table::of(&batch, &fields);
            self.add(&rows.map_err(|error| unreadable(file, error.to_string()))?);
        }
        Ok(())
    }

    fn text(&mut self, file: &OutputFile, body: &[u8]) -> io::Result<()> {
        let mut text = unpacked(&file.name, body)?;
        let mut in_header = self.form == Form::Csv;
        let mut quoted = false;
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = text.read(&mut buffer)?;
            let mut bytes = &buffer[..read];
            if read == 0 {
                return Ok(());
            }
            if in_header {
                let end = bytes.iter().position(|byte| {
                    quoted ^= *byte == b'"';
                    *byte == b'\n' && !quoted
                });
                in_header = end.is_none();
                bytes = end.map_or(&[], |end| &bytes[end + 1..]);
            }
            self.rows += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
            self.digest.update(bytes);
        }
    }

    fn avro(&mut self, body: &[u8]) -> io::Result<()> {
        let mut rest = body
            .strip_prefix(b"Obj\x01")
            .ok_or_else(|| io::Error::other("it is no Avro file"))?;
        let mut codec = b"null".to_vec();
        loop {
            let pairs = long(&mut rest)?;
            if pairs == 0 {
                break;
            }
            for _ in 0..pairs {
                let key = bytes(&mut rest)?;
                let value = bytes(&mut rest)?;
                if key == b"avro.codec" {
                    codec = value.to_vec();
                }
            }
        }
        let sync = take(&mut rest, 16)?;
        while !rest.is_empty() {
            let rows = long(&mut rest)?;
            let packed = bytes(&mut rest)?;
            match codec.as_slice() {
                b"deflate" => {
                    let mut block = Vec::new();
                    flate2::read::DeflateDecoder::new(packed).read_to_end(&mut block)?;
                    self.digest.update(&block);
                }
                b"zstandard" => self.digest.update(zstd::stream::decode_all(packed)?),
                _ => self.digest.update(packed),
            }
            self.rows += u64::try_from(rows).map_err(io::Error::other)?;
            if take(&mut rest, 16)? != sync {
                return Err(io::Error::other(
                    "a block does not end with the file's mark",
                ));
            }
        }
        Ok(())
    }
}

fn take<'b>(rest: &mut &'b [u8], length: usize) -> io::Result<&'b [u8]> {
    let (taken, behind) = rest
        .split_at_checked(length)
        .ok_or_else(|| io::Error::other("it is cut off"))?;
    *rest = behind;
    Ok(taken)
}

fn long(rest: &mut &[u8]) -> io::Result<i64> {
    let mut value: u64 = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    Err(io::Error::other("a number in it is too long"))
}

fn bytes<'b>(rest: &mut &'b [u8]) -> io::Result<&'b [u8]> {
    let length = usize::try_from(long(rest)?).map_err(io::Error::other)?;
    take(rest, length)
}

fn unreadable(file: &OutputFile, why: String) -> Violation {
    let detail = format!("it cannot be read: {why}");
    Violation::new("verify.unreadable_file", &file.name, detail)
}
