#!/usr/bin/env bash
# fuzz.sh SECONDS [NAME...]: feeds every parser (or those named, as in PromQL) mutated input for so long each. Input that
# breaks one is left in Fuzz/.build/found-NAME; put it, once mended, into Fuzz/Corpus, where `make test` runs it.
set -euo pipefail
cd "$(dirname "$0")/../Fuzz"
seconds=$1
shift
names=("$@")
if [ ${#names[@]} = 0 ]; then for folder in Sources/Fuzz*; do names+=("${folder#Sources/Fuzz}"); done; fi
failed=()
for name in "${names[@]}"; do
    swift build -c release --product "Fuzz$name"
    lower=$(echo "$name" | tr '[:upper:]' '[:lower:]')
    mkdir -p ".build/grown-$name" ".build/found-$name"
    echo "== $name: $seconds s"
    "$(swift build -c release --show-bin-path)/Fuzz$name" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=2048 \
        -print_final_stats=1 -artifact_prefix=".build/found-$name/" ".build/grown-$name" "Corpus/$lower" \
        2>&1 | grep -E "^(stat::(number_of|average)|==[0-9]|SUMMARY|INFO: +[0-9]+ files|Fatal|artifact)|Fatal error" || true
    if [ -n "$(ls ".build/found-$name")" ]; then failed+=("$name"); fi
done
if [ ${#failed[@]} -gt 0 ]; then echo "broken: ${failed[*]}; see Fuzz/.build/found-*" >&2; exit 1; fi
