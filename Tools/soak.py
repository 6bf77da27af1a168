#!/usr/bin/env python3
"""Runs every harness that breaks something, other seeds every round, for as long as it is told: `make soak MINUTES=120`.

A round: kills, power cuts, failing system calls, full disks, what surrounds the server, hostile clients, simulated
crashes. What failed is kept below soak-failures/, with the one command that runs it again; at the end comes a table of
counts. Exit 1 when anything was lost, changed, invented, or failed otherwise.

    MINUTES      how long (default 60); the round under way is finished
    FIRST_SEED   of the first round (default: drawn)
    ONLY         names of harnesses, comma separated (default: all)
"""
import collections
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MINUTES = float(os.environ.get("MINUTES", "60"))
FIRST_SEED = int(os.environ.get("FIRST_SEED") or random.randrange(1_000, 1_000_000))
ONLY = [name for name in os.environ.get("ONLY", "").split(",") if name]
# An optimised player of seeds, where there is one; else the suite in the test bundle.
HAS_PLAYER = os.path.isdir(os.path.join(ROOT, "Tests/CrashHarness"))
SIMULATED = 2_000 if HAS_PLAYER else 200
PYTEST = [os.path.join(ROOT, ".venv/bin/python"), "-m", "pytest", "-q", "-s", "-p", "no:cacheprovider"]
WRONG = re.compile(r"(?<!\w)(lost|changed|invented|torn|hole): (?:writer|the series|samples)")

# name, what runs, its variables, every how many rounds
HARNESSES = [
    ("kills", "test_kill.py", {"E2E_KILLS": 100}, 1),
    ("power cuts", "test_power_cut.py", {"E2E_CUTS": 200}, 1),
    ("system calls", "test_system_calls.py", {"E2E_FAULTS": 400}, 1),
    ("full disks", "test_full_disk.py", {}, 1),
    ("surroundings", "test_surroundings.py", {}, 3),
    ("buckets", "test_object_store.py", {"E2E_DUELS": 20, "E2E_BUCKET_FAULTS": 2_000, "E2E_OUTAGE": 120}, 2),
    ("hostile clients", "test_hostile_http.py", {}, 6),
    ("churn", "churn.py", {}, 6),
    ("simulated crashes", "SeededTests", {"CRASH_SEEDS": SIMULATED}, 1),
]


def command(name, file, variables, seed, kept):
    """(argv, variables, the line that does it again)"""
    if name == "simulated crashes":
        variables = {**variables, "CRASH_FIRST_SEED": seed * SIMULATED}
        argv = ["make", "crash-test"] if HAS_PLAYER else ["swift", "test", "--skip-build", "--filter", file]
        again = " ".join(argv).replace("--skip-build ", "")
    elif name == "churn":
        variables = {**variables, "FIRST_SEED": seed}
        argv, again = [PYTEST[0], "Tools/churn.py"], ".venv/bin/python Tools/churn.py"
    else:
        variables = {**variables, "E2E_SEED": seed}
        argv = [*PYTEST, f"Tests/EndToEnd/{file}", f"--basetemp={kept}"]
        again = f".venv/bin/python -m pytest -q -s Tests/EndToEnd/{file}"
    return argv, variables, " ".join(f"{k}={v}" for k, v in variables.items()) + " " + again


def one(name, file, variables, seed, counted):
    """Whether it passed."""
    kept = os.path.join(ROOT, "soak-failures", f"{name.replace(' ', '-')}-{seed}")
    argv, variables, again = command(name, file, variables, seed, kept)
    os.makedirs(os.path.dirname(kept), exist_ok=True)
    began = time.monotonic()
    with tempfile.NamedTemporaryFile(suffix=".json") as counts:
        environment = {**os.environ, **{k: str(v) for k, v in variables.items()}, "E2E_COUNTS": counts.name}
        result = subprocess.run(
            argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        text = counts.read()
    for what, number in json.loads(text or b"{}").items():
        counted[what] += number
    seconds = time.monotonic() - began
    if result.returncode == 0:
        if name == "simulated crashes":
            counted["simulated seeds"] += SIMULATED
        if not os.path.islink(kept):
            subprocess.run(["rm", "-rf", "--one-file-system", kept])
        summary = [line for line in result.stdout.splitlines() if re.search(r"\d+ passed|Test run with|^memory:", line)]
        print(f"  {name}: {summary[-1].strip(' =') if summary else 'passed'} ({seconds:.0f} s)", flush=True)
        return True
    counted["failures"] += 1
    # The same finding is printed more than once: by the assertion and by its explanation.
    for kind in set(WRONG.findall(result.stdout)):
        counted[kind] += 1
    os.makedirs(kept, exist_ok=True)
    with open(os.path.join(kept, "output.txt"), "w", encoding="utf-8") as f:
        f.write(result.stdout)
    shown = [line for line in result.stdout.splitlines() if line.startswith("E  ") or "✘" in line][:12]
    print(f"  {name}: FAILED with seed {seed} ({seconds:.0f} s)", *(f"    {line[:300]}" for line in shown),
          f"    kept:  {os.path.relpath(kept, ROOT)}", f"    again: {again}", sep="\n", flush=True)
    return False


def table(counted, rounds, minutes):
    print(f"\n{rounds} rounds in {minutes:.0f} min, seeds {FIRST_SEED} … {FIRST_SEED + max(rounds - 1, 0)}")
    rows = ["kills", "power cuts", "system call faults", "full disks", "simulated seeds", "planted bugs caught"]
    rows.append("samples checked")
    rows += sorted(set(counted) - set(rows) - {"lost", "changed", "invented", "torn", "hole", "failures"})
    for what in [*rows, "lost", "changed", "invented", "torn", "hole", "failures"]:
        print(f"  {what:<24}{counted[what]:>16,}")


def main():
    counted, rounds, began = collections.Counter(), 0, time.monotonic()
    try:
        while time.monotonic() - began < MINUTES * 60:
            seed = FIRST_SEED + rounds
            print(f"round {rounds + 1}, seed {seed}, {(time.monotonic() - began) / 60:.0f} of {MINUTES:.0f} min", flush=True)
            for name, file, variables, every in HARNESSES:
                if rounds % every == 0 and (not ONLY or name in ONLY) and time.monotonic() - began < MINUTES * 60:
                    one(name, file, variables, seed, counted)
            rounds += 1
    except KeyboardInterrupt:
        print("interrupted")
    table(counted, rounds, (time.monotonic() - began) / 60)
    return 1 if counted["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
