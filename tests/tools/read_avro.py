"""Reads every Avro file below a folder with fastavro; prints a JSON list of rows."""

import json
import pathlib
import sys

import fastavro

rows = []
for file in sorted(pathlib.Path(sys.argv[1]).rglob("*.avro")):
    with file.open("rb") as data:
        rows.extend(fastavro.reader(data))
print(json.dumps(rows, default=str))
