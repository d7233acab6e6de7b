"""Runs the SQL on standard input with DuckDB; prints a JSON list of rows, each an object."""

import json
import sys

import duckdb

result = duckdb.connect().execute(sys.stdin.read())
names = [column[0] for column in result.description]
rows = [dict(zip(names, row)) for row in result.fetchall()]
print(json.dumps(rows, default=str))
