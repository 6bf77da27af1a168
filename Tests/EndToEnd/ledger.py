"""What was sent and what was acknowledged: every harness that breaks something compares the server with this.

Several writers (`writers.py` says what must hold of each) and one who disturbs, against one server. Counts and sums are
asked by PromQL and, over the live files, by DuckDB.
"""
import collections
import json
import math
import os
import random
import subprocess
import threading

import duckdb
from servers import VARVE
from writers import (ABSENT, ACKNOWLEDGED, DAY, NETWORK, START, UNKNOWN, ExpiredWriter,  # noqa: F401
                     SeriesWriter, Writer)


class Disturber(threading.Thread):
    """Flushes, compacts and queries at random, so that faults fall into all of it.

    A query is answered rightly or with an error, never in part (note 17 of the matrix): of what was settled the count
    is known.
    """

    def __init__(self, varve, writers, seed=0, pause=(0.02, 0.25), choices=("flush", "flush", "compact", "query")):
        super().__init__(daemon=True)
        self.varve, self.writers, self.pause, self.choices = varve, writers, pause, choices
        self.stopping, self.going = threading.Event(), threading.Event()
        self.going.set()
        self.random = random.Random(seed)
        self.done, self.failed = collections.Counter(), collections.Counter()
        self.partial = []
        self.working = threading.Lock()

    def run(self):
        while not self.stopping.is_set():
            if self.going.wait(0.1):
                with self.working:
                    if self.going.is_set():
                        self.once(self.random.choice(self.choices))
            self.stopping.wait(self.random.uniform(*self.pause))

    def once(self, what):
        try:
            if what == "query":
                self.ask()
                return
            status, answer, _ = self.varve.request(f"/api/v1/admin/{what}", data=b"", method="POST")
            self.note(what, status, answer)
        except NETWORK:
            pass

    def note(self, what, status, answer):
        if status in (200, 204):
            self.done[what] += 1
        else:
            self.failed[f"{what}: {status} {answer.decode(errors='replace')[:300]}"] += 1

    def ask(self):
        writer = self.random.choice(self.writers)
        anchor = None if isinstance(writer, ExpiredWriter) else writer.anchor
        expression, at, expected = anchor or ("count(ledger)", START / 1000, None)
        status, answer, _ = self.varve.request("/api/v1/query", {"query": expression, "time": f"{at:.3f}"})
        self.note("query", status, answer)
        if status == 200 and expected:
            result = json.loads(answer)["data"]["result"]
            found = int(result[0]["value"][1]) if result else 0
            # A request that was settled as absent may be there by now: it was sent again.
            if found < expected:
                self.partial.append(f"{expression} at {at} is {found}, and was {expected}")


class Ledger:
    """Several writers and a disturber against one server."""

    def __init__(self, varve, seed=0, writers=3, series_writers=1, expired=0, repeats=True, start=START, span=None,
                 **options):
        self.varve, self.seed = varve, seed
        self.writers = [
            Writer(varve, n, seed=seed, start=start + n * (DAY if span is None else 0), repeats=repeats, **options)
            for n in range(writers)]
        self.writers += [
            SeriesWriter(varve, writers + n, seed=seed, start=start, repeats=repeats) for n in range(series_writers)]
        for w in self.writers if span else []:
            w.span = span
        self.writers += [
            ExpiredWriter(varve, 100 + n, seed=seed, start=start - 3 * DAY, repeats=repeats, pace=0.05)
            for n in range(expired)]
        self.disturber = Disturber(varve, self.writers, seed)
        self.checked = 0
        # Labels besides the writer that tell its series apart.
        self.columns = [
            column for column, kind in (("series", Writer), ("id", SeriesWriter))
            if any(type(w) is kind for w in self.writers)]

    @property
    def threads(self):
        return [*self.writers, self.disturber]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def pause(self):
        """Returns when nothing is on its way any more."""
        for thread in self.threads:
            thread.going.clear()
        for lock in [w.sending for w in self.writers] + [self.disturber.working]:
            with lock:
                pass

    def resume(self):
        for thread in self.threads:
            thread.going.set()

    def stop(self):
        for thread in self.threads:
            thread.stopping.set()
        for thread in self.threads:
            thread.join(timeout=90)
            assert not thread.is_alive(), "a request is not answered"

    def halt(self):
        """Whatever happens to it: nothing more is sent."""
        for thread in self.threads:
            thread.stopping.set()

    def problems(self, prefix=False):
        """How the server differs from the ledger. Nothing may be on its way; what was unknown is settled."""
        found = []
        for w in self.writers:
            found += w.problems(self.varve, prefix)
            self.checked += w.acknowledged
        return found

    def bad_answers(self):
        return [answer for w in self.writers for answer in w.bad_answers][:5] + self.disturber.partial[:5]

    @property
    def acknowledged(self):
        return sum(w.acknowledged for w in self.writers)

    def counted_by_duckdb(self):
        """{(metric, writer): (count, sum)} of the live files, as an analyst would ask."""
        listed = subprocess.run(
            [VARVE, "inspect", "--files", "--data", self.varve.data], capture_output=True, text=True, check=True).stdout
        names = [line.split()[-1] for line in listed.splitlines() if line.strip().endswith(".parquet")]
        folder = os.path.join(self.varve.data, "objects")
        paths = {
            table: ", ".join(f"'{os.path.join(folder, name)}'" for name in names if name.startswith(table))
            for table in ("samples/", "series/")}
        if not paths["samples/"]:
            return {}
        # The same sample may lie in several files until they are merged, and under two ids of one label set when it was
        # sent again after a crash: the highest seq wins.
        return {(metric, int(writer)): (count, total) for metric, writer, count, total in duckdb.connect().execute(f"""
            with labels as (select distinct segment, series_id, writer, coalesce({', '.join(self.columns)}) as name
                            from read_parquet([{paths['series/']}], union_by_name = true) where writer is not null),
                 latest as (select metric, writer, name, timestamp,
                                   arg_max(coalesce(value_float, value_int / value_divisor), seq) as value
                            from read_parquet([{paths['samples/']}])
                            join labels using (segment, series_id) group by all)
            select metric, writer, count(*), sum(value) from latest group by all""").fetchall()}

    def aggregates_problems(self):
        """Counts and sums by PromQL and by DuckDB over the live files. Settle and flush first."""
        found, rows = [], {}
        for attempt in range(10):
            try:
                rows = self.counted_by_duckdb()
                break
            except duckdb.IOException:
                # A merge replaced a file between the listing and the reading.
                if attempt == 9:
                    raise
        for w in self.writers:
            if isinstance(w, ExpiredWriter):
                continue
            count, total = w.expected()
            end = w.start_time + w.steps * w.span
            selector = f'{w.metric}{{writer="{w.number}"}}[{w.steps * w.span + w.span}ms]'
            for name, expected, theirs in (("count", count, rows.get((w.metric, w.number), (0, 0))[0]),
                                           ("sum", total, rows.get((w.metric, w.number), (0, 0))[1])):
                answer = self.varve.query(f"sum({name}_over_time({selector}))", end / 1000)["result"]
                asked = float(answer[0]["value"][1]) if answer else 0.0
                if not math.isclose(asked, expected, rel_tol=1e-9):
                    found.append(f"PromQL's {name} of writer {w.number} is {asked}, the ledger's {expected}")
                if not math.isclose(theirs, expected, rel_tol=1e-9):
                    found.append(f"DuckDB's {name} of writer {w.number} is {theirs}, the ledger's {expected}")
        return found


def verify(data):
    """`varve verify` on a directory: what it complains about."""
    checked = subprocess.run([VARVE, "verify", "--data", data], capture_output=True, text=True)
    return [] if checked.returncode == 0 else [checked.stdout + checked.stderr]
