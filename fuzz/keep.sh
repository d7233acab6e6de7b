#!/usr/bin/env bash
# Brings the kept corpus up to date with what fuzz/run.sh has found: of all inputs the few, small
# ones that together reach everything that any of them reaches.
# usage: fuzz/keep.sh [TARGET...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    mapfile -t targets < <(ls fuzz_targets | sed 's/\.rs$//')
fi
export RUSTC_BOOTSTRAP=1

# Bytes of an input; longer ones are cut. The repository is no place for many large ones, and seeds
# of any length are made anew each time.
longest() {
    case "$1" in
    config) echo 400 ;;
    json | text) echo 4096 ;;
    *) echo 1000 ;;
    esac
}

for target in "${targets[@]}"; do
    rm -rf "work/kept/$target"
    mkdir -p "work/kept/$target" "corpus/$target"
    # By edges alone: how often each is taken would keep ten times as many.
    cargo fuzz run "$target" "work/kept/$target" "corpus/$target" "work/$target" "work/seeds/$target" -- \
        -set_cover_merge=1 -use_counters=0 "-max_len=$(longest "$target")" >"work/$target.keep.log" 2>&1
    rm -rf "corpus/$target"
    mv "work/kept/$target" "corpus/$target"
    echo "$target: $(ls "corpus/$target" | wc -l) inputs, $(du -cb "corpus/$target"/* | tail -1 | cut -f1) bytes"
done
