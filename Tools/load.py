"""Load that costs its sender little, and what each process of a machine costs: for `overload.py`.

Clients run on the server's own processors here, elsewhere they would not: bodies are made before they are wanted, answers are
not looked at, and `Meter` says which part of the machine was left to the server and its senders.
"""
import collections
import http.client
import multiprocessing
import os
import random
import socket
import struct
import sys
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "Tests", "EndToEnd"))
import numpy as np  # noqa: E402
from bodies import HEADERS, field, varint  # noqa: E402

# Midnight: what a scene sends, a second further each time, stays within a day, so that all of it is in one segment.
START = 1_700_006_400_000
STEP = 1_000
forked = multiprocessing.get_context("fork")


class Template:
    """A body of `count` series with one sample each; `at` patches the time into every one of them, `renamed` the number
    that stands first in each series' last label."""

    def __init__(self, metric, sender, count, first=0):
        raw, places, names = bytearray(), [], []
        for i in range(first, first + count):
            labels = b"".join(field(1, field(1, k) + field(2, v)) for k, v in (
                (b"__name__", metric.encode()), (b"instance", b"host-%04d" % (i // 100)), (b"job", b"sender-%d" % sender),
                (b"series", b"000000-%07d" % i)))
            # The time stands in the last six bytes of the series, before it 9 of the value and 3 that lead up to it.
            sample = field(2, b"\x09" + struct.pack("<d", i) + b"\x10" + bytes(6))
            raw += field(1, labels + sample)
            places.append(len(raw) - 6)
            names.append(len(raw) - len(sample) - 14)
        self.count = count
        framed = bytearray(varint(len(raw)))
        where = np.empty(len(raw), dtype=np.int64)
        for at in range(0, len(raw), 1 << 16):
            piece = raw[at:at + (1 << 16)]
            framed += bytes([61 << 2]) + struct.pack("<H", len(piece) - 1)
            where[at:at + len(piece)] = len(framed) + np.arange(len(piece))
            framed += piece
        self.bytes = np.frombuffer(bytes(framed), dtype=np.uint8).copy()
        self.places = where[np.array(places)[:, None] + np.arange(6)]
        self.names = where[np.array(names)[:, None] + np.arange(6)]

    def at(self, milliseconds):
        digits = [(milliseconds >> 7 * i & 0x7F) | (0x80 if i < 5 else 0) for i in range(6)]
        self.bytes[self.places] = np.array(digits, dtype=np.uint8)
        return self.bytes.tobytes()

    def renamed(self, number):
        """Other series altogether; for a template that is used with one time."""
        self.bytes[self.names] = np.frombuffer(b"%06d" % number, dtype=np.uint8)
        return self.bytes.tobytes()


class Sender(forked.Process):
    """Sends one body after the other until told to stop, or a backlog of `bodies`; waits after a 503 as it is told, if `polite`.

    - `accepted` counts samples while it runs.
    - `fresh`: every body has series that were never there; `resting` while it is set, nothing is sent.
    """

    def __init__(self, port, number, metric="flood", series=2_000, bodies=None, polite=True, pace=0.0, fresh=False):
        super().__init__(daemon=True)
        self.port, self.number, self.metric, self.series = port, number, metric, series
        self.bodies, self.polite, self.pace, self.fresh = bodies, polite, pace, fresh
        self.stopping, self.resting, self.results = forked.Event(), forked.Event(), forked.Queue()
        self.accepted, self.refused = forked.Value("q", 0, lock=False), forked.Value("q", 0, lock=False)

    def run(self):
        template = Template(self.metric, self.number, self.series)
        template.at(START)
        statuses, slowest, step, connection, advised, times = collections.Counter(), 0.0, 0, None, 0, []
        words = ""
        while not self.stopping.is_set() and (self.bodies is None or step < self.bodies):
            if self.resting.is_set():
                time.sleep(0.02)
                continue
            body = template.renamed(step) if self.fresh else template.at(START + step * STEP)
            sent = time.monotonic()
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                connection.request("POST", "/api/v1/write", body, HEADERS)
                answer = connection.getresponse()
                text = answer.read()
                statuses[answer.status] += 1
                if answer.status == 204:
                    self.accepted.value += self.series
                elif answer.status == 400:
                    self.refused.value += self.series
                    words = text.decode()
                if answer.status == 204 or self.fresh:
                    step += 1
                if answer.status == 503:
                    advised += answer.headers.get("Retry-After") is not None
                    if self.polite:
                        time.sleep(random.uniform(0.5, 1) * float(answer.headers.get("Retry-After", 1)))
            except OSError:
                statuses["cut"] += 1
                connection = None
                time.sleep(0.1)
            taken = time.monotonic() - sent
            times.append(taken)
            slowest = max(slowest, taken)
            if self.pace:
                time.sleep(max(0, self.pace - taken))
        self.results.put((dict(statuses), step, slowest, advised, words, sorted(times)[int(len(times) * 0.99)] if times else 0))

    def finish(self):
        self.stopping.set()
        result = self.results.get(timeout=120)
        self.join(30)
        return result


class Crowd:
    """Senders that are told to begin, rest and stop together."""

    def __init__(self, senders):
        self.senders = senders
        for sender in senders:
            sender.start()

    @property
    def accepted(self):
        return sum(sender.accepted.value for sender in self.senders)

    @property
    def refused(self):
        return sum(sender.refused.value for sender in self.senders)

    @property
    def pids(self):
        return [sender.pid for sender in self.senders if sender.is_alive()]

    def rest(self):
        for sender in self.senders:
            sender.resting.set()

    def go(self):
        for sender in self.senders:
            sender.resting.clear()

    def finish(self):
        """Counts of statuses, the slowest answer, how many 503 had advice; then `steps` has each sender's, `words` what a 400
        said."""
        for sender in self.senders:
            sender.stopping.set()
        statuses, slowest, advised, self.steps, self.words = collections.Counter(), 0.0, 0, {}, []
        for sender in self.senders:
            counted, steps, slow, told, words, _ = sender.finish()
            statuses.update(counted)
            slowest, advised = max(slowest, slow), advised + told
            self.steps[sender.number] = steps
            if words:
                self.words.append(words)
        return statuses, slowest, advised

    def wait(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end and any(sender.is_alive() and sender.results.empty() for sender in self.senders):
            time.sleep(0.2)


class Asker(forked.Process):
    """Asks one question again and again on a connection each, reads the answers and does not look at them."""

    def __init__(self, port, path, parameters):
        super().__init__(daemon=True)
        self.port = port
        self.request = (f"GET {path}?{urllib.parse.urlencode(parameters)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").encode()
        self.stopping, self.resting, self.results = forked.Event(), forked.Event(), forked.Queue()

    def run(self):
        statuses, buffer = collections.Counter(), bytearray(1 << 20)
        while not self.stopping.is_set():
            if self.resting.is_set():
                time.sleep(0.02)
                continue
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as client:
                    client.sendall(self.request)
                    status = None
                    while not (self.stopping.is_set() or self.resting.is_set()):
                        try:
                            count = client.recv_into(buffer)
                        except TimeoutError:
                            continue
                        if count == 0:
                            break
                        status = status or int(buffer[9:12])
                    else:
                        status = "left"
                    statuses[status] += 1
            except OSError:
                statuses["cut"] += 1
                time.sleep(0.1)
        self.results.put(dict(statuses))


def cpu(pid):
    """CPU seconds of a process, all its threads."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0


def lane(pid, name):
    """CPU seconds of the threads of a process that have this name."""
    total = 0
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/stat", encoding="utf-8") as f:
                head, fields = f.read().rsplit(")", 1)
            if head.split("(", 1)[1] == name:
                fields = fields.split()
                total += int(fields[11]) + int(fields[12])
    except OSError:
        pass
    return total / os.sysconf("SC_CLK_TCK")


def busy():
    """CPU seconds of everybody since the machine was started."""
    with open("/proc/stat", encoding="utf-8") as f:
        fields = [int(text) for text in f.readline().split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:8])) / os.sysconf("SC_CLK_TCK")


class Meter:
    """What was accepted in a stretch of time, and which part of the machine was there for it.

    `rate` is samples a second; `fair` the same for a second in which the whole machine is there for the server and its
    senders: what the attackers' own clients and strangers took is left out.
    """

    def __init__(self, server, crowd, attackers=()):
        self.server, self.crowd, self.attackers = server, crowd, list(attackers)
        self.began = time.monotonic()
        self.before = self.read()

    def read(self):
        return (self.crowd.accepted, cpu(self.server), sum(map(cpu, self.crowd.pids)), sum(map(cpu, self.attackers)), busy(),
                lane(self.server, "wide queries"), lane(self.server, "quick queries"))

    def end(self):
        seconds = time.monotonic() - self.began
        samples, server, senders, attackers, everybody, wide, quick = (b - a for a, b in zip(self.before, self.read()))
        processors = os.cpu_count()
        others = max(0.0, everybody - server - senders - attackers)
        left = max(0.05 * processors, processors - (attackers + others) / seconds)
        self.rate = samples / seconds
        self.fair = self.rate * processors / left
        self.shares = {"server": server / seconds, "its wide queries": wide / seconds, "its quick ones": quick / seconds,
                       "senders": senders / seconds, "attackers": attackers / seconds, "others": others / seconds, "idle": max(0, processors - everybody / seconds)}
        return self
