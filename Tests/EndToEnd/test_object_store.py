"""A database whose home is a bucket: Ceph's gateway, and moto as a second opinion.

    E2E_DUELS           duels of two writers (default 2)
    E2E_BUCKET_FAULTS   faults at random (default 100)
    E2E_FAULT_SHARE     of the requests that meet one (default 0.2)
    E2E_OUTAGE          seconds without the bucket (default 15)
    E2E_SEED            which random moments and faults (default 1)
"""
import os
import random
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

import buckets
import faults
import pytest
from bodies import HEADERS, series, snappy_literal
from counts import COUNTS, keep_when_failing, replay
from ledger import Ledger
from servers import ROOT, VARVE, Varve, wait_for
from writers import START, Writer

DUELS = int(os.environ.get("E2E_DUELS", "2"))
FAULTS = int(os.environ.get("E2E_BUCKET_FAULTS", "100"))
FAULT_SHARE = float(os.environ.get("E2E_FAULT_SHARE", "0.2"))
OUTAGE = float(os.environ.get("E2E_OUTAGE", "15"))
SEED = int(os.environ.get("E2E_SEED", "1"))


@pytest.fixture(scope="module")
def gateway():
    gaps = buckets.missing_tools()
    if gaps:
        pytest.skip(f"a Ceph gateway ({', '.join(gaps)})")
    gateway = buckets.start_gateway()
    yield gateway
    gateway.stop()


def node(tmp_path, name, bucket, *flags, prefix="db"):
    return Varve(str(tmp_path / name), str(tmp_path / f"{name}.log"), *bucket.flags(prefix), *flags, env=bucket.env)


def run(bucket, *argv):
    return subprocess.run([VARVE, *argv], capture_output=True, text=True, env={**os.environ, **bucket.env}, timeout=120)


def numbers(varve, name):
    """The metric's values by their labels' text."""
    text = varve.request("/metrics")[1].decode()
    return {line.rsplit(" ", 1)[0][len(name):]: float(line.rsplit(" ", 1)[1])
            for line in text.splitlines() if line.startswith((name + "{", name + " "))}


@pytest.fixture(params=["ceph", "moto"])
def any_bucket(request, tmp_path):
    if request.param == "ceph":
        yield request.getfixturevalue("gateway").bucket()
        return
    moto = buckets.Moto(str(tmp_path / "moto.log"))
    yield moto.bucket()
    moto.stop()


def test_a_database_lives_in_a_bucket(any_bucket, tmp_path):
    """What was written is there on a node that has nothing, and every command reads it from the bucket."""
    first = node(tmp_path, "first", any_bucket, "--flush-age", "1s").start()
    ledger = Ledger(first, SEED).start()
    wait_for("some requests", lambda: all(w.steps > 50 for w in ledger.writers))
    wait_for("a flush and a compaction", lambda: all(ledger.disturber.done[w] for w in ("flush", "compact", "query")))
    ledger.stop()
    assert ledger.problems() == []
    assert first.stop() == 0, first.process.last_words()
    shutil.rmtree(first.data)

    flags = any_bucket.flags("db")
    verified = run(any_bucket, "verify", "--data", str(tmp_path / "none"), *flags)
    assert verified.returncode == 0 and "Sound: " in verified.stdout, verified
    files = run(any_bucket, "inspect", "--files", *flags).stdout.split()
    assert files and {f"db/{key}" for key in files} <= set(any_bucket.keys("db/"))
    expression, at, expected = ledger.writers[0].anchor
    asked = run(any_bucket, "query", expression, "--time", f"{at:.3f}", "--format", "csv", *flags)
    assert asked.returncode == 0 and asked.stdout.split()[-1].split(",")[-1] == str(expected), asked

    # The manifest's head is lost: nothing opens, and a rebuild brings everything back.
    assert any_bucket.request("DELETE", f"/{any_bucket.name}/db/regions/main/manifest/head")[0] == 204
    lost = run(any_bucket, "verify", "--data", str(tmp_path / "none"), *flags)
    assert lost.returncode == 3 and "varve rebuild" in lost.stderr, lost
    rebuilt = run(any_bucket, "rebuild", "--data", str(tmp_path / "rebuild"), *flags)
    assert rebuilt.returncode == 0, rebuilt
    verified = run(any_bucket, "verify", "--data", str(tmp_path / "none"), *flags)
    assert verified.returncode == 0, verified

    second = node(tmp_path, "second", any_bucket).start()
    ledger.varve = second
    assert ledger.problems() == []
    for writer in ledger.writers:
        writer.varve = second
    assert second.stop() == 0
    assert not os.path.exists(tmp_path / "none")


def test_what_is_wrong_with_the_bucket_is_said(gateway, tmp_path):
    bucket = gateway.bucket()
    wrong = node(tmp_path, "wrong", buckets.Bucket(bucket.endpoint, bucket.name, "WRONG")).launch()
    assert wrong.process.process.wait(timeout=60) == 1
    assert "AWS_SECRET_ACCESS_KEY" in wrong.process.output() and "SignatureDoesNotMatch" in wrong.process.output()
    absent = node(tmp_path, "absent", buckets.Bucket(bucket.endpoint, "no-such-bucket")).launch()
    assert absent.process.process.wait(timeout=60) == 1 and "no such bucket" in absent.process.output()
    without = subprocess.run([VARVE, "serve", "--data", str(tmp_path / "x"), *bucket.flags()], capture_output=True,
                             text=True, env={"PATH": os.environ["PATH"]}, timeout=60)
    assert without.returncode == 2 and "AWS_ACCESS_KEY_ID" in without.stderr
    empty = node(tmp_path, "empty", bucket, "--read-only").launch()
    assert empty.process.process.wait(timeout=60) == 1 and "no database" in empty.process.output()
    # Nothing but the lock's directory was made, and nothing is in the bucket.
    assert bucket.keys() == []


def test_faults_at_random_lose_nothing(gateway, tmp_path):
    """Every fault of the proxy, before and after the fact, under load: 0 lost, doubled or invented."""
    bucket, proxy = gateway.bucket(), faults.Proxy(gateway.port, patience=1.0)
    with keep_when_failing(tmp_path, replay("test_object_store.py", "faults_at_random", E2E_SEED=SEED,
                                            E2E_BUCKET_FAULTS=FAULTS, E2E_FAULT_SHARE=FAULT_SHARE)):
        varve = node(tmp_path, "node", bucket.at(proxy.endpoint), "--flush-age", "1s").start()
        ledger = Ledger(varve, SEED).start()
        proxy.fail_at_random(SEED, FAULT_SHARE)
        wait_for(f"{FAULTS} faults", lambda: proxy.met >= FAULTS, 60 + FAULTS, 0.1)
        ledger.pause()
        proxy.clear()
        assert ledger.problems() == []
        assert ledger.bad_answers() == []
        ledger.stop()
        assert varve.stop() == 0, varve.process.last_words()
        fresh = node(tmp_path, "fresh", bucket).start()
        ledger.varve = fresh
        assert ledger.problems() == []
        fresh.stop()
        checked = run(bucket, "verify", "--data", str(tmp_path / "none"), *bucket.flags("db"))
        assert checked.returncode == 0, checked
    COUNTS.add("faults of the bucket", proxy.met)
    proxy.stop()


@pytest.mark.parametrize("kind", ["refuse", "stuck"])
def test_an_outage_of_the_bucket_loses_nothing_and_heals(gateway, tmp_path, kind):
    """Acknowledgements go on, from the log; once the bucket is back, what was held goes there within seconds."""
    bucket, proxy = gateway.bucket(), faults.Proxy(gateway.port)
    varve = node(tmp_path, "node", bucket.at(proxy.endpoint), "--flush-age", "1s").start()
    ledger = Ledger(varve, SEED, pace=0.02).start()
    wait_for("a flush", lambda: ledger.disturber.done["flush"])
    # Numbers for the first series are set aside in the bucket: an outage before that refuses every write.
    wait_for("a write of each", lambda: all(w.acknowledged for w in ledger.writers))
    proxy.outage = kind
    before = sum(w.acknowledged for w in ledger.writers)
    time.sleep(OUTAGE if kind == "refuse" else min(OUTAGE, 5))
    assert sum(w.acknowledged for w in ledger.writers) > before
    flushes = numbers(varve, "varve_flushes_total")[""]
    proxy.clear()
    back = time.monotonic()
    wait_for("a flush after the outage", lambda: numbers(varve, "varve_flushes_total")[""] > flushes, 120)
    print(f"\n{kind}: healed {time.monotonic() - back:.1f} s after the outage")
    ledger.stop()
    assert ledger.problems() == [] and ledger.bad_answers() == []
    assert varve.stop() == 0
    proxy.stop()


def test_a_gateway_that_is_killed_and_restarted_heals(gateway, tmp_path):
    """Nothing is lost and writing goes on. How soon after the restart is printed: within 10 s on a machine of its own."""
    bucket = gateway.bucket()
    varve = node(tmp_path, "node", bucket, "--flush-age", "1s").start()
    ledger = Ledger(varve, SEED, pace=0.02).start()
    wait_for("a flush", lambda: ledger.disturber.done["flush"])
    for _ in range(2):
        gateway.kill_gateway()
        time.sleep(3)
        gateway.start_gateway()
        back = time.monotonic()
        flushes = numbers(varve, "varve_flushes_total")[""]
        wait_for("a flush", lambda: numbers(varve, "varve_flushes_total")[""] > flushes, 120)
        print(f"\nhealed {time.monotonic() - back:.1f} s after the restart")
    ledger.stop()
    assert ledger.problems() == [] and ledger.bad_answers() == []
    assert varve.stop() == 0


def test_of_two_writers_one_survives(gateway, tmp_path):
    """One is stopped, killed or just running when the other claims: it commits nothing more, ends by itself with a message,
    and its log brings in what it had acknowledged."""
    bucket = gateway.bucket()
    chance = random.Random(SEED)
    with keep_when_failing(tmp_path, replay("test_object_store.py", "two_writers", E2E_SEED=SEED, E2E_DUELS=DUELS)):
        holder = node(tmp_path, "node0", bucket, "--flush-age", "1s").start()
        writers = []
        for duel in range(DUELS):
            writers.append([Writer(holder, duel * 2 + n, seed=SEED, start=START, pace=0.002) for n in range(2)])
            for writer in writers[-1]:
                writer.start()
            time.sleep(chance.uniform(0.5, 2.5))
            contested = Contested(duel)
            contested.send(holder, range(0, 30), 1)
            if chance.random() < 0.5:
                # These are in objects when the other claims; what replaces them may be in the log alone.
                holder.admin("flush")
            contested.send(holder, range(10, 30), 2)
            how = chance.choice(["stopped", "killed", "running"]) if duel else "stopped"
            if how == "stopped":
                holder.process.process.send_signal(signal.SIGSTOP)
            elif how == "killed":
                holder.kill()
            challenger = node(tmp_path, f"node{duel + 1}", bucket, "--flush-age", "1s").start()
            if how == "stopped":
                holder.process.process.send_signal(signal.SIGCONT)
            if how != "killed":
                assert holder.process.process.wait(timeout=60) == 1, holder.process.last_words()
                assert "another writer has taken over" in holder.process.output()
                assert "varve wal replay" in holder.process.output()
            for writer in writers[-1]:
                writer.stopping.set()
            for writer in writers[-1]:
                writer.join(timeout=90)
            if how == "killed":
                # Its log is of a claim that is over: it does not open by itself.
                again = Varve(holder.data, holder.log_path, *holder.flags, env=holder.env).launch()
                code = again.process.process.wait(timeout=60) if not_ready(again) else None
                if code is None:
                    # Everything was flushed: nothing speaks against a claim. It is the holder now.
                    challenger.process.process.wait(timeout=60)
                    again.stop()
                    challenger = node(tmp_path, f"node{duel + 1}", bucket, "--flush-age", "1s", "--take-over").start()
                else:
                    assert code == 1 and "--take-over" in again.process.output()
            # What the new writer was given for the same samples stays, before the replay and after it; a repeat changes nothing.
            contested.send(challenger, range(20, 25), 3)
            if chance.random() < 0.5:
                challenger.admin("flush")
            for _ in range(chance.choice([1, 1, 2])):
                replayed = run(
                    bucket, "wal", "replay", "--data", holder.data, *bucket.flags("db"), "--url", challenger.url)
                assert replayed.returncode == 0, replayed
                assert "older than what it was sent itself" in replayed.stdout, replayed
            contested.send(challenger, range(25, 30), 4)
            if chance.random() < 0.3:
                challenger.admin("compact")
            assert contested.problems(challenger) == [], (duel, how)
            for pair in writers:
                for writer in pair:
                    assert writer.problems(challenger) == [], (duel, how)
            holder = challenger
        COUNTS.add("duels of writers", DUELS)
        assert holder.stop() == 0


class Contested:
    """Samples that both writers are sent: of each the value of the last acknowledged write is seen."""

    def __init__(self, duel):
        self.start = START + duel * 1_000_000
        self.expected = {}

    def send(self, varve, numbers, value):
        samples = [(self.start + n * 1_000, float(value)) for n in numbers]
        body = snappy_literal(series([("__name__", "contested")], samples))
        status, answer, _ = varve.request("/api/v1/write", data=body, headers=HEADERS, method="POST")
        assert status == 204, (status, answer)
        self.expected.update(samples)

    def problems(self, varve):
        found = varve.query("contested[30s]", (self.start + 29_500) / 1000)["result"]
        seen = {round(float(at) * 1000): float(value) for one in found for at, value in one["values"]}
        return [(at, seen.get(at), value) for at, value in self.expected.items() if seen.get(at) != value]


def not_ready(varve, seconds=20):
    """True: it ended before it was ready."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and varve.process.alive():
        try:
            if varve.is_ready():
                return False
        except OSError:
            pass
        time.sleep(0.02)
    return True


def test_a_node_takes_the_bucket_back_and_keeps_its_old_log(gateway, tmp_path):
    bucket = gateway.bucket()
    first = node(tmp_path, "first", bucket).start()
    writer = Writer(first, 1, seed=SEED, limit=500)
    writer.start()
    wait_for("some requests", lambda: writer.steps > 50)
    writer.stopping.set()
    writer.join(timeout=60)
    first.kill()
    second = node(tmp_path, "second", bucket).start()
    assert second.stop() == 0
    refused = node(tmp_path, "first", bucket).launch()
    assert refused.process.process.wait(timeout=60) == 1
    back = node(tmp_path, "first", bucket, "--take-over").start()
    aside = os.path.join(back.data, "wal", "main.superseded-1")
    assert os.path.isdir(aside) and aside in back.process.output()
    replayed = run(bucket, "wal", "replay", "--data", aside, *bucket.flags("db"), "--url", back.url)
    assert replayed.returncode == 0, replayed
    assert writer.problems(back) == []
    assert back.stop() == 0


def test_readers_follow_and_write_nothing(gateway, tmp_path):
    """Two readers see what is flushed within the staleness, through compaction and collection, and never put or delete."""
    bucket, proxy = gateway.bucket(), faults.Proxy(gateway.port)
    varve = node(tmp_path, "writer", bucket).start()
    seen = []
    choose = proxy.choose
    proxy.choose = lambda method, target: (seen.append(method), choose(method, target))[1]
    ledger = Ledger(varve, SEED, pace=0.01).start()
    wait_for("a flush", lambda: ledger.disturber.done["flush"])
    reader = node(tmp_path, "reader", bucket.at(proxy.endpoint), "--read-only", "--staleness", "1s").start()
    for _ in range(5):
        ledger.pause()
        varve.admin("flush")
        assert ledger.problems() == []
        version = numbers(varve, "varve_manifest_version")[""]
        wait_for("the reader", lambda v=version: numbers(reader, "varve_reader_manifest_version")[""] >= v, 10, 0.01)
        for writer in ledger.writers:
            assert writer.problems(reader) == []
        for path, params in (("labels", {}), ("label/writer/values", {}), ("series", {"match[]": "ledger"})):
            assert reader.json(f"/api/v1/{path}", params)["data"] == varve.json(f"/api/v1/{path}", params)["data"]
        ledger.resume()
        time.sleep(0.5)
        varve.admin("compact")
    ledger.stop()
    # An answer while nothing is heard of the bucket carries a warning.
    wait_for("no warning", lambda: not reader.json("/api/v1/query", {"query": "1"}).get("warnings"), 20, 0.2)
    proxy.outage = "refuse"
    wait_for("a warning", lambda: any(
        "--staleness" in w for w in reader.json("/api/v1/query", {"query": "1"}).get("warnings", [])), 20, 0.2)
    assert numbers(reader, "varve_reader_staleness_seconds")[""] > 1
    proxy.clear()
    wait_for("no warning", lambda: not reader.json("/api/v1/query", {"query": "1"}).get("warnings"), 20, 0.2)
    status, body, headers = reader.request("/api/v1/write", data=b"x", method="POST", headers={
        "content-type": "application/x-protobuf", "content-encoding": "snappy"})
    assert status == 503 and b"--read-only" in body
    assert reader.stop() == 0 and varve.stop() == 0
    assert set(seen) <= {"GET", "HEAD"}
    proxy.stop()


def test_a_cold_query_and_steady_writing_are_cheap(gateway, tmp_path):
    """A query of one series over a day of compacted data on a cold cache: at most 12 GETs and 512 KiB."""
    bucket = gateway.bucket()
    varve = node(tmp_path, "writer", bucket).start()
    writer = Writer(varve, 1, seed=SEED, count=200, start=START - START % 86_400_000, bulk=1)
    writer.span = 15_000
    index = 0
    while index * 240 < 5_760:
        writer.requests.append([index * 240, (index + 1) * 240, 1])
        writer.send(index)
        index += 1
    varve.admin("flush")
    varve.admin("compact")
    assert varve.stop() == 0
    reader = node(tmp_path, "reader", bucket, "--read-only").start()
    end = (writer.start_time + 86_400_000 - 15_000) / 1000
    found = reader.query_range('ledger{series="7"}', end - 86_000, end, "60s")["result"]
    assert len(found) == 1
    label = re.compile(r'purpose="query"')
    gets = sum(v for k, v in numbers(reader, "varve_object_store_requests_total").items() if label.search(k))
    received = sum(v for k, v in numbers(reader, "varve_object_store_received_bytes_total").items() if label.search(k))
    print(f"\na cold query of one series over a day: {gets:.0f} requests, {received:.0f} bytes")
    assert 0 < gets <= 12 and received <= 512 << 10
    # A second time, and after a restart, the cache has it.
    reader.query_range('ledger{series="7"}', end - 86_000, end, "60s")
    assert sum(v for k, v in numbers(reader, "varve_object_store_requests_total").items() if label.search(k)) == gets
    assert reader.stop() == 0
    reader.start()
    assert len(reader.query_range('ledger{series="7"}', end - 86_000, end, "60s")["result"]) == 1
    again = sum(v for k, v in numbers(reader, "varve_object_store_requests_total").items() if label.search(k))
    assert again == 0
    assert numbers(reader, "varve_cache_disk_hits_total")[""] > 0
    assert reader.stop() == 0


def test_the_page_on_open_data_is_right(gateway, tmp_path):
    """The commands of docs/object-storage.md, as they stand there, while Varve writes the bucket."""
    bucket = gateway.bucket()
    varve = node(tmp_path, "writer", bucket, "--flush-age", "1s", prefix="prefix").start()
    ledger = Ledger(varve, SEED).start()
    wait_for("a flush and a compaction", lambda: all(ledger.disturber.done[what] for what in ("flush", "compact")))
    page = open(os.path.join(ROOT, "docs", "object-storage.md"), encoding="utf-8").read()
    script = page.split("python - <<'PY'\n")[1].split("\nPY\n")[0]
    script = script.replace("HOST:PORT", bucket.endpoint.removeprefix("http://")).replace('"bucket/', f'"{bucket.name}/')
    listed = run(bucket, "inspect", "--files", *bucket.flags("prefix"))
    assert listed.returncode == 0, listed
    (tmp_path / "live").write_text(listed.stdout)
    asked = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, timeout=120,
                           env={**os.environ, **bucket.env, "AWS_EC2_METADATA_DISABLED": "true"})
    assert asked.returncode == 0, asked
    assert "ledger" in asked.stdout, asked
    ledger.stop()
    assert ledger.problems() == []
    assert varve.stop() == 0


def written(varve):
    """One settled request, by somebody who keeps the ledger of it."""
    writer = Writer(varve, 1, seed=SEED)
    writer.requests.append([0, 10, 0])
    writer.send(0)
    assert writer.problems(varve) == []
    return writer


def test_the_bucket_is_named_in_the_path_or_in_the_host(gateway, tmp_path):
    bucket = gateway.bucket()
    host = bucket.at(f"http://localhost:{gateway.port}")
    varve = node(tmp_path, "host", host, "--s3-addressing", "virtual").start()
    writer = written(varve)
    assert varve.stop() == 0
    reader = node(tmp_path, "path", bucket, "--s3-addressing", "path", "--read-only").start()
    assert writer.problems(reader) == []
    assert reader.stop() == 0


def test_a_server_with_a_certificate_of_its_own_is_trusted_when_told_so(gateway, tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl")
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    tunnel = Tunnel(gateway.port, key, certificate)
    bucket = gateway.bucket()
    for endpoint in (f"https://localhost:{tunnel.port}", f"https://127.0.0.1:{tunnel.port}"):
        name = endpoint.split("/")[2].split(":")[0]
        varve = node(tmp_path, name, bucket.at(endpoint), "--s3-ca-file", certificate, "--take-over").start()
        written(varve)
        assert varve.stop() == 0
        strange = node(tmp_path, f"strange-{name}", bucket.at(endpoint)).launch()
        assert strange.process.process.wait(timeout=60) == 1
        assert "certificate was not accepted" in strange.process.output()
    tunnel.stop()


class Tunnel:
    """TLS before a plain server."""

    def __init__(self, port, key, certificate):
        self.target = port
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            with self.context.wrap_socket(client, server_side=True) as near:
                with socket.create_connection(("127.0.0.1", self.target)) as far:
                    while True:
                        # One request at a time and one direction at a time would do; both are watched all the same.
                        ready = [near] if near.pending() else select.select([near, far], [], [], 60)[0]
                        for one in ready:
                            data = one.recv(65_536)
                            if not data:
                                return
                            (far if one is near else near).sendall(data)
        except OSError:
            pass

    def stop(self):
        self.listener.close()
