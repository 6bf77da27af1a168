"""The main job: a real Prometheus writes, Varve is killed three times meanwhile, and both give the same answers.

E2E_SECONDS sets how long Prometheus scrapes (default 60).
"""
import glob
import math
import os
import random
import subprocess
import time

import duckdb
import pyarrow.parquet as pq
import pytest
from expressions import EXPRESSIONS
from prometheus_api_client import PrometheusConnect
from servers import VARVE, NodeExporter, Prometheus, Varve, wait_for

SECONDS = int(os.environ.get("E2E_SECONDS", "60"))
STALE = 0x7FF0000000000002


class Run:
    """What is left after Prometheus has stopped scraping and everything was sent."""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("end-to-end"))
    varve = Varve(os.path.join(folder, "varve-data"), os.path.join(folder, "varve.log"), "--flush-age", "7s").start()
    exporter = NodeExporter(os.path.join(folder, "exporter.log"))
    prometheus = Prometheus(folder, varve.url + "/api/v1/write", exporter.port)
    try:
        started = time.time()
        chance = random.Random(7)
        kills = sorted(chance.uniform(0.15, 0.85) * SECONDS for _ in range(3))
        for after in kills:
            time.sleep(max(0, started + after - time.time()))
            varve.kill()
            time.sleep(chance.uniform(0.2, 2))
            varve.start()
        time.sleep(max(0, started + SECONDS - time.time()))
        result = Run()
        result.end = time.time()
        # Prometheus forgets metadata with its targets.
        result.metadata = prometheus.json("/api/v1/metadata", {"metric": "node_load1"})["data"]
        prometheus.stop_scraping()
        wait_for("prometheus has sent everything", lambda: drained(prometheus), 60)
        result.folder, result.varve, result.prometheus, result.start = folder, varve, prometheus, started
        result.kills = len(kills)
        # Halfway between the scrape instants of all targets, so that no window has an edge on a sample.
        result.fraction = quiet_fraction(prometheus, result.end)
        yield result
    finally:
        for process in (prometheus.process, exporter, varve.process):
            if process.alive():
                process.stop()


def drained(prometheus):
    """Nothing pending, and the highest timestamp sent is the highest seen: asked twice, since both lag."""
    for _ in range(2):
        if prometheus.metric("prometheus_remote_storage_samples_pending") != 0:
            return False
        highest = prometheus.metric("prometheus_remote_storage_highest_timestamp_in_seconds")
        sent = prometheus.metric("prometheus_remote_storage_queue_highest_sent_timestamp_seconds")
        if sent < highest:
            return False
        time.sleep(1)
    return True


def quiet_fraction(prometheus, at):
    data = prometheus.query(f"up[{SECONDS}s]", at)
    instants = {round(t * 1000) % 1000 for series in data["result"] for t, _ in series["values"]}
    return max(range(1000), key=lambda f: min(min((f - i) % 1000, (i - f) % 1000) for i in instants)) / 1000


def by_labels(data):
    """Series or samples by label set; scalars under the empty one."""
    if data["resultType"] == "scalar":
        return {(): [data["result"]]}
    found = {}
    for series in data["result"]:
        key = tuple(sorted(series["metric"].items()))
        assert key not in found, f"{key} came twice"
        found[key] = series["values"] if "values" in series else [series["value"]]
    return found


def close(a, b):
    x, y = float(a), float(b)
    if math.isnan(x) or math.isnan(y):
        return math.isnan(x) and math.isnan(y)
    return x == y or math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12)


def differences(expression, ours, theirs):
    found = []
    if ours["resultType"] != theirs["resultType"]:
        return [f"{expression}: type {ours['resultType']} instead of {theirs['resultType']}"]
    mine, other = by_labels(ours), by_labels(theirs)
    for key in other.keys() - mine.keys():
        found.append(f"{expression}: {dict(key)} is missing")
    for key in mine.keys() - other.keys():
        found.append(f"{expression}: {dict(key)} is not Prometheus's")
    for key in mine.keys() & other.keys():
        a, b = mine[key], other[key]
        if [t for t, _ in a] != [t for t, _ in b]:
            found.append(f"{expression}: {dict(key)} has {len(a)} points at other times than Prometheus's {len(b)}")
            continue
        for (t, x), (_, y) in zip(a, b):
            if not close(x, y):
                found.append(f"{expression}: {dict(key)} at {t} is {x} instead of {y}")
                break
    return found


def test_both_give_the_same_answers(run):
    end = math.floor(run.end - 2) + run.fraction
    start = math.floor(run.start + 30) + run.fraction
    assert end > start, "run longer"
    found = []
    for expression in EXPRESSIONS:
        for at in (end, (math.floor((start + end) / 2)) + run.fraction):
            found += differences(expression, run.varve.query(expression, at), run.prometheus.query(expression, at))
        ours = run.varve.query_range(expression, start, end, 1)
        theirs = run.prometheus.query_range(expression, start, end, 1)
        found += differences(expression, ours, theirs)
    print(f"\n{len(EXPRESSIONS)} expressions, {run.kills} kills, {len(found)} differences")
    assert not found, "\n".join(found[:40])


def test_every_sample_is_there(run):
    at = time.time()
    window = f"{int(at - run.start) + 60}s"
    samples = 0
    for job in ("prometheus", "node"):
        selector = f'{{job="{job}"}}[{window}]'
        theirs, ours = by_labels(run.prometheus.query(selector, at)), by_labels(run.varve.query(selector, at))
        missing = [key for key in theirs if key not in ours]
        assert not missing, f"{len(missing)} series are missing, the first: {dict(missing[0])}"
        assert set(ours) == set(theirs)
        for key, expected in theirs.items():
            assert ours[key] == expected, dict(key)
            samples += len(expected)
    print(f"\n{samples} samples, 0 missing")
    assert samples > 1000


def test_labels_and_series(run):
    at = {"start": run.start, "end": run.end}
    for path in ("/api/v1/labels", "/api/v1/label/__name__/values", "/api/v1/label/mode/values"):
        assert run.varve.json(path, at)["data"] == run.prometheus.json(path, at)["data"], path
    match = {"match[]": 'node_cpu_seconds_total{mode="idle"}', **at}
    order = lambda series: sorted(tuple(sorted(x.items())) for x in series)
    ours, theirs = run.varve.json("/api/v1/series", match), run.prometheus.json("/api/v1/series", match)
    assert order(ours["data"]) == order(theirs["data"])


def test_metadata_is_kept(run):
    theirs = run.metadata
    ours = run.varve.json("/api/v1/metadata", {"metric": "node_load1"})["data"]
    assert ours["node_load1"][0]["type"] == theirs["node_load1"][0]["type"]
    assert ours["node_load1"][0]["help"] == theirs["node_load1"][0]["help"]


def live_files(run):
    listed = subprocess.run(
        [VARVE, "inspect", "--files", "--data", run.varve.data], capture_output=True, text=True, check=True).stdout
    names = [line.split()[-1] for line in listed.splitlines() if line.strip().endswith(".parquet")]
    return [os.path.join(run.varve.data, "objects", name) for name in names]


def counts(server, window, at):
    """Samples by metric name: functions drop the name, so each is asked alone."""
    found = {}
    for name in server.json("/api/v1/label/__name__/values")["data"]:
        result = server.query(f'sum(count_over_time({{__name__="{name}"}}[{window}]))', at)["result"]
        if result:
            found[name] = int(result[0]["value"][1])
    return found


def test_other_readers_see_the_same_samples(run):
    run.varve.admin("flush")
    at = time.time()
    window = f"{int(at - run.start) + 60}s"
    files = [f for f in live_files(run) if "/objects/samples/" in f]
    assert files and all(os.path.exists(f) for f in files)
    tables = [pq.read_table(f, page_checksum_verification=True) for f in files]
    stale = plain = 0
    for table in tables:
        floats = table.column("value_float")
        for chunk in floats.chunks:
            values = chunk.drop_null().to_numpy(zero_copy_only=False)
            stale += int((values.view("uint64") == STALE).sum())
        plain += table.num_rows
    database = duckdb.connect()
    listed = "[" + ", ".join(f"'{f}'" for f in files) + "]"
    value = "coalesce(value_float, value_int / value_divisor)"
    count, = database.execute(f"select count(*) from read_parquet({listed})").fetchone()
    assert count == plain
    ours = sum(counts(run.varve, window, at).values())
    assert count - stale == ours
    for metric in ("node_cpu_seconds_total", "node_context_switches_total", "up"):
        total, = database.execute(
            f"select sum({value}) from read_parquet({listed}) where metric = '{metric}' and not isnan({value})"
        ).fetchone()
        asked = run.varve.query(f"sum(sum_over_time({metric}[{window}]))", at)["result"][0]["value"][1]
        assert math.isclose(total, float(asked), rel_tol=1e-9), metric
    # The join that analysts write.
    series = [f for f in live_files(run) if "/objects/series/" in f]
    listed_series = "[" + ", ".join(f"'{f}'" for f in series) + "]"
    joined, = database.execute(
        f"select count(*) from read_parquet({listed}) s join "
        f"(select distinct segment, series_id from read_parquet({listed_series}, union_by_name = true)) l "
        "using (segment, series_id)").fetchone()
    assert joined == count, "every sample has its labels"
    print(f"\nDuckDB and pyarrow count {count} rows ({stale} stale markers) in {len(files)} files, PromQL {ours}")


def test_compaction_keeps_the_answers(run):
    at = math.floor(run.end - 2) + run.fraction
    window = f"{int(at - run.start)}s"
    before = counts(run.varve, window, at)
    run.varve.admin("compact")
    assert counts(run.varve, window, at) == before
    live = set(map(os.path.abspath, live_files(run)))
    there = set(map(os.path.abspath, glob.glob(os.path.join(run.varve.data, "objects", "*", "data", "**", "*.parquet"),
                                               recursive=True)))
    assert there == live, "replaced objects are gone when compact has answered"


def test_promtool_and_the_python_client(run):
    answer = subprocess.run(
        ["promtool", "query", "instant", run.varve.url, "sum(up)"], capture_output=True, text=True, check=True)
    assert "=>" in answer.stdout
    at = run.end - 1
    connection = PrometheusConnect(url=run.varve.url)
    assert connection.check_prometheus_connection()
    assert "up" in connection.all_metrics()
    result = connection.custom_query("sum(up)", params={"time": at})
    assert result[0]["value"][1] == "2"


def test_verify_finds_nothing_after_a_clean_stop(run):
    at = math.floor(run.end - 2) + run.fraction
    before = by_labels(run.varve.query("node_load1", at))
    assert run.varve.stop() == 0
    checked = subprocess.run([VARVE, "verify", "--data", run.varve.data], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    run.varve.start()
    assert by_labels(run.varve.query("node_load1", at)) == before
