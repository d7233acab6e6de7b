"""Writes files of every kind that pyarrow and Python's own libraries can write. Each holds the same
number of events; ids go on from file to file. Prints how many events there are in all.

Usage: make_files.py FOLDER EVENTS_A_FILE
"""

import json
import lzma
import pathlib
import sys

import pyarrow as pa
import pyarrow.csv
import pyarrow.orc
import pyarrow.parquet

root, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
made = 0


def events():
    global made
    ids = range(made, made + count)
    made += count
    return [{"id": n, "kind": ["click", "view"][n % 2], "note": f"event {n}"} for n in ids]


def lines():
    return "".join(json.dumps(event) + "\n" for event in events()).encode()


def place(name):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return str(path)


def packed(name, compression, data):
    with pa.output_stream(place(name), compression=compression) as out:
        out.write(data)


packed("json/plain.jsonl", None, lines())
packed("json/day=1/a.jsonl.gz", "gzip", lines())
packed("json/day=1/b.jsonl.bz2", "bz2", lines())
packed("json/day=2/c.jsonl.zst", "zstd", lines())
packed("json/day=2/d.jsonl.lz4", "lz4", lines())
with lzma.open(place("json/e.jsonl.xz"), "wb", preset=1) as out:
    out.write(lines())
packed("json/array.json", None, json.dumps(events()).encode())
packed("json/pretty.json.gz", "gzip", json.dumps(events(), indent=2).encode())
packed("json/_SUCCESS", None, b"left by another program")

table = lambda: pa.Table.from_pylist(events())
pa.csv.write_csv(table(), place("csv/a.csv"))
with pa.output_stream(place("csv/b.csv.gz"), compression="gzip") as out:
    pa.csv.write_csv(table(), out)
pa.parquet.write_table(table(), place("columns/a.parquet"), row_group_size=10_000)
pa.orc.write_table(table(), place("columns/b.orc"))

print(json.dumps({"events": made}))
