import MetricModel

/// Aggregations that choose series and keep their labels: `topk`, `bottomk`, `limitk`, `limit_ratio`; and
/// `count_values`, which makes labels of values.
extension Evaluator {
    func ranked(_ node: AggregateNode, _ grid: StepGrid) throws(QueryError) -> [SeriesColumn] {
        let parameter = try aggregateParameter(node, grid)
        let columns = try evaluate(node.operand, grid)
        guard try acceptsParameter(parameter, node) else { return [] }
        var groups = Groups()
        let groupOf = columns.map { groups.index(of: $0.labels, by: node.grouping) }
        let offsets = node.operation == .limitRatio ? columns.map { RatioSampling.offset(of: $0.labels) } : []

        try budget.hold(series: columns.count, steps: grid.count)
        // Empty for those that no step has chosen.
        var chosen = [[Double]](repeating: [], count: columns.count)
        var instant: [SeriesColumn] = []
        var heaps = [RankingHeap](
            repeating: RankingHeap(isBottom: node.operation == .bottomk), count: groups.keys.count)
        let isOrdered = node.operation == .topk || node.operation == .bottomk
        try forEachStep(of: columns, grid) { (step, values) throws(QueryError) in
            for i in heaps.indices { heaps[i].removeAll() }
            let k = min(Go.integer(parameter[step]), Int64(columns.count))
            let ratio = min(max(parameter[step], -1), 1)
            if node.operation == .limitRatio ? ratio == 0 : k < 1 { return }
            for i in values.indices {
                let value = values[i]
                if Absent.is(value) { continue }
                let entry = RankingHeap.Entry(value: value, series: i)
                switch node.operation {
                case .limitk: heaps[groupOf[i]].append(entry, upTo: k)
                case .limitRatio:
                    if RatioSampling.isChosen(offsets[i], ratio: ratio) { heaps[groupOf[i]].append(entry, upTo: .max) }
                default: heaps[groupOf[i]].offer(entry, keeping: k)
                }
            }
            for heap in heaps {
                for entry in isOrdered ? heap.bestFirst : heap.entries {
                    let i = entry.series
                    if chosen[i].isEmpty { chosen[i] = [Double](repeating: Absent.value, count: grid.count) }
                    chosen[i][step] = entry.value
                    if grid.count == 1 { instant.append(columns[i].replacing(chosen[i])) }
                }
            }
        }
        // An instant query keeps the order of rank.
        if grid.count == 1 { return instant }
        return columns.indices.compactMap { chosen[$0].isEmpty ? nil : columns[$0].replacing(chosen[$0]) }
    }

    /// Hands on the values of all columns at each step, step by step.
    func forEachStep(
        of columns: [SeriesColumn], _ grid: StepGrid,
        _ body: (Int, UnsafeBufferPointer<Double>) throws(QueryError) -> Void
    ) throws(QueryError) {
        // Some steps at a time are laid out side by side: columns lie far apart.
        let steps = 64
        let width = columns.count
        var rows = [Double](repeating: 0, count: min(steps, grid.count) * width)
        for first in stride(from: 0, to: grid.count, by: steps) {
            try budget.check()
            let count = min(steps, grid.count - first)
            rows.withUnsafeMutableBufferPointer { rows in
                for (i, column) in columns.enumerated() {
                    column.values.withUnsafeBufferPointer { values in
                        for step in 0..<count { rows[step &* width &+ i] = values[first &+ step] }
                    }
                }
            }
            try rows.withUnsafeBufferPointer { (rows) throws(QueryError) in
                for step in 0..<count {
                    try body(first + step, UnsafeBufferPointer(rebasing: rows[step * width..<(step + 1) * width]))
                }
            }
        }
    }

    /// False when nothing can be chosen at any step.
    private func acceptsParameter(_ parameter: [Double], _ node: AggregateNode) throws(QueryError) -> Bool {
        let hasNaN = parameter.contains(where: \.isNaN)
        let highest = parameter.reduce(-Double.greatestFiniteMagnitude, Go.maximum)
        let lowest = parameter.reduce(Double.greatestFiniteMagnitude, Go.minimum)
        if node.operation == .limitRatio {
            if highest == 0 && lowest == 0 { return false }
            if hasNaN { throw .execution("Ratio value is NaN") }
            if highest > 1 { annotations.warnInvalidRatio(highest, cappedTo: 1, at: node.parameterPosition) }
            if lowest < -1 { annotations.warnInvalidRatio(lowest, cappedTo: -1, at: node.parameterPosition) }
            return true
        }
        if highest < 1 { return false }
        if hasNaN { throw .execution("Parameter value is NaN") }
        if lowest <= -9_223_372_036_854_775_808 {
            throw .execution("Scalar value \(GoText.general(lowest)) underflows int64")
        }
        if highest >= 9_223_372_036_854_774_784 {
            throw .execution("Scalar value \(GoText.general(highest)) overflows int64")
        }
        return true
    }

    func countValues(_ node: AggregateNode, _ grid: StepGrid) throws(QueryError) -> [SeriesColumn] {
        guard case .string(let label)? = node.parameter else { return [] }
        guard LabelFunctions.isLabelName(label) else {
            throw .execution("invalid label name \(GoText.quoted(label))")
        }
        var groups = Groups()
        var counts: [[Double]] = []
        try stream(node.operand, grid) { (column) throws(QueryError) in
            var groupOf: [UInt64: Int] = [:]
            for step in column.values.indices where !Absent.is(column.values[step]) {
                let value = column.values[step]
                let group: Int
                if let known = groupOf[value.bitPattern] {
                    group = known
                } else {
                    let labelled = column.labels.setting(label, to: GoText.plain(value))
                    group = groups.index(of: labelled, by: node.grouping)
                    groupOf[value.bitPattern] = group
                    if group == counts.count {
                        try budget.hold(grid.count)
                        counts.append([Double](repeating: Absent.value, count: grid.count))
                    }
                }
                counts[group][step] = Absent.is(counts[group][step]) ? 1 : counts[group][step] + 1
            }
        }
        return groups.keys.indices.map { SeriesColumn(labels: groups.keys[$0], values: counts[$0]) }
    }
}

/// The k best values of a group at one step.
///
/// A heap with the worst on top, as Go's `container/heap` moves its elements: which of equals stays, and in which
/// order, follows from that. NaN is the worst of all.
struct RankingHeap {
    struct Entry {
        let value: Double
        let series: Int
    }

    let isBottom: Bool
    private(set) var entries: [Entry] = []

    init(isBottom: Bool) { self.isBottom = isBottom }

    mutating func removeAll() { entries.removeAll(keepingCapacity: true) }

    mutating func append(_ entry: Entry, upTo k: Int64) {
        if entries.count < k { entries.append(entry) }
    }

    mutating func offer(_ entry: Entry, keeping k: Int64) {
        if entries.count < k {
            entries.append(entry)
            moveUp()
            return
        }
        let worst = entries[0].value
        let isBetter = isBottom ? worst > entry.value : worst < entry.value
        guard isBetter || (worst.isNaN && !entry.value.isNaN) else { return }
        entries[0] = entry
        moveDown()
    }

    /// From the best to the worst.
    var bestFirst: [Entry] {
        var sorted = entries
        if sorted.count > 12 {
            sorted.sort { a, b in a.value.isNaN ? false : b.value.isNaN ? true : isWorse(b, a) }
        } else {
            Go.sort(&sorted) { isWorse($1, $0) }
        }
        return sorted
    }

    private func isWorse(_ a: Entry, _ b: Entry) -> Bool {
        if a.value.isNaN { return true }
        return isBottom ? a.value > b.value : a.value < b.value
    }

    private mutating func moveUp() {
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            if !isWorse(entries[child], entries[parent]) { break }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    private mutating func moveDown() {
        var parent = 0
        while true {
            var child = 2 * parent + 1
            if child >= entries.count { break }
            if child + 1 < entries.count, isWorse(entries[child + 1], entries[child]) { child += 1 }
            if !isWorse(entries[child], entries[parent]) { break }
            entries.swapAt(parent, child)
            parent = child
        }
    }
}
