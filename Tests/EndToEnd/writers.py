"""Senders that keep the ledger of what they sent, and what the server has of it.

- The value of a sample is a function of writer, series and step, so that a changed one shows by itself.
- A request is wholly there or wholly absent (law A2): all its series at all its steps.
- Acknowledged: must be there. Unknown (asked, no success came): there or not. Anything else must not be there.
- What a recovered server shows is settled: an unknown request that is seen stays, one that is not seen never comes back
  unless it is sent again.
- Law A4 (`interval`, `os`): what survives a loss of power is a prefix of each writer's requests.
"""
import collections
import http.client
import math
import random
import socket
import threading
import time
import urllib.error

import numpy as np
from bodies import HEADERS, field, float_samples, series, snappy_literal

DAY = 86_400_000
START = 1_700_000_000_000
ABSENT, UNKNOWN, ACKNOWLEDGED = 0, 1, 2
NETWORK = (OSError, urllib.error.URLError, http.client.HTTPException)


def values(writer, number, steps):
    """The one value that this series may have at each of these steps: whole numbers, decimals or arbitrary bits."""
    steps = np.atleast_1d(np.asarray(steps, dtype=np.uint64))
    mixed = steps * np.uint64(0x9E3779B97F4A7C15) + np.uint64(writer * 1_000_003 + number)
    kind = number % 3
    if kind == 0:
        return (mixed >> np.uint64(40)).astype(np.float64)
    if kind == 1:
        return (mixed >> np.uint64(44)).astype(np.float64) / 100
    return (mixed ^ (mixed >> np.uint64(31))).astype(np.float64) / 2.0**64


class Writer(threading.Thread):
    """Writes its own series, some steps per request, and keeps the ledger of them.

    An unknown request is sent again whole, sometimes after newer ones: repeats are harmless. With `repeats` off it never
    is, and the order of the requests is the order in which the server took them.
    """

    metric = "ledger"
    span = 1_000

    def __init__(self, varve, number, seed=0, count=5, start=START, repeats=True, bulk=0.02, pace=0.0, limit=200_000):
        super().__init__(daemon=True)
        self.varve, self.number, self.count, self.start_time = varve, number, count, start
        self.repeats, self.bulk, self.pace, self.limit = repeats, bulk, pace, limit
        self.random = random.Random((seed << 16) + number)
        self.requests = []  # [first step, one past the last, state], steps ascending without gaps
        self.settled = 0  # requests before it: settled once already
        self.waiting = collections.deque()  # indices of unknown requests
        self.refusals = collections.Counter()
        self.answers = collections.Counter()
        self.bad_answers = []
        self.slowest = 0.0
        self.going, self.stopping = threading.Event(), threading.Event()
        self.sending = threading.Lock()
        self.connection = None
        self.anchor = None
        self.going.set()

    # What is sent

    def times(self, steps):
        return self.start_time + np.asarray(steps, dtype=np.int64) * self.span

    def body(self, first, end):
        steps = np.arange(first, end)
        times = self.times(steps)
        return snappy_literal(b"".join(
            field(1, b"".join(field(1, field(1, k) + field(2, v)) for k, v in (
                (b"__name__", self.metric.encode()), (b"series", b"%d" % i), (b"writer", b"%d" % self.number)))
                + float_samples(times, values(self.number, i, steps)))
            for i in range(self.count)))

    def size(self):
        return self.random.randint(50, 400) if self.random.random() < self.bulk else self.random.randint(1, 5)

    def choose(self):
        """The index of the request to send next."""
        if self.repeats and self.waiting and self.random.random() < 0.5:
            return self.waiting.popleft()
        if self.repeats and self.requests and self.random.random() < 0.02:
            return self.random.randrange(len(self.requests))
        first = self.requests[-1][1] if self.requests else 0
        self.requests.append([first, first + self.size(), UNKNOWN])
        return len(self.requests) - 1

    def run(self):
        while not self.stopping.is_set():
            if not self.going.wait(0.1):
                continue
            with self.sending:
                if self.going.is_set() and not self.stopping.is_set():
                    self.send(self.choose())
            if self.pace:
                time.sleep(self.pace)
            if self.requests and self.requests[-1][1] > self.limit:
                return

    def send(self, index):
        first, end, state = self.requests[index]
        if state == ABSENT:
            state = self.requests[index][2] = UNKNOWN
        began = time.monotonic()
        try:
            status, answer, headers = self.post(self.body(first, end))
        except NETWORK:
            self.connection = None
            self.answers["none"] += 1
            self.put_back(index, state)
            time.sleep(0.01)  # no server to talk to: not a synchronisation, only less noise
            return
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.answers[status] += 1
        if status in (200, 204):
            self.requests[index][2] = ACKNOWLEDGED
            return
        self.put_back(index, state)
        text = answer.decode(errors="replace").strip()
        self.refusals[text[:300]] += 1
        if status != 503 or "retry-after" not in headers or len(text) < 10:
            self.bad_answers.append((status, headers, text[:300]))
        time.sleep(0.01)

    def put_back(self, index, state):
        # One that was acknowledged stays so whatever happens to a repeat.
        if state == UNKNOWN and self.repeats:
            self.waiting.append(index)

    def post(self, body):
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.varve.port, timeout=60)
            self.connection.connect()
            self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.request("POST", "/api/v1/write", body, HEADERS)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.will_close:
            self.connection.close()
            self.connection = None
        return answer.status, text, {k.lower(): v for k, v in answer.getheaders()}

    # What is compared

    @property
    def steps(self):
        return self.requests[-1][1] if self.requests else 0

    @property
    def acknowledged(self):
        return sum(end - first for first, end, state in self.requests if state == ACKNOWLEDGED) * self.count

    def read(self, varve):
        """What the server has: (present, values), both series × steps. Anything that is nobody's is a problem."""
        present = np.zeros((self.count, self.steps), dtype=bool)
        found = np.zeros((self.count, self.steps))
        problems = []
        end = self.start_time + self.steps * self.span
        selector = f'{self.metric}{{writer="{self.number}"}}[{end - self.start_time + self.span}ms]'
        for one in varve.query(selector, end / 1000)["result"]:
            number = int(one["metric"].get("series", -1))
            if not 0 <= number < self.count or set(one["metric"]) != {"__name__", "series", "writer"}:
                problems.append(f"invented: the series {one['metric']}")
                continue
            times = np.array([round(t * 1000) for t, _ in one["values"]], dtype=np.int64) - self.start_time
            steps = times // self.span
            if (times % self.span).any() or (steps < 0).any() or (steps >= self.steps).any():
                problems.append(f"invented: samples of {one['metric']} at times that nobody sent")
                continue
            present[number, steps] = True
            found[number, steps] = [float(text) for _, text in one["values"]]
        return present, found, problems

    def problems(self, varve, prefix=False):
        """How the server differs from the ledger; settles what was unknown. With `prefix`, the last may be lost (A4)."""
        if not self.requests:
            return []
        present, found, problems = self.read(varve)
        name = f"writer {self.number}"
        for i in range(self.count):
            wrong = present[i] & (found[i] != values(self.number, i, np.arange(self.steps)))
            if wrong.any():
                step = int(np.argmax(wrong))
                problems.append(
                    f"changed: {name} series {i} step {step} is {float(found[i, step])!r}, {int(wrong.sum())} in all")
        starts = np.array([first for first, _, _ in self.requests])
        lengths = np.array([end - first for first, end, _ in self.requests])
        states = np.array([state for _, _, state in self.requests])
        counted = np.add.reduceat(present.sum(axis=0), starts)
        whole = counted == lengths * self.count
        none = counted == 0
        for index in np.flatnonzero(~whole & ~none)[:3]:
            problems.append(
                f"torn: {name} request {index} ({['absent', 'unknown', 'acknowledged'][states[index]]}) has "
                f"{counted[index]} of {lengths[index] * self.count} samples")
        lost = (states == ACKNOWLEDGED) & ~whole
        invented = (states == ABSENT) & ~none
        if prefix:
            # What was settled as there was synced by that recovery: it stays.
            problems += [f"lost: {name} request {i}, settled before" for i in np.flatnonzero(lost[:self.settled])[:3]]
            # One that was refused may be absent and its successors there; one that was acknowledged may not.
            gone = np.flatnonzero(lost[self.settled:])
            after = np.flatnonzero(whole[self.settled:])
            if gone.size and after.size and after[-1] > gone[0]:
                problems.append(
                    f"hole: {name} request {self.settled + gone[0]} is gone and a later one is there "
                    f"({self.settled + after[-1]} of {len(self.requests)})")
        elif lost.any():
            problems.append(f"lost: {name} requests {np.flatnonzero(lost)[:5].tolist()}, {int(lost.sum())} in all")
        if invented.any():
            problems.append(f"invented: {name} requests {np.flatnonzero(invented)[:5].tolist()}")
        for index, request in enumerate(self.requests):
            request[2] = ACKNOWLEDGED if whole[index] else ABSENT
        self.settled = len(self.requests)
        self.waiting = collections.deque(i for i, r in enumerate(self.requests) if self.repeats and r[2] == ABSENT)
        self.anchor = self.count_of_settled()
        return problems

    def count_of_settled(self):
        """(expression, time, answer): what was settled has one right answer from then on, whatever else is written."""
        selector = f'{self.metric}{{writer="{self.number}"}}[{self.steps * self.span + self.span}ms]'
        end = (self.start_time + self.steps * self.span - self.span) / 1000
        return f"sum(count_over_time({selector}))", end, self.acknowledged

    def expected(self):
        """(count, sum) over everything that must be there; exact only when nothing is unknown."""
        count, total = 0, 0.0
        for first, end, state in self.requests:
            if state == ACKNOWLEDGED:
                steps = np.arange(first, end)
                count += (end - first) * self.count
                total += math.fsum(float(values(self.number, i, steps).sum()) for i in range(self.count))
        return count, total


class SeriesWriter(Writer):
    """Every step is a series of its own, with long labels: the log and the label index grow quickly."""

    metric = "ledger_series"

    def __init__(self, varve, number, **options):
        super().__init__(varve, number, count=1, bulk=0, **options)

    def size(self):
        return self.random.randint(1, 3)

    def body(self, first, end):
        return snappy_literal(b"".join(
            series(
                [("__name__", self.metric), ("id", str(step)), ("pad", self.pad(step)), ("writer", str(self.number))],
                [(int(self.times(step)), float(values(self.number, 0, step)[0]))])
            for step in range(first, end)))

    @staticmethod
    def pad(step):
        return f"{step:x}-" * (step * 7919 % 1_500)

    def read(self, varve):
        present = np.zeros((1, self.steps), dtype=bool)
        found = np.zeros((1, self.steps))
        problems = []
        end = self.start_time + self.steps * self.span
        window = end - self.start_time + self.span
        selector = f'{self.metric}{{writer="{self.number}"}}[{window}ms]'
        count = varve.query(f"sum by (id) (count_over_time({selector}))", end / 1000)["result"]
        for one in varve.query(f"sum by (id) (sum_over_time({selector}))", end / 1000)["result"]:
            step = int(one["metric"].get("id", -1))
            if not 0 <= step < self.steps:
                problems.append(f"invented: the series {one['metric']}")
                continue
            present[0, step] = True
            found[0, step] = float(one["value"][1])
        problems += [
            f"invented: {one['metric']} has {one['value'][1]} samples" for one in count if one["value"][1] != "1"]
        return present, found, problems


class ExpiredWriter(Writer):
    """Writes what retention may refuse or take away at any time: its samples are right or absent, no more."""

    metric = "ledger_expired"

    def send(self, index):
        super().send(index)
        self.bad_answers = [answer for answer in self.bad_answers if answer[0] != 400]

    def problems(self, varve, prefix=False):
        allowed = ("lost:", "torn:", "hole:", "invented: writer")
        return [p for p in super().problems(varve, prefix) if not p.startswith(allowed)]
