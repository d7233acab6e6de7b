"""One conversion by one peer: JSON lines in a local file to Parquet, in a process of its own.

    convert.py TOOL THREADS LEVEL COLUMNS INPUT OUTPUT

COLUMNS is a JSON object from column name to DuckDB type, so that no peer spends time on finding the
schema, and text stays text. Prints a JSON object with `cpu_seconds` (user and system, all threads)
and `seconds` of the conversion alone: not of starting Python or loading the library.
"""

import json
import os
import resource
import sys
import time


def arrow_schema(columns):
    """The columns as pyarrow says them, by way of an empty DuckDB result."""
    import duckdb

    nulls = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in columns.items())
    return duckdb.sql(f"SELECT {nulls} LIMIT 0").to_arrow_table().schema


def duckdb_converter(threads, level, columns, source, target):
    import duckdb

    connection = duckdb.connect()
    connection.sql(f"SET threads = {threads}")
    pairs = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    query = (
        f"COPY (FROM read_json('{source}', format = 'newline_delimited', "
        f"columns = {{{pairs}}})) TO '{target}' "
        f"(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {level})"
    )
    return lambda: connection.execute(query)


def polars_converter(threads, level, columns, source, target):
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    import polars

    schema = polars.from_arrow(arrow_schema(columns).empty_table()).schema

    def convert():
        frame = polars.scan_ndjson(source, schema=schema)
        frame.sink_parquet(target, compression="zstd", compression_level=level)

    return convert


def pyarrow_converter(threads, level, columns, source, target):
    import pyarrow
    from pyarrow import json as pyarrow_json
    from pyarrow import parquet

    pyarrow.set_cpu_count(threads)
    parse = pyarrow_json.ParseOptions(explicit_schema=arrow_schema(columns))
    read = pyarrow_json.ReadOptions(use_threads=threads > 1)

    def convert():
        table = pyarrow_json.read_json(source, read_options=read, parse_options=parse)
        parquet.write_table(table, target, compression="zstd", compression_level=level)

    return convert


CONVERTERS = {
    "duckdb": duckdb_converter,
    "polars": polars_converter,
    "pyarrow": pyarrow_converter,
}


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    tool, threads, level, columns, source, target = sys.argv[1:]
    converter = CONVERTERS[tool]
    convert = converter(int(threads), int(level), json.loads(columns), source, target)
    cpu, clock = cpu_seconds(), time.monotonic()
    convert()
    result = {"cpu_seconds": cpu_seconds() - cpu, "seconds": time.monotonic() - clock}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
