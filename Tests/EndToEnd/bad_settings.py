"""Flags, variables and configuration files that are wrong (section 5 of the matrix): `varve serve --check-config` ends with
2, names all of it at once, and makes nothing."""
from cases import Case


def flag(name, value, *words):
    return Case(f"--{name} {value}"[:60], {"flags": [f"--{name}", value]}, 2, (f"--{name}",) + words)


def variable(name, value, *words):
    return Case(f"{name}={value}", {"variables": {name: value}}, 2, (name,) + words)


def file(name, text, *words):
    return Case(name, {"file": text}, 2, words)


def web(name, text, *words):
    return Case(name, {"web": text}, 2, words)


FLAGS = [
    flag("listen", "nowhere", "HOST:PORT"), flag("listen", "127.0.0.1", "HOST:PORT"), flag("listen", ":99999", "HOST:PORT"),
    flag("listen", "::1:80", "HOST:PORT"), flag("listen", ":-1", "HOST:PORT"), flag("flush-age", "0", "1s"),
    flag("flush-age", "forever", "1d"), flag("flush-age", "1y", "1d"), flag("flush-size", "1KiB", "1MiB"),
    flag("flush-size", "1e9", "1MiB"), flag("flush-size", "64", "1MiB"), flag("flush-size", "99999999999999999999GiB", "4GiB"),
    flag("durability", "maybe", "always, interval or os"), flag("memory-limit", "1MiB", "64MiB"),
    flag("memory-limit", "60%", "64MiB"), flag("disk-reserve", "-1", "disk"), flag("disk-reserve", "some", "1GiB"),
    flag("retention", "5m", "1h"), flag("retention", "0x10", "90d"), flag("log-level", "loud", "warning"),
    flag("log-format", "xml", "logfmt or json"), flag("log-queries-longer-than", "slow", "500ms"),
    flag("query.max-samples", "0"), flag("query.max-samples", "9" * 30), flag("query.timeout", "1ns"),
    flag("query.timeout", "2d", "1d"), flag("query.max-concurrency", "0", "10000"), flag("query.lookback-delta", "0"),
    flag("query.max-series", "-1"), flag("query.max-memory", "1B", "1MiB"), flag("query.max-points", "1e3"),
    flag("query.queue-timeout", "2d"), flag("limit-series", "ten"), flag("limit-labels-per-series", "1025", "1024"),
    flag("limit-label-name-bytes", "0", "65536"), flag("limit-label-value-bytes", "2000000", "1048576"),
    flag("limit-future-skew", "-1s"), flag("web.cors-origin", "(", "regular expression"), flag("web.max-connections", "0"),
    flag("web.idle-timeout", "1ms", "1s"), flag("web.header-timeout", "1h", "10m"), flag("web.write-timeout", "0", "1s"),
    flag("web.max-body", "2TiB", "1GiB"), flag("web.shutdown-timeout", "never", "10m"),
    Case("--no-such-flag", {"flags": ["--no-such-flag"]}, 2, ("no-such-flag",)),
    Case("a word", {"flags": ["fast"]}, 2, ("fast",)),
    Case("a flag without its value", {"flags": ["--listen"]}, 2, ("listen",)),
    Case("--flush-size over half the rows' memory", {"flags": ["--memory-limit", "64MiB", "--flush-size", "64MiB"]}, 2,
         ("flush-size", "memory-limit")),
    Case("--web.config.file that is not there", {"flags": ["--web.config.file", "nothing.yml"]}, 2,
         ("web.config.file", "nothing.yml")),
    Case("--config that is not there", {"flags": ["--config", "nothing.yml"]}, 2, ("config", "nothing.yml")),
    Case("--config that is a directory", {"flags": ["--config", "/"]}, 2, ("config",)),
    Case("--data below a file", {"flags": ["--data", "/etc/passwd/data"]}, 2, ("data", "/etc/passwd")),
    Case("--data that is a file", {"flags": ["--data", "/etc/passwd"]}, 2, ("data", "directory")),
    Case("many at once", {"flags": ["--listen", "x", "--flush-age", "x"], "variables": {"VARVE_RETENTION": "x", "VARVE_DAT": "x"},
                          "file": "durability: x\nnothing: x\n"}, 2,
         ("--listen", "--flush-age", "VARVE_RETENTION", "VARVE_DATA?", "durability (", "\"nothing\"")),
]
VARIABLES = [
    variable("VARVE_RETENTOIN", "1d", "VARVE_RETENTION?"), variable("VARVE_", "1"), variable("VARVE_DATA_DIR", "x"),
    variable("VARVE_FLUSHAGE", "1m", "VARVE_FLUSH_AGE?"), variable("VARVE_FLUSH_AGE", "soon", "1s"),
    variable("VARVE_LISTEN", "", "HOST:PORT"), variable("VARVE_ENABLE_ADMIN_API", "yes", "true or false"),
    variable("VARVE_QUERY_TIMEOUT", "-1"), variable("VARVE_WEB_MAX_BODY", "1"), variable("VARVE_LOG_LEVEL", "\x1b[31m", "warning"),
    variable("VARVE_DURABILITY", "a" * 5_000, "always"),
]
FILES = [
    file("an unknown key", "retenton: 1d\n", "line 1", "retention?"), file("an unknown key far from any", "xyzzy: 1\n", "xyzzy"),
    file("an unknown nested key", "query:\n  timout: 1s\n", "line 2", "query.timeout?"),
    file("a key twice", "listen: :1\nlisten: :2\n", "line 2", "first in line 1"),
    file("a key twice in two spellings", "query.timeout: 1s\nquery: {timeout: 1s}\n", "line 2", "again"),
    file("a list for a value", "data: [a, b]\n", "line 1", "list"), file("a map for a value", "data: {a: b}\n", "data.a"),
    file("a value out of range", "flush-age: 2d\n", "line 1", "1d"), file("no value", "retention:\n", "retention", "90d"),
    file("a wrong unit", "flush-size: 64megs\n", "1MiB"), file("a number for a duration unit", "flush-age: 10 minutes\n", "1s"),
    file("a config in a config", "config: other.yml\n", "config"), file("no YAML: open brace", "{", "line"),
    file("no YAML: open quote", "data: 'x\n", "line"), file("no YAML: tab", "\tdata: x\n", "line"),
    file("no YAML: odd indent", "data: x\n  listen: y\n", "line"), file("no YAML: a colon too many", "a: b: c\n", "line"),
    file("JSON5", "{data: x,, }", "line"), file("a list at the top", "- data: x\n", "list"), file("a text at the top", "hello\n", "NAME"),
    file("an alias", "a: &x 1\nb: *x\n", "aliases"), file("a bomb of aliases", "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n", "aliases"),
    file("two documents", "data: x\n---\nlisten: y\n", "second"), file("a tag", "data: !!python/object x\nnothing: 1\n", "nothing"),
    file("5,000 levels", "a: " + "{a: " * 5_000, "levels"), file("300 KiB", "#" * 300_000, "262144"),
    file("binary", "\x01\x02\x03", "line"), file("UTF-16", b"\xff\xfed\x00a\x00\x00\xd8", "line"), file("no UTF-8", b"data: \xff\xfe\n", "line"),
    file("NUL in a value", 'data: "a\\0b"\n', "zero byte"), file("a merge key", "<<: {data: x}\n", "<<"),
    file("a Prometheus configuration", "global:\n  scrape_interval: 1s\nscrape_configs: []\n", "global.scrape_interval", "scrape_configs"),
]
HASH = "$2b$10$abcdefghijklmnopqrstuu4T826PRnz0Hu6YlprUuxkZxOOj5Fw5S"
WEB = [
    web("an unknown key", "basic_auth_user: {}\n", "line 1", "basic_auth_users?"), web("a password for a hash", "basic_auth_users:\n  a: hunter2\n", "line 2", "bcrypt"),
    web("SHA for a hash", "basic_auth_users: {a: '{SHA}x'}\n", "bcrypt"), web("a hash of cost 31", "basic_auth_users: {a: '%s'}\n" % HASH.replace("$10$", "$31$"), "cost"),
    web("a name with a colon", f"basic_auth_users: {{'a:b': '{HASH}'}}\n", "colon"), web("scopes of nobody", "basic_auth_scopes: {b: [read]}\n", "no user"),
    web("an unknown scope", f"basic_auth_users: {{a: '{HASH}'}}\nbasic_auth_scopes: {{a: [root]}}\n", "read, write, admin"),
    web("a token in the file", "bearer_tokens: [{name: a, token: hunter2hunter2, scopes: [read]}]\n", "token_file"),
    web("a token file that is not there", "bearer_tokens: [{name: a, token_file: nothing, scopes: [read]}]\n", "nothing"),
    web("a token variable that is not set", "bearer_tokens: [{name: a, token_env: NO_SUCH, scopes: [read]}]\n", "NO_SUCH"),
    web("a token that is too short", "bearer_tokens: [{name: a, token_env: SHORT, scopes: [read]}]\n", "SHORT", "1024"),
    web("a token with a line break", "bearer_tokens: [{name: a, token_env: BROKEN, scopes: [read]}]\n", "BROKEN"),
    web("a token without scopes", "bearer_tokens: [{name: a, token_env: GOOD}]\n", "scopes"), web("a token without a name", "bearer_tokens: [{token_env: GOOD, scopes: [read]}]\n", "name"),
    web("a name twice", "bearer_tokens: [{name: a, token_env: GOOD, scopes: [read]}, {name: a, token_env: GOOD, scopes: [read]}]\n", "again"),
    web("TLS without a key", "tls_server_config: {cert_file: a.crt}\n", "key_file"), web("a certificate that is not there", "tls_server_config: {cert_file: a.crt, key_file: a.key}\n", "a.crt"),
    web("a certificate that is none", "tls_server_config: {cert_file: web.yml, key_file: web.yml}\n", "PEM"),
    web("TLS 1.0", "tls_server_config: {cert_file: a, key_file: b, min_version: TLS10}\n", "TLS12"), web("what we do not have", "http_server_config: {http2: true}\n", "not supported"),
    web("a list", "[]\n", "map"), web("rubbish", "{{{", "line"),
]
