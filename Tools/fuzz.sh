#!/usr/bin/env bash
# fuzz.sh SECONDS [NAME...]: feeds every parser (or those named, as in Pages) mutated input for so long each. Input that
# breaks one is left in Fuzz/.build/found-NAME; put it, once mended, into Fuzz/Corpus, where `make test` runs it.
set -euo pipefail
cd "$(dirname "$0")/../Fuzz"
export SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0
flags=(-c release -Xlinker "-L$(dirname "$(readlink -f "$(command -v swift)")")/../lib/clang/$(
    ls "$(dirname "$(readlink -f "$(command -v swift)")")/../lib/clang" | tail -1)/lib/linux" ${FUZZ_FLAGS:-})
seconds=$1
shift
names=("$@")
if [ ${#names[@]} = 0 ]; then for folder in Sources/Fuzz*; do names+=("${folder#Sources/Fuzz}"); done; fi
failed=()
for name in "${names[@]}"; do
    swift build "${flags[@]}" --product "Fuzz$name"
    lower=$(echo "$name" | tr '[:upper:]' '[:lower:]')
    mkdir -p ".build/grown-$name" ".build/found-$name"
    echo "== $name: $seconds s"
    timeout -s KILL $((seconds + 60)) "$(swift build "${flags[@]}" --show-bin-path)/Fuzz$name" \
        -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -malloc_limit_mb=512 -print_final_stats=1 \
        -artifact_prefix=".build/found-$name/" ".build/grown-$name" "Corpus/$lower" \
        2>&1 | tee ".build/log-$name" \
        | grep -E "^(stat::(number_of|average)|==[0-9]|SUMMARY|INFO: +[0-9]+ files|artifact)|Fatal error|[Pp]recondition" || true
    if [ -n "$(ls ".build/found-$name")" ]; then failed+=("$name"); fi
done
if [ ${#failed[@]} -gt 0 ]; then echo "broken: ${failed[*]}; see Fuzz/.build/found-*" >&2; exit 1; fi
