#!/usr/bin/env python3
"""What a bucket costs: the same load into a directory and into a Ceph gateway, then the requests, then a cold node.

    .venv/bin/python Tools/bucket_bench.py cpu       CPU of the server per load, both homes in turn (REPEAT=3)
    .venv/bin/python Tools/bucket_bench.py steady    PUT-class requests a minute at RATE samples/s (100000), MINUTES (2)
    .venv/bin/python Tools/bucket_bench.py cold      a node with an empty disk: ready, and the first answer

Needs the benchmark in ../shared/bench; packs go to TSBENCH_TMP. PACK: small, or medium for `cold`.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "Tests/EndToEnd"))

import buckets  # noqa: E402
from servers import Process, Varve  # noqa: E402

BENCH = os.environ.get("TSBENCH", os.path.join(ROOT, "../shared/bench/tsbench.py"))
PACKS = os.environ.get("TSBENCH_TMP", os.path.join(tempfile.gettempdir(), "tsbench"))
REPEAT = int(os.environ.get("REPEAT", "3"))


def tsbench(*argv):
    done = subprocess.run([sys.executable, BENCH, *argv], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pack(name):
    folder = os.path.join(PACKS, name)
    if not os.path.exists(os.path.join(folder, "manifest.json")):
        tsbench("gen", "--preset", name, "--out", folder)
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as f:
        return folder, json.load(f)


def cpu(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
        fields = f.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def requests(varve, **labels):
    total = 0.0
    for line in varve.request("/metrics")[1].decode().splitlines():
        if line.startswith("varve_object_store_requests_total{") and all(f'{k}="{v}"' in line for k, v in labels.items()):
            total += float(line.rsplit(" ", 1)[1])
    return total


def count(varve, manifest):
    end, found = manifest["tmax_ms"] / 1000, 0
    for metric in varve.json("/api/v1/label/__name__/values")["data"]:
        answer = varve.query(f'sum(count_over_time({{__name__="{metric}"}}[20d]))', end)["result"]
        found += int(float(answer[0]["value"][1])) if answer else 0
    return found


def load(varve, folder, *options):
    out = tsbench("load", "--pack", folder, "--url", varve.url, "--pid", str(varve.process.process.pid), "--json",
                  *options)
    return json.loads(out[out.index("{"):])


def start(folder, name, *flags, env=None):
    return Varve(os.path.join(folder, name), os.path.join(folder, name + ".log"), *flags, env=env).start()


def measure_cpu(gateway, folder):
    place, manifest = pack(os.environ.get("PACK", "small"))
    for round_ in range(REPEAT):
        for home in ("directory", "bucket"):
            bucket = gateway.bucket()
            flags = bucket.flags("db") if home == "bucket" else []
            varve = start(folder, f"{home}{round_}", *flags, env=bucket.env)
            began, before = time.monotonic(), cpu(varve.process.process.pid)
            load(varve, place)
            varve.admin("flush")
            spent, seconds = cpu(varve.process.process.pid) - before, time.monotonic() - began
            found = count(varve, manifest)
            samples = manifest["unique_samples"]
            print(f"{home}: {spent:.2f} CPU-s in {seconds:.1f} s, {found} of {samples} samples", flush=True)
            varve.stop()
            shutil.rmtree(varve.data)


def measure_steady(gateway, folder):
    place, _ = pack(os.environ.get("PACK", "medium"))
    rate, minutes = float(os.environ.get("RATE", "100000")), float(os.environ.get("MINUTES", "2"))
    bucket = gateway.bucket()
    varve = start(folder, "steady", *bucket.flags("db"), env=bucket.env)
    before, began = requests(varve, **{"class": "put"}), time.monotonic()
    with open(os.path.join(place, "manifest.json"), encoding="utf-8") as f:
        manifest = json.load(f)
    bodies = int(manifest["bodies"] * min(1, rate * minutes * 60 / manifest["samples"]))
    load(varve, place, "--rate", str(rate), "--limit", str(bodies))
    took = (time.monotonic() - began) / 60
    made = requests(varve, **{"class": "put"}) - before
    print(f"{made:.0f} PUT-class requests in {took:.2f} min at {rate:.0f} samples/s: {made / took:.1f} a minute")
    for line in varve.request("/metrics")[1].decode().splitlines():
        if line.startswith("varve_object_store_requests_total"):
            print("   ", line)
    varve.stop()


def measure_cold(gateway, folder):
    place, manifest = pack(os.environ.get("PACK", "medium"))
    bucket = gateway.bucket()
    varve = start(folder, "writer", *bucket.flags("db"), env=bucket.env)
    load(varve, place)
    varve.admin("flush")
    varve.admin("compact")
    found = count(varve, manifest)
    print(f"{found} of {manifest['samples']} samples in the bucket", flush=True)
    metric = varve.json("/api/v1/label/__name__/values")["data"][0]
    varve.stop()
    end = manifest["tmax_ms"] / 1000
    for kind, flags in (("reader", ["--read-only"]), ("writer", [])):
        began = time.monotonic()
        fresh = start(folder, f"fresh-{kind}", *flags, *bucket.flags("db"), env=bucket.env)
        ready = time.monotonic() - began
        series = len(fresh.query(metric, end)["result"])
        print(f"a fresh {kind}: ready after {ready:.2f} s, first answer ({series} series) after "
              f"{time.monotonic() - began:.2f} s; {requests(fresh):.0f} requests", flush=True)
        fresh.stop()


def main():
    what = {"cpu": measure_cpu, "steady": measure_steady, "cold": measure_cold}.get((sys.argv + [""])[1])
    if what is None:
        sys.exit(__doc__)
    folder = tempfile.mkdtemp(prefix="bucket-bench")
    gateway = buckets.start_gateway()
    try:
        what(gateway, folder)
    finally:
        for process in Process.started:
            if process.alive():
                process.kill()
        gateway.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
