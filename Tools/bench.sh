#!/usr/bin/env bash
# Loads the same bodies into Varve and its peers, in turn, and prints the figures side by side.
# PACK (small), REPEAT (3) and PEERS ("victoria") choose what is run; packs and data go to TSBENCH_TMP.
set -euo pipefail
cd "$(dirname "$0")/.."
bench=../shared/bench/tsbench.py
[ -f "$bench" ] || { echo "make bench needs the benchmark in ../shared/bench" >&2; exit 1; }
export TSBENCH_TMP="${TSBENCH_TMP:-${TMPDIR:-/tmp}/tsbench}"
export TSBENCH_OURS="$PWD/bin/varve serve --listen 127.0.0.1:{port} --data {data} --enable-admin-api"
pack="${PACK:-small}"
mkdir -p "$TSBENCH_TMP"
# Packs end ten minutes before they were made: servers that refuse old samples want fresh ones.
[ -n "$(find "$TSBENCH_TMP/$pack/manifest.json" -mmin -720 2>/dev/null)" ] \
    || .venv/bin/python "$bench" gen --preset "$pack" --out "$TSBENCH_TMP/$pack"
for _ in $(seq "${REPEAT:-3}"); do
    for peer in ${PEERS:-victoria} ours; do
        echo "== $peer"
        .venv/bin/python "$bench" run --peer "$peer" --pack "$TSBENCH_TMP/$pack" --repeat 1
    done
done
