"""churn.py [HOURS]: days of a server's life in minutes: series come and go as pods do, clients come and go, questions are asked.

Samples' times run 60 s a step from HOURS ago to now; flushes come every few seconds for every ten minutes there. An hour
replaces a twentieth of 20,000 series, opens and leaves connections, and asks what dashboards ask. Then memory, descriptors and
threads are looked at. A day goes before, in which caches fill to their bounds. Demanded: memory grows by less than 1 % an hour,
the others do not grow. Ends with 1 when they do.
"""
import http.client
import os
import random
import socket
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from load import HEADERS, Template  # noqa: E402
from servers import Process, Varve  # noqa: E402

GROUPS, SERIES, REPLACED = 40, 500, 2
WARM = 24
STEP = 60_000
chance = random.Random(int(os.environ.get("FIRST_SEED", "1")))


class Life:
    def __init__(self, hours):
        self.folder = tempfile.TemporaryDirectory(prefix="churn-")
        # Ten minutes of flush age at some 400 times the speed.
        self.varve = Varve(os.path.join(self.folder.name, "data"), os.path.join(self.folder.name, "varve.log"),
                           "--flush-age", "2s", "--memory-limit", "1GiB").start()
        self.pid = self.varve.process.process.pid
        self.templates = [Template(f"pods_{group:02d}", group, SERIES) for group in range(GROUPS)]
        self.generations = 0
        self.connection = None
        self.now = int(time.time() * 1_000) // STEP * STEP - hours * 3_600_000
        self.stored = 0

    def post(self, body):
        self.connection = self.connection or http.client.HTTPConnection("127.0.0.1", self.varve.port, timeout=60)
        for _ in range(100):
            self.connection.request("POST", "/api/v1/write", body, HEADERS)
            answer = self.connection.getresponse()
            text = answer.read()
            if answer.status == 204:
                self.stored += SERIES
                return
            assert answer.status == 503, (answer.status, text)
            time.sleep(0.2)
        raise AssertionError("503 for twenty seconds")

    def hour(self):
        for template in chance.sample(self.templates, REPLACED):
            self.generations += 1
            template.renamed(self.generations)
        for step in range(60):
            self.now += STEP
            for template in self.templates:
                self.post(template.at(self.now))
            if step % 10 == 9:
                self.ask()
        self.come_and_go()

    def ask(self):
        now, group = self.now / 1_000, chance.randrange(GROUPS)
        asked = [("query", {"query": f"sum(pods_{group:02d})", "time": now}),
                 ("query_range", {"query": f"sum by (instance) (rate(pods_{group:02d}[5m]))", "start": now - 3_600, "end": now, "step": 60}),
                 ("query_range", {"query": f"max(pods_{group:02d})", "start": now - 86_400, "end": now, "step": 600}),
                 ("label/instance/values", {"start": now - 3_600, "end": now}),
                 ("series", {"match[]": f"pods_{group:02d}", "start": now - 600, "end": now})]
        for path, parameters in asked:
            status, body, _ = self.varve.request("/api/v1/" + path, parameters)
            assert status == 200, (path, body[:300])
        total = self.varve.query('count({__name__=~"pods_.*"})', now)["result"]
        assert int(total[0]["value"][1]) >= GROUPS * SERIES, total

    def come_and_go(self):
        """Some connections ask, some leave in the middle of it."""
        for number in range(40):
            with socket.create_connection(("127.0.0.1", self.varve.port), timeout=10) as s:
                if number % 4 == 0:
                    s.sendall(b"POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + bytes(1_000))
                elif number % 4 == 1:
                    s.sendall(b"GET /api/v1/query_range?query=pods_01&start=0&end=1 HTTP/1.1\r\nHo")
                else:
                    s.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
                    s.recv(1_000)

    def look(self):
        """Resident MiB, descriptors, threads; the least of three looks, since flushes and merges hold files for a moment."""
        seen = []
        for _ in range(3):
            time.sleep(0.3)
            with open(f"/proc/{self.pid}/status", encoding="utf-8") as f:
                status = dict(line.split(":", 1) for line in f)
            seen.append((int(status["VmRSS"].split()[0]) / 1024, len(os.listdir(f"/proc/{self.pid}/fd")), int(status["Threads"])))
        return tuple(min(one[i] for one in seen) for i in range(3))

    def metric(self, name):
        return sum(float(line.rsplit(" ", 1)[1]) for line in self.varve.request("/metrics")[1].decode().splitlines()
                   if line.startswith((name + " ", name + "{")))


def slope(values):
    """Of the straight line that fits best, an hour."""
    count = len(values)
    middle, mean = (count - 1) / 2, sum(values) / count
    return sum((i - middle) * (v - mean) for i, v in enumerate(values)) / sum((i - middle) ** 2 for i in range(count))


def main(hours):
    life = Life(WARM + hours)
    began = time.monotonic()
    looks = []
    print("hour  MiB  descriptors  threads  series known  alive in the day  index MiB  objects  caches MiB")
    for hour in range(WARM + hours):
        life.hour()
        looks.append(life.look())
        if hour % 6 == 5 or hour == 0:
            memory, descriptors, threads = looks[-1]
            print(f"{hour + 1:4}  {memory:4.0f}  {descriptors:4}  {threads:4}  {life.metric('varve_series'):8.0f}"
                  f"  {life.metric('varve_series_live'):8.0f}  {life.metric('varve_index_bytes') / 2**20:6.1f}"
                  f"  {life.metric('varve_objects'):4.0f}  {life.metric('varve_cache_bytes') / 2**20:6.1f}", flush=True)
    steady = looks[WARM:]
    memory = [one[0] for one in steady]
    mean = sum(memory) / len(memory)
    growth = 100 * slope(memory) / mean
    problems = []
    if growth >= 1:
        problems.append(f"memory grows by {growth:.2f} % an hour")
    for name, index, slack in (("descriptors", 1, 4), ("threads", 2, 1)):
        values = [one[index] for one in steady]
        rise = slope(values) * len(values)
        print(f"{name}: {min(values)} … {max(values)}, {rise:+.1f} over {len(values)} hours by the fit")
        if rise > slack:
            problems.append(f"{name} grow from {values[0]} to {values[-1]}")
    print(f"memory: {min(memory):.0f} … {max(memory):.0f} MiB, {growth:+.3f} % an hour by the fit after hour {WARM}; "
          f"{life.stored / 1e6:.1f} M samples, {GROUPS * SERIES + life.generations * SERIES} series, {life.generations * SERIES} of them "
          f"new in {WARM + hours} hours, in {time.monotonic() - began:.0f} s")
    if life.varve.stop() != 0:
        problems.append("it did not stop cleanly: " + life.varve.process.output()[-500:])
    life.folder.cleanup()
    print("all demands are met" if not problems else "not met: " + "; ".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 24))
    finally:
        for process in Process.started:
            if process.alive():
                process.kill()
