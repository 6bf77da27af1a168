"""Kills the server at random moments: what it acknowledged is there afterwards, and nothing else.

Kills fall into load, flushes, compactions and queries, into starts and replays, and into closing. The server's options
are drawn anew at every start: no combination may change an answer.

    E2E_KILLS    kills in all (default 100)
    E2E_SEED     which random moments and options (default 1)
"""
import os
import random
import signal
import time

import pytest
from bodies import series, snappy_literal
from counts import COUNTS, keep_when_failing, replay
from ledger import ABSENT, ACKNOWLEDGED, START, UNKNOWN, Ledger, verify
from servers import Varve, wait_for

KILLS = int(os.environ.get("E2E_KILLS", "100"))
SEED = int(os.environ.get("E2E_SEED", "1"))
ROUNDS = 4


def options(chance, retention=False):
    flags = []
    if chance.random() < 0.8:
        flags += ["--flush-age", chance.choice(["1s", "2s", "10m"])]
    if chance.random() < 0.7:
        flags += ["--flush-size", chance.choice(["1MiB", "2MiB", "64MiB"])]
    if chance.random() < 0.3:
        flags += ["--memory-limit", chance.choice(["512MiB", "1GiB"])]
    if retention:
        flags += ["--retention", chance.choice(["2h", "1d", "0"])]
    return flags


def kill_somewhere(varve, ledger, chance):
    """One kill; which kind."""
    time.sleep(chance.uniform(0, 1) ** 2 * 1.2)
    kind = chance.choices(["load", "close", "start"], [5, 2, 3])[0]
    if kind == "close":
        varve.process.process.send_signal(signal.SIGTERM)
        time.sleep(chance.uniform(0, 0.12))
    if kind == "start":
        # Killed twice: the second one falls into opening and replay.
        varve.kill()
        varve.launch()
        time.sleep(chance.uniform(0, 0.15))
    varve.kill()
    return kind


@pytest.mark.parametrize("number", range(ROUNDS))
def test_kills_lose_nothing_acknowledged(tmp_path, number):
    seed = SEED * ROUNDS + number
    chance = random.Random(seed)
    # Every other round has retention: its samples are of the last minutes, and others long expired.
    retention = number % 2 == 1
    start = int(time.time() * 1000) - 50 * 60_000 if retention else START
    span = 20 if retention else None
    varve = Varve(str(tmp_path / "data"), str(tmp_path / "varve.log"), *options(chance, retention))
    with keep_when_failing(tmp_path, replay("test_kill.py", E2E_SEED=SEED)):
        varve.start()
        ledger = Ledger(varve, seed, start=start, span=span, expired=1 if retention else 0).start()
        kinds, restarts = [], []
        kills = KILLS // ROUNDS + (number < KILLS % ROUNDS)
        for kill in range(kills):
            kinds.append(kill_somewhere(varve, ledger, chance))
            varve.flags = options(chance, retention)
            begin = time.monotonic()
            varve.start()
            restarts.append(time.monotonic() - begin)
            if chance.random() < 0.25 or kill == kills - 1:
                ledger.pause()
                assert ledger.problems() == []
                ledger.resume()
        wait_for("a flush, a compaction and a query between the kills", lambda: all(
            ledger.disturber.done[what] for what in ("flush", "compact", "query")), 20)
        ledger.stop()
        assert ledger.bad_answers() == []
        assert ledger.problems() == []
        # Once more after a kill with nobody writing; then when everything is in merged files, as others read them.
        varve.kill()
        varve.start()
        assert ledger.problems() == []
        varve.admin("flush")
        assert ledger.aggregates_problems() == []
        varve.admin("compact")
        assert ledger.problems() + ledger.aggregates_problems() == []
        assert varve.stop() == 0
        assert verify(varve.data) == []
    assert ledger.acknowledged > 1_000
    COUNTS.add("kills", kills + 1 + kinds.count("start"))
    COUNTS.add("samples checked", ledger.checked)
    print(f"\nseed {seed}: {ledger.acknowledged} samples acknowledged, {kills} kills "
          f"({', '.join(f'{kinds.count(k)} {k}' for k in sorted(set(kinds)))}), slowest start {max(restarts):.2f} s, "
          f"slowest write {max(w.slowest for w in ledger.writers):.2f} s, {dict(ledger.disturber.done)}")


def test_the_ledger_sees_what_is_lost_changed_torn_or_invented(tmp_path):
    """A harness that cannot fail proves nothing: the ledger is changed, the database is right."""
    varve = Varve(str(tmp_path / "data"), str(tmp_path / "varve.log")).start()
    ledger = Ledger(varve, 5, writers=1, series_writers=0, repeats=False, bulk=0).start()
    writer = ledger.writers[0]
    wait_for("some requests", lambda: len(writer.requests) > 10)
    ledger.stop()
    assert ledger.problems() == []
    first = writer.requests[5][0]

    def says(text, prefix=False):
        found = ledger.problems(prefix)
        assert any(p.startswith(text) for p in found), (text, found)

    writer.requests[5][2] = ABSENT
    says("invented: writer 0 requests [5]")
    assert ledger.problems() == []
    # Acknowledged and never sent; then half of it; then a later one, which leaves a hole.
    at, number = writer.steps, len(writer.requests)
    writer.requests.append([at, at + 3, ACKNOWLEDGED])
    says(f"lost: writer 0 requests [{number}]")
    assert writer.post(writer.body(at, at + 1))[0] == 204
    writer.requests[number][2] = UNKNOWN
    says(f"torn: writer 0 request {number} (unknown) has 5 of 15 samples")
    assert writer.post(writer.body(at + 1, at + 3))[0] == 204
    says(f"invented: writer 0 requests [{number}]")
    for _ in range(2):
        writer.requests.append([writer.steps, writer.steps + 1, ACKNOWLEDGED])
    assert writer.post(writer.body(writer.steps - 1, writer.steps))[0] == 204
    says(f"hole: writer 0 request {number + 1} is gone and a later one is there", prefix=True)
    writer.requests[3][2] = ACKNOWLEDGED
    writer.requests[number + 1][2] = ACKNOWLEDGED
    says(f"lost: writer 0 request {number + 1}, settled before", prefix=True)
    # Another value; a series of nobody.
    wrong = snappy_literal(
        series([("__name__", "ledger"), ("series", "2"), ("writer", "0")], [(int(writer.times(first)), 0.125)])
        + series([("__name__", "ledger"), ("series", "77"), ("writer", "0")], [(int(writer.times(first)), 1)]))
    assert writer.post(wrong)[0] == 204
    says(f"changed: writer 0 series 2 step {first} is 0.125, 1 in all")
    says("invented: the series")
    varve.admin("flush")
    assert any(p.startswith("DuckDB's count") for p in ledger.aggregates_problems())
    varve.kill()
    COUNTS.add("planted bugs caught", 8)
