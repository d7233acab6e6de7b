//! Readers of Parquet that do not know Shardmill.

use std::path::Path;

use serde_json::Value;

use crate::{process, tools};

/// Reads a `data/` folder as a Hive-partitioned table, with DuckDB and with pyarrow. For each:
/// `rows`, how many values of `column` are `distinct`, how many `dates` and `hours`, and `columns`
/// with their types.
pub fn read_hive(folder: &Path, column: &str) -> Value {
    let mut script = tools::script("read_hive.py");
    script.arg(folder).arg(column);
    let output = process::run("read_hive.py", script, b"");
    serde_json::from_slice(&output).expect("the script prints JSON")
}
