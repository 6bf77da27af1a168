import MetricModel

/// `sort` and its like: they matter to instant queries only, a range query is sorted by labels in the end.
enum SortFunctions {
    static func ascending(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        try byValue(evaluator, node, grid) { $0 > $1 }
    }

    static func descending(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        try byValue(evaluator, node, grid) { $0 < $1 }
    }

    /// NaN comes last either way: it is always 'less', and the order is reversed.
    private static func byValue(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid, _ isWorse: (Double, Double) -> Bool
    ) throws(QueryError) -> [SeriesColumn] {
        var columns = try sortable(evaluator, node, grid)
        guard grid.count == 1 else { return columns }
        Go.sort(&columns) { a, b in
            let (a, b) = (a.values[0], b.values[0])
            if b.isNaN { return !a.isNaN }
            return !a.isNaN && isWorse(b, a)
        }
        return columns
    }

    static func byLabel(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        try byLabel(evaluator, node, grid, isDescending: false)
    }

    static func byLabelDescending(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        try byLabel(evaluator, node, grid, isDescending: true)
    }

    private static func byLabel(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid, isDescending: Bool
    ) throws(QueryError) -> [SeriesColumn] {
        var columns = try sortable(evaluator, node, grid)
        let names = names(node)
        // Natural order says of a missing label that it comes after, whichever side it is on: a few series are sorted by
        // that as Go does it, more need an order that is one.
        let isExact = columns.count <= Go.stableCount
        Go.sort(&columns) { a, b in
            for name in names {
                let (x, y) = (a.labels.value(of: name), b.labels.value(of: name))
                if x.hasSameBytes(as: y) { continue }
                let comes = isExact || !(x.isEmpty || y.isEmpty) ? NaturalOrder.comes(x, before: y) : x.isEmpty
                return comes != isDescending
            }
            return isDescending ? b.labels < a.labels : a.labels < b.labels
        }
        return columns
    }

    private static func sortable(
        _ evaluator: Evaluator, _ node: FunctionNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        if evaluator.isRangeQuery { evaluator.annotations.warnSortInRangeQuery(at: node.position) }
        return try evaluator.evaluate(node.arguments[0].node, grid)
    }

    private static func names(_ node: FunctionNode) -> [String] {
        node.arguments.dropFirst().compactMap { argument in
            if case .string(let name) = argument.node { name } else { nil }
        }
    }

}

/// Digits compare as numbers: `node2` before `node10`. The rule of `facette/natsort`, which Prometheus uses.
enum NaturalOrder {
    static func comes(_ a: String, before b: String) -> Bool {
        let (x, y) = (chunks(a), chunks(b))
        for i in x.indices {
            if i >= y.count { return false }
            if let m = number(x[i]), let n = number(y[i]), m != n { return m < n }
            guard x[i] == y[i] || number(x[i]) != nil && number(y[i]) != nil else {
                return x[i].lexicographicallyPrecedes(y[i])
            }
            // What is as long as the other or longer is after it; `1` and `01` are each before the other.
            if i == x.count - 1 { return true }
            if i == y.count - 1 { return false }
        }
        return false
    }

    /// Runs of digits and runs of anything else.
    private static func chunks(_ text: String) -> [ArraySlice<UInt8>] {
        let bytes = Array(text.utf8)
        if bytes.isEmpty { return [] }
        var chunks: [ArraySlice<UInt8>] = []
        var start = 0
        for i in bytes.indices.dropFirst() where isDigit(bytes[i]) != isDigit(bytes[i - 1]) {
            chunks.append(bytes[start..<i])
            start = i
        }
        chunks.append(bytes[start...])
        return chunks
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    private static func number(_ chunk: ArraySlice<UInt8>) -> Int64? {
        guard let first = chunk.first, isDigit(first) else { return nil }
        return Int64(String(decoding: chunk, as: UTF8.self))
    }
}
