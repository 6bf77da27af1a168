"""Our Parquet reader and writer against those of others, on random files: every value, both ways.

VARVE_PARQUET_FILES=2000 makes more of them; VARVE_PARQUET_SEED=n starts elsewhere. A failure names file and leaf; the file
stays in pytest's directory.
"""
import datetime
import decimal
import os
import random
import string
import struct
import subprocess

import duckdb
import parquet_text
import polars
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from servers import ROOT

TOOL = os.environ.get("VARVE_PARQUET_TOOL", os.path.join(ROOT, ".build", "debug", "ParquetTool"))
FILES = int(os.environ.get("VARVE_PARQUET_FILES", "60"))
SEED = int(os.environ.get("VARVE_PARQUET_SEED", "1"))


@pytest.fixture(scope="module", autouse=True)
def built():
    if not os.path.exists(TOOL):
        subprocess.run(["swift", "build", "--product", "ParquetTool"], cwd=ROOT, check=True)


def tool(*arguments):
    done = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def compare(name, found, expected):
    """Leaf by leaf, and the first row that differs."""
    assert len(found) == len(expected), name
    for number, (a, b) in enumerate(zip(found, expected)):
        if a != b:
            row = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
            pytest.fail(f"{name}, leaf {number}: {len(a)} and {len(b)} rows; row {row}: {a[row:row + 2]} {b[row:row + 2]}")


# ---- files of others, read by us


def random_values(kind, count, rng):
    """Values of an arrow type: few distinct ones, a walk, or anything."""
    style = rng.randrange(3)
    last = rng.randrange(1000)
    out = []
    for _ in range(count):
        if style == 0:
            n = rng.randrange(-3, 4)
        elif style == 1:
            last += rng.randrange(50)
            n = last
        else:
            n = rng.getrandbits(64) - 2**63
        if pa.types.is_boolean(kind):
            v = bool(n & 1)
        elif pa.types.is_integer(kind):
            bits = kind.bit_width
            v = n % 2**bits
            if pa.types.is_signed_integer(kind) and v >= 2 ** (bits - 1):
                v -= 2**bits
        elif pa.types.is_float16(kind):
            v = float(n % 1000) / 4
        elif pa.types.is_float32(kind):
            v = struct.unpack("<f", struct.pack("<f", n % 10**6 / 8))[0] if style else float("nan")
        elif pa.types.is_float64(kind):
            v = struct.unpack("<d", struct.pack("<q", n))[0] if style == 2 else n / 100
        elif pa.types.is_timestamp(kind):
            v = n % (2 * 10**18) // parquet_text.UNITS[kind.unit]
        elif pa.types.is_date32(kind):
            v = datetime.date(1970, 1, 1) + datetime.timedelta(days=n % 40_000)
        elif pa.types.is_decimal(kind):
            v = decimal.Decimal(n % 10**kind.precision * rng.choice([1, -1])).scaleb(-kind.scale)
        elif pa.types.is_string(kind):
            v = "".join(rng.choice(string.ascii_letters + "é€") for _ in range(n % 9)) if style else f"text {n}"
        elif pa.types.is_fixed_size_binary(kind):
            v = (n % 2**40).to_bytes(5, "big")
        else:
            v = n.to_bytes(9, "big", signed=True)[: n % 9]
        out.append(v)
    return out


def with_nulls(values, rng):
    often = rng.choice([0, 0, 0.1, 0.5, 1])
    return [None if rng.random() < often else v for v in values]


FLAT = [
    pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(),
    pa.float16(), pa.float32(), pa.float64(), pa.string(), pa.binary(), pa.binary(5), pa.date32(), pa.timestamp("ms"),
    pa.timestamp("us", tz="UTC"), pa.timestamp("ns"), pa.decimal128(8, 2), pa.decimal128(17, 5), pa.decimal128(25, 3),
]


def random_column(count, rng):
    kind = rng.choice(FLAT)
    shape = rng.randrange(10)
    if shape == 0:
        flat = with_nulls(random_values(kind, count * 2, rng), rng)
        pieces = [flat[i * 2 : i * 2 + rng.randrange(3)] for i in range(count)]
        return pa.array(with_nulls(pieces, rng), pa.list_(kind))
    if shape == 1:
        flat = with_nulls(random_values(kind, count * 2, rng), rng)
        pieces = [[(f"k{j}", flat[i * 2 + j]) for j in range(rng.randrange(3))] for i in range(count)]
        return pa.array(with_nulls(pieces, rng), pa.map_(pa.string(), kind))
    if shape == 2:
        inner = with_nulls(random_values(kind, count, rng), rng)
        return pa.array(with_nulls([{"a": v, "b": i} for i, v in enumerate(inner)], rng),
                        pa.struct([("a", kind), ("b", pa.int64())]))
    return pa.array(with_nulls(random_values(kind, count, rng), rng), kind)


def encodings_of(kind):
    """Encodings that pyarrow writes for a flat type, dictionaries apart."""
    if pa.types.is_boolean(kind):
        return ["PLAIN", "RLE"]
    if pa.types.is_integer(kind) or pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return ["PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT"]
    if pa.types.is_float32(kind) or pa.types.is_float64(kind):
        return ["PLAIN", "BYTE_STREAM_SPLIT"]
    if pa.types.is_float16(kind) or pa.types.is_fixed_size_binary(kind) or pa.types.is_decimal(kind):
        return ["PLAIN", "BYTE_STREAM_SPLIT"]
    return ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"]


def write_with_pyarrow(path, rng):
    count = rng.choice([0, 1, 7, rng.randrange(300), rng.randrange(2000)])
    columns = [random_column(count, rng) for _ in range(rng.randrange(1, 7))]
    table = pa.table({f"c{i}": c for i, c in enumerate(columns)})
    options = {
        "compression": rng.choice(["NONE", "SNAPPY", "GZIP", "ZSTD", "LZ4"]),
        "data_page_version": rng.choice(["1.0", "2.0"]),
        "row_group_size": rng.choice([1 << 20, 100, 37]) if count else None,
        "data_page_size": rng.choice([1 << 20, 300, 64]),
        "write_page_index": rng.random() < 0.5,
        "write_page_checksum": rng.random() < 0.5,
        "write_statistics": rng.random() < 0.8,
        "use_deprecated_int96_timestamps": rng.random() < 0.1,
        "store_schema": rng.random() < 0.5,
    }
    if rng.random() < 0.5:
        options["use_dictionary"] = True
    else:
        options["use_dictionary"] = False
        flat = {f.name: rng.choice(encodings_of(f.type)) for f in table.schema if not pa.types.is_nested(f.type)}
        if options["use_deprecated_int96_timestamps"]:
            flat |= {f.name: "PLAIN" for f in table.schema if pa.types.is_timestamp(f.type)}
        options["column_encoding"] = flat
    pq.write_table(table, path, **options)
    return table


def write_with_duckdb(path, rng):
    count = rng.choice([0, 1, rng.randrange(300), 3000])
    # DuckDB's own null type and half floats have no arrow counterpart that it writes.
    columns = {}
    for i in range(rng.randrange(1, 6)):
        column = random_column(count, rng)
        if "float16" in str(column.type) or "halffloat" in str(column.type):
            continue
        columns[f"c{i}"] = column
    table = pa.table(columns or {"c": pa.array(range(count), pa.int64())})
    options = [
        f"codec {rng.choice(['uncompressed', 'snappy', 'gzip', 'zstd', 'lz4_raw'])}",
        f"row_group_size {rng.choice([122880, 2048])}", f"parquet_version {rng.choice(['v1', 'v2'])}",
    ]
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    connection.register("t", table)
    connection.execute(f"copy t to '{path}' (format parquet, {', '.join(options)})")
    # Some of its files pyarrow does not read.
    return connection.sql(f"select * from read_parquet('{path}')").to_arrow_table()


def write_with_polars(path, rng):
    count = rng.choice([0, 1, rng.randrange(300), 3000])
    columns = [random_column(count, rng) for _ in range(rng.randrange(1, 6))]
    kept = [c for c in columns if not pa.types.is_map(c.type) and "halffloat" not in str(c.type)]
    frame = polars.from_arrow(pa.table({f"c{i}": c for i, c in enumerate(kept or [pa.array(range(count))])}))
    frame.write_parquet(
        path, compression=rng.choice(["uncompressed", "snappy", "gzip", "zstd", "lz4"]),
        row_group_size=rng.choice([None, 100]), data_page_size=rng.choice([None, 500]),
        statistics=rng.random() < 0.8)
    return pq.read_table(path)


WRITERS = {"pyarrow": write_with_pyarrow, "duckdb": write_with_duckdb, "polars": write_with_polars}


@pytest.mark.parametrize("writer", WRITERS)
def test_files_of_others_are_read_value_for_value(writer, tmp_path):
    expected = {}
    for number in range(FILES if writer == "pyarrow" else FILES // 3):
        path = str(tmp_path / f"{writer}-{SEED + number}.parquet")
        table = WRITERS[writer](path, random.Random(f"{writer} {SEED + number}"))
        expected[path] = table
    found = parquet_text.parse(tool("dump", *expected))
    assert found.keys() == expected.keys()
    for path, table in expected.items():
        assert not found[path]["problems"], (path, found[path]["problems"])
        assert found[path]["rows"] == table.num_rows, path
        compare(path, [tokens for _, tokens in found[path]["leaves"]], parquet_text.of(table))


# ---- our files, read by others


@pytest.fixture(scope="module")
def our_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ours")
    tool("make", folder, SEED, FILES)
    files = {}
    for number in range(SEED, SEED + FILES):
        text = (folder / f"{number}.txt").read_text()
        files[str(folder / f"{number}.parquet")] = parquet_text.parse(text)[""]
    return files


def usual(files):
    """Without those that only pyarrow reads: see RandomFile.unusual."""
    kept = {path: content for path, content in files.items() if not content["problems"]}
    assert 0 < len(kept) < len(files) or len(files) < 20
    return kept


def expected_leaves(content):
    return [tokens for _, tokens in content["leaves"]]


def test_pyarrow_reads_our_files_value_for_value(our_files):
    for path, content in our_files.items():
        table = pq.read_table(path, page_checksum_verification=True)
        assert table.num_rows == content["rows"], path
        compare(path, parquet_text.of(table), expected_leaves(content))


def test_duckdb_reads_our_files_value_for_value(our_files):
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    for path, content in usual(our_files).items():
        table = connection.sql(f"select * from read_parquet('{path}')").to_arrow_table()
        assert table.num_rows == content["rows"], path
        compare(path, parquet_text.of(table), expected_leaves(content))


def test_polars_reads_our_files_value_for_value(our_files):
    refused = 0
    files = usual(our_files)
    for path, content in files.items():
        try:
            table = polars.read_parquet(path).to_arrow()
        except polars.exceptions.ComputeError as error:
            assert "FixedLenByteArray" in str(error) and "Not yet supported" in str(error), path
            refused += 1  # DELTA_BYTE_ARRAY of a fixed length
            continue
        assert table.num_rows == content["rows"], path
        compare(path, parquet_text.of(table), expected_leaves(content))
    assert refused * 5 < len(files)


def test_the_statistics_of_our_files_are_true(our_files):
    """What other engines prune by: least, greatest and null count of each chunk, against the values."""
    for path in our_files:
        file = pq.ParquetFile(path)
        for group in range(file.metadata.num_row_groups):
            table = file.read_row_group(group)
            for number in range(file.metadata.num_columns):
                chunk = file.metadata.row_group(group).column(number)
                statistics = chunk.statistics
                if "." in chunk.path_in_schema or statistics is None:
                    continue
                column = table.column(chunk.path_in_schema)
                assert statistics.null_count == column.null_count, (path, group, number)
                if not statistics.has_min_max or pa.types.is_floating(column.type):
                    continue
                present = [v for v in column.to_pylist() if v is not None]
                assert statistics.min <= min(present) and statistics.max >= max(present), (path, group, number)


# ---- files that lie


def test_a_lying_file_is_refused_without_memory_for_its_claim():
    """At most 4 x the file and 1 MiB (fault matrix, section 5); a page or two of the process's own noise on top."""
    lines = tool("lies").splitlines()
    assert lines[0].split()[2] == "read", lines[0]
    assert len(lines) > 50
    for line in lines[1:]:
        size, grown, verdict, what = line.split(" ", 3)
        assert verdict == "refused", what
        assert int(grown) <= 4 * int(size) / 1024 + 1024, line
