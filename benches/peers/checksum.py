"""What a file holds, by DuckDB, for comparing an output with its input.

    checksum.py columns INPUT           column names and types, text left as text
    checksum.py json INPUT COLUMNS      rows, and a checksum of each column
    checksum.py parquet FOLDER COLUMNS  the same of all Parquet files in a folder

The checksum of a column is the sum of a hash of each value, brought to the column's type: the order
of rows does not count, everything else does.
"""

import json
import re
import sys

import duckdb


def columns_of(source):
    relation = (
        f"read_json('{source}', format = 'newline_delimited', sample_size = -1, "
        "map_inference_threshold = -1, field_appearance_threshold = 0)"
    )
    described = duckdb.sql(f"DESCRIBE FROM {relation}").fetchall()
    return {name: as_text(kind) for name, kind, *_ in described}


def as_text(kind):
    """DuckDB finds times and UUIDs in text; all are to keep the text."""
    special = r"\b(TIMESTAMP( WITH TIME ZONE|_NS)?|DATE|TIME|UUID|JSON)\b"
    return re.sub(special, "VARCHAR", kind)


def checksums(relation, columns):
    sums = ", ".join(
        f'sum(hash("{name}"::{kind})::HUGEINT)::VARCHAR AS "{name}"'
        for name, kind in columns.items()
    )
    cursor = duckdb.execute(f'SELECT count(*)::VARCHAR AS "all rows", {sums} FROM {relation}')
    names = [name for name, *_ in cursor.description]
    return dict(zip(names, cursor.fetchone()))


def main():
    what, source, *rest = sys.argv[1:]
    if what == "columns":
        answer = columns_of(source)
    elif what == "json":
        columns = json.loads(rest[0])
        pairs = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
        relation = f"read_json('{source}', format = 'newline_delimited', columns = {{{pairs}}})"
        answer = checksums(relation, columns)
    else:
        files = f"read_parquet('{source}/*.parquet', union_by_name = true)"
        answer = checksums(files, json.loads(rest[0]))
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
