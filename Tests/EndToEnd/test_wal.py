"""`varve wal …` on logs of every state: what is looked at stays as it is, what is good is kept, what is read arrives."""
import hashlib
import os
import shutil
import subprocess
import time

import pytest

import bodies
from servers import VARVE, Varve

NOW = int(time.time()) * 1000


def snapshot(directory):
    """Every name with its bytes, length and time of change."""
    found = {}
    for folder, folders, files in os.walk(directory):
        for name in folders:
            path = os.path.join(folder, name)
            found[path] = os.stat(path).st_mtime_ns
        for name in files:
            path = os.path.join(folder, name)
            status = os.stat(path)
            with open(path, "rb") as f:
                found[path] = (status.st_mtime_ns, status.st_size, hashlib.sha256(f.read()).hexdigest())
    return found


def run(*argv):
    return subprocess.run([VARVE, *argv], capture_output=True, text=True, timeout=120)


def write(server, round_, count=50):
    series = b"".join(
        bodies.series([("__name__", "walled"), ("host", f"h{i}")], [(NOW - 60_000 + round_ * 1000, round_ + i / 8)])
        for i in range(count))
    status, body, _ = server.request("/api/v1/write", data=bodies.snappy_literal(series), headers=bodies.HEADERS)
    assert status == 204, body


@pytest.fixture
def killed(tmp_path):
    """A data directory with objects and, behind them, a log of thirty records that no flush has seen."""
    server = Varve(str(tmp_path / "data"), str(tmp_path / "log.txt")).start()
    for round_ in range(10):
        write(server, round_)
    server.admin("flush")
    for round_ in range(10, 40):
        write(server, round_)
    server.kill()
    return str(tmp_path / "data")


def log_file(data):
    folder = os.path.join(data, "wal", "main")
    names = sorted(n for n in os.listdir(folder) if n.endswith(".log"))
    return os.path.join(folder, names[0])


def damage(path):
    """Flips one bit in the middle of what is written. - Returns: where."""
    with open(path, "rb") as f:
        used = len(f.read().rstrip(b"\0"))
    place = 4096 + (used - 4096) // 2
    with open(path, "r+b") as f:
        f.seek(place)
        byte = f.read(1)
        f.seek(place)
        f.write(bytes([byte[0] ^ 0x10]))
    return place


def answers(server, at=None):
    data = server.query("count_over_time(walled[5m])", (at or NOW + 5000) / 1000)
    return {r["metric"]["host"]: float(r["value"][1]) for r in data["result"]}


def test_looking_changes_nothing(killed):
    before = snapshot(killed)
    for directory in (killed, os.path.join(killed, "wal", "main")):
        result = run("wal", "inspect", "--data", directory)
        assert result.returncode == 0, result.stderr
        assert "samples" in result.stdout
    assert snapshot(killed) == before

    damage(log_file(killed))
    before = snapshot(killed)
    result = run("wal", "inspect", "--data", killed)
    assert result.returncode == 3, result.stderr
    assert "is damaged at byte" in result.stderr and "varve wal salvage" in result.stderr
    assert "records" in result.stdout, "what is sound is shown all the same"
    assert snapshot(killed) == before

    folder = os.path.join(killed, "wal", "main")
    open(os.path.join(folder, "7.log"), "w").close()
    os.makedirs(os.path.join(folder, "0000000000000099.log"))
    before = snapshot(killed)
    result = run("wal", "inspect", "--data", killed)
    assert result.returncode == 3 and "7.log" in result.stdout
    assert snapshot(killed) == before
    result = run("wal", "inspect", "--data", os.path.join(killed, "objects"))
    assert result.returncode == 1 and "there is no log" in result.stderr
    assert snapshot(killed) == before


def test_salvage_keeps_what_is_good_and_says_what_is_lost(killed, tmp_path):
    place = damage(log_file(killed))
    server = Varve(killed, str(tmp_path / "refused.txt"))
    refused = run("serve", "--data", killed, "--listen", f"127.0.0.1:{server.port}")
    assert refused.returncode == 3 and "varve wal salvage" in refused.stderr

    before = snapshot(killed)
    saved = str(tmp_path / "saved")
    result = run("wal", "salvage", "--data", killed, "--output", saved)
    assert result.returncode == 0, result.stderr
    assert "damaged: CRC-32C" in result.stdout and "records between" in result.stdout
    assert "Kept 39 records" in result.stdout, result.stdout
    assert snapshot(killed) == before, "with --output the old log is only read"
    assert run("wal", "inspect", "--data", saved).returncode == 0
    assert run("wal", "salvage", "--data", killed, "--output", saved).returncode == 1, "not empty"
    assert run("wal", "salvage", "--data", killed).returncode == 2

    original = open(log_file(killed), "rb").read()
    result = run("wal", "salvage", "--data", killed, "--in-place")
    assert result.returncode == 0, result.stderr
    kept = os.path.join(killed, "quarantine", "main-log-1", os.path.basename(log_file(killed)))
    assert open(kept, "rb").read() == original
    assert place < len(original)
    server.start()
    found = answers(server)
    assert len(found) == 50 and set(found.values()) == {39.0}, "one record of forty is lost, and no other"
    assert server.stop() == 0


def test_replay_sends_a_log_elsewhere(killed, tmp_path):
    """The log of a dead node, labels partly only in its objects, to another server."""
    other = Varve(str(tmp_path / "other"), str(tmp_path / "other.txt")).start()
    before = snapshot(killed)
    result = run("wal", "replay", "--data", killed, "--url", other.url)
    assert result.returncode == 0, result.stderr
    assert "Sent 1500 samples of 30 records" in result.stdout, result.stdout
    assert "10 records are in objects already" in result.stdout
    assert "\r" not in result.stdout, "no progress in a pipe"
    assert snapshot(killed) == before
    assert set(answers(other).values()) == {30.0}

    # Damaged, brought elsewhere without its claimant file: everything that can be read arrives.
    foreign = str(tmp_path / "foreign")
    shutil.copytree(killed, foreign)
    os.remove(os.path.join(foreign, "wal", "main.claimant"))
    damage(log_file(foreign))
    result = run("wal", "replay", "--data", foreign, "--url", other.url)
    assert result.returncode == 3, result.stderr
    assert "Sent 1950 samples of 39 records" in result.stdout, result.stdout
    assert set(answers(other).values()) == {39.0} or set(answers(other).values()) == {40.0}
    assert other.stop() == 0
    result = run("wal", "replay", "--data", killed, "--url", "ftp://nowhere")
    assert result.returncode == 2
