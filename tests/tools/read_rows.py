"""Reads the Parquet files below a target's data/ folder with pyarrow, which does not know Shardmill.
Prints each row's own columns (not those of Shardmill) as canonical JSON text, one a line.

Usage: read_rows.py DATA_FOLDER FOLDER_OF_CANONICAL_PY
"""

import pathlib
import sys

import pyarrow.parquet as pq

sys.path.insert(0, sys.argv[2])
from canonical import text

for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.parquet")):
    with pq.ParquetFile(path) as file:
        for row in file.read().to_pylist():
            print(text({name: value for name, value in row.items() if not name.startswith("_")}))
