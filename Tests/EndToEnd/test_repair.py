"""Damage at rest (section 5 and point A5 of the matrix): for every kind of it the message names a command, and that command
brings back all that is intact and says what is not."""
import glob
import json
import os
import re
import shlex
import shutil
import subprocess

import pytest
from bodies import HEADERS, series, snappy_literal
from counts import COUNTS
from servers import VARVE, Varve, free_port

START = 1_700_000_000
ROUNDS, SERIES, SAMPLES = 4, 20, 50


def varve(*arguments):
    return subprocess.run([VARVE, *arguments], capture_output=True, text=True, timeout=120)


def count(data):
    """Samples of each round, as a directory tells them."""
    run = varve("query", "sum by (round) (count_over_time(m[2h]))", "--data", data, "--time", str(START + 3_600), "--format", "json")
    assert run.returncode == 0, run.stderr
    return {int(one["metric"]["round"]): int(float(one["value"][1])) for one in json.loads(run.stdout)["data"]["result"]}


def body(number):
    samples = [((START + number * 600 + i * 10) * 1000, float(i)) for i in range(SAMPLES)]
    return snappy_literal(b"".join(
        series([("__name__", "m"), ("round", str(number)), ("s", str(s))], samples) for s in range(SERIES)))


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Rounds 0 … 2 in objects of their own, each with the series of its own; round 3 in the log alone."""
    folder = str(tmp_path_factory.mktemp("sound"))
    server = Varve(os.path.join(folder, "data"), os.path.join(folder, "varve.log")).start()
    for number in range(ROUNDS):
        for _ in range(3 if number == ROUNDS - 1 else 1):
            assert server.request("/api/v1/write", data=body(number), headers=HEADERS)[0] == 204
        if number < ROUNDS - 1:
            server.admin("flush")
    server.kill()
    assert count(server.data) == {number: SERIES * SAMPLES for number in range(ROUNDS)}
    return server.data


def only(data, pattern, pick=-1):
    found = sorted(path for path in glob.glob(os.path.join(data, pattern), recursive=True) if os.path.isfile(path))
    assert found, pattern
    return found[pick]


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at if at >= 0 else os.path.getsize(path) + at)
        where = f.tell()
        byte = f.read(1)
        f.seek(where)
        f.write(bytes([byte[0] ^ 0x40]))


def cut(path, keep):
    os.truncate(path, keep if keep >= 0 else os.path.getsize(path) + keep)


def replace(path, what):
    os.remove(path)
    if what == "a directory":
        os.makedirs(os.path.join(path, "x"))
    elif what == "a symbolic link":
        os.symlink("/etc/passwd", path)
    elif what == "nothing in it":
        open(path, "wb").close()


HEAD, DELTA, SAMPLES_FILE = "objects/regions/main/manifest/head", "objects/regions/main/manifest/delta/*", "objects/samples/data/**/*.parquet"
LOG = "wal/main/*"
# What is damaged, how, and which rounds may be gone afterwards: those whose only copy it was.
DAMAGES = [
    *[(f"{name}: {what}", pattern, change, lost) for name, pattern, lost in (
        ("head", HEAD, set()), ("delta", DELTA, set()), ("samples", SAMPLES_FILE, {2})) for what, change in (
            ("a byte near the beginning", lambda path: flip(path, 3)), ("a byte in the middle", lambda path: flip(path, os.path.getsize(path) // 2)),
            ("a byte at the end", lambda path: flip(path, -1)), ("cut in half", lambda path: cut(path, os.path.getsize(path) // 2)),
            ("cut by a byte", lambda path: cut(path, -1)), ("empty", lambda path: replace(path, "nothing in it")), ("gone", os.remove),
            ("a directory", lambda path: replace(path, "a directory")), ("a symbolic link", lambda path: replace(path, "a symbolic link")))],
]


def advice(text):
    """The commands that a message names, without `serve`."""
    found = [shlex.split(one) for one in re.findall(r"`(varve [^`]+)`", text)]
    return [command for command in found if command[1] not in ("serve",)]


def run_advice(data, text):
    """Does what the message says, as an operator would; what it leaves open is filled in."""
    commands = advice(text)
    assert commands, f"no command is named: {text}"
    for command in commands:
        if "--data" not in command:
            command += ["--data", data]
        command = [data if part in ("DIR", "./varve-data") else part for part in command]
        if command[1:3] == ["wal", "salvage"] and "--in-place" not in command:
            command.append("--in-place")
        run = varve(*command[1:])
        # 3: it is done, and not everything could be saved.
        if run.returncode == 0 or (run.returncode == 3 and command[1] == "rebuild"):
            return run
    raise AssertionError(f"{commands} did not help: {run.stdout}{run.stderr}")


@pytest.mark.parametrize("name,pattern,change,lost", DAMAGES, ids=[one[0] for one in DAMAGES])
def test_the_command_that_is_named_brings_back_what_is_intact(sound, tmp_path, name, pattern, change, lost):
    data = str(tmp_path / "data")
    shutil.copytree(sound, data)
    change(only(data, pattern))
    COUNTS.add("bad inputs")
    checked = varve("verify", "--data", data)
    assert checked.returncode == 3, f"verify sees nothing: {checked.stdout}{checked.stderr}"
    assert "object" in checked.stderr or "manifest" in checked.stderr, checked.stderr
    repaired = run_advice(data, checked.stderr)
    # Whatever is not in the answer is told.
    found = count(data)
    missing = {number for number in range(ROUNDS) if found.get(number) != SERIES * SAMPLES}
    assert missing <= lost, f"{missing} are gone: {repaired.stdout}{repaired.stderr}"
    if missing:
        assert os.path.basename(only(sound, pattern)) in repaired.stdout + repaired.stderr, "what is lost is not told"
    again = varve("verify", "--data", data)
    assert again.returncode == 0, again.stderr
    server = Varve(data, str(tmp_path / "varve.log")).start()
    assert server.request("/api/v1/write", data=body(5), headers=HEADERS)[0] == 204
    assert server.stop() == 0
    assert count(data)[5] == SERIES * SAMPLES


@pytest.mark.parametrize("at", [20, 4_096 + 40])
def test_a_damaged_log_names_its_salvage(sound, tmp_path, at):
    data = str(tmp_path / "data")
    shutil.copytree(sound, data)
    path = only(data, LOG, 0)
    flip(path, at)
    run = varve("serve", "--data", data, "--listen", f"127.0.0.1:{free_port()}")
    assert run.returncode == 3, (run.returncode, run.stderr)
    assert os.path.basename(path) in run.stderr or "wal" in run.stderr
    repaired = run_advice(data, run.stderr)
    assert "lost" in repaired.stdout + repaired.stderr
    found = count(data)
    assert all(found.get(number) == SERIES * SAMPLES for number in range(ROUNDS - 1)), found
    assert varve("verify", "--data", data).returncode == 0
