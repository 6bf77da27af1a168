import MetricModel

extension AggregateOperator {
    /// Whether the same comes out in whatever order series are added: compensated sums agree to the last bit in practice.
    var isIndifferentToOrder: Bool {
        switch self {
        case .sum, .avg, .count, .min, .max, .group: true
        case .stddev, .stdvar, .topk, .bottomk, .limitk, .limitRatio, .quantile, .countValues: false
        }
    }
}

/// Aggregations of an instant selector at one time: samples are added up as they come, no series is made of them.
extension Evaluator {
    /// - Parameter vector: of the operand. Every step of the grid sees the same.
    func aggregate(
        _ vector: NewestVector, _ node: AggregateNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        try budget.check()
        var groups = Groups()
        var totals: [GroupTotal] = []
        precondition(vector.values.count == vector.ordinals.count)
        if node.grouping.isEverything {
            if let total = total(of: vector.values, node.operation) {
                _ = groups.only()
                try budget.hold(3)
                totals.append(total)
            }
        } else {
            try addUp(vector, node, &groups, &totals)
        }
        let inOrder = groups.keys.indices.sorted { groups.keys[$0] < groups.keys[$1] }
        try budget.hold(series: inOrder.count, steps: grid.count)
        return inOrder.map { group in
            SeriesColumn(
                labels: groups.keys[group],
                values: [Double](repeating: totals[group].result(node.operation), count: grid.count), isComplete: true)
        }
    }

    /// One group of all: nobody asks for labels. nil: there is no sample.
    private func total(of values: [Double], _ operation: AggregateOperator) -> GroupTotal? {
        values.withUnsafeBufferPointer { values in
            guard let first = values.firstIndex(where: { !StaleMarker.isStale($0) }) else { return nil }
            var total = GroupTotal(first: values[first])
            var looked = 1
            for value in values[(first + 1)...] where !StaleMarker.isStale(value) {
                total.add(value, operation)
                looked &+= 1
            }
            budget.looked &+= looked
            return total
        }
    }

    private func addUp(
        _ vector: NewestVector, _ node: AggregateNode, _ groups: inout Groups, _ totals: inout [GroupTotal]
    ) throws(QueryError) {
        for i in vector.ordinals.indices {
            let value = vector.values[i]
            if StaleMarker.isStale(value) { continue }
            budget.looked &+= 1
            let labels = CodedLabels(vector.source, vector.ordinals[i])
            let group = groups.index(of: labels, by: node.grouping)
            if group == totals.count {
                try budget.hold(3)
                totals.append(GroupTotal(first: value))
            } else {
                totals[group].add(value, node.operation)
            }
        }
    }
}

extension LabelGrouping {
    /// One group of all.
    fileprivate var isEverything: Bool { names.isEmpty && !isExclusion }
}

/// The running state of one group at one step: as `Accumulator`, which says why.
private struct GroupTotal {
    private var value: Double
    private var compensation = 0.0
    private var count = 1.0
    private var isIncremental = false

    init(first: Double) { value = first }

    @inline(__always)
    mutating func add(_ new: Double, _ operation: AggregateOperator) {
        count += 1
        switch operation {
        case .sum: kahanAdd(new, &value, &compensation)
        case .avg: addToAverage(new)
        case .min: if value > new || value.isNaN { value = new }
        case .max: if value < new || value.isNaN { value = new }
        default: break
        }
    }

    private mutating func addToAverage(_ new: Double) {
        if !isIncremental {
            var sum = value
            var rest = compensation
            kahanAdd(new, &sum, &rest)
            if !sum.isInfinite {
                (value, compensation) = (sum, rest)
                return
            }
            isIncremental = true
            value /= count - 1
            compensation /= count - 1
        }
        let share = (count - 1) / count
        value *= share
        compensation *= share
        kahanAdd(new / count, &value, &compensation)
    }

    func result(_ operation: AggregateOperator) -> Double {
        switch operation {
        case .sum: value + compensation
        case .avg: isIncremental ? value + compensation : value / count + compensation / count
        case .count: count
        case .group: 1
        default: value
        }
    }
}
