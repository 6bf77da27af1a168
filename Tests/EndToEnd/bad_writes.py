"""Remote write, wrong in every way (section 5 of the matrix). A malformed body stores nothing; single bad series and
samples are refused and counted, the rest is stored."""
import struct
import time

from bodies import HEADERS, field, snappy_literal, varint
from cases import Case

NOW = int(time.time() * 1000) - 60_000


def label(name, value):
    def raw(text):
        return text if isinstance(text, bytes) else text.encode()
    return field(1, field(1, raw(name)) + field(2, raw(value)))


def sample(value=1.0, at=NOW):
    value = value if isinstance(value, bytes) else struct.pack("<d", value)
    return field(2, b"\x09" + value + b"\x10" + varint(at % (1 << 64)))


def one(*parts, name="bad"):
    return field(1, label("__name__", name) + b"".join(parts))


GOOD = one(label("job", "a"), sample())


def wire(name, raw, *words):
    return Case(name, snappy_literal(raw), 400, words)


def block(name, raw, *words):
    return Case(name, raw, 400, ("unpack",) + words)


def inside(level, raw):
    """`raw` as fields of a request, a series, a label or a sample, behind what is sound."""
    return GOOD + {
        "request": raw,
        "series": field(1, label("__name__", "bad") + raw),
        "label": field(1, label("__name__", "bad") + field(1, field(1, b"a") + field(2, b"b") + raw) + sample()),
        "sample": field(1, label("__name__", "bad") + field(2, b"\x09" + bytes(8) + b"\x10\x01" + raw)),
        "metadata": field(3, raw),
    }[level]


LEVELS = ("request", "series", "label", "sample", "metadata")
SNAPPY = [
    block("no bytes", b""),
    block("no snappy", b"this is not snappy"),
    block("a page of HTML", b"<html><body>502 Bad Gateway</body></html>"),
    Case("47 bytes that declare 2.7 GB", bytes.fromhex(
        "97eab4890a170a085f5f6e616d655f5f120b746573745f6d6574726963121009000000000000f03f10d48fc9b2a333"), 400, ("limit",)),
    block("a length of 6 bytes", b"\xff\xff\xff\xff\xff\x01abc"),
    block("a length without its end", b"\xff\xff"),
    block("a length over 32 bits", b"\xff\xff\xff\xff\x7fabc"),
    block("1 GiB declared", varint(1 << 30) + bytes(1000), "limit"),
    block("one byte over the limit declared", varint((64 << 20) + 1) + bytes(100), "limit"),
    block("more declared than there is", varint(len(GOOD) + 1) + snappy_literal(GOOD)[1:]),
    block("less declared than there is", varint(len(GOOD) - 1) + snappy_literal(GOOD)[1:]),
    block("nothing declared, something there", b"\x00" + snappy_literal(GOOD)[1:]),
    block("a literal that runs over the end", b"\x0a\x24abc"),
    block("a literal with a length of 4 bytes", b"\x0a" + bytes([63 << 2]) + b"\xff\xff\xff\xff" + b"a" * 10),
    block("a copy from before the beginning", b"\x08\x00a" + b"\x01\x05"),
    block("a copy of offset 0", b"\x08\x00a" + b"\x01\x00"),
    block("a copy of 4 bytes' offset outside", b"\x08\x00a" + b"\x0f\xff\xff\xff\xff"),
    block("a copy cut in its offset", b"\x08\x00a" + b"\x0e\x01"),
    block("framed snappy", b"\xff\x06\x00\x00sNaPpY\x01\x08\x00\x00\x00\x00\x00\x00abcd"),
    block("gzip", bytes.fromhex("1f8b0800000000000003") + bytes(20)),
    block("zstd", bytes.fromhex("28b52ffd0400") + bytes(20)),
] + [
    block(f"cut after {at} bytes", snappy_literal(GOOD)[:at]) for at in range(1, len(snappy_literal(GOOD)), 4)
]
PROTOBUF = [
    wire("text", b"this is not protobuf"),
    wire("JSON", b'{"timeseries": []}'),
    wire("zeros", bytes(64)),
    wire("ones", b"\xff" * 64),
] + [
    wire(f"{level}: wire type {kind}", inside(level, bytes([15 << 3 | kind]) + bytes(8)), "byte")
    for level in LEVELS for kind in (3, 4, 6, 7)
] + [
    wire(f"{level}: {what}", inside(level, raw), "byte") for level in LEVELS for what, raw in (
        ("field 0", b"\x00\x01"),
        ("a varint without its end", b"\x78\xff"),
        ("a varint of 11 bytes", b"\x78" + b"\xff" * 10 + b"\x01"),
        ("a varint over 64 bits", b"\x78" + b"\xff" * 9 + b"\x7f"),
        ("a length past its message", b"\x7a\x7f"),
        ("a length of 2^63", b"\x7a" + varint(1 << 63)),
        ("a length of 2^64 - 1", b"\x7a" + varint((1 << 64) - 1)),
        ("a key over 32 bits", varint(1 << 40) + b"\x01"),
        ("4 fixed bytes cut", b"\x7d\x00\x00"),
        ("8 fixed bytes cut", b"\x79\x00\x00\x00"),
    )
] + [
    wire(f"{level}: its own field {number} as wire type {kind}", inside(level, bytes([number << 3 | kind]) + value), "byte")
    for level, number, kind, value in (
        ("request", 1, 0, b"\x01"), ("request", 1, 1, bytes(8)), ("request", 1, 5, bytes(4)), ("request", 3, 0, b"\x01"),
        ("series", 1, 0, b"\x01"), ("series", 1, 5, bytes(4)), ("series", 2, 0, b"\x01"), ("series", 2, 1, bytes(8)),
        ("label", 1, 0, b"\x01"), ("label", 2, 1, bytes(8)), ("label", 2, 5, bytes(4)),
        ("sample", 1, 0, b"\x01"), ("sample", 1, 2, b"\x01a"), ("sample", 2, 1, bytes(8)), ("sample", 2, 2, b"\x01a"),
    )
]
REFUSED = [
    ("no name", field(1, label("job", "a") + sample()), ("name",)),
    ("no labels at all", field(1, sample()), ("name",)),
    ("an empty name", field(1, label("__name__", "") + sample()), ("name",)),
    ("a label without a name", one(label("", "x"), sample()), ("label",)),
    ("a label twice", one(label("a", "1"), label("a", "2"), sample()), ("bad", "duplicate label")),
    ("a label twice, alike", one(label("a", "1"), label("a", "1"), sample()), ("bad",)),
    ("two names", field(1, label("__name__", "a") + label("__name__", "b") + sample()), ()),
    ("a value that is no UTF-8", one(label("a", b"\xff\xfe"), sample()), ("utf-8",)),
    ("a label name that is no UTF-8", one(label(b"\xc3\x28", "a"), sample()), ("utf-8",)),
    ("a metric name that is no UTF-8", field(1, label("__name__", b"\xed\xa0\x80") + sample()), ("utf-8",)),
    ("an overlong UTF-8 form", one(label("a", b"\xc0\xaf"), sample()), ("utf-8",)),
    ("65 labels", one(*(label(f"l{i:02}", "x") for i in range(65)), sample()), ("64", "limit-labels-per-series")),
    ("1,000 labels", one(*(label(f"l{i:03}", "x") for i in range(1_000)), sample()), ("64", "limit-labels-per-series")),
    ("a label name of 1,025 bytes", one(label("n" * 1_025, "x"), sample()), ("1024", "limit-label-name-bytes")),
    ("a metric name of 1,025 bytes", one(sample(), name="n" * 1_025), ("1024", "limit-label-name-bytes")),
    ("a label value of 16,385 bytes", one(label("a", "v" * 16_385), sample()), ("16384", "limit-label-value-bytes")),
    ("a label value of 1 MiB", one(label("a", "v" * (1 << 20)), sample()), ("16384", "limit-label-value-bytes")),
    ("a value full of quotes and line breaks, too long", one(label("a", '"\n\x1b[31m' * 4_000), sample()),
     ("limit-label-value-bytes",)),
    ("a time an hour ahead", one(sample(at=NOW + 3_600_000)), ("after", "limit-future-skew")),
    ("the last time there is", one(sample(at=(1 << 63) - 1)), ("after",)),
    ("the first time there is", one(sample(at=-(1 << 63))), ("before",)),
    ("a time in nanoseconds", one(sample(at=NOW * 1_000_000)), ("after",)),
    ("a time 200,000 years ago", one(sample(at=-200_000 * 365 * 86_400_000)), ("before",)),
]
ACCEPTED = [
    ("an empty request", b""),
    ("unknown fields", GOOD + b"\x78\x01" + field(15, b"later")),
    ("unsorted labels", one(label("z", "1"), label("a", "2"), sample())),
    ("an empty label value", one(label("a", ""), sample())),
    ("NaN with a payload", one(sample(struct.pack("<Q", 0x7FF8_0000_DEAD_BEEF)))),
    ("the stale marker", one(sample(struct.pack("<Q", 0x7FF0_0000_0000_0002)))),
    ("minus zero", one(sample(-0.0))),
    ("infinity", one(sample(float("inf")))),
    ("the least number above zero", one(sample(5e-324))),
    ("64 labels", one(*(label(f"l{i:02}", "x") for i in range(63)), sample())),
    ("a label name of 1,024 bytes", one(label("n" * 1_024, "x"), sample())),
    ("a label value of 16,384 bytes", one(label("a", "v" * 16_384), sample())),
    ("a name of emoji", one(sample(), name="🌡")),
    ("a value with NUL and line breaks", one(label("a", "x\0y\r\nz"), sample())),
    ("HTML in a value", one(label("a", "<img src=x onerror=alert(1)>"), sample())),
    ("a series without samples", one(label("a", "b"))),
    ("the same sample twice", one(sample(), sample())),
    ("times that fall", one(sample(at=NOW), sample(at=NOW - 1_000), sample(at=NOW - 2_000))),
    ("a sample of 1970", one(sample(at=0))),
    ("a time before 1970", one(sample(at=-1_000))),
    ("metadata of no known type", field(3, b"\x08\x7f" + field(2, b"m") + field(4, b"help"))),
    ("metadata without a name", field(3, b"\x08\x01")),
]


def header(name, *words, status=415, **headers):
    headers = {key.replace("_", "-"): value for key, value in headers.items()}
    return Case(name, snappy_literal(GOOD), status, words, {**HEADERS, **headers})


DISGUISED = [
    header(f"encoding {encoding}", "snappy", Content_Encoding=encoding)
    for encoding in ("gzip", "zstd", "deflate", "br", "identity", "snappy, gzip", "x-snappy", "*", "a" * 300)
] + [
    header(f"type {kind}", "application/x-protobuf", Content_Type=kind)
    for kind in ("application/json", "text/plain", "application/protobuf", "multipart/form-data; boundary=x",
                 "application/x-www-form-urlencoded", "application/x-protobuf2", "a" * 300)
] + [
    header(f"message {proto}", "WriteRequest", Content_Type=f"application/x-protobuf; proto={proto}")
    for proto in ("io.prometheus.write.v2.Request", "prometheus.WriteRequest2", "opentelemetry", '""', "")
]
