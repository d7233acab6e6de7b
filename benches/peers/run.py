#!/usr/bin/env python3
"""Shardmill beside its peers: the same JSON lines to Parquet, side by side in one run.

    benches/peers/run.py [--megabytes 200] [--rounds 5] [--level 1] [--sets web nested] [--input FILE]

Every round runs every contestant once, each in a process of its own, in an order that rotates, so
that a noisy machine is noisy for all. The figure is MB of JSON per CPU second (user and system of
all threads; MB = 10^6 bytes): of the whole conversion, reading the file included, without starting
the process. Each output is read back by DuckDB and compared with the input: number of rows, and for
every column a checksum over its values. A difference ends the run with an error.

Shardmill reads the file into payloads of one event each and takes them through its decoder and its
window encoder, both on one thread, to files; it writes the identity of each row beside the events
(six columns that the peers do not write). Needs Python 3.10 and a Rust toolchain; everything else is
installed below `target/`.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / "target" / "peers"

# Name, tool, threads.
CONTESTANTS = [
    ("shardmill, 1 thread", "shardmill", 1),
    ("duckdb, 1 thread", "duckdb", 1),
    ("duckdb, 2 threads", "duckdb", 2),
    ("polars, 1 thread", "polars", 1),
    ("pyarrow, 1 thread", "pyarrow", 1),
]
BASELINE = "duckdb, 1 thread"


def python():
    """The interpreter of a virtual environment that holds what requirements.txt says."""
    folder = WORK / "venv"
    requirements = (HERE / "requirements.txt").read_text()
    stamp = folder / "installed.txt"
    interpreter = folder / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != requirements:
        venv.create(folder, with_pip=True, clear=True)
        pip = [interpreter, "-m", "pip", "install", "--quiet", "-r", HERE / "requirements.txt"]
        subprocess.run(pip, check=True)
        stamp.write_text(requirements)
    return interpreter


def build():
    """Paths of the generator and of the engine's side, built for release."""
    command = ["cargo", "build", "--release", "-p", "shardmill-benches", "--message-format=json"]
    command += ["--bin", "generate", "--bench", "payloads_to_parquet"]
    output = subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout
    found = {}
    for line in output.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message.get("executable"):
            found[message["target"]["name"]] = message["executable"]
    return found["generate"], found["payloads_to_parquet"]


def last_line(command, **options):
    """Runs a contestant and reads the object on the last line that it prints."""
    command = [str(word) for word in command]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options)
    return json.loads(output.stdout.splitlines()[-1])


class Checker:
    """Compares outputs with the input, by DuckDB."""

    def __init__(self, interpreter, source):
        self.interpreter = interpreter
        self.source = source
        self.columns = self.ask("columns", source)
        self.expected = self.ask("json", source, json.dumps(self.columns))

    def ask(self, *words):
        return last_line([self.interpreter, HERE / "checksum.py", *words])

    def check(self, name, output):
        found = self.ask("parquet", output, json.dumps(self.columns))
        if found != self.expected:
            wrong = [key for key in self.expected if found.get(key) != self.expected[key]]
            sys.exit(f"{name}: the output differs from the input in {', '.join(wrong)}")


def contest(set_name, source, options, interpreter, engine):
    """Runs the rounds over one file and prints the table."""
    checker = Checker(interpreter, source)
    columns = json.dumps(checker.columns)
    megabytes = os.path.getsize(source) / 1e6
    rates = {name: [] for name, _, _ in CONTESTANTS}
    sizes = {}
    for number in range(options.rounds):
        shift = number % len(CONTESTANTS)
        for name, tool, threads in CONTESTANTS[shift:] + CONTESTANTS[:shift]:
            output = WORK / "output"
            clear(output)
            if tool == "shardmill":
                result = last_line([engine, source, output, options.level])
            else:
                words = [interpreter, HERE / "convert.py", tool, threads, options.level, columns]
                result = last_line([*words, source, output / "file.parquet"])
            rates[name].append(megabytes / result["cpu_seconds"])
            sizes[name] = sum(path.stat().st_size for path in output.iterdir()) / 1e6
            if number == 0:
                checker.check(name, output)
    report(set_name, megabytes, rates, sizes, options)


def clear(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        path.unlink()


def report(set_name, megabytes, rates, sizes, options):
    print(f"\n{set_name}: {megabytes:.0f} MB of JSON, zstd level {options.level}, ", end="")
    print(f"{options.rounds} rounds; MB of JSON per CPU second")
    print(f"{'':24}{'min':>8}{'median':>8}{'max':>8}{'ratio':>8}{'ratio range':>16}{'output MB':>12}")
    for name, values in rates.items():
        # Ratios within a round: what disturbs a round disturbs both.
        ratios = [value / base for value, base in zip(values, rates[BASELINE])]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        print(
            f"{name:24}{min(values):8.0f}{statistics.median(values):8.0f}{max(values):8.0f}"
            f"{statistics.median(ratios):8.2f}{spread:>16}{sizes[name]:12.1f}"
        )
    print(f"ratio: to {BASELINE} of the same round, median. Outputs are equal to the input.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=200, help="size of each generated file")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--level", type=int, default=1, help="zstd level, for all")
    parser.add_argument("--sets", nargs="*", default=["web", "nested"], help="events to generate")
    parser.add_argument("--input", help="a JSON lines file of your own, instead")
    parser.add_argument("--binaries", help="a folder with both binaries, built already")
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    interpreter = python()
    if options.binaries:
        folder = pathlib.Path(options.binaries)
        generate, engine = folder / "generate", folder / "payloads_to_parquet"
    else:
        generate, engine = build()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"load of the machine (1, 5, 15 minutes) before: {load}; {os.cpu_count()} cores")
    if options.input:
        contest(options.input, options.input, options, interpreter, engine)
        return
    for set_name in options.sets:
        source = WORK / f"{set_name}-{options.megabytes}.jsonl"
        if not source.exists():
            subprocess.run([generate, set_name, str(options.megabytes), source], check=True)
        contest(set_name, source, options, interpreter, engine)


if __name__ == "__main__":
    main()
