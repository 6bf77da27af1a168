"""HTTP as nobody should speak it (section 5 of the matrix): paths, methods, parameters, framing."""
from cases import Case


def path(target, *words, status=404):
    return Case(target if len(target) < 60 else f"{target[:40]}… ({len(target)} characters)", target, status, words)


PATHS = [path(target, "no such path") for target in (
    "/nothing", "/api", "/api/v1", "/api/v1/", "/api/v1/nothing", "/api/v2/query", "/api/v1//query", "//api/v1/query",
    "/api/v1/query/", "/api/v1/QUERY", "/api/v1/label", "/api/v1/label/", "/api/v1/label//values", "/api/v1/label/a",
    "/api/v1/label/a/value", "/api/v1/label/a/values/", "/api/v1/../v1/query", "/api/v1/./query", "/api/v1/%71uery",
    "/api/v1/query%00", "/api/v1/query%2f", "/api/v1/query;a=b", "/..", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
    "/..%2f..%2fetc%2fpasswd", "/static/../../../../etc/passwd", "/metrics/", "/metrics.json", "/-/", "/-/healthyy",
    "/api/v1/admin", "/api/v1/admin/", "/api/v1/admin/nothing", "/api/v1/admin/../query", "/api/v1/status", "/debug/pprof",
    "/.env", "/.git/config", "/wp-login.php", "/<script>alert(1)</script>", "/\"onload=\"", "/" + "a" * 3_000)]
# The name of a label is part of the path.
LABELS = [path(f"/api/v1/label/{name}/values", status=400) for name in ("%ff", "%C3%28", "%", "%4", "%zz")] + [
    path(f"/api/v1/label/{name}/values", status=200) for name in (
        "..", "%2e%2e", "a%2fb", "a%00b", "a%0ab", "%F0%9F%8C%A1", "caf%C3%A9", "cafe%CC%81", "A", "a" * 1_025, "1", "-", "U__zz_")]


def method(name, target, status=405, *words):
    return Case(f"{name} {target}", (name, target), status, words)


METHODS = [method(name, target) for target, names in {
    "/api/v1/write": ("GET", "PUT", "PATCH", "DELETE", "TRACE", "HEAD"),
    "/api/v1/query": ("PUT", "PATCH", "DELETE", "TRACE"),
    "/api/v1/query_range": ("PUT", "DELETE"), "/api/v1/series": ("PUT", "DELETE"), "/api/v1/labels": ("PUT", "DELETE"),
    "/api/v1/label/a/values": ("POST", "DELETE"), "/metrics": ("POST", "DELETE"), "/-/healthy": ("POST", "DELETE"),
    "/api/v1/status/config": ("POST",), "/api/v1/admin/flush": ("GET", "HEAD", "DELETE"),
    "/api/v1/admin/compact": ("GET", "HEAD", "DELETE"), "/api/v1/admin/gc": ("GET", "HEAD", "DELETE"),
}.items() for name in names] + [
    method("POST", "/api/v1/admin/flush", 403, "--enable-admin-api"),
    method("POST", "/api/v1/admin/compact", 403, "--enable-admin-api"),
    method("PUT", "/api/v1/admin/gc", 403, "--enable-admin-api"),
    method("POST", "/api/v1/admin/tsdb/delete_series", 404), method("POST", "/-/quit", 403), method("POST", "/-/reload", 403),
]


def asked(target, status=400, *words):
    return Case(target[:70], target, status, words)


PARAMETERS = [asked(target) for target in (
    "/api/v1/query?query=%", "/api/v1/query?query=%f", "/api/v1/query?query=%gg", "/api/v1/query?query=%ff%fe", "/api/v1/query",
    "/api/v1/query?%=1", "/api/v1/query?query=%ed%a0%80", "/api/v1/query?Query=up", "/api/v1/query?query=up&limit=-1",
    "/api/v1/query?query=up&timeout=-1s", "/api/v1/query?query=up&lookback_delta=-1s",
    "/api/v1/query?" + "&".join(f"a{i}=1" for i in range(10_001)),
    "/api/v1/series", "/api/v1/series?match[]=", "/api/v1/series?match[]=up&start=x", "/api/v1/series?match[]=up&end=x",
    "/api/v1/series?match[]=up&limit=x", "/api/v1/series?" + "&".join(["match[]=up"] * 1_001),
    "/api/v1/labels?start=x", "/api/v1/labels?end=1e400", "/api/v1/labels?limit=-1", "/api/v1/labels?match[]={",
    "/api/v1/label/a/values?start=x", "/api/v1/label/a/values?match[]=1", "/api/v1/metadata?limit=x",
    "/api/v1/metadata?limit_per_metric=x", "/api/v1/query_exemplars", "/api/v1/query_exemplars?query=(&start=1&end=2",
    "/api/v1/query_exemplars?query=up&start=2&end=1", "/api/v1/format_query", "/api/v1/format_query?query=(",
    "/api/v1/parse_query", "/api/v1/parse_query?query=(", "/federate?match[]=(", "/federate?match[]={}",
    "/api/v1/status/tsdb?limit=0", "/api/v1/status/tsdb?limit=10001", "/api/v1/status/tsdb?topN=x",
    "/api/v1/status/tsdb?match[]=(", "/api/v1/status/top_queries?topN=x")]

HEAD = b"POST /api/v1/write HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n"
GET = b"GET /api/v1/labels HTTP/1.1\r\nHost: x\r\n"
CLOSED = (0, 400)


def raw(name, text, status=CLOSED):
    """0: the connection ends without an answer."""
    return Case(name, text, status)


FRAMING = [
    raw("an empty line, then nothing", b"\r\n\r\n\r\n\r\nX\r\n\r\n"), raw("a line of rubbish", b"rubbish\r\n\r\n"),
    raw("a request line of two words", b"GET /\r\n\r\n"), raw("a request line of four words", b"GET / HTTP/1.1 x\r\n\r\n"),
    raw("no version", b"GET / HTTP/\r\n\r\n"), raw("version 0.9", b"GET / HTTP/0.9\r\n\r\n", (0, 400, 505)),
    raw("version 2.0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (0, 400, 505)), raw("version 1.x", b"GET / HTTP/1.x\r\n\r\n"),
    raw("a method in lower case", b"get / HTTP/1.1\r\nHost: x\r\n\r\n"), raw("a method that there is not", b"BREW / HTTP/1.1\r\nHost: x\r\n\r\n"),
    raw("a method of 1,000 letters", b"G" * 1_000 + b" / HTTP/1.1\r\nHost: x\r\n\r\n", (0, 400, 404, 405)),
    raw("a method of control characters", b"G\x01T / HTTP/1.1\r\nHost: x\r\n\r\n"),
    raw("a target without a slash", b"GET api/v1/labels HTTP/1.1\r\nHost: x\r\n\r\n", (0, 400, 404)),
    raw("a target with a line feed", b"GET /a\nb HTTP/1.1\r\nHost: x\r\n\r\n"),
    raw("a target with NUL", b"GET /a\x00b HTTP/1.1\r\nHost: x\r\n\r\n"),
    raw("a target of raw bytes above 127", b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", (0, 400, 404)),
    raw("a target of 100 KiB", b"GET /" + b"a" * 102_400 + b" HTTP/1.1\r\nHost: x\r\n\r\n", (0, 400, 404, 414, 431)),
    raw("CONNECT", b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n", (0, 400, 404, 405)),
    raw("OPTIONS *", b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", (0, 200, 204, 400, 404)),
    raw("a field without a colon", GET + b"nonsense\r\n\r\n"), raw("a field without a name", GET + b": x\r\n\r\n"),
    raw("a field name with a space", GET + b"a b: x\r\n\r\n"), raw("a space before the colon", GET + b"a : x\r\n\r\n"),
    raw("a field name with a quote", GET + b"a\"b: x\r\n\r\n"), raw("a field name with bytes above 127", GET + b"\xe9: x\r\n\r\n"),
    raw("a folded field", GET + b"a: x\r\n y\r\n\r\n"), raw("NUL in a field", GET + b"a: x\x00y\r\n\r\n"),
    raw("a bare CR in a field", GET + b"a: x\ry\r\n\r\n"),
    raw("101 fields", GET + b"".join(b"a%d: b\r\n" % i for i in range(101)) + b"\r\n", (0, 400, 431)),
    raw("100,000 fields", GET + b"".join(b"a%d: b\r\n" % i for i in range(100_000)) + b"\r\n", (0, 400, 431)),
    raw("a field of 81 KiB", GET + b"a: " + b"b" * (81 << 10) + b"\r\n\r\n", (0, 400, 431)),
    raw("a field name of 81 KiB", GET + b"a" * (81 << 10) + b": b\r\n\r\n", (0, 400, 431)),
    raw("a field of 4 MiB without an end", GET + b"a: " + b"b" * (4 << 20), (0, 400, 431)),
    raw("two lengths", HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"),
    raw("two lengths in one field", HEAD + b"Content-Length: 5, 6\r\n\r\nabcdef"),
    raw("a length with a sign", HEAD + b"Content-Length: +5\r\n\r\nabcde"), raw("a length below 0", HEAD + b"Content-Length: -5\r\n\r\n"),
    raw("a length in hex", HEAD + b"Content-Length: 0x5\r\n\r\nabcde"), raw("a length with a unit", HEAD + b"Content-Length: 5B\r\n\r\nabcde"),
    raw("no length in the length", HEAD + b"Content-Length: \r\n\r\n"),
    raw("a length over 64 bits", HEAD + b"Content-Length: 18446744073709551617\r\n\r\na"),
    raw("a length over the limit", HEAD + b"Content-Length: 33554433\r\n\r\nabc", 400),
    raw("a length and chunks", HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    raw("an unknown transfer encoding", HEAD + b"Transfer-Encoding: gzip\r\n\r\nabc", (0, 400, 501)),
    raw("chunked twice", HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", (0, 400, 501)),
    raw("chunked, not last", HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", (0, 400, 501)),
    raw("a chunk size that is none", HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n"),
    raw("a chunk size below 0", HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n"),
    raw("a chunk size over 64 bits", HEAD + b"Transfer-Encoding: chunked\r\n\r\n1ffffffffffffffff\r\nabc"),
    raw("a chunk longer than its size", HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabcdef\r\n0\r\n\r\n"),
    raw("TLS to a port without", b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + bytes(200)),
    raw("SSH", b"SSH-2.0-OpenSSH_9.2p1\r\n"), raw("a Redis command", b"*1\r\n$4\r\nPING\r\n"),
    raw("random bytes", bytes(range(256)) * 4),
]
