"""Reads a target's data/ folder as people do: a Hive-partitioned Parquet table, with DuckDB and with
pyarrow, neither of which knows Shardmill. Prints what each of them saw as one JSON object.

Usage: read_hive.py DATA_FOLDER COLUMN
"""

import json
import sys

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

folder, column = sys.argv[1], sys.argv[2]

table = (
    f"read_parquet('{folder}/**/*.parquet', hive_partitioning = true, union_by_name = true)"
)
connection = duckdb.connect()
[(rows, distinct, dates, hours)] = connection.sql(
    f'SELECT count(*), count(DISTINCT "{column}"), count(DISTINCT date), count(DISTINCT hour) FROM {table}'
).fetchall()
columns = {name: kind for name, kind, *_ in connection.sql(f"DESCRIBE SELECT * FROM {table}").fetchall()}
from_duckdb = {
    "rows": rows,
    "distinct": distinct,
    "dates": dates,
    "hours": hours,
    "columns": columns,
}

partitioning = ds.partitioning(pa.schema([("date", pa.string()), ("hour", pa.string())]), flavor="hive")
discovered = ds.dataset(folder, format="parquet", partitioning=partitioning)
schema = pa.unify_schemas(
    [pq.read_schema(name) for name in discovered.files] + [discovered.schema],
    promote_options="permissive",
)
dataset = ds.dataset(folder, format="parquet", partitioning=partitioning, schema=schema)
read = dataset.to_table(columns=[column, "date", "hour"])
from_pyarrow = {
    "rows": read.num_rows,
    "distinct": len(read.column(column).unique()),
    "dates": len(read.column("date").unique()),
    "hours": len(read.column("hour").unique()),
    "columns": {field.name: str(field.type) for field in schema},
}

print(json.dumps({"duckdb": from_duckdb, "pyarrow": from_pyarrow}))
