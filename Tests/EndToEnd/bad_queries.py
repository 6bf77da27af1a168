"""PromQL that is no PromQL, asks for too much, or nests without end (section 5 of the matrix)."""
from cases import Case


def parse(text, *words):
    return Case(text if len(text) < 60 else f"{text[:40]}… ({len(text)} characters)", {"query": text}, 400, words)


def bound(text, *words, **parameters):
    return Case(text[:60], {"query": text, **parameters}, 422, words)


SYNTAX = [parse(text) for text in [
    "", " ", "#", "sum(", "sum)", "up{", "up}", "up[", "up]", "up[5m", "up[]", "up[m]", "up[5]m", "up[-5m]", "up[0s]",
    "up[5m][5m]", "up offset", "up offset 5x", "up @", "up @ x", "1 +", "+ ", "1 + + ", "* 1", "1 ** 2", "1 // 2", "1 = 1",
    "1 => 1", "a and", "and a", "1 and 1", "a or 1", "a unless", "a == bool", "1 == 1", "a bool b", "(a", "a)", "()", "(())",
    "{}", "{a=}", "{a=b}", "{=\"b\"}", "{a=\"b\"", "{a==\"b\"}", "{a=\"b\",,}", "{\"a\"=}", "{a!\"b\"}", "{a~\"b\"}",
    "foo{bar=~\"(\"}", "foo{bar=~\"[\"}", "foo{bar=~\"*\"}", "foo{bar=~\"a{2,1}\"}", "foo{bar=~\"(?P<n\"}",
    "foo{bar=~\"\\\\8\"}", "foo{bar=~\"(?=a)\"}", "foo{bar=~\".{1001}\"}", "foo{bar=~\"(a{1000}){1000}\"}",
    "foo{__name__=\"bar\"}", "\"abc", "'abc", "`abc", "\"\\q\"", "\"\\x\"", "\"\\u12\"", "\"\n\"",
    "rate(up)", "rate(up[5m]", "rate()", "rate(up[5m], 1)", "rate(1)", "nosuch(up)", "sum(1)", "sum by (up)", "sum by up (a)",
    "topk(a)", "topk(1)", "quantile(up)", "count_values(a)", "label_replace(up)", "histogram_quantile(up)", "time(1)",
    "vector(up)", "scalar(1)", "absent(1)", "a + on b", "a + on(b) group_left", "a + group_left b", "a and group_left() b",
    "a[5m:", "a[5m:]]", "a[:5m]", "(a)[5m]", "1[5m:1m]x", "sum(up) [5m]", "0x", "1e", "1.2.3", "1__0", "0b2", ".e1", "1ms2",
    "5mm", "1h1h", "\x00", "a\x00b", "é", "a€b", "a;b", "a$b", "a?b", "a|b", "a&b", "up{job=\"\xff",
]] + [
    parse("(" * 129 + "1" + ")" * 129, "128"), parse("1 ^ " * 129 + "1", "128"),
    parse("sum(" * 200 + "up" + ")" * 200), parse("abs(" * 200 + "up" + ")" * 200),
    parse("(" * 10_000), parse("-" * 10_000), parse("{" * 10_000), parse("[" * 10_000), parse("a+" * 6_000),
    parse("sum(" * 10_000), parse("a{b=\"" * 5_000), parse("a or " * 12_000), parse("1+" * 6_000 + "1"), parse("a{" + "b=\"\"," * 3_000 + "}", "10000"),
    parse("a" * 65_537, "65536"), parse("#" * 65_537, "65536"), parse("\"" + "a" * 65_600 + "\"", "65536"),
    parse("up" + " offset 5m" * 2_000), parse("up" + "[5m:]" * 500), parse("a" + " and a" * 20_000),
]
OVERFLOW = [parse(text) for text in [
    "up offset 1000000000y", "up[1000000000y]", "up[99999999999999999999s]", "up @ 1e400", "up @ NaN", "up @ Inf",
    "up[1y99999999999999d]", "up offset -99999999999y",
]]
BOUNDS = [
    bound("wide[1h]", "samples"), bound("sum_over_time(wide[1h])", "samples"),
    bound("avg_over_time(wide[1h:1ms])", "samples"), bound("rate(wide[1d:1s])", "samples"),
    bound("max_over_time(max_over_time(wide[1d:1s])[1d:1s])", "samples"),
    bound("count({__name__=~\".+\"})", "series", "query.max-series"),
    bound("count({i=~\".+\"})", "series", "query.max-series"),
    bound("label_replace(few, \"j\", \"$1\", \"i\", \"(\")"), bound("label_join(few, \"j-\\xff\", \",\", \"i\")"),
    bound("few * on () few", "many"), bound("few + on (nothing) group_left few", "duplicate"),
    bound("topk(1e18, few) or topk(NaN, few)"), bound("topk(1e300, few)"),
    bound("count_values(\"\", few)"),
]
# Odd, and answered all the same: numbers that are none, times outside, windows without data.
FINE = [Case(text, {"query": text}, 200) for text in [
    "topk(1e18, few)", "topk(-1, few)", "topk(-1e300, few)", "-" * 129 + "1", "quantile(NaN, few)", "quantile(1e300, few)", "few / 0", "few % 0", "0 ^ -1",
    "1e308 * 10", "-1e308 * 10", "0 / 0", "vector(NaN)", "clamp(few, 5, 1)", "round(few, 0)", "few[5m] offset 200y",
    "few @ 0", "few @ -9223372036", "few offset -100y", "few{i=\"\"}", "few{i=~\"\"}", "few{i!=\"\"}", "nosuch", "absent(nosuch)",
    "few{i=~\"(a+)+$\"}", "few{i=~\"(a|aa)+$\"}", "few{i=~\"(.*)*x\"}", "few{i=~\".*.*.*.*.*.*=.*\"}",
    "sum(few) by ()", "count_values(\"v\", few)", "days_in_month(vector(1e300))", "year(vector(-1e18))", "minute(vector(NaN))",
    "((((((((((few))))))))))", "rate(few[1ms])", "changes(few[290y])", "{\"few\"}", "{\"few\",\"i\"=\"1\"}",
]]


def ranged(name, *words, status=400, **parameters):
    return Case(name, {"query": "few", **parameters}, status, words)


RANGES = [
    ranged("no start", "start", end=10, step=1), ranged("no end", "end", start=0, step=1),
    ranged("no step", "step", start=0, end=10), ranged("nothing"),
    ranged("end before start", "before start", start=10, end=0, step=1),
    ranged("step 0", "step", start=0, end=10, step=0), ranged("step below 0", "step", start=0, end=10, step=-1),
    ranged("a step that is no number", "step", start=0, end=10, step="often"),
    ranged("step NaN", "step", start=0, end=10, step="NaN"), ranged("step Inf", "step", start=0, end=10, step="Inf"),
    ranged("step 1e400", "step", start=0, end=10, step="1e400"), ranged("step 1y1y", "step", start=0, end=10, step="1y1y"),
    ranged("11,001 steps", "11,000", "query.max-points", start=0, end=11_001, step=1),
    ranged("from the beginning to the end of time", "11,000", start="-292273086-05-16T16:47:06Z",
           end="292277025-08-18T07:12:54.999999999Z", step="1y"),
    ranged("a range vector over time", start=0, end=10, step=1, query="few[5m]"),
    ranged("a text over time", start=0, end=10, step=1, query='"text"'),
    ranged("timeout 0", "timeout", start=0, end=10, step=1, timeout=0),
    ranged("a timeout that is none", "timeout", start=0, end=10, step=1, timeout="soon"),
    ranged("limit -1", "limit", start=0, end=10, step=1, limit=-1),
    ranged("a limit that is none", "limit", start=0, end=10, step=1, limit="some"),
    ranged("a limit over 64 bits", "limit", start=0, end=10, step=1, limit="99999999999999999999"),
    ranged("lookback below 0", "lookback_delta", start=0, end=10, step=1, lookback_delta="-5m"),
    ranged("too many samples", "samples", status=422, start=1_699_999_000, end=1_700_000_000, step=1,
           query="sum_over_time(wide[30m:1s])"),
] + [
    ranged(f"{name} {text}", name, **{"start": 0, "end": 10, "step": 1, name: text}) for name in ("start", "end") for text in (
        "yesterday", "1e400", "NaN", "-Inf", "2020-13-01T00:00:00Z", "2020-01-32T00:00:00Z", "2020-01-01T25:00:00Z",
        "2020-01-01", "2020-01-01T00:00:00", "2020-01-01T00:00:00+25:00", "0x10", "1_000", "12:00", "%00", "１")
]
INSTANTS = [Case(f"time {text}", {"query": "few", "time": text}, 400, ("time",)) for text in (
    "now", "1e400", "-1e400", "NaN", "Inf", "2020-02-30T00:00:00Z", "2020-01-01T00:00:60Z", "1 2", "--1", "1e", "\x00", "a" * 500)]
MATCHERS = [Case(f"match[] {text[:50]}", {"match[]": text}, 400, ("match[]",)) for text in (
    "", "{", "{}", "{a=~\"(\"}", "up[5m]", "up offset 5m", "sum(up)", "up + up", "1", "\"up\"", "up{a=\"b\"", "{a!=\"b\"}",
    "{a=~\".*\"}", "up @ 5", "(up)", "a" * 65_537)]
