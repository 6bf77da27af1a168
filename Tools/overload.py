"""overload.py [SECONDS] [SCENE...]: more than a server can take (section 6 of the matrix), with figures.

    flood        three times the senders that saturate it: accepted >= 90 % of the peak, memory within the limit, the rest told
                 to come back, normal within 10 s, nothing acknowledged lost
    return       200 senders come back with a backlog at once
    cardinality  a million new series a minute, up to a limit and beyond it: known series' ingest >= 80 %, memory flat beyond,
                 the culprit named
    heavy        20 queries for everything at once: ingest >= 80 %, small queries' p99 < 100 ms
    slow         clients that do not read, do not send, and leave: others do not notice, nothing stays
    full         a disk that fills and is emptied again: 503 with Retry-After, nothing acknowledged lost

Each attack goes on and off in turn, so that what the machine and the server's merges do otherwise strikes both; the `fair` rates of
`load.Meter` are compared, their means. Ends with 1 when a demand is not met.
"""
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from load import HEADERS, START, STEP, Asker, Crowd, Meter, Sender, Template  # noqa: E402
from servers import Process, Varve  # noqa: E402
from volumes import Volume, isolate, missing  # noqa: E402

MEMORY = 1_024  # MiB


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
        return next((int(line.split()[1]) for line in f if line.startswith("VmRSS")), 0) / 1024


class Scene:
    def __init__(self, name, *flags, data=None):
        self.name, self.problems = name, []
        self.folder = tempfile.TemporaryDirectory(prefix="overload-")
        self.varve = Varve(data or os.path.join(self.folder.name, "data"), os.path.join(self.folder.name, "varve.log"),
                           "--memory-limit", f"{MEMORY}MiB", *flags).start()
        self.pid = self.varve.process.process.pid
        self.watch = Watch(self.pid)
        # Known before any limit is reached.
        self.probe = Template("normal", 0, 10)
        for i in range(60):
            self.varve.request("/api/v1/write", data=self.probe.at(START + i * STEP), headers=HEADERS)

    def say(self, text):
        print(f"{self.name}: {text}", flush=True)

    def demand(self, text, met):
        self.say(("holds: " if met else "NOT MET: ") + text)
        if not met:
            self.problems.append(f"{self.name}: {text}")

    def crowd(self, senders=4, first=0, **options):
        return Crowd([Sender(self.varve.port, first + i, **options) for i in range(senders)])

    def measured(self, crowd, seconds, attackers=()):
        meter = Meter(self.pid, crowd, attackers)
        time.sleep(seconds)
        return meter.end()

    def beside(self, crowd, seconds, attack, rest, attackers, pairs=10):
        """Stretches without and with the attack in turn, many and short: merges of seconds' length strike here and there."""
        calm, beset = [], []
        length = max(2.0, seconds / 2 / pairs)
        for _ in range(pairs):
            calm.append(self.measured(crowd, length))
            attack()
            time.sleep(0.5)
            beset.append(self.measured(crowd, length, attackers))
            rest()
            time.sleep(1)
        return self.compared(calm, beset)

    def compared(self, calm, beset):
        def text(meters):
            rate = statistics.mean(m.rate for m in meters)
            fair = statistics.mean(m.fair for m in meters)
            shares = ", ".join(f"{key} {statistics.mean(m.shares[key] for m in meters):.2f}" for key in meters[0].shares)
            return f"{rate / 1e3:.0f} thousand samples/s ({fair / 1e3:.0f} fair; processors: {shares})"
        self.say(f"without: {text(calm)}")
        self.say(f"with:    {text(beset)}")
        share, raw = (statistics.mean(getattr(m, name) for m in beset) / statistics.mean(getattr(m, name) for m in calm)
                      for name in ("fair", "rate"))
        return share, f"ingest {100 * share:.0f} % (raw {100 * raw:.0f} %) of what it is without"

    def count(self, metric, steps):
        """Samples stored, sender by sender and in stretches: all at once would be more than one query may hold."""
        total = 0
        for sender, bodies in steps.items():
            for first in range(0, bodies, 2_000):
                length = min(2_000, bodies - first + 1)
                query = f'sum(count_over_time({metric}{{job="sender-{sender}"}}[{length}s]))'
                found = self.varve.query(query, START / 1000 + first + length - 1)["result"]
                total += int(float(found[0]["value"][1])) if found else 0
        return total

    def nothing_lost(self, metric, steps, series, senders):
        # A write whose answer never came may be there too, and one that got 503.
        acknowledged, stored = series * sum(steps.values()), self.count(metric, steps)
        self.demand(f"{stored} samples stored, {acknowledged} acknowledged", acknowledged <= stored <= acknowledged + senders * series)

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

    def metric(self, name):
        return sum(float(line.rsplit(" ", 1)[1]) for line in self.varve.request("/metrics")[1].decode().splitlines()
                   if line.startswith((name + " ", name + "{")))

    def bounded(self):
        peak = self.watch.peak()
        self.demand(f"{peak:.0f} MiB resident at most, of {MEMORY} MiB allowed", peak <= MEMORY)

    def end(self):
        self.watch.stopping.set()
        alive = self.varve.process.alive()
        self.demand("the process lived", alive)
        if alive:
            self.demand("it stopped cleanly", self.varve.stop() == 0)
        self.folder.cleanup()
        return self.problems


def flood(seconds):
    scene = Scene("flood")
    # The peak before and after: a machine changes within ten minutes.
    calm = scene.crowd(4)
    time.sleep(2)
    peaks = [scene.measured(calm, max(5, min(seconds / 3, 30)))]
    calm.rest()
    crowd = scene.crowd(12, first=100, polite=False)
    time.sleep(1)
    beset = [scene.measured(crowd, seconds)]
    statuses, slowest, advised = crowd.finish()
    scene.normal()
    calm.go()
    time.sleep(1)
    peaks.append(scene.measured(calm, max(5, min(seconds / 3, 30))))
    calm.finish()
    share, text = scene.compared(peaks, beset)
    scene.say(f"three times the senders for {seconds} s, none of which waits: {dict(statuses)}, slowest answer {slowest:.1f} s")
    scene.demand(f"{text} (at least 90)", share >= 0.9)
    scene.demand("only 204 and 503", set(statuses) <= {204, 503})
    scene.demand("every 503 says when to come back", advised == statuses[503])
    scene.nothing_lost("flood", {**calm.steps, **crowd.steps}, 2_000, 16)
    scene.bounded()
    return scene.end()


def return_(seconds):
    scene = Scene("return")
    bodies = max(3, seconds // 4)
    began = time.monotonic()
    crowd = scene.crowd(200, series=1_000, bodies=bodies)
    crowd.wait(seconds * 20)
    statuses, slowest, advised = crowd.finish()
    scene.say(f"200 senders, {bodies} bodies of 1,000 samples each: {time.monotonic() - began:.1f} s, {dict(statuses)}, "
              f"slowest answer {slowest:.1f} s")
    scene.demand("every 503 says when to come back", advised == statuses[503])
    scene.demand("all of the backlog is stored", scene.count("flood", crowd.steps) == 200 * bodies * 1_000)
    scene.normal()
    scene.bounded()
    return scene.end()


def cardinality(seconds):
    limit = 1_000_000 if seconds >= 60 else 200_000
    scene = Scene("cardinality", "--limit-series", str(limit))
    known = scene.crowd(2, metric="known")
    time.sleep(2)
    # 1 M series a minute: a body of 5,000 new ones every 0.3 s.
    bomb = scene.crowd(1, metric="bomb", series=5_000, pace=0.3, fresh=True)
    bomb.rest()
    time.sleep(1)

    # On the way to the limit.
    share, text = scene.beside(known, seconds, bomb.go, bomb.rest, bomb.pids)
    scene.say(f"{scene.metric('varve_series'):.0f} series of {limit} so far")
    scene.demand(f"while new series are taken, {text} (at least 80)", share >= 0.8)
    number = 0
    while scene.metric("varve_series") < limit:
        for _ in range(10):
            scene.varve.request("/api/v1/write", data=Template("bomb", 1, 10_000, first=number).at(START), headers=HEADERS)
            number += 10_000
    # Beyond it.
    time.sleep(2)
    before, refused = resident(scene.pid), bomb.refused
    share, text = scene.beside(known, seconds, bomb.go, bomb.rest, bomb.pids)
    after = resident(scene.pid)
    scene.say(f"{bomb.refused - refused} new series refused, {scene.metric('varve_series'):.0f} of {limit} known")
    statuses, slowest, _ = known.finish()
    bomb.finish()
    scene.demand(f"beyond the limit, {text} (at least 80)", share >= 0.8)
    scene.demand(f"known series' writes are all taken: {dict(statuses)}, slowest {1000 * slowest:.0f} ms", set(statuses) == {204})
    scene.demand(f"memory flat: {before:.0f} MiB, then {after:.0f} MiB", after < before * 1.05 + 50)
    scene.demand("the refusal names limit and setting",
                 bool(bomb.words) and all("limit-series" in text and str(limit) in text for text in bomb.words))
    top = scene.varve.json("/api/v1/status/tsdb", {"limit": 1})["data"]["seriesCountByMetricName"]
    scene.demand(f"the culprit is named: {top}", top[0]["name"] == "bomb")
    scene.normal()
    scene.bounded()
    return scene.end()


def wide(scene, senders):
    """5,000 series with 20 samples each for every sender."""
    for sender in range(senders):
        template = Template("wide", sender, 5_000)
        for step in range(20):
            scene.varve.request("/api/v1/write", data=template.at(START + step * STEP), headers=HEADERS)


class Small(threading.Thread):
    """A dashboard's small questions, one after the other; how long each takes."""

    QUESTIONS = [("/api/v1/query", {"query": 'normal{series="000000-0000003"}', "time": START / 1000 + 30}),
                 ("/api/v1/query", {"query": "sum(rate(normal[30s]))", "time": START / 1000 + 50}),
                 ("/api/v1/query_range", {"query": "avg by (job) (normal)", "start": START / 1000, "end": START / 1000 + 59, "step": 1}),
                 ("/-/healthy", None)]

    def __init__(self, scene):
        super().__init__(daemon=True)
        self.scene, self.stopping, self.taken, self.bad = scene, threading.Event(), [], []

    def run(self):
        while not self.stopping.wait(0.05):
            for path, parameters in self.QUESTIONS:
                sent = time.monotonic()
                status, body, _ = self.scene.varve.request(path, parameters)
                self.taken.append(time.monotonic() - sent)
                if status != 200:
                    self.bad.append((status, body[:100]))

    def finish(self):
        self.stopping.set()
        self.join(60)
        return sorted(self.taken)[int(len(self.taken) * 0.99)]


def heavy(seconds):
    scene = Scene("heavy")
    wide(scene, 20)
    known = scene.crowd(4)
    parameters = {"query": '{__name__=~".+"}', "start": START / 1000, "end": START / 1000 + 300, "step": 15}
    askers = [Asker(scene.varve.port, "/api/v1/query_range", parameters) for _ in range(20)]
    for asker in askers:
        asker.resting.set()
        asker.start()
    looks = []

    def attack():
        for asker in askers:
            asker.resting.clear()
        looks.append(Small(scene))
        looks[-1].start()

    def rest():
        looks[-1].finish()
        for asker in askers:
            asker.resting.set()
        time.sleep(2)

    time.sleep(2)
    share, text = scene.beside(known, seconds, attack, rest, [asker.pid for asker in askers])
    # Where ingest leaves something over, as it mostly does.
    known.rest()
    attack()
    time.sleep(max(5, seconds / 4))
    rest()
    for asker in askers:
        asker.stopping.set()
    answers = [asker.results.get(timeout=60) for asker in askers]
    statuses = {}
    for answer in answers:
        for status, count in answer.items():
            statuses[status] = statuses.get(status, 0) + count
    written, slowest, _ = known.finish()
    scene.say(f"20 questions for all of 100,000 series, again and again: {statuses}; writes beside them {dict(written)}, "
              f"slowest {1000 * slowest:.0f} ms")
    scene.demand(f"{text} (at least 80)", share >= 0.8)
    # All three stretches together, and the one without ingest.
    beset = sorted(taken for look in looks[:-1] for taken in look.taken)
    for name, taken in (("beside ingest", beset), ("without ingest", sorted(looks[-1].taken))):
        p50, p99 = taken[len(taken) // 2], taken[int(len(taken) * 0.99)]
        scene.demand(f"{len(taken)} small questions {name}: half within {1000 * p50:.1f} ms, 99 % within {1000 * p99:.0f} ms (at most 100)",
                     p99 < 0.1)
    bad = [answer for look in looks for answer in look.bad]
    scene.demand(f"small questions are all answered {bad[:2] or ''}", not bad)
    scene.demand("heavy ones get 200, 422 or 503", set(statuses) <= {200, 422, 503, "left"})
    scene.normal()
    scene.bounded()
    return scene.end()


def slow(seconds):
    scene = Scene("slow", "--web.write-timeout", "5s", "--web.idle-timeout", "10s", "--web.header-timeout", "5s")
    wide(scene, 4)
    known = scene.crowd(2)
    question = urllib.parse.urlencode({"query": "wide", "start": START // 1000, "end": START // 1000 + 1_000, "step": 1})
    clients = []

    def attack():
        for kind in range(150):
            s = socket.socket()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.connect(("127.0.0.1", scene.varve.port))
            s.sendall([f"GET /api/v1/query_range?{question} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
                       b"POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Length: 10000000\r\n\r\nabc",
                       b"GET /api/v1/query HTTP/1.1\r\nHo"][kind % 3])
            clients.append(s)
        for _ in range(30):  # Asked and left.
            s = socket.create_connection(("127.0.0.1", scene.varve.port))
            s.sendall(f"GET /api/v1/query_range?{question} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            s.close()

    def rest():
        for s in clients:
            s.close()
        clients.clear()
        time.sleep(1)

    time.sleep(2)
    share, text = scene.beside(known, seconds, attack, rest, [])
    attack()
    end = time.monotonic() + 60
    while time.monotonic() < end and scene.metric("varve_http_connections") > 3:
        time.sleep(0.5)
    written, slowest, _ = known.finish()
    scene.demand(f"beside 150 slow clients and 30 that leave, {text} (at least 90); slowest write {1000 * slowest:.0f} ms", share >= 0.9)
    scene.demand(f"only 204: {dict(written)}", set(written) == {204})
    scene.say(", ".join(line for line in scene.varve.request("/metrics")[1].decode().splitlines()
                        if line.startswith("varve_http_connections_left_total")))
    scene.demand("no slow client is kept", scene.metric("varve_http_connections") <= 3)
    active = scene.varve.json("/api/v1/status/active_queries")["data"]
    scene.demand("no abandoned query goes on", active == [])
    rest()
    scene.normal()
    scene.bounded()
    return scene.end()


def full(seconds):
    lack = missing("ext4")
    if lack:
        print(f"full: skipped, {lack} is missing")
        return []
    folder = tempfile.TemporaryDirectory(prefix="overload-")
    with Volume(folder.name, "ext4", 400) as volume:
        scene = Scene("full", "--flush-size", "16MiB", data=os.path.join(volume.path, "data"))
        crowd = scene.crowd(4)
        time.sleep(3)
        filler = volume.fill(leave=8 << 20)
        time.sleep(max(5, seconds / 3))
        scene.say(f"full: {volume.free() >> 20} MiB free, disk_is_short {scene.metric('varve_disk_is_short'):.0f}, "
                  f"overloaded {scene.metric('varve_writes_overloaded_total'):.0f}")
        scene.demand("questions are answered on a full disk", scene.varve.request("/api/v1/query", {"query": "normal"})[0] == 200)
        before = crowd.accepted
        os.unlink(filler)
        began = time.monotonic()
        while crowd.accepted == before and time.monotonic() - began < 30:
            time.sleep(0.1)
        scene.demand(f"writes are taken again {time.monotonic() - began:.1f} s after there is room (at most 10)",
                     time.monotonic() - began < 10)
        time.sleep(2)
        statuses, slowest, advised = crowd.finish()
        scene.say(f"{dict(statuses)}, slowest answer {slowest:.1f} s")
        scene.demand("only 204 and 503, and there were both", set(statuses) == {204, 503})
        scene.demand("every 503 says when to come back", advised == statuses[503])
        scene.nothing_lost("flood", crowd.steps, 2_000, 4)
        scene.normal()
        scene.bounded()
        problems = scene.end()
    folder.cleanup()
    return problems


SCENES = {"flood": flood, "return": return_, "cardinality": cardinality, "heavy": heavy, "slow": slow, "full": full}

if __name__ == "__main__":
    isolate()
    length = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    problems = []
    print(f"{os.cpu_count()} processors, shared by server and clients; load {os.getloadavg()[0]:.1f}; {length} s a scene")
    try:
        for chosen in sys.argv[2:] or SCENES:
            problems += SCENES[chosen](length)
    finally:
        for process in Process.started:
            if process.alive():
                process.kill()
    print("\n" + ("all demands are met" if not problems else "not met:\n  " + "\n  ".join(problems)))
    sys.exit(1 if problems else 0)
