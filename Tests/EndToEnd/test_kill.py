"""Kills the server at random moments under load: what it acknowledged is there afterwards, and nothing else."""
import http.client
import os
import random
import threading
import time
import urllib.error

from bodies import HEADERS, series, snappy_literal
from servers import Varve

WRITERS = 4
SERIES_PER_WRITER = 5
START = 1_700_000_000_000
STEP = 1_000
KILLS = int(os.environ.get("E2E_KILLS", "10"))


def value(writer, number, time_ms):
    """The one value that this series may have at this time."""
    return float((writer * 1_000_003 + number * 7_919 + time_ms // STEP * 31) % 1_000_000_007)


class Writer(threading.Thread):
    """Writes its own series, one time step per request, and keeps the ledger: acknowledged, or asked and unknown.

    A step that got no answer is sent again, sometimes after newer ones: repeats are harmless.
    """

    def __init__(self, varve, number):
        super().__init__(daemon=True)
        self.varve, self.number = varve, number
        self.acknowledged, self.unknown = set(), set()
        self.stopping = threading.Event()
        self.refusals = []
        self.random = random.Random(number)

    def body(self, times):
        return snappy_literal(b"".join(
            series(
                [("__name__", "killed"), ("series", str(i)), ("writer", str(self.number))],
                [(t, value(self.number, i, t)) for t in times])
            for i in range(SERIES_PER_WRITER)))

    def run(self):
        step = 0
        while not self.stopping.is_set():
            count = self.random.randint(1, 5)
            times = [START + (step + i) * STEP for i in range(count)]
            step += count
            again = [t for t in sorted(self.unknown)[:3] if self.random.random() < 0.5]
            times = sorted(set(times + again))
            self.unknown.update(times)
            try:
                status, answer, _ = self.varve.request("/api/v1/write", data=self.body(times), headers=HEADERS)
            except (OSError, urllib.error.URLError, http.client.HTTPException):
                time.sleep(0.02)  # no server to talk to: not a synchronisation, only less noise
                continue
            if status in (200, 204):
                self.acknowledged.update(times)
                self.unknown.difference_update(times)
            elif status != 503:
                self.refusals.append((status, answer[:200]))


class Disturber(threading.Thread):
    """Flushes, compacts and queries at random, so that kills fall into all of it."""

    def __init__(self, varve):
        super().__init__(daemon=True)
        self.varve = varve
        self.stopping = threading.Event()
        self.random = random.Random(99)
        self.done = {"flush": 0, "compact": 0, "query": 0}

    def run(self):
        while not self.stopping.is_set():
            what = self.random.choice(["flush", "flush", "compact", "query"])
            try:
                if what == "query":
                    self.varve.query("count(killed)", START / 1000)
                else:
                    self.varve.admin(what)
                self.done[what] += 1
            except (OSError, urllib.error.URLError, http.client.HTTPException, AssertionError):
                pass
            self.stopping.wait(self.random.uniform(0.02, 0.25))


def stored(varve, last):
    """Every sample in the database: {(writer, series): {time: value}}."""
    found = {}
    window = 10_000
    for start in range(START, last + STEP, window * STEP):
        end = min(start + (window - 1) * STEP, last + STEP)
        # A range selector gives the samples themselves, nothing interpolated.
        at = end / 1000
        result = varve.query(f"killed[{(end - start) // 1000 + 1}s]", at)["result"]
        for one in result:
            key = (int(one["metric"]["writer"]), int(one["metric"]["series"]))
            samples = found.setdefault(key, {})
            for when, text in one["values"]:
                moment = round(when * 1000)
                assert samples.get(moment, float(text)) == float(text), "one sample with two values"
                samples[moment] = float(text)
    return found


def problems(varve, writers):
    last = max([max(w.acknowledged | w.unknown, default=START) for w in writers])
    found = stored(varve, last)
    wrong = []
    for w in writers:
        for i in range(SERIES_PER_WRITER):
            samples = found.pop((w.number, i), {})
            wrong += [f"lost: {w.number}/{i} at {t}" for t in w.acknowledged if t not in samples]
            for t, v in samples.items():
                if t not in w.acknowledged and t not in w.unknown:
                    wrong.append(f"invented: {w.number}/{i} at {t}")
                elif v != value(w.number, i, t):
                    wrong.append(f"changed: {w.number}/{i} at {t} is {v}")
    wrong += [f"invented series {key}" for key in found]
    return wrong, sum(len(w.acknowledged) for w in writers) * SERIES_PER_WRITER


def whole(varve, writers):
    """Each request carried all series of its writer: they must all show the same times."""
    found = stored(varve, max(max(w.acknowledged | w.unknown) for w in writers))
    return all(
        len({frozenset(found.get((w.number, i), {})) for i in range(SERIES_PER_WRITER)}) == 1 for w in writers)


def test_kills_lose_nothing_acknowledged(tmp_path):
    chance = random.Random(int(os.environ.get("E2E_SEED", "1")))
    varve = Varve(str(tmp_path / "data"), str(tmp_path / "varve.log"), "--flush-age", "1s").start()
    writers = [Writer(varve, n) for n in range(WRITERS)]
    disturber = Disturber(varve)
    for thread in [*writers, disturber]:
        thread.start()
    restarts = []
    for kill in range(KILLS):
        time.sleep(chance.uniform(0.1, 2.0))  # the random moment
        varve.kill()
        begin = time.monotonic()
        varve.start()
        restarts.append(time.monotonic() - begin)
        if kill % 3 == 2:
            for w in writers:
                assert w.is_alive() and w.acknowledged
    for thread in [*writers, disturber]:
        thread.stopping.set()
    for thread in [*writers, disturber]:
        thread.join(timeout=60)
        assert not thread.is_alive()
    assert [w.refusals for w in writers] == [[]] * WRITERS

    wrong, count = problems(varve, writers)
    assert wrong[:10] == [] and count > 1_000
    assert whole(varve, writers)
    # Once more after a kill with nobody writing, and after everything is in merged files.
    varve.kill()
    varve.start()
    assert problems(varve, writers)[0][:10] == []
    varve.admin("flush")
    varve.admin("compact")
    assert problems(varve, writers)[0][:10] == []
    assert whole(varve, writers)
    assert disturber.done["flush"] > 0 and disturber.done["query"] > 0
    assert varve.stop() == 0
    print(f"{count} samples acknowledged, {KILLS} kills, slowest start {max(restarts):.2f} s, {disturber.done}")
