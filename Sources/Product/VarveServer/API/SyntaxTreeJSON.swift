import MetricModel
import Platform
import PromQL

/// A parsed query as JSON, in the shape of Prometheus's `parse_query`. Lengths of time are milliseconds; one that is
/// an expression is its text.
///
/// Recursion is bounded by the tree's height, which the parser bounds.
enum SyntaxTreeJSON {
    static func tree(_ expression: Expression) -> JSONValue {
        switch expression {
        case .number(let value, _): return node("numberLiteral", [("val", .string(DecimalText.string(value)))])
        case .string(let value, _): return node("stringLiteral", [("val", .string(value))])
        case .parenthesized(let inner, _): return node("parenExpr", [("expr", tree(inner))])
        case .unary(let unary):
            return node("unaryExpr", [("op", .string(unary.isNegation ? "-" : "+")), ("expr", tree(unary.operand))])
        case .vectorSelector(let selector): return node("vectorSelector", members(of: selector))
        case .matrixSelector(let matrix):
            return node("matrixSelector", members(of: matrix.selector) + [("range", length(matrix.range))])
        case .subquery(let subquery):
            return node(
                "subquery",
                [
                    ("expr", tree(subquery.expression)), ("range", length(subquery.range)),
                    ("offset", length(subquery.offset)), ("step", length(subquery.step)),
                ] + members(of: subquery.at))
        case .binary(let binary):
            return node(
                "binaryExpr",
                [
                    ("op", .string(binary.operation.rawValue)), ("lhs", tree(binary.left)),
                    ("rhs", tree(binary.right)), ("matching", binary.matching.map(matching) ?? .null),
                    ("bool", .bool(binary.returnsBool)),
                ])
        case .aggregate(let aggregate):
            return node(
                "aggregation",
                [
                    ("op", .string(aggregate.operation.rawValue)), ("expr", tree(aggregate.operand)),
                    ("param", aggregate.parameter.map(tree) ?? .null), ("grouping", strings(aggregate.grouping)),
                    ("without", .bool(aggregate.isWithout)),
                ])
        case .call(let call):
            return node(
                "call",
                [("func", function(call.name)), ("args", .array(call.arguments.map(tree)))])
        }
    }

    /// `variadic` as in Prometheus: how many arguments may be left out, −1 when the last one repeats.
    private static func function(_ name: String) -> JSONValue {
        guard let signature = FunctionSignature.table[name] else { return .object([("name", .string(name))]) }
        let variadic =
            signature.isVariadic
            ? signature.maximumArguments.map { $0 - signature.minimumArguments } ?? -1 : signature.optionalArguments
        return .object([
            ("name", .string(name)),
            ("argTypes", .array(signature.arguments.map { .string(typeName($0)) })),
            ("variadic", .integer(Int64(variadic))), ("returnType", .string(typeName(signature.result))),
        ])
    }

    private static func typeName(_ type: ValueType) -> String {
        switch type {
        case .scalar: "scalar"
        case .vector: "vector"
        case .matrix: "matrix"
        case .string: "string"
        case .none: "none"
        }
    }

    private static func node(_ type: String, _ members: [(String, JSONValue)]) -> JSONValue {
        .object([("type", .string(type))] + members)
    }

    private static func strings(_ texts: [String]) -> JSONValue { .array(texts.map(JSONValue.string)) }

    private static func members(of selector: VectorSelector) -> [(String, JSONValue)] {
        [
            ("name", .string(selector.metricName ?? "")), ("offset", length(selector.offset)),
            (
                "matchers",
                .array(
                    selector.matchers.map { matcher in
                        .object([
                            ("name", .string(matcher.name)), ("value", .string(matcher.value)),
                            ("type", .string(matcher.operation.rawValue)),
                        ])
                    })
            ),
            ("anchored", .bool(selector.extrapolation == .anchored)),
            ("smoothed", .bool(selector.extrapolation == .smoothed)),
        ] + members(of: selector.at)
    }

    private static func members(of at: AtModifier?) -> [(String, JSONValue)] {
        switch at {
        case .time(let time): [("timestamp", .integer(time)), ("startOrEnd", .null)]
        case .start: [("timestamp", .null), ("startOrEnd", .string("start"))]
        case .end: [("timestamp", .null), ("startOrEnd", .string("end"))]
        case nil: [("timestamp", .null), ("startOrEnd", .null)]
        }
    }

    private static func length(_ duration: DurationExpression?) -> JSONValue {
        switch duration {
        case nil: .integer(0)
        case .literal(let milliseconds): .integer(milliseconds)
        case .some(let expression): .string(PromQLPrinter.print(expression))
        }
    }

    private static func matching(_ matching: VectorMatching) -> JSONValue {
        let cardinality =
            switch matching.cardinality {
            case .oneToOne: "one-to-one"
            case .manyToOne: "many-to-one"
            case .oneToMany: "one-to-many"
            case .manyToMany: "many-to-many"
            }
        return .object([
            ("card", .string(cardinality)), ("labels", strings(matching.labels)), ("on", .bool(matching.isOn)),
            ("include", strings(matching.include)),
            (
                "fillValues",
                .object([
                    ("lhs", matching.fillLeft.map(JSONValue.number) ?? .null),
                    ("rhs", matching.fillRight.map(JSONValue.number) ?? .null),
                ])
            ),
        ])
    }
}
