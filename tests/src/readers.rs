//! Readers of Parquet that do not know Shardmill.

use std::path::Path;

use serde_json::Value;

use crate::{paths, process, tools};

/// Reads a `data/` folder as a Hive-partitioned table, with DuckDB and with pyarrow. For each:
/// `rows`, how many values of `column` are `distinct`, how many `dates` and `hours`, and `columns`
/// with their types.
pub fn read_hive(folder: &Path, column: &str) -> Value {
    let mut script = tools::script("read_hive.py");
    script.arg(folder).arg(column);
    let output = process::run("read_hive.py", script, b"");
    serde_json::from_slice(&output).expect("the script prints JSON")
}

/// The rows of a `data/` folder as pyarrow reads them, in no order: canonical JSON text of the
/// columns that are not Shardmill's own.
pub fn read_rows(folder: &Path) -> Vec<String> {
    let mut script = tools::script("read_rows.py");
    script.arg(folder).arg(paths::fixtures());
    let output = process::run("read_rows.py", script, b"");
    let output = String::from_utf8(output).expect("the script prints UTF-8");
    output.lines().map(str::to_owned).collect()
}

/// What DuckDB answers to a query: a row an object.
pub fn duckdb(sql: &str) -> Vec<Value> {
    let script = tools::script("run_sql.py");
    let output = process::run("run_sql.py", script, sql.as_bytes());
    serde_json::from_slice(&output).expect("the script prints JSON")
}
