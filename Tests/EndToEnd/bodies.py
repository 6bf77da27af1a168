"""Remote-write bodies made by hand: protobuf in a snappy block, without a library that might share our mistakes."""
import struct

HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}


def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def snappy_literal(raw):
    """A snappy block of literals only."""
    out = bytearray(varint(len(raw)))
    for at in range(0, len(raw), 60):
        piece = raw[at:at + 60]
        out.append((len(piece) - 1) << 2)
        out += piece
    return bytes(out)


def field(number, payload):
    return bytes([number << 3 | 2]) + varint(len(payload)) + payload


def series(labels, samples):
    body = b"".join(field(1, field(1, k.encode()) + field(2, v.encode())) for k, v in labels)
    for time, value in samples:
        body += field(2, bytes([1 << 3 | 1]) + struct.pack("<d", value) + bytes([2 << 3]) + varint(time))
    return field(1, body)
