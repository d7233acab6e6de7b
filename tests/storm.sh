#!/usr/bin/env bash
# The crash storm at length: a thousand kills, or as many as the first argument says.
# usage: tests/storm.sh [KILLS [SEED]]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export SHARDMILL_STORM_KILLS="${1:-1000}"
if [ $# -gt 1 ]; then
    export SHARDMILL_STORM_SEED="$2"
fi
cargo test --workspace --test crash_storm -- --nocapture
