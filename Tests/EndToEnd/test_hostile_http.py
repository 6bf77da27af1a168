"""Clients that mean harm or know no better (section 5 of the matrix): answered or cut off; others are served meanwhile."""
import gzip
import os
import socket
import threading
import time

import numpy as np
import pytest
from bodies import HEADERS, field, float_samples, series, snappy_literal, varint
from ledger import START, Ledger
from servers import Varve, wait_for
from test_surroundings import peak_memory


@pytest.fixture(scope="module")
def varve(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("hostile"))
    server = Varve(os.path.join(folder, "data"), os.path.join(folder, "varve.log")).start()
    steps = np.arange(5_000)
    body = snappy_literal(b"".join(
        field(1, field(1, field(1, b"__name__") + field(2, b"wide")) + field(1, field(1, b"i") + field(2, b"%d" % i))
              + float_samples(START + steps * 1_000, steps * 1.1)) for i in range(100)))
    assert server.request("/api/v1/write", data=body, headers=HEADERS)[0] == 204
    yield server
    assert server.process.alive()
    assert server.stop() == 0


def talk(varve, raw, seconds=10):
    """What comes back until the end of the connection, or of patience."""
    with socket.create_connection(("127.0.0.1", varve.port), timeout=seconds) as s:
        s.sendall(raw)
        answer = b""
        try:
            while piece := s.recv(65536):
                answer += piece
                if answer.endswith(b"\r\n\r\n") and b"content-length: 0" in answer.lower():
                    break
        except (TimeoutError, ConnectionError):
            pass
        return answer


BODY = snappy_literal(series([("__name__", "smuggled")], [(START, 1)]))
HEAD = b"POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n"
GET = b"GET /api/v1/query?query=smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("name,raw", [
    ("two lengths that differ", HEAD + b"Content-Length: 5\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY),
    ("two lengths in one field", HEAD + b"Content-Length: 5, %d\r\n\r\n" % len(BODY) + BODY),
    ("a length and chunks", HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + GET),
    ("a length that is no number", HEAD + b"Content-Length: 5x\r\n\r\nabcde" + GET),
    ("a negative length", HEAD + b"Content-Length: -1\r\n\r\n" + GET),
    ("an endless length", HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n" + GET),
    ("a chunk of endless size", HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nabc"),
    ("a chunk whose size is no number", HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n"),
    ("a space before the colon", b"GET /api/v1/query?query=1 HTTP/1.1\r\nHost : x\r\n\r\n"),
    ("a line break within a field", b"GET / HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n"),
    ("NUL in a field", b"GET / HTTP/1.1\r\nHost: x\0y\r\n\r\n"),
    ("NUL in the path", b"GET /api/v1/labels\0 HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("not HTTP at all", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)),
    ("another version", b"GET / HTTP/3.7\r\nHost: x\r\n\r\n"),
    ("200 fields", b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"A%d: b\r\n" % i for i in range(200)) + b"\r\n"),
    ("a field of 200 KiB", b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 200_000 + b"\r\n\r\n"),
])
def test_what_is_ambiguous_or_broken_is_refused_and_stores_nothing(varve, name, raw):
    answer = talk(varve, raw, 5)
    # Whatever came after the broken request is not answered: nothing is smuggled.
    assert answer.count(b"HTTP/1.1 ") <= 1, answer[:400]
    if answer:
        assert answer.split(b" ")[1] in (b"400", b"413", b"431", b"501", b"505"), answer[:200]
    assert varve.query("smuggled", START / 1000)["result"] == []


@pytest.mark.parametrize("path", [
    "/api/v1/labels%00", "/%2e%2e/%2e%2e/etc/passwd", "/api/v1/query%0d%0aX:y", "/api/v1/query?query=up&time=1e400", "/api/v1/query?query=up&time=NaN", "/api/v1/query?query=%ff%fe"])
def test_odd_paths_and_times_are_client_errors(varve, path):
    answer = talk(varve, f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.split(b" ")[1] in (b"400", b"404"), answer[:300]
    assert b"passwd" not in answer.split(b"\r\n\r\n", 1)[0]


def test_a_compressed_question_is_not_inflated(varve):
    """200 MiB of zeros in 200 KiB: refused, or read as it is; never unpacked."""
    bomb = gzip.compress(b"query=" + bytes(200 << 20))
    before = peak_memory(varve.process.process.pid)
    status, _, _ = varve.request("/api/v1/query", data=bomb, headers={
        "Content-Type": "application/x-www-form-urlencoded", "Content-Encoding": "gzip"})
    assert 400 <= status < 500
    # A snappy block that says it is 1 GiB: refused by its length.
    status, answer, _ = varve.request("/api/v1/write", data=varint(1 << 30) + bytes(100_000), headers=HEADERS)
    assert status == 400, answer
    assert peak_memory(varve.process.process.pid) < before + 64


def closed_after(varve, talkative, seconds):
    """How long the server bears it: `talkative` sends more every half second until it cannot."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", varve.port), timeout=5) as s:
        s.settimeout(0.5)
        try:
            talkative(s, first=True)
            while time.monotonic() - began < seconds:
                try:
                    if s.recv(4096) == b"":
                        break
                except TimeoutError:
                    pass
                talkative(s, first=False)
        except OSError:
            pass
    return time.monotonic() - began


def test_slow_clients_are_left_and_others_served(varve):
    """Headers and a body a byte at a time, answers that are never read: all at once, and a ledger beside."""
    found = {}

    def slow_headers(s, first):
        s.sendall(b"GET /api/v1/labels HTTP/1.1\r\nHost: x\r\nX: " if first else b"y")

    def slow_body(s, first):
        s.sendall(HEAD + b"Content-Length: 100000\r\n\r\n" if first else b"y")

    def silent(s, first):
        s.sendall(b"GET /api" if first else b"")

    def measure(name, talkative, seconds):
        found[name] = closed_after(varve, talkative, seconds)

    readers = []
    for _ in range(20):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", varve.port))
        question = f"query=wide&start={START // 1000}&end={START // 1000 + 5000}&step=1"
        s.sendall(f"GET /api/v1/query_range?{question} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        readers.append(s)
    threads = [threading.Thread(target=measure, args=(name, how, 40), daemon=True) for name, how in (
        ("slow headers", slow_headers), ("slow body", slow_body), ("silence", silent))]
    for thread in threads:
        thread.start()
    # Without series of long labels: their memory grows with the speed of the machine, not with who reads slowly.
    ledger = Ledger(varve, 1, writers=2, series_writers=0, pace=0.02).start()
    for thread in threads:
        thread.join(60)
    acknowledged = ledger.acknowledged
    wait_for("the others are served", lambda: ledger.acknowledged > acknowledged + 100, 10)
    ledger.stop()
    assert ledger.problems() == [] and ledger.bad_answers() == []
    slowest = max(w.slowest for w in ledger.writers)
    peak = peak_memory(varve.process.process.pid)
    print(f"\nleft after: {', '.join(f'{name} {seconds:.0f} s' for name, seconds in found.items())}; slowest write "
          f"beside them {slowest:.2f} s; {peak:.0f} MiB resident at most, 20 clients that do not read among it")
    assert found["slow headers"] < 35 and found["slow body"] < 35 and found["silence"] < 35, found
    assert peak < 600
    # A client that never reads is left, too: its connection is reset or ended.
    end = time.monotonic() + 60
    while time.monotonic() < end and connections(varve) > 3:
        time.sleep(0.5)
    assert connections(varve) <= 3, "clients that never read are kept"
    for s in readers:
        s.close()


def connections(varve):
    """Established ones, as the kernel lists them."""
    wanted = f":{varve.port:04X}"
    with open("/proc/net/tcp", encoding="utf-8") as f:
        return sum(1 for line in f if line.split()[1].endswith(wanted) and line.split()[3] == "01")
