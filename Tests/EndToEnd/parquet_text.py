"""What an arrow table holds, in the text of Tests/ParquetTool/FileText.swift: one line a leaf, one token a row."""
import datetime
import decimal
import struct

import pyarrow as pa

EPOCH = datetime.date(1970, 1, 1)
UNITS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}


def scalar(kind):
    """A function from a value to its token."""
    if pa.types.is_boolean(kind):
        return lambda v: "1" if v else "0"
    if pa.types.is_float16(kind):
        return lambda v: "x" + struct.pack("<e", v).hex()
    if pa.types.is_float32(kind):
        return lambda v: "nan" if v != v else struct.pack(">f", v).hex()
    if pa.types.is_float64(kind):
        return lambda v: "nan" if v != v else struct.pack(">d", v).hex()
    if pa.types.is_date(kind):
        return lambda v: str((v - EPOCH).days * 86_400 * 10**9)
    if pa.types.is_decimal(kind):
        with decimal.localcontext() as context:
            context.prec = 60
            return lambda v: str(int(v.scaleb(kind.scale, context)))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view():
        return lambda v: "x" + v.encode().hex()
    if (
        pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)
        or kind == pa.binary_view()
    ):
        return lambda v: "x" + v.hex()
    if pa.types.is_null(kind):
        return str
    assert pa.types.is_integer(kind), kind
    return str


def values(array):
    """Python values; times as integers of nanoseconds, since datetime knows no nanoseconds."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return values(array.cast(kind.value_type))
    if pa.types.is_timestamp(kind):
        unit = UNITS[kind.unit]
        return [None if v is None else v * unit for v in array.cast(pa.int64()).to_pylist()], str
    if pa.types.is_uint64(kind) or pa.types.is_integer(kind):
        return array.to_pylist(), str
    return array.to_pylist(), scalar(kind)


def tokens(array):
    found, token = values(array)
    return ["~" if v is None else token(v) for v in found]


def bracketed(array, elements):
    """Rows of a list array from the tokens of its elements (those within its offsets)."""
    offsets = array.offsets.to_pylist()
    start = offsets[0] if offsets else 0
    rows = []
    for row, there in enumerate(array.is_valid().to_pylist()):
        part = elements[offsets[row] - start : offsets[row + 1] - start]
        rows.append("[" + ";".join(part) + "]" if there else "~")
    return rows


def leaves(array):
    """One list of tokens for each leaf of the array."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks)
    kind = array.type
    if pa.types.is_map(kind):
        start, end = (array.offsets[0].as_py(), array.offsets[-1].as_py()) if len(array.offsets) else (0, 0)
        return [
            bracketed(array, tokens(part.slice(start, end - start))) for part in (array.keys, array.items)
        ]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [bracketed(array, leaf) for leaf in leaves(array.flatten())]
    if pa.types.is_struct(kind):
        found = []
        for field in range(kind.num_fields):
            found += leaves(array.flatten()[field])
        return found
    return [tokens(array)]


def of(table):
    """All leaves of a table."""
    found = []
    for column in table.columns:
        if column.num_chunks == 0:
            column = pa.chunked_array([pa.array([], column.type)])
        found += leaves(column)
    return found


def parse(text):
    """Files of ParquetTool's output: path to (rows, [(leaf, tokens)], [problems])."""
    files = {}
    current = None
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "file":
            current = files[rest] = {"rows": None, "leaves": [], "problems": []}
        elif word == "rows":
            if current is None:
                current = files[""] = {"rows": None, "leaves": [], "problems": []}
            current["rows"] = int(rest)
        elif word == "leaf":
            name, _, row = rest.partition(" ")
            current["leaves"].append((name, row.split(" ") if row else []))
        else:
            current["problems"].append(line)
    return files
