"""Runs the SQL on standard input with DuckDB; prints a JSON list of rows, each an object."""

import json
import sys
from decimal import Decimal

import duckdb


def plain(value):
    return float(value) if isinstance(value, Decimal) else str(value)


# By way of Arrow: DuckDB's own rows need one more package for times with a zone.
table = duckdb.connect().execute(sys.stdin.read()).to_arrow_table()
print(json.dumps(table.to_pylist(), default=plain))
