"""What is wrong gets a clear message and the right status or exit code, and changes nothing."""
import json
import os
import socket
import subprocess

import pytest
from bodies import HEADERS, series, snappy_literal
from servers import VARVE, Varve


@pytest.fixture(scope="module")
def varve(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("bad-input"))
    server = Varve(os.path.join(folder, "data"), os.path.join(folder, "varve.log")).start()
    yield server
    if server.process.alive():
        assert server.stop() == 0


def count(varve):
    return varve.query('count({__name__=~".+"})', 1_700_000_000)["result"]


@pytest.mark.parametrize("body", [
    b"this is not snappy",
    b"",
    bytes.fromhex("97eab4890a170a085f5f6e616d655f5f120b746573745f6d6574726963121009000000000000f03f10d48fc9b2a333"),
    snappy_literal(b"this is not protobuf"),
    snappy_literal(series([("__name__", "x")], [(1_700_000_000_000, 1)])[:-3]),
])
def test_a_malformed_body_is_400_and_stores_nothing(varve, body):
    before = count(varve)
    status, answer, _ = varve.request("/api/v1/write", data=body, headers=HEADERS)
    assert status == 400, answer
    assert len(answer) > 10, "the message says what is wrong"
    assert count(varve) == before


def test_bad_samples_are_refused_and_good_ones_stored(varve):
    now = 1_700_000_000_000
    body = snappy_literal(
        series([("__name__", "good")], [(now, 1)]) + series([("job", "nameless")], [(now, 2)]))
    status, answer, _ = varve.request("/api/v1/write", data=body, headers=HEADERS)
    assert status == 400
    assert b"1" in answer and b"name" in answer
    assert varve.query("good", now / 1000)["result"][0]["value"][1] == "1"


def test_other_encodings_are_415(varve):
    for headers in ({**HEADERS, "Content-Encoding": "zstd"}, {**HEADERS, "Content-Type": "application/json"}):
        status, _, _ = varve.request("/api/v1/write", data=b"x", headers=headers)
        assert status == 415


@pytest.mark.parametrize("query", ["sum(", "up{", "rate(up)", "1 +", "", "foo{bar=~\"(\"}", "((((((((", "a" * 70_000])
def test_a_broken_query_is_400_bad_data(varve, query):
    status, answer, _ = varve.request("/api/v1/query", {"query": query}) if len(query) < 60_000 else varve.request(
        "/api/v1/query", data=f"query={query}".encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert status == 400
    answer = json.loads(answer)
    assert answer["status"] == "error" and answer["errorType"] == "bad_data" and answer["error"]


@pytest.mark.parametrize("depth", ["(", "-", "a+", "{", "sum("])
def test_endless_nesting_is_refused_quickly(varve, depth):
    body = b"query=" + (depth * 100_000).replace("+", "%2B").encode()
    status, _, _ = varve.request(
        "/api/v1/query", data=body[:60_000], headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert status == 400
    assert varve.is_ready()


def test_bad_parameters_are_400(varve):
    for params in (
        {"query": "up", "start": 0, "end": 100, "step": 0}, {"query": "up", "start": 100, "end": 0, "step": 1},
        {"query": "up", "start": 0, "end": 100_000, "step": 1}, {"query": "up", "start": "x", "end": 1, "step": 1},
        {"query": "up", "start": 0, "end": 100},
    ):
        status, answer, _ = varve.request("/api/v1/query_range", params)
        assert status == 400 and json.loads(answer)["errorType"] == "bad_data", params


def test_an_unknown_path_is_404_and_a_wrong_method_405(varve):
    assert varve.request("/nothing/here")[0] == 404
    assert varve.request("/api/v1/nothing")[0] == 404
    assert varve.request("/api/v1/write")[0] == 405


def serve(*flags):
    return subprocess.run([VARVE, "serve", *flags], capture_output=True, text=True, timeout=60)


def test_a_port_in_use_is_exit_1(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = serve("--data", str(tmp_path / "data"), "--listen", f"127.0.0.1:{port}")
    assert result.returncode == 1
    assert str(port) in result.stderr


def test_a_locked_directory_is_exit_1_and_names_the_holder(varve):
    result = serve("--data", varve.data, "--listen", "127.0.0.1:0")
    assert result.returncode == 1
    assert str(varve.process.process.pid) in result.stderr and varve.data in result.stderr


def test_a_directory_that_is_not_ours_is_refused_and_untouched(tmp_path):
    (tmp_path / "thesis.tex").write_text("important")
    result = serve("--data", str(tmp_path), "--listen", "127.0.0.1:0")
    assert result.returncode == 1
    assert str(tmp_path) in result.stderr
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_wrong_usage_is_exit_2():
    assert serve("--no-such-flag").returncode == 2
    assert serve("--listen", "nonsense").returncode == 2
    assert serve("--flush-age", "1y").returncode == 2
    assert subprocess.run([VARVE, "no-such-command"], capture_output=True).returncode == 2
