"""A manifest that is lost or damaged: `verify` says so with exit code 3, `rebuild` makes it again, every sample is there."""
import glob
import json
import os
import subprocess
import time

import pytest
from bodies import HEADERS, series, snappy_literal
from servers import VARVE, Varve


def varve(*arguments):
    return subprocess.run([VARVE, *arguments], capture_output=True, text=True)


def count(data, at):
    run = varve("query", "sum(count_over_time(m[2h]))", "--data", data, "--time", str(at), "--format", "json")
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.parametrize("loss", ["head removed", "head damaged", "manifest removed"])
def test_a_lost_manifest_is_made_again_from_the_data_files(tmp_path, loss):
    data = str(tmp_path / "data")
    server = Varve(data, str(tmp_path / "varve.log")).start()
    start = int(time.time() * 1000) - 600_000
    for round_ in range(4):
        samples = [(start + round_ * 100_000 + i * 1_000, float(i)) for i in range(100)]
        body = snappy_literal(b"".join(series([("__name__", "m"), ("i", str(s))], samples) for s in range(20)))
        assert server.request("/api/v1/write", data=body, headers=HEADERS)[0] == 204
        if round_ < 3:
            server.admin("flush")
        if round_ == 1:
            server.admin("compact")
    # The last round is in the log only.
    server.kill()
    now = int(time.time())
    expected = count(data, now)
    assert "8000" in json.dumps(expected)

    head = os.path.join(data, "objects/regions/main/manifest/head")
    if loss == "head removed":
        os.remove(head)
    elif loss == "head damaged":
        with open(head, "r+b") as file:
            file.seek(40)
            byte = file.read(1)[0]
            file.seek(40)
            file.write(bytes([byte ^ 1]))
    else:
        for path in glob.glob(os.path.join(data, "objects/regions/main/manifest/**"), recursive=True):
            if os.path.isfile(path):
                os.remove(path)
    files = sorted(glob.glob(os.path.join(data, "objects/*/data/**/*.parquet"), recursive=True))
    assert files

    found = varve("verify", "--data", data)
    assert found.returncode == 3, found.stdout + found.stderr
    assert "manifest" in found.stderr and "varve rebuild" in found.stderr
    opened = varve("query", "m", "--data", data)
    assert opened.returncode == 3 and "varve rebuild" in opened.stderr
    rebuilt = varve("rebuild", "--data", data)
    assert rebuilt.returncode == 0, rebuilt.stdout + rebuilt.stderr
    assert sorted(glob.glob(os.path.join(data, "objects/*/data/**/*.parquet"), recursive=True)) == files
    if loss != "manifest removed":
        assert os.listdir(os.path.join(data, "quarantine", "manifest-1"))
    verified = varve("verify", "--data", data)
    assert verified.returncode == 0, verified.stderr
    assert json.dumps(count(data, now)) == json.dumps(expected)
    again = varve("rebuild", "--data", data)
    assert again.returncode == 0 and "whole" in again.stdout

    # A flipped byte in a data file: verify names it.
    file = sorted(glob.glob(os.path.join(data, "objects/samples/data/**/*.parquet"), recursive=True))[0]
    with open(file, "r+b") as damaged:
        damaged.seek(100)
        byte = damaged.read(1)[0]
        damaged.seek(100)
        damaged.write(bytes([byte ^ 8]))
    found = varve("verify", "--data", data)
    assert found.returncode == 3 and os.path.basename(file) in found.stderr
