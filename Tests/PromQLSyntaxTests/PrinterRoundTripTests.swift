import MetricModel
import PromQL
import Testing

/// What the printer writes, the parser reads as the same tree.
@Suite struct PrinterRoundTripTests {
    private var options: QueryOptions {
        var options = QueryOptions()
        options.enableExperimentalFunctions = true
        return options
    }

    @Test(arguments: UInt64(0)..<600)
    func printedTextParsesToTheSameTree(seed: UInt64) throws {
        var generator = RandomExpression(seed: seed)
        let made = try generator.expression(4)
        let text = PromQLPrinter.print(made)
        let read = try PromQLParser.parse(text, options: options)
        try #require(read.normalised == made.normalised, "seed \(seed): \(text)")
        try #require(PromQLPrinter.print(read) == text, "seed \(seed): \(text)")
    }

    /// Any prefix or slight damage of a good query is an error or a query, never a trap.
    @Test(arguments: UInt64(0)..<150)
    func damagedTextIsRefusedOrRead(seed: UInt64) throws {
        var generator = RandomExpression(seed: seed)
        let text = Array(PromQLPrinter.print(try generator.expression(4)).utf8)
        for _ in 0..<40 {
            var damaged = text
            let cut = Int.random(in: 0...text.count, using: &generator.random)
            switch Int.random(in: 0..<3, using: &generator.random) {
            case 0: damaged.removeSubrange(cut...)
            case 1: damaged.insert(UInt8.random(in: 0...255, using: &generator.random), at: cut)
            default: if cut < damaged.count { damaged.remove(at: cut) }
            }
            let query = String(decoding: damaged, as: UTF8.self)
            guard let read = try? PromQLParser.parse(query, options: options) else { continue }
            let printed = PromQLPrinter.print(read)
            let again = try PromQLParser.parse(printed, options: options)
            try #require(PromQLPrinter.print(again) == printed, "seed \(seed): \(query)")
        }
    }
}

extension Expression {
    /// Without positions, matchers in one order: what must survive printing.
    var normalised: Expression {
        let nowhere = SourceRange(0, 0)
        func plain(_ selector: VectorSelector) -> VectorSelector {
            var selector = selector
            selector.position = nowhere
            selector.matchers.sort {
                "\($0.name)\($0.operation.rawValue)\($0.value)" < "\($1.name)\($1.operation.rawValue)\($1.value)"
            }
            return selector
        }
        switch self {
        case .number(let value, _): return .number(value, nowhere)
        case .string(let value, _): return .string(value, nowhere)
        case .parenthesized(let inner, _): return .parenthesized(inner.normalised, nowhere)
        case .vectorSelector(let selector): return .vectorSelector(plain(selector))
        case .matrixSelector(var matrix):
            matrix.selector = plain(matrix.selector)
            matrix.position = nowhere
            return .matrixSelector(matrix)
        case .subquery(var subquery):
            subquery.expression = subquery.expression.normalised
            subquery.position = nowhere
            return .subquery(subquery)
        case .unary(var unary):
            unary.operand = unary.operand.normalised
            unary.position = nowhere
            return .unary(unary)
        case .binary(var binary):
            binary.left = binary.left.normalised
            binary.right = binary.right.normalised
            binary.position = nowhere
            return .binary(binary)
        case .aggregate(var aggregate):
            aggregate.operand = aggregate.operand.normalised
            aggregate.parameter = aggregate.parameter?.normalised
            if aggregate.grouping.isEmpty && !aggregate.isWithout { aggregate.grouping = [] }
            aggregate.position = nowhere
            return .aggregate(aggregate)
        case .call(var call):
            call.arguments = call.arguments.map(\.normalised)
            call.position = nowhere
            return .call(call)
        }
    }
}
