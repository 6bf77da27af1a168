"""overload.py [SECONDS] [SCENE...]: more than a server can take (section 6 of the matrix), with figures.

    flood        three times the senders that saturate it: accepted >= 90 % of the peak, memory within the limit, the rest told
                 to come back, normal within 10 s, nothing acknowledged lost
    return       200 senders come back with a backlog at once
    cardinality  a million new series a minute against a limit: known series' ingest >= 80 %, memory flat, the culprit named
    heavy        20 queries for everything at once: small queries and ingest go on
    slow         clients that do not read, do not send, and leave: others do not notice, nothing stays

Bodies are made by hand, a template whose times are patched, so that the clients cost as little as they can; they run on the same
cores all the same. Ends with 1 when a demand is not met.
"""
import collections
import http.client
import json
import multiprocessing
import os
import random
import socket
import struct
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "Tests", "EndToEnd"))
import numpy as np  # noqa: E402
from bodies import HEADERS, field, varint  # noqa: E402
from servers import Process, Varve  # noqa: E402

# Midnight: what a scene sends stays within a day, so that all of it is in the newest segment.
START = 1_700_006_400_000
MEMORY = 1_024  # MiB
forked = multiprocessing.get_context("fork")


class Template:
    """A body of `count` series with one sample each; `at` patches the time into every one of them."""

    def __init__(self, metric, sender, count, first=0):
        raw, places = bytearray(), []
        for i in range(first, first + count):
            labels = b"".join(field(1, field(1, k) + field(2, v)) for k, v in (
                (b"__name__", metric.encode()), (b"instance", b"host-%04d" % (i // 100)), (b"job", b"sender-%d" % sender),
                (b"series", b"%07d" % i)))
            # The time stands in the last six bytes of the series.
            sample = field(2, b"\x09" + struct.pack("<d", i) + b"\x10" + bytes(6))
            raw += field(1, labels + sample)
            places.append(len(raw) - 6)
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

    def at(self, milliseconds):
        digits = [(milliseconds >> 7 * i & 0x7F) | (0x80 if i < 5 else 0) for i in range(6)]
        self.bytes[self.places] = np.array(digits, dtype=np.uint8)
        return self.bytes.tobytes()


class Sender(forked.Process):
    """Sends one body after the other until told to stop, or a backlog of `bodies`; waits after a 503 as it is told, if `polite`."""

    def __init__(self, port, number, metric="flood", series=2_000, bodies=None, polite=True, pace=0.0):
        super().__init__(daemon=True)
        self.port, self.number, self.metric, self.series = port, number, metric, series
        self.bodies, self.polite, self.pace = bodies, polite, pace
        self.stopping, self.results = forked.Event(), forked.Queue()

    def run(self):
        template = Template(self.metric, self.number, self.series)
        statuses, slowest, step, connection, advised = collections.Counter(), 0.0, 0, None, 0
        began = time.monotonic()
        while not self.stopping.is_set() and (self.bodies is None or step < self.bodies):
            body = template.at(START + step * 15_000)
            sent = time.monotonic()
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
                connection.request("POST", "/api/v1/write", body, HEADERS)
                answer = connection.getresponse()
                answer.read()
                statuses[answer.status] += 1
                if answer.status == 204:
                    step += 1
                elif answer.status == 503:
                    advised += answer.headers.get("Retry-After") is not None
                    if self.polite:
                        time.sleep(random.uniform(0.5, 1) * float(answer.headers.get("Retry-After", 1)))
            except OSError:
                statuses["cut"] += 1
                connection = None
                time.sleep(0.1)
            slowest = max(slowest, time.monotonic() - sent)
            if self.pace:
                time.sleep(max(0, self.pace - (time.monotonic() - sent)))
        self.results.put((dict(statuses), step, slowest, time.monotonic() - began, advised))

    def finish(self):
        self.stopping.set()
        result = self.results.get(timeout=120)
        self.join(30)
        return result


class Crowd:
    def __init__(self, senders):
        self.senders = senders
        for sender in senders:
            sender.start()

    def finish(self):
        """Counts of statuses, accepted samples, the slowest answer, how many 503 had advice."""
        for sender in self.senders:
            sender.stopping.set()
        statuses, samples, slowest, advised, self.steps = collections.Counter(), 0, 0.0, 0, {}
        for sender in self.senders:
            counted, steps, slow, _, told = sender.finish()
            statuses.update(counted)
            samples += steps * sender.series
            slowest, advised = max(slowest, slow), advised + told
            self.steps[sender.number] = steps
        return statuses, samples, slowest, advised

    def wait(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end and any(sender.is_alive() and sender.results.empty() for sender in self.senders):
            time.sleep(0.2)


class Watch(threading.Thread):
    """The resident memory of a process, ten times a second."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.seen, self.stopping = pid, [], threading.Event()
        self.start()

    def run(self):
        while not self.stopping.wait(0.1):
            self.seen.append(resident(self.pid))

    def peak(self):
        return max(self.seen)


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024


class Scene:
    def __init__(self, name, seconds, *flags):
        self.name, self.seconds, self.problems = name, seconds, []
        self.folder = tempfile.TemporaryDirectory(prefix="overload-")
        self.varve = Varve(os.path.join(self.folder.name, "data"), os.path.join(self.folder.name, "varve.log"),
                           "--memory-limit", f"{MEMORY}MiB", *flags).start()
        self.watch = Watch(self.varve.process.process.pid)
        # Known before any limit is reached.
        self.probe = Template("normal", 0, 10)
        self.varve.request("/api/v1/write", data=self.probe.at(START), headers=HEADERS)

    def say(self, text):
        print(f"{self.name}: {text}", flush=True)

    def demand(self, text, met):
        self.say(("holds: " if met else "NOT MET: ") + text)
        if not met:
            self.problems.append(f"{self.name}: {text}")

    def ingest(self, seconds, senders=4, first=0, series=2_000, **options):
        """Samples accepted a second by senders that wait for their answers, and their crowd."""
        crowd = Crowd([Sender(self.varve.port, first + i, series=series, **options) for i in range(senders)])
        began = time.monotonic()
        time.sleep(seconds)
        result = crowd.finish()
        return result[1] / (time.monotonic() - began), crowd, result

    def count(self, senders, metric="flood"):
        """Sender by sender: all at once would be more than one query may hold."""
        total = 0
        for sender in senders:
            query = f'sum(count_over_time({metric}{{job="sender-{sender}"}}[30d]))'
            found = self.varve.query(query, START / 1000 + 29 * 86_400)["result"]
            total += int(float(found[0]["value"][1])) if found else 0
        return total

    def normal(self, seconds=10):
        """How long until five small questions and a write are answered within 100 ms each."""
        began = time.monotonic()
        while time.monotonic() - began < seconds + 20:
            worst = 0
            for i in range(5):
                sent = time.monotonic()
                ok = self.varve.request("/api/v1/query", {"query": "1+1"})[0] == 200
                ok = ok and self.varve.request("/api/v1/write", data=self.probe.at(START + i), headers=HEADERS)[0] == 204
                worst = max(worst, time.monotonic() - sent if ok else 99)
            if worst < 0.1:
                break
        taken = time.monotonic() - began
        self.demand(f"normal again after {taken:.1f} s (at most {seconds})", taken < seconds)

    def bounded(self):
        peak = self.watch.peak()
        self.demand(f"{peak:.0f} MiB resident at most, of {MEMORY} MiB allowed", peak <= MEMORY * 1.25)

    def end(self):
        self.watch.stopping.set()
        alive = self.varve.process.alive()
        self.demand("the process lived", alive)
        if alive:
            self.demand("it stopped cleanly", self.varve.stop() == 0)
        self.folder.cleanup()
        return self.problems


def flood(seconds):
    scene = Scene("flood", seconds)
    peak, calm, _ = scene.ingest(seconds)
    scene.say(f"peak: {peak / 1e3:.0f} thousand samples/s from 4 senders")
    rate, crowd, (statuses, samples, slowest, advised) = scene.ingest(seconds, senders=12, first=100, polite=False)
    scene.say(f"three times the senders, none of which waits: {dict(statuses)}, slowest answer {slowest:.1f} s")
    scene.demand(f"{rate / 1e3:.0f} thousand samples/s accepted, {100 * rate / peak:.0f} % of the peak (at least 90)", rate >= 0.9 * peak)
    scene.demand("only 204 and 503", set(statuses) <= {204, 503})
    scene.demand("every 503 says when to come back", advised == statuses[503])
    scene.normal()
    acknowledged = 2_000 * (sum(crowd.steps.values()) + sum(calm.steps.values()))
    stored = scene.count([*calm.steps, *crowd.steps])
    scene.demand(f"{stored} samples stored, {acknowledged} acknowledged", acknowledged <= stored <= acknowledged + 16 * 2_000)
    scene.bounded()
    return scene.end()


def return_(seconds):
    scene = Scene("return", seconds)
    bodies = max(3, seconds // 4)
    crowd = Crowd([Sender(scene.varve.port, i, series=1_000, bodies=bodies) for i in range(200)])
    began = time.monotonic()
    crowd.wait(seconds * 20)
    statuses, samples, slowest, advised = crowd.finish()
    scene.say(f"200 senders, {bodies} bodies of 1,000 samples each: {time.monotonic() - began:.1f} s, {dict(statuses)}, "
              f"slowest answer {slowest:.1f} s")
    scene.demand("all of the backlog is stored", scene.count(range(200)) == samples == 200 * bodies * 1_000)
    scene.normal()
    scene.bounded()
    return scene.end()


def cardinality(seconds):
    limit = 1_000_000 if seconds >= 60 else 200_000
    scene = Scene("cardinality", seconds, "--limit-series", str(limit))
    alone, _, _ = scene.ingest(seconds, senders=2, metric="known", series=2_000)
    scene.say(f"known series alone: {alone / 1e3:.0f} thousand samples/s")
    stop, sent, told = threading.Event(), [], collections.Counter()

    def bomb():
        # 1 M series a minute: a body of 5,000 new ones every 0.3 s.
        began, number = time.monotonic(), 0
        while not stop.is_set():
            body = Template("bomb", 0, 5_000, first=number * 5_000).at(START)
            status, text, _ = scene.varve.request("/api/v1/write", data=body, headers=HEADERS)
            told[status] += 1
            if status == 400:
                sent.append(text.decode())
            number += 1
            time.sleep(max(0, began + number * 0.3 - time.monotonic()))

    def series():
        return next(float(line.split()[1]) for line in scene.varve.request("/metrics")[1].decode().splitlines()
                    if line.startswith("varve_series "))

    # Up to the limit as fast as it goes; the bomb is what comes after.
    number = 1_000_000
    while series() < limit:
        scene.varve.request("/api/v1/write", data=Template("bomb", 1, 10_000, first=number).at(START), headers=HEADERS)
        number += 10_000
    time.sleep(2)
    thread = threading.Thread(target=bomb, daemon=True)
    thread.start()
    time.sleep(1)
    before = resident(scene.varve.process.process.pid)
    beside, _, (statuses, _, slowest, _) = scene.ingest(max(seconds, 20), senders=2, metric="known", series=2_000)
    after = resident(scene.varve.process.process.pid)
    stop.set()
    thread.join(30)
    scene.say(f"beside {told[400] * 5_000} new series in {max(seconds, 20)} s, {series():.0f} of {limit} known: {dict(statuses)}")
    scene.demand(f"{beside / 1e3:.0f} thousand samples/s of known series, {100 * beside / alone:.0f} % (at least 80)", beside >= 0.8 * alone)
    scene.demand(f"memory flat: {before:.0f} MiB, then {after:.0f} MiB", after < before * 1.1 + 100)
    scene.demand("the refusal names limit and setting", all("limit-series" in text and str(limit) in text for text in sent) and bool(sent))
    top = scene.varve.json("/api/v1/status/tsdb", {"limit": 1})["data"]["seriesCountByMetricName"]
    scene.demand(f"the culprit is named: {top}", top[0]["name"] == "bomb")
    scene.normal()
    scene.bounded()
    return scene.end()


def heavy(seconds):
    scene = Scene("heavy", seconds)
    # 100,000 series with 20 samples each.
    for sender in range(20):
        template = Template("wide", sender, 5_000)
        for step in range(20):
            scene.varve.request("/api/v1/write", data=template.at(START + step * 15_000), headers=HEADERS)
    alone, _, _ = scene.ingest(seconds, senders=2, pace=0.02)
    stop, statuses = threading.Event(), collections.Counter()

    def ask():
        while not stop.is_set():
            parameters = {"query": '{__name__=~".+"}', "start": START / 1000, "end": START / 1000 + 300, "step": 15}
            statuses[scene.varve.request("/api/v1/query_range", parameters)[0]] += 1

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(20)]
    for thread in threads:
        thread.start()
    small, health = [], []

    def look():
        while not stop.is_set():
            for path, kept in (("/api/v1/status/buildinfo", small), ("/-/healthy", health)):
                sent = time.monotonic()
                scene.varve.request(path)
                kept.append(time.monotonic() - sent)
            time.sleep(0.05)

    threading.Thread(target=look, daemon=True).start()
    beside, _, (answers, _, slowest, _) = scene.ingest(seconds, senders=2, first=50, pace=0.02)
    stop.set()
    for thread in threads:
        thread.join(180)
    scene.say(f"20 queries for all of 100,000 series at once, again and again: {dict(statuses)}; writes beside them {dict(answers)}")
    p99 = sorted(health)[int(len(health) * 0.99)] if health else 99
    scene.say(f"health checks: p99 {1000 * p99:.0f} ms of {len(health)}")
    scene.demand(f"ingest {beside / 1e3:.0f} of {alone / 1e3:.0f} thousand samples/s, {100 * beside / alone:.0f} % (at least 80)", beside >= 0.8 * alone)
    scene.demand("only 200, 422 and 503", set(statuses) <= {200, 422, 503})
    scene.normal()
    scene.bounded()
    return scene.end()


def slow(seconds):
    scene = Scene("slow", seconds, "--web.write-timeout", "5s", "--web.idle-timeout", "10s", "--web.header-timeout", "5s")
    for sender in range(4):
        template = Template("wide", sender, 5_000)
        for step in range(20):
            scene.varve.request("/api/v1/write", data=template.at(START + step * 15_000), headers=HEADERS)
    alone, _, _ = scene.ingest(seconds, senders=2)
    clients = []
    question = urllib.parse.urlencode({"query": "wide", "start": START // 1000, "end": START // 1000 + 3000, "step": 1})
    for kind in range(150):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", scene.varve.port))
        s.sendall([f"GET /api/v1/query_range?{question} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), b"POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\nabc",
                   b"GET /api/v1/query HTTP/1.1\r\nHo"][kind % 3])
        clients.append(s)
    for _ in range(30):  # Asked and left.
        s = socket.create_connection(("127.0.0.1", scene.varve.port))
        s.sendall(f"GET /api/v1/query_range?{question} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        s.close()
    beside, _, (statuses, _, slowest, _) = scene.ingest(seconds, senders=2, first=50)
    scene.demand(f"ingest {beside / 1e3:.0f} of {alone / 1e3:.0f} thousand samples/s beside 150 slow clients (at least 80 %), slowest answer "
                 f"{slowest:.1f} s", beside >= 0.8 * alone)
    end = time.monotonic() + 60

    def numbers():
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in scene.varve.request("/metrics")[1].decode().splitlines()
                if line.startswith(("varve_http_connections", "varve_queries"))}
    while time.monotonic() < end and numbers()["varve_http_connections"] > 3:
        time.sleep(0.5)
    found = numbers()
    scene.say(f"{ {k: v for k, v in found.items() if 'left' in k} }")
    scene.demand("no slow client is kept", found["varve_http_connections"] <= 3)
    active = scene.varve.json("/api/v1/status/active_queries")["data"]
    scene.demand("no abandoned query goes on", active == [])
    for s in clients:
        s.close()
    scene.normal()
    scene.bounded()
    return scene.end()


SCENES = {"flood": flood, "return": return_, "cardinality": cardinality, "heavy": heavy, "slow": slow}

if __name__ == "__main__":
    length = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    problems = []
    try:
        for chosen in sys.argv[2:] or SCENES:
            problems += SCENES[chosen](length)
    finally:
        for process in Process.started:
            if process.alive():
                process.kill()
    print("\n" + ("all demands are met" if not problems else "not met:\n  " + "\n  ".join(problems)))
    sys.exit(1 if problems else 0)
