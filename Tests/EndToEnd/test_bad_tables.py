"""The tables of bad input: each row is sent to one server, gets the answer that is demanded, stores nothing, and leaves
the server as it was. `bad_*.py` hold the rows; `test_bad_input.py`, `test_hostile_http.py` what does not fit a table."""
import contextlib
import json
import os
import socket
import subprocess
import urllib.parse

import bad_queries
import bad_requests
import bad_settings
import bad_writes
import pytest
from bodies import HEADERS, series, snappy_literal
from counts import COUNTS
from servers import VARVE, Varve
from test_surroundings import peak_memory

AT = 1_700_000_000
LIMIT = ["--query.max-samples", "100000", "--query.max-series", "150"]


@pytest.fixture(scope="module")
def varve(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("bad-tables"))
    server = Varve(os.path.join(folder, "data"), os.path.join(folder, "varve.log"), *LIMIT, admin=False).start()
    body = b"".join(series([("__name__", "wide"), ("i", str(i))], [(AT * 1000 - t * 1000, t) for t in range(2_000)])
                    for i in range(100))
    body += b"".join(series([("__name__", "few"), ("i", str(i))], [(AT * 1000, i)]) for i in range(60))
    assert server.request("/api/v1/write", data=snappy_literal(body), headers=HEADERS)[0] == 204
    memory = peak_memory(server.process.process.pid)
    yield server
    grown = peak_memory(server.process.process.pid) - memory
    print(f"\nbad input: {COUNTS['bad inputs']} cases; {grown:.0f} MiB more at the peak")
    assert server.process.alive()
    assert server.query("count(few)", AT)["result"][0]["value"][1] == "60"
    assert grown < 300
    assert server.stop() == 0


def stored(varve):
    """Series called `bad`, with any sample."""
    for line in varve.request("/metrics")[1].decode().splitlines():
        if line.startswith("varve_samples_stored_total "):
            return float(line.split()[1])
    raise AssertionError("varve_samples_stored_total is gone")


def judge(varve, cases, send, unchanged=True):
    """Sends every row and collects what is wrong, so that one run shows all of it."""
    before, found = stored(varve), []
    for case in cases:
        status, answer = send(case)
        found += case.problems(status, answer.decode(errors="replace"))
        COUNTS.add("bad inputs")
        assert varve.process.alive(), f"{case.name} ended the server: {varve.process.last_words()}"
    if unchanged and stored(varve) != before:
        found.append("something was stored")
    assert not found, f"{len(found)} of {len(cases)} cases:\n" + "\n".join(found)


def write(varve):
    return lambda case: varve.request("/api/v1/write", data=case.send, headers=case.headers or HEADERS)[:2]


@pytest.mark.parametrize("table", ["SNAPPY", "PROTOBUF", "DISGUISED"])
def test_a_malformed_write_is_refused_whole(varve, table):
    judge(varve, getattr(bad_writes, table), write(varve))


def test_single_bad_series_are_refused_and_the_rest_is_stored(varve):
    for name, bad, words in bad_writes.REFUSED:
        before = stored(varve)
        status, answer, headers = varve.request(
            "/api/v1/write", data=snappy_literal(bad_writes.GOOD + bad), headers=HEADERS)
        case = bad_writes.Case(name, bad, 400, ("1",) + words)
        COUNTS.add("bad inputs")
        assert case.problems(status, answer.decode()) == []
        assert stored(varve) == before + 1, name
        headers = {k.lower(): v for k, v in headers.items()}
        assert headers["x-prometheus-remote-write-samples-written"] == "1", name


def test_what_is_odd_and_right_is_accepted(varve):
    cases = [bad_writes.Case(name, snappy_literal(raw), (200, 204)) for name, raw in bad_writes.ACCEPTED]
    judge(varve, cases, write(varve), unchanged=False)


def ask(varve, path):
    def send(case):
        status, answer, _ = varve.request(
            path, data=encoded(case.send), headers={"Content-Type": "application/x-www-form-urlencoded"})
        if status >= 400:
            shape = json.loads(answer)
            assert shape["status"] == "error" and shape["errorType"] and shape["error"], (case.name, answer[:200])
        return status, answer
    return send


def encoded(parameters):
    return urllib.parse.urlencode(parameters, errors="surrogateescape").encode()


@pytest.mark.parametrize("table", ["SYNTAX", "OVERFLOW", "INSTANTS", "BOUNDS"])
def test_a_bad_instant_query_is_refused(varve, table):
    for case in getattr(bad_queries, table):
        case.send.setdefault("time", AT)
    judge(varve, getattr(bad_queries, table), ask(varve, "/api/v1/query"))


def test_an_odd_query_is_answered(varve):
    judge(varve, bad_queries.FINE, ask(varve, "/api/v1/query"))


def test_a_bad_range_query_is_refused(varve):
    judge(varve, bad_queries.RANGES, ask(varve, "/api/v1/query_range"))


def test_a_bad_selector_is_refused(varve):
    judge(varve, bad_queries.MATCHERS, ask(varve, "/api/v1/series"))


def line(varve, method, target, seconds=5):
    """Status and text of a request sent as it stands; status 0: the connection ended without an answer,
    -1: it did not end."""
    return talk(varve, f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode(), seconds)


def talk(varve, raw, seconds=5):
    answer = b""
    with socket.create_connection(("127.0.0.1", varve.port), timeout=seconds) as s:
        # Who is refused early may not be read to the end.
        with contextlib.suppress(ConnectionError, TimeoutError):
            s.sendall(raw)
            s.shutdown(socket.SHUT_WR)
        try:
            while piece := s.recv(65536):
                answer += piece
        except ConnectionError:
            pass
        except TimeoutError:
            return -1, b"no answer and no end for %d s" % seconds
    if not answer:
        return 0, b""
    assert answer.count(b"HTTP/1.1 ") == 1, answer[:500]
    head, _, text = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), text


@pytest.mark.parametrize("table", ["PATHS", "LABELS", "PARAMETERS"])
def test_a_bad_path_is_refused(varve, table):
    judge(varve, getattr(bad_requests, table), lambda case: line(varve, "GET", case.send))


def test_a_method_that_a_path_does_not_take_is_refused(varve):
    def send(case):
        status, text = line(varve, *case.send)
        # HEAD has no body to say anything in.
        return status, text or b"(no text, as it is HEAD)" if case.send[0] == "HEAD" else text
    judge(varve, bad_requests.METHODS, send)


def test_what_is_no_http_is_refused(varve):
    def send(case):
        status, text = talk(varve, case.send)
        return status, text if len(text) >= 8 else b"(no text)"
    judge(varve, bad_requests.FRAMING, send)


def test_the_tables_hold_400_cases_at_least():
    tables = [value for module in (bad_queries, bad_requests, bad_settings, bad_writes) for name, value in vars(module).items()
              if name.isupper() and isinstance(value, list)]
    total = sum(len(table) for table in tables)
    print(f"\nbad input: {total} rows in {len(tables)} tables")
    assert total >= 400


@pytest.mark.parametrize("table", ["FLAGS", "VARIABLES", "FILES", "WEB"])
def test_a_bad_configuration_is_refused_with_all_that_is_wrong(tmp_path, table):
    found = []
    for case in getattr(bad_settings, table):
        folder = tmp_path / "empty"
        folder.mkdir(exist_ok=True)
        flags = list(case.send.get("flags", []))
        for name, flag in (("file", "--config"), ("web", "--web.config.file")):
            if name in case.send:
                text = case.send[name]
                (tmp_path / f"{name}.yml").write_bytes(text if isinstance(text, bytes) else text.encode())
                flags += [flag, str(tmp_path / f"{name}.yml")]
        if "--data" not in flags:
            flags += ["--data", str(folder / "data")]
        variables = {"SHORT": "hunter2", "BROKEN": "hunter2\nhunter2", "GOOD": "hunter2hunter2", **case.send.get("variables", {})}
        run = subprocess.run([VARVE, "serve", "--check-config", *flags], capture_output=True, text=True, timeout=60,
                             env={**os.environ, **variables})
        COUNTS.add("bad inputs")
        found += case.problems(run.returncode, run.stderr)
        # Passwords, hashes and tokens are not told, and nothing was made.
        found += [f"{case.name}: shows a secret" for secret in ("hunter2", "$2b$") if secret in run.stderr]
        found += [f"{case.name}: made {name}" for name in os.listdir(folder)]
    assert not found, f"{len(found)} of {len(getattr(bad_settings, table))} cases:\n" + "\n".join(found)
