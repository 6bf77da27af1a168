"""Every system call of the write path fails, comes short or lies about its failure, at its n-th occurrence, under load.

For each fault: senders get 503 with Retry-After and the reason, queries are answered whole or with an error, the
process lives; when the fault is over, writes and flushes succeed within 10 s without a restart (A8); nothing acknowledged
is lost, now or after a kill (A1 to A3).

    E2E_FAULTS   faults in all (default 240)
    E2E_SEED     which occurrences (default 1)
"""
import collections
import errno
import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time
import traceback

import pytest
import shim
from bodies import HEADERS, series, snappy_literal
from counts import COUNTS, keep_when_failing, replay
from ledger import DAY, NETWORK, START, Ledger, verify
from servers import Varve, wait_for

FAULTS = int(os.environ.get("E2E_FAULTS", "240"))
SEED = int(os.environ.get("E2E_SEED", "1"))
LANES = 3
HEALING_SECONDS = 10
# A log that a failed write or sync has stopped does not take writes again before a restart.

FAILURES = [(shim.FAIL, errno.EIO), (shim.FAIL, errno.ENOSPC)]
HALF = [(shim.SHORT, 0), (shim.TORN, errno.EIO), (shim.TORN, errno.ENOSPC)]
LATE = [(shim.LATE, errno.EIO)]
WAYS = {
    "open": FAILURES + [(shim.FAIL, errno.EMFILE), (shim.FAIL, errno.EROFS)],
    "write": FAILURES + HALF + [(shim.FAIL, errno.EROFS)],
    "read": [(shim.FAIL, errno.EIO), (shim.SHORT, 0)],
    "fdatasync": FAILURES + LATE,
    "fsync": FAILURES + LATE,
    "rename": FAILURES + LATE,
    "renameat2": FAILURES + LATE,
    "link": FAILURES + LATE,
    "ftruncate": FAILURES,
    "unlink": [(shim.FAIL, errno.EIO), (shim.FAIL, errno.EROFS)] + LATE,
    "mkdir": FAILURES + LATE,
    "list": [(shim.FAIL, errno.EIO)],
    "stat": [(shim.FAIL, errno.EIO)],
}
# What only opening and recovery do.
AT_START = {"ftruncate", "list"}
# Occurrences to let pass are drawn up to here: about what a second of load makes.
OCCURRENCES = {"write": 256, "fdatasync": 256, "stat": 128, "open": 64, "read": 64, "mkdir": 4, "unlink": 8, "rename": 8,
               "ftruncate": 4, "list": 4}


def cases(chance, count):
    """(call, action, error, occurrences to pass, how often it fails); every call in turn."""
    made = []
    while len(made) < count:
        for call in WAYS:
            action, error = chance.choice(WAYS[call])
            skip = int(OCCURRENCES.get(call, 16) ** chance.random()) - 1
            made.append((call, action, error, skip, chance.choice([1, 1, 2, 5, -1])))
    return made[:count]


class Lane(threading.Thread):
    """One server and its faults, one after the other."""

    def __init__(self, folder, number, cases):
        super().__init__(daemon=True)
        self.folder, self.number, self.cases = folder, number, cases
        self.chance = random.Random(SEED * 1_000 + number)
        self.shim = shim.Shim(folder, root=os.path.join(folder, "data"))
        self.varve = Varve(
            os.path.join(folder, "data"), os.path.join(folder, "varve.log"), "--flush-age", "1s", env=self.shim.env)
        self.ledger = Ledger(self.varve, SEED * 1_000 + number, pace=0.005)
        self.problems = []
        self.hits = collections.Counter()
        self.missed, self.restarts, self.refused_starts = 0, 0, 0
        self.slowest_healing = 0.0
        self.probes = 0

    def run(self):
        try:
            self.varve.start()
            self.ledger.start()
            for number, case in enumerate(self.cases):
                self.one(case)
                if number % 8 == 7 or number == len(self.cases) - 1:
                    self.settle(kill=True)
                if self.problems:
                    break
            self.finish()
        except BaseException as error:
            self.problems.append(f"{error}\n{traceback.format_exc()}")
        finally:
            self.ledger.halt()
            self.shim.clear()
            if self.varve.process and self.varve.process.alive():
                self.varve.kill()

    @staticmethod
    def name(case):
        call, action, error, skip, times = case
        code = errno.errorcode.get(error, "")
        return f"{call} {shim.ACTIONS[action]} {code} after {skip}, {'always' if times < 0 else times} times"

    def arm(self, case):
        call, action, error, skip, times = case
        if call == "link":
            # Used where the file system has no renameat2 with RENAME_NOREPLACE.
            self.shim.rule("renameat2", shim.FAIL, errno.EINVAL, slot=1)
        self.shim.rule(call, action, error, skip=skip, times=times)

    def one(self, case):
        if case[0] in AT_START or self.chance.random() < 0.15:
            self.at_start(case)
            return
        self.arm(case)
        end = time.monotonic() + 1.2
        while self.shim.hits() == 0 and time.monotonic() < end:
            if case[0] == "mkdir":
                self.probe(flush=True)
            time.sleep(0.01)
        if case[4] != 1:
            time.sleep(0.15)
        self.count(case)
        self.shim.clear()
        self.heal(case)

    def count(self, case):
        if self.shim.hits():
            self.hits[case[0]] += 1
        else:
            self.missed += 1

    def at_start(self, case):
        """The fault meets opening and recovery: it serves, or ends with 1 and says which file; then all is there."""
        self.ledger.pause()
        self.varve.kill()
        self.arm(case)
        self.varve.launch()
        end = time.monotonic() + 30
        while self.varve.process.alive() and time.monotonic() < end:
            try:
                if self.varve.is_ready():
                    break
            except NETWORK:
                pass
            time.sleep(0.01)
        self.count(case)
        if not self.varve.process.alive():
            self.refused_starts += 1
            said = self.varve.process.output()[-600:]
            line = said.strip().splitlines()[-1]
            # Damage (3) is another thing than a disk that does not answer: nobody must salvage for that.
            if self.varve.process.process.returncode != 1 or self.folder not in line and "objects" not in line:
                code = self.varve.process.process.returncode
                self.problems.append(f"{self.name(case)} at the start: exit {code}: {line}")
        elif self.chance.random() < 0.5:
            self.shim.clear()
            self.ledger.resume()
            self.heal(case)
            self.ledger.pause()
        self.shim.clear()
        if self.varve.process.alive():
            self.varve.kill()
        self.varve.start()
        self.check(case)
        self.ledger.resume()

    def probe(self, flush=False):
        """Whether a write, a flush and a query succeed. Each is of another day, which makes new directories."""
        self.probes += 1
        body = snappy_literal(series([("__name__", "probe")], [(START - self.probes * DAY, 1.0)]))
        status, answer, _ = self.varve.request("/api/v1/write", data=body, headers=HEADERS)
        if status != 204:
            return answer.decode(errors="replace")
        if flush or self.probes % 4 == 0:
            status, answer, _ = self.varve.request("/api/v1/admin/flush", data=b"", method="POST")
            if status not in (200, 204):
                return answer.decode(errors="replace")
        status, answer, _ = self.varve.request("/api/v1/query", {"query": "probe", "time": START / 1000 + 1})
        return None if status == 200 else answer.decode(errors="replace")

    def heal(self, case):
        began = time.monotonic()
        while True:
            if not self.varve.process.alive():
                self.problems.append(f"{self.name(case)}: the process ended: {self.varve.process.output()[-600:]}")
                return
            trouble = self.probe()
            taken = time.monotonic() - began
            if trouble is None:
                self.slowest_healing = max(self.slowest_healing, taken)
                return
            if taken > HEALING_SECONDS:
                self.problems.append(f"{self.name(case)}: not healed after {taken:.0f} s: {trouble}")
                return
            time.sleep(0.05)

    def check(self, case=None):
        found = self.ledger.problems() + self.ledger.bad_answers()
        self.problems += [f"{self.name(case) if case else 'after a kill'}: {p}" for p in found]

    def settle(self, kill):
        self.ledger.pause()
        if not kill:
            self.check()
        self.varve.kill()
        self.varve.start()
        self.restarts += 1
        self.check()
        self.ledger.resume()

    def finish(self):
        self.ledger.stop()
        self.check()
        if self.problems:
            return
        self.varve.admin("flush")
        self.problems += self.ledger.aggregates_problems()
        if self.varve.stop() != 0:
            self.problems.append("the server did not stop cleanly")
        self.problems += verify(self.varve.data)


def test_faults_of_every_system_call_are_survived(tmp_path):
    everything = cases(random.Random(SEED), FAULTS)
    lanes = []
    for number in range(LANES):
        folder = tmp_path / f"lane{number}"
        folder.mkdir()
        lanes.append(Lane(str(folder), number, everything[number::LANES]))
    began = time.monotonic()
    with keep_when_failing(tmp_path, replay("test_system_calls.py", E2E_SEED=SEED, E2E_FAULTS=FAULTS)):
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
        refusals = {}
        for lane in lanes:
            for w in lane.ledger.writers:
                for text, number in w.refusals.items():
                    kind = re.sub(r"[0-9a-f]*[0-9][0-9a-f]*", "N", text.replace(lane.folder, "…"))[:160]
                    refusals.setdefault(kind, [0, text])[0] += number
        hits = sum((lane.hits for lane in lanes), collections.Counter())
        hit, missed = hits.total(), sum(lane.missed for lane in lanes)
        print(f"\n{hit} faults hit, {missed} did not occur in time, {sum(l.restarts for l in lanes)} kills, "
              f"{sum(l.refused_starts for l in lanes)} starts refused, slowest healing "
              f"{max(l.slowest_healing for l in lanes):.1f} s, "
              f"{time.monotonic() - began:.0f} s\n  {', '.join(f'{call} {hits[call]}' for call in WAYS)}")
        for text, (number, _) in sorted(refusals.items(), key=lambda item: -item[1][0])[:12]:
            print(f"  {number} × 503 {text}")
        problems = [p for lane in lanes for p in lane.problems]
        assert problems == []
        # Every refusal for an I/O error says which file and which error.
        unclear = [text for _, text in refusals.values() if "errno" in text and str(tmp_path) not in text]
        assert unclear == []
        assert hit > FAULTS // 2 and min(hits[call] for call in WAYS) >= FAULTS // 60
    COUNTS.add("system call faults", hit)
    COUNTS.add("kills", sum(lane.restarts for lane in lanes))
    COUNTS.add("samples checked", sum(lane.ledger.checked for lane in lanes))


# What the shim can make fail, as the kernel names it; and calls that change nothing and fail for nothing but our mistakes.
KNOWN = {"openat", "pwrite64", "write", "pread64", "read", "fdatasync", "fsync", "rename", "renameat2", "link", "ftruncate",
         "unlink", "rmdir", "mkdir", "newfstatat", "lstat", "statfs"}
HARMLESS = {"access", "close", "fstat", "fcntl", "getdents64", "lseek", "execve", "readlink", "getcwd"}


def test_no_system_call_on_the_data_directory_escapes(tmp_path):
    """strace lists what a server does to its directory in its lives: every call of it is one that the shim knows."""
    if shutil.which("strace") is None:
        pytest.skip("strace")
    trace = tmp_path / "trace"
    data = str(tmp_path / "data")
    found = set()
    varve = Varve(
        data, str(tmp_path / "varve.log"), "--flush-size", "1MiB",
        before=["strace", "-f", "-y", "-qq", "-e", "trace=%file,%desc", "-o", str(trace)])
    ledger = Ledger(varve, 1, writers=2)
    for life in range(2):
        try:
            varve.start()
        except AssertionError:
            if "ptrace" in varve.process.output():
                pytest.skip("strace's permission to trace")
            raise
        ledger.resume() if life else ledger.start()
        # Past the middle of the first log segment the next one is made.
        wait_for("a log segment made ahead", lambda: os.path.exists(f"{data}/wal/main/{2:016}.log") or life, 60)
        wait_for("all kinds of work", lambda: all(
            ledger.disturber.done[what] > life for what in ("flush", "compact", "query")), 60)
        ledger.pause()
        assert ledger.problems() == []
        # The child of strace is the server; the first life ends with a kill, so that the second has a log to replay.
        tracer = varve.process.process.pid
        with open(f"/proc/{tracer}/task/{tracer}/children", encoding="utf-8") as f:
            server = int(f.read().split()[0])
        os.kill(server, signal.SIGTERM if life else signal.SIGKILL)
        varve.process.process.wait(60)
        with open(trace, encoding="utf-8", errors="replace") as f:
            found |= {m[1] for line in f if data in line and (m := re.match(r"\d+ +(?:<\.\.\. )?(\w+)", line))}
    ledger.stop()
    print(f"\non the data directory: {', '.join(sorted(found))}")
    assert {"openat", "pwrite64", "fdatasync", "fsync", "renameat2", "rename", "unlink", "pread64"} <= found
    assert found - KNOWN - HARMLESS == set()


def test_the_harness_catches_a_write_that_never_happened(tmp_path):
    """A planted bug: a few writes of the log say that they succeeded and did nothing."""
    with shim.Shim(tmp_path, root=str(tmp_path / "data")) as lies:
        varve = Varve(str(tmp_path / "data"), str(tmp_path / "varve.log"), env=lies.env).start()
        ledger = Ledger(varve, 1, writers=2, series_writers=0)
        ledger.disturber.choices = ("query",)
        ledger.start()
        wait_for("some writes", lambda: ledger.acknowledged > 1_000)
        lies.rule("write", shim.LIE, path="/wal/", times=3)
        wait_for("the lies", lambda: lies.hits() == 3)
        ledger.pause()
        varve.kill()
        try:
            varve.start()
            found = ledger.problems()
        except AssertionError as refusal:
            found = [str(refusal)]
        ledger.halt()
        if varve.process.alive():
            varve.kill()
    assert found, "three writes did not happen, and nobody noticed"
    COUNTS.add("planted bugs caught")
