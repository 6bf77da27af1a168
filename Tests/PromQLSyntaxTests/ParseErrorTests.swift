import PromQL
import Testing

/// What is refused, and in whose words: Prometheus's.
@Suite struct ParseErrorTests {
    @Test(arguments: [
        ("", "1:1: parse error: no expression found in input"),
        ("# just a comment\n\n", "1:1: parse error: no expression found in input"),
        ("1+", "1:3: parse error: unexpected end of input"),
        (".", "1:1: parse error: unexpected character: '.'"),
        ("2.5.", "1:1: parse error: bad number or duration syntax: \"2.5.\""),
        ("100..4", "1:1: parse error: bad number or duration syntax: \"100..\""),
        ("0deadbeef", "1:1: parse error: bad number or duration syntax: \"0de\""),
        ("1 /", "1:4: parse error: unexpected end of input"),
        ("*1", "1:1: parse error: unexpected <op:*>"),
        ("(1))", "1:5: parse error: unexpected right parenthesis ')'"),
        ("((1)", "1:5: parse error: unclosed left parenthesis"),
        (
            "999999999999999999999999999999999999999999s",
            "1:1: parse error: duration out of range"
        ),
        ("foo bar", "1:5: parse error: unexpected identifier \"bar\""),
        ("1 and 1", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"),
        ("1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"),
        ("1 or bool 1", "1:3: parse error: bool modifier can only be used on comparison operators"),
        ("a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"),
        ("foo and on(bar) group_left(baz) bar", "1:1: parse error: no grouping allowed for \"and\" operation"),
        (
            "foo + on(bar) group_left(bar) baz",
            "1:5: parse error: label \"bar\" must not occur in ON and GROUP clause at once"
        ),
        ("foo + group_left(baz) bar", "1:7: parse error: unexpected <group_left>"),
        ("foo + on(bar) 10", "1:1: parse error: vector matching only allowed between instant vectors"),
        ("foo or fill(1) bar", "1:1: parse error: filling in missing series not allowed for set operators"),
        ("foo + fill(1) 1", "1:1: parse error: filling in missing series only allowed between instant vectors"),
        (
            "-\"string\"",
            "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"string\""
        ),
        (
            "-test[5m]",
            "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"range vector\""
        ),
        ("a[5m] + 1", "1:1: parse error: binary expression must contain only scalar and instant vector types"),
        ("1 !~ 1", "1:3: parse error: unexpected character after '!': '~'"),
        ("1 =~ 1", "1:3: parse error: unexpected character after '=': '~'"),
        ("foo{", "1:5: parse error: unexpected end of input inside braces"),
        ("{", "1:2: parse error: unexpected end of input inside braces"),
        ("}", "1:1: parse error: unexpected character: '}'"),
        ("some{", "1:6: parse error: unexpected end of input inside braces"),
        ("some{{", "1:6: parse error: unexpected left brace '{'"),
        ("some_metric{a=b}", "1:15: parse error: unexpected identifier \"b\" in label matching, expected string"),
        ("some_metric{a:b=\"b\"}", "1:14: parse error: unexpected character inside braces: ':'"),
        ("foo{a*\"b\"}", "1:6: parse error: unexpected character inside braces: '*'"),
        ("foo{a>=\"b\"}", "1:6: parse error: unexpected character inside braces: '>'"),
        (
            "foo{gibberish}",
            "1:14: parse error: unexpected \"}\" in label matching, expected label matching operator"
        ),
        ("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ("{x=~\".*\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"),
        ("foo{__name__=\"bar\"}", "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\""),
        ("foo offset 5m offset 5m", "1:1: parse error: offset may not be set multiple times"),
        ("foo @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"),
        (
            "1 offset 5m",
            "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery"
        ),
        (
            "sum(a) @ 1",
            "1:1: parse error: @ modifier must be preceded by an instant vector selector or range vector selector or a subquery"
        ),
        (
            "foo offset",
            "1:11: parse error: unexpected end of input in offset, expected number, duration, step(), or range()"
        ),
        ("foo @", "1:6: parse error: unexpected end of input in @, expected timestamp"),
        ("foo @ Inf", "1:1: parse error: timestamp out of bounds for @ modifier: +Inf"),
        ("1 !", "1:3: parse error: unexpected character after '!': '\u{FFFD}'"),
        ("foo{a!", "1:6: parse error: unexpected character after '!' inside braces: '\u{FFFD}'"),
        ("foo[0m]", "1:5: parse error: duration must be greater than 0"),
        ("foo[-1]", "1:5: parse error: duration must be greater than 0"),
        ("foo[5mm]", "1:5: parse error: bad number or duration syntax: \"5mm\""),
        ("foo[5s5h]", "1:5: parse error: not a valid duration string: \"5s5h\""),
        (
            "foo[]",
            "1:5: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()"
        ),
        ("foo[:1m]", "1:5: parse error: unexpected colon before duration in duration expression"),
        ("foo[5m:1m:1m]", "1:10: parse error: unexpected repeated colon in duration expression"),
        ("foo[5m", "1:7: parse error: unexpected end of input in duration expression"),
        ("foo[1/0]", "1:6: parse error: division by zero"),
        ("foo[1%0]", "1:6: parse error: modulo by zero"),
        ("sum(a)[5m]", "1:7: parse error: ranges only allowed for vector selectors"),
        ("foo offset 5m [5m]", "1:15: parse error: no offset modifiers allowed before range"),
        ("foo @ 5 [5m]", "1:9: parse error: no @ modifiers allowed before range"),
        ("foo[5m:][1m:]", "1:1: parse error: subquery is only allowed on instant vector, got matrix instead"),
        ("foo[5m:] anchored", "1:1: parse error: anchored modifier is not supported for subqueries"),
        ("foo anchored smoothed", "1:1: parse error: anchored and smoothed modifiers cannot be used together"),
        ("sum by b (a)", "1:8: parse error: unexpected identifier \"b\" in grouping opts, expected \"(\""),
        ("sum by (1) (a)", "1:9: parse error: unexpected number \"1\" in grouping opts, expected label"),
        (
            "sum by (a b) (c)",
            "1:11: parse error: unexpected identifier \"b\" in grouping opts, expected \",\" or \")\""
        ),
        ("sum some_metric", "1:5: parse error: unexpected identifier \"some_metric\""),
        (
            "1e400",
            "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"1e400\": value out of range"
        ),
        (
            "a + 0x11112222333344445",
            "1:5: parse error: error parsing number: strconv.ParseFloat: "
                + "parsing \"0x11112222333344445\": invalid syntax"
        ),
        ("sum by (a) b", "1:12: parse error: unexpected identifier \"b\" in aggregation"),
        (
            "a[5m+]",
            "1:6: parse error: unexpected \"]\" in subquery or range selector, "
                + "expected number, duration, step(), or range()"
        ),
        (
            "a[5m:(1m]",
            "1:9: parse error: unexpected \"]\" in subquery selector, "
                + "expected number, duration, step(), range(), or \"]\""
        ),
        (
            "a offset (1m+)",
            "1:14: parse error: unexpected \")\" in offset, expected number, duration, step(), or range()"
        ),
        ("sum()", "1:1: parse error: no arguments for aggregate expression provided"),
        (
            "sum(a, b)",
            "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2"
        ),
        (
            "topk(some_metric)",
            "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1"
        ),
        ("topk(a, b)", "1:6: parse error: expected type scalar in aggregation parameter, got instant vector"),
        ("count_values(5, b)", "1:14: parse error: expected type string in aggregation parameter, got scalar"),
        ("sum(1)", "1:5: parse error: expected type instant vector in aggregation expression, got scalar"),
        (
            "limitk(1, a)",
            "1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions"
        ),
        ("floor()", "1:1: parse error: expected 1 argument(s) in call to \"floor\", got 0"),
        ("hour(a, b)", "1:1: parse error: expected at most 1 argument(s) in call to \"hour\", got 2"),
        ("label_join(a)", "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 1"),
        (
            "abs(foo[5m])",
            "1:5: parse error: expected type instant vector in call to function \"abs\", got range vector"
        ),
        ("rate(foo)", "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector"),
        ("non_existent(1)", "1:1: parse error: unknown function with name \"non_existent\""),
        ("mad_over_time(a[5m])", "1:1: parse error: function \"mad_over_time\" is not enabled"),
        ("rate(foo[5m],)", "1:13: parse error: trailing commas not allowed in function call args"),
        ("abs(1\n  2)", "2:3: parse error: unexpected number \"2\""),
        ("1 </ 2", "1:3: parse error: operator \"</\" not allowed for scalar operations"),
        ("a </ bool b", "1:3: parse error: bool modifier can only be used on comparison operators"),
        ("\"\u{fffd}\"", "1:1: parse error: invalid UTF-8 rune"),
        ("a{x=~\"\\xc5\"}", "1:3: parse error: error parsing regexp: invalid UTF-8: `\\xc5`"),
        ("sum by (\"\\xff\") (a)", "1:9: parse error: invalid label name for grouping: \"\\xff\""),
        ("{\"a\\xffb\"=\"c\"}", "1:2: parse error: invalid label name \"a\\xffb\""),
        ("\"a", "1:1: parse error: unterminated quoted string"),
        ("`a", "1:1: parse error: unterminated raw string"),
        ("\"\\q\"", "1:1: parse error: unknown escape sequence U+0071 'q'"),
        ("\"\\xg\"", "1:1: parse error: illegal character U+0067 'g' in escape sequence"),
        ("\"\\ud800\"", "1:1: parse error: escape sequence is an invalid Unicode code point"),
        ("foo{a=~\"(\"}", "1:5: parse error: error parsing regexp: missing closing ): `(`"),
        ("é", "1:1: parse error: unexpected character: 'é'"),
    ])
    func isRefusedInPrometheusWords(query: String, expected: String) {
        #expect { try PromQLParser.parse(query) } throws: { error in
            let found = (error as? ParseError)?.description
            if found != expected { print("found   ", found ?? "nil", "\nexpected", expected) }
            return found == expected
        }
    }
}
