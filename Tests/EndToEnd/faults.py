"""A proxy before an S3 server that fails by rule, before or after passing a request on.

Faults: 500, 503 (SlowDown), reset, timeout (no answer; the connection ends after `patience`), stuck (no answer, ever),
truncated (half of the body, then the end), wrong-length (a body longer than what is declared), 200-error (a success with an
error inside), slow (the answer comes late and in small pieces). `before`: the server never hears of the request; `after`: it
has carried it out.

Over HTTP, for tests in other languages: POST /__faults?fault=500&when=after&method=PUT&contains=head&count=1 adds a rule,
POST /__faults?clear=1 removes all, GET /__faults tells how many requests met one. POST /__faults?settle=head answers once
every rule for such a request was met and none that was passed on is still being carried out: whoever gave up waiting cannot
know that by itself.
"""
import random
import socket
import struct
import threading
import time
import urllib.parse

FAULTS = ["500", "503", "reset", "timeout", "stuck", "truncated", "wrong-length", "200-error", "slow"]
ERROR = b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>injected</Message></Error>'


class Rule:
    def __init__(self, fault, when="before", method=None, contains="", count=1):
        assert fault in FAULTS and when in ("before", "after"), (fault, when)
        self.fault, self.when, self.method, self.contains, self.count = fault, when, method, contains, count

    def fits(self, method, target):
        return self.count > 0 and self.method in (None, method) and self.contains in target


class Proxy:
    """Threads and plain sockets: what reaches the wire is exactly what is written here."""

    def __init__(self, port, patience=3.0):
        self.target, self.patience = port, patience
        self.rules, self.lock = [], threading.Lock()
        self.random = None  # (generator, probability, faults): a fault at random
        self.outage = None  # "refuse" or "stuck": nothing gets through
        self.met, self.requests = 0, 0
        self.passing = []  # the targets that the server works on
        self.closed = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def add(self, *args, **options):
        with self.lock:
            self.rules.append(Rule(*args, **options))

    def clear(self):
        with self.lock:
            self.rules, self.random, self.outage = [], None, None

    def fail_at_random(self, seed, probability, faults=None):
        faults = faults or [f for f in FAULTS if f != "stuck"]
        with self.lock:
            self.random = (random.Random(seed), probability, faults)

    def stop(self):
        self.closed.set()
        self.listener.close()

    def accept(self):
        while not self.closed.is_set():
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def choose(self, method, target):
        """The rule that this request meets, and whether the server will hear of it."""
        with self.lock:
            self.requests += 1
            rule = next((rule for rule in self.rules if rule.fits(method, target)), None)
            if rule is not None:
                rule.count -= 1
            elif self.random and self.random[0].random() < self.random[1]:
                rule = Rule(self.random[0].choice(self.random[2]), self.random[0].choice(["before", "after"]))
            self.met += rule is not None
            is_passed = rule is None or rule.when == "after" or rule.fault == "slow"
            if is_passed:
                self.passing.append(target)
            return rule, is_passed

    def settle(self, text, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with self.lock:
                is_awaited = any(rule.count > 0 and rule.contains == text for rule in self.rules)
                if not is_awaited and not any(text in target for target in self.passing):
                    return True
            self.closed.wait(0.01)
        return False

    def serve(self, client):
        upstream = None
        try:
            stream = client.makefile("rb")
            while True:
                request = read_message(stream)
                if request is None:
                    return
                head, body = request
                method, target = head.split(b" ", 2)[:2]
                method, target = method.decode(), target.decode()
                if target.startswith("/__faults"):
                    client.sendall(self.control(method, target))
                    continue
                if self.outage == "refuse":
                    return reset(client)
                if self.outage == "stuck":
                    while self.outage == "stuck" and not self.closed.wait(0.05):
                        pass
                    return
                rule, is_passed = self.choose(method, target)
                if not is_passed:
                    if not self.fail(client, rule.fault, method, None):
                        return
                    continue
                try:
                    if upstream is None:
                        upstream = socket.create_connection(("127.0.0.1", self.target), timeout=120)
                        upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                        back = upstream.makefile("rb")
                    upstream.sendall(head + body)
                    answer = read_message(back, is_answer=True, to=method)
                finally:
                    with self.lock:
                        self.passing.remove(target)
                if answer is None:
                    return reset(client)
                if rule is not None:
                    if not self.fail(client, rule.fault, method, answer):
                        return
                    continue
                client.sendall(answer[0] + answer[1])
                if b"connection: close" in answer[0].lower():
                    return
        except (OSError, ValueError):
            pass
        finally:
            client.close()
            if upstream is not None:
                upstream.close()

    def fail(self, client, fault, method, answer):
        """False: the connection is over."""
        if fault in ("500", "503"):
            code = b"SlowDown" if fault == "503" else b"InternalError"
            body = b"" if method == "HEAD" else ERROR % code
            client.sendall(b"HTTP/1.1 %s Injected\r\ncontent-type: application/xml\r\ncontent-length: %d\r\n\r\n%s" % (
                fault.encode(), len(body), body))
            return True
        if fault == "200-error":
            body = b"" if method == "HEAD" else ERROR % b"InternalError"
            client.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/xml\r\ncontent-length: %d\r\n\r\n%s" % (
                len(body), body))
            return True
        if fault == "reset":
            reset(client)
            return False
        if fault == "timeout":
            self.closed.wait(self.patience)
            return False
        if fault == "stuck":
            self.closed.wait()
            return False
        if fault == "slow":
            for piece in pieces(answer[0] + answer[1]):
                client.sendall(piece)
                self.closed.wait(0.2 / 8)
            return True
        head, body = answer if answer else (b"HTTP/1.1 200 OK\r\ncontent-length: 64\r\n\r\n", b"x" * 64)
        if fault == "truncated":
            # Where there is no body the head is cut.
            client.sendall(head + body[:len(body) // 2] if body else head[:len(head) // 2])
            return False
        if method == "HEAD":
            # Its length is the object's: a body comes where none may.
            client.sendall(head + b"more")
            return False
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-length")]
        client.sendall(b"\r\n".join(lines[:-2] + [b"content-length: %d" % (len(body) // 2), b"", b""]) + body + b"more")
        return False

    def control(self, method, target):
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query))
        if method == "POST" and "clear" in query:
            self.clear()
        elif method == "POST" and "settle" in query:
            if not self.settle(query["settle"]):
                return b"HTTP/1.1 504 Not settled\r\ncontent-length: 0\r\n\r\n"
        elif method == "POST":
            self.add(query["fault"], query.get("when", "before"), query.get("method"), query.get("contains", ""),
                     int(query.get("count", "1")))
        body = b"%d" % self.met
        return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def pieces(data):
    size = max(1, len(data) // 8)
    return [data[i:i + size] for i in range(0, len(data), size)]


def read_message(stream, is_answer=False, to=""):
    """(head with its empty line, body); nil at the end of the stream."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline(65536)
        if not line:
            return None
        head += line
    fields = {k.strip().lower(): v.strip() for k, _, v in (line.partition(b":") for line in head.split(b"\r\n")[1:])}
    if is_answer and head.startswith(b"HTTP/1.1 100"):
        return read_message(stream, True, to)
    status = head.split(b" ")[1] if is_answer else b""
    if is_answer and (to == "HEAD" or status in (b"204", b"304")):
        return head, b""
    if fields.get(b"transfer-encoding", b"").lower() == b"chunked":
        body = b""
        while True:
            line = stream.readline()
            size = int(line.split(b";")[0], 16)
            chunk = stream.read(size + 2)
            body += line + chunk
            if size == 0:
                return head, body
    size = int(fields.get(b"content-length", b"0"))
    body = stream.read(size)
    return (head, body) if len(body) == size else None
