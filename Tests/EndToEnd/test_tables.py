"""Tables of one's own: the example runs, and DuckDB finds in the files what our own scan finds."""
import os
import subprocess

import duckdb
import numpy

from servers import ROOT

# `VARVE_TABLE_ROWS=10000000` for the full size, best with a release build of StorageCheck in VARVE_STORAGE_CHECK.
ROWS = int(os.environ.get("VARVE_TABLE_ROWS", "40000"))
# `VARVE_SCAN_ROWS=100000000` likewise.
SCANNED = int(os.environ.get("VARVE_SCAN_ROWS", "150000"))


def storage_check():
    given = os.environ.get("VARVE_STORAGE_CHECK")
    if given:
        return given
    built = os.path.join(ROOT, ".build", "debug", "StorageCheck")
    if not os.path.exists(built):
        subprocess.run(["swift", "build", "--product", "StorageCheck"], cwd=ROOT, check=True, capture_output=True)
    return built


def test_duckdb_finds_in_the_live_files_what_our_scan_finds(tmp_path):
    program = storage_check()
    for seed in range(1, 3):
        directory = tmp_path / str(seed)
        run = subprocess.run(
            [program, "rows", str(directory), str(ROWS), str(seed)], capture_output=True, text=True, check=True)
        print("\n" + run.stdout.strip())
        with open(directory / "files.txt", encoding="utf-8") as listed:
            files = listed.read().split()
        ours = {
            name: numpy.fromfile(directory / f"answer-{name}.i64", dtype="<i8")
            for name in ("id", "time", "value", "mark", "serial")
        }
        database = duckdb.connect()
        database.execute("SET preserve_insertion_order = false")
        # The newest sequence of a key counts; within one file a key comes once.
        theirs = database.execute(
            """
            WITH newest AS (
                SELECT *, epoch_ms("time") AS t,
                    row_number() OVER (PARTITION BY id, "time" ORDER BY seq DESC) AS nth
                FROM read_parquet(?))
            SELECT id, t AS "time", value, coalesce(CAST(substr(mark, 2) AS BIGINT), -1) AS mark, serial
            FROM newest WHERE nth = 1 ORDER BY t // 3600000, id, t
            """, [files]).fetchnumpy()
        assert len(theirs["id"]) == len(ours["id"]) > 0
        for name in ("id", "time", "mark", "serial"):
            assert numpy.array_equal(theirs[name], ours[name]), name
        values = numpy.ma.filled(theirs["value"], numpy.nan).view("<i8")
        nans = numpy.isnan(ours["value"].view("<f8"))
        assert numpy.array_equal(values[~nans], ours["value"][~nans])
        assert numpy.array_equal(numpy.isnan(values.view("<f8")), nans)


def test_a_scan_holds_pages_of_its_parts_and_no_more(tmp_path):
    program, directory = storage_check(), str(tmp_path / "wide")
    subprocess.run([program, "scan", directory, str(SCANNED), "50"], capture_output=True, text=True, check=True)
    run = subprocess.run([program, "scan", directory, "0", "0"], capture_output=True, text=True, check=True)
    print("\n" + run.stdout.strip())
    assert run.stdout.startswith(f"{SCANNED} rows of 50 parts")
    most = int(run.stdout.split("most ")[1].split()[0])
    assert most < 256


def test_the_tables_example_compiles_and_runs(tmp_path):
    example = os.path.join(ROOT, "Examples", "Tables")
    scratch = os.path.join(ROOT, ".build-examples")  # what both examples need is compiled once
    built = subprocess.run(
        ["swift", "build", "--package-path", example, "--scratch-path", scratch], capture_output=True, text=True)
    assert built.returncode == 0, built.stdout[-4000:] + built.stderr[-4000:]
    products = subprocess.run(
        ["swift", "build", "--package-path", example, "--scratch-path", scratch, "--show-bin-path"],
        capture_output=True, text=True, check=True).stdout.strip()
    directory = tmp_path / "parcels"
    run = subprocess.run(
        [os.path.join(products, "Tables"), str(directory)], capture_output=True, text=True, check=True)
    lines = run.stdout.strip().split("\n")
    files = [line for line in lines if line.endswith(".parquet")]
    assert len(files) == 1, "merged to one run"
    rows = duckdb.execute(
        "SELECT parcel, weight FROM read_parquet(?) WHERE depot = 'Bergen' AND weight > 29 ORDER BY \"time\"", [files]
    ).fetchall()
    assert len(rows) > 10
    assert [line for line in lines if line.startswith("parcel ")] == [f"parcel {p} weighs {w} kg" for p, w in rows]
    assert duckdb.execute("SELECT count(*) FROM read_parquet(?)", [files]).fetchone() == (6000,)
