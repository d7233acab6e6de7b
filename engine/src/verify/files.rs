//! The files of one commit, read in whole.

use arrow_schema::{DataType as ArrowType, Field, Schema as ArrowSchema};

use super::reading::{ParquetFile, Target};
use super::rows::Identities;
use super::statistics::Fresh;
use super::violation::{VerifyError, Violation};
use super::{Verified, raw};
use crate::log::{Commit, DataFile};
use crate::schema::{Schema, file_field_name};
use crate::types::{FileKind, RejectCode, WindowLength};

/// Where the writer keeps the schema of a file's events.
const SCHEMA_KEY: &str = "shardmill.schema";

/// The columns after those of the events: (name, whether every file has it).
const SYSTEM_COLUMNS: [&str; 6] = [
    "_shard",
    "_sequence",
    "_subsequence",
    "_partition_key",
    "_arrival",
    "_index",
];

/// Reads every file of a commit and compares it with what the commit says. `entry` is the name of
/// the commit's object.
pub(super) async fn check(
    target: &Target,
    window_length: WindowLength,
    entry: &str,
    commit: &Commit,
    verified: &mut Verified,
    statistics: bool,
) -> Result<(), VerifyError> {
    let compared = commit.statistics.as_ref().filter(|_| statistics);
    let mut fresh = compared.map(|_| Fresh::new(commit));
    let mut identities = Identities::new(&commit.ranges, window_length);
    // Rejects come first: rows are then looked up among them.
    for file in &commit.rejects {
        let rows = read(target, FileKind::Rejects, file, &mut identities, &mut fresh).await?;
        verified.rejects += rows;
        count(verified, file);
    }
    for file in &commit.files {
        let rows = read(target, FileKind::Data, file, &mut identities, &mut fresh).await?;
        verified.rows += rows;
        count(verified, file);
    }
    raw::check(target, window_length, entry, commit, verified).await?;
    let counts = commit.counts();
    verified.payloads += counts.payloads;
    verified.empty += counts.empty;
    identities.finish(entry)?;
    if let (Some(fresh), Some(object)) = (fresh, compared) {
        fresh.compare(target, object).await?;
        verified.compared_statistics += 1;
    }
    Ok(())
}

fn count(verified: &mut Verified, file: &DataFile) {
    verified.files += 1;
    verified.bytes += file.bytes;
}

async fn read(
    target: &Target,
    kind: FileKind,
    file: &DataFile,
    identities: &mut Identities<'_>,
    fresh: &mut Option<Fresh>,
) -> Result<u64, VerifyError> {
    let mut parquet = target.open(&file.name, file.bytes).await?;
    check_schema(kind, file, &parquet)?;
    let mut rows = 0;
    while let Some(batch) = parquet.next().await? {
        rows += batch.num_rows() as u64;
        identities.add(kind, file, &batch)?;
        if kind == FileKind::Rejects {
            check_codes(file, &batch)?;
        }
        if let Some(fresh) = fresh {
            fresh.add(kind, file, &batch);
        }
    }
    if rows != file.rows {
        let detail = format!("it has {rows} rows, but its commit says {}", file.rows);
        return Err(Violation::new("verify.row_count", &file.name, detail).into());
    }
    Ok(rows)
}

/// The columns must be those that the commit's schema makes.
fn check_schema(kind: FileKind, file: &DataFile, parquet: &ParquetFile) -> Result<(), Violation> {
    let wrong = |detail: String| Violation::new("verify.schema", &file.name, detail);
    let found: &ArrowSchema = parquet.schema();
    let mut expected: Vec<String> = Vec::new();
    if kind == FileKind::Data {
        let Some(schema) = &file.schema else {
            return Err(wrong("its commit has no schema for it".to_owned()));
        };
        let said = parquet
            .text(SCHEMA_KEY)
            .and_then(|text| serde_json::from_str(text).ok());
        if said.as_ref() != Some(&**schema) {
            let detail = "the schema in its footer is not the one that its commit says";
            return Err(wrong(detail.to_owned()));
        }
        let columns = events(schema, found).map_err(wrong)?;
        expected.extend(columns);
        expected.extend(
            found
                .field_with_name("_overflow")
                .ok()
                .map(|field| field.name().clone()),
        );
    }
    expected.extend(SYSTEM_COLUMNS.map(str::to_owned));
    if kind == FileKind::Rejects {
        expected.extend(["code", "reason", "data"].map(str::to_owned));
    }
    let names: Vec<&str> = found
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    if names != expected {
        return Err(wrong(format!(
            "its columns are {names:?}, not {expected:?}"
        )));
    }
    Ok(())
}

/// The names of the columns of the events.
fn events(schema: &Schema, found: &ArrowSchema) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for field in schema.in_file().arrow_fields() {
        let name = file_field_name(field.name()).into_owned();
        let column = found
            .field_with_name(&name)
            .map_err(|_| format!("it has no column {name:?}"))?;
        if !same_type(column, &field) {
            return Err(format!(
                "its column {name:?} has the type {}, not {}",
                column.data_type(),
                field.data_type()
            ));
        }
        names.push(name);
    }
    Ok(names)
}

/// Whether two columns hold the same, whatever the fields inside of lists and maps are called.
fn same_type(a: &Field, b: &Field) -> bool {
    match (a.data_type(), b.data_type()) {
        (ArrowType::List(a), ArrowType::List(b)) => same_type(a, b),
        (ArrowType::Map(a, _), ArrowType::Map(b, _)) => match (a.data_type(), b.data_type()) {
            (ArrowType::Struct(a), ArrowType::Struct(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_type(a, b))
            }
            _ => false,
        },
        (ArrowType::Struct(a), ArrowType::Struct(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b)
                    .all(|(a, b)| a.name() == b.name() && same_type(a, b))
        }
        (a, b) => a == b,
    }
}

/// A reject carries a code that Shardmill knows.
fn check_codes(file: &DataFile, batch: &arrow::array::RecordBatch) -> Result<(), Violation> {
    use arrow::array::{Array, AsArray};

    let column = batch
        .column_by_name("code")
        .and_then(|column| column.as_string_opt::<i32>());
    let Some(codes) = column.filter(|codes| codes.null_count() == 0) else {
        let detail = "its column code is missing, no text, or has nulls".to_owned();
        return Err(Violation::new("verify.schema", &file.name, detail));
    };
    for code in codes.iter().flatten() {
        if RejectCode::ALL.iter().all(|known| known.as_str() != code) {
            let detail = format!("a reject has the code {code:?}, which is not known");
            return Err(Violation::new("verify.reject_code", &file.name, detail));
        }
    }
    Ok(())
}
