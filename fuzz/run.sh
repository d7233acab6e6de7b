#!/usr/bin/env bash
# Fuzzes the decoders: each target for some seconds, from the kept corpus and from seeds made of
# engine/fixtures. Fails on any crash, hang or memory beyond the limits, and prints a table.
# usage: fuzz/run.sh [SECONDS [TARGET...]]
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

seconds="${1:-600}"
shift || true
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    mapfile -t targets < <(ls fuzz_targets | sed 's/\.rs$//')
fi

# cargo-fuzz needs a flag that stable compilers know only so.
export RUSTC_BOOTSTRAP=1
# Freed memory is kept for a while to find its late users; by default so much that it hides how much
# a decoder takes.
export ASAN_OPTIONS="quarantine_size_mb=16:${ASAN_OPTIONS:-}"
# The threads that decode have 2 MiB of stack; frames with a sanitizer are about twice as large.
ulimit -s 4096

flags=(
    # Large enough for every fixture and for what is expanded to reach its limits.
    -max_len=65536
    # No input takes a second; the rest is for a machine that does other things too.
    "-timeout=${FUZZ_TIMEOUT:-25}"
    # A payload, what came out of it, rows of it three times over, and what the fuzzer itself needs
    # (150 to 200 MB with the shadow memory).
    -rss_limit_mb=1024
    -print_final_stats=1
)

# Megabytes that may be asked for in one piece. The limits of the laws' decoders are 4 MiB for an
# event, and for what comes out of a payload; a column that doubles may be a few times that. Address
# space that is reserved and hardly touched counts too: the dictionary of xz (64 MiB at level 9) and
# the window of Zstandard (up to 128 MiB) in files that have codecs of their own.
in_one_piece() {
    case "$1" in
    avro | columnar) echo 160 ;;
    expand | kpl) echo 80 ;;
    *) echo 32 ;;
    esac
}

cargo fuzz build || exit 2
mkdir -p work
# Built like any other program: no sanitizer, no coverage.
(cd .. && env -u RUSTC_BOOTSTRAP cargo run --quiet --package shardmill-laws --bin seeds fuzz/work/seeds) || exit 2

failed=0
table="$(printf '%-14s %10s %12s %8s %8s %8s  %s' target seconds runs edges features corpus outcome)"
for target in "${targets[@]}"; do
    mkdir -p "work/$target" "corpus/$target"
    log="work/$target.log"
    dictionary=()
    if [ -f "dictionaries/$target.dict" ]; then
        dictionary=("-dict=dictionaries/$target.dict")
    fi
    echo "$target: log in fuzz/$log" >&2
    outcome=good
    cargo fuzz run "$target" "work/$target" "corpus/$target" "work/seeds/$target" -- \
        "${flags[@]}" "${dictionary[@]}" "-malloc_limit_mb=$(in_one_piece "$target")" \
        "-max_total_time=$seconds" >"$log" 2>&1 || {
        outcome="FAILED: $(grep -aoE 'SUMMARY: .*' "$log" | tail -1)"
        failed=1
    }
    runs="$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1)"
    last="$(grep -aE '^#[0-9]+.*cov: ' "$log" | tail -1)"
    field() { grep -aoE "$1: [^ ]+" <<<"$last" | cut -d' ' -f2; }
    table+="$(printf '\n%-14s %10s %12s %8s %8s %8s  %s' "$target" "$seconds" "${runs:-?}" \
        "$(field cov)" "$(field ft)" "$(field corp | cut -d/ -f1)" "$outcome")"
done
echo "$table"
exit "$failed"
