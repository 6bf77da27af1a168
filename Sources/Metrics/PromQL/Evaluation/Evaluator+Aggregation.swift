import MetricModel

/// `sum by (…)` and its like: whole step-vectors are added, series by series.
extension Evaluator {
    func aggregate(_ node: AggregateNode, _ grid: StepGrid) throws(QueryError) -> [SeriesColumn] {
        switch node.operation {
        case .topk, .bottomk, .limitk, .limitRatio: return try ranked(node, grid)
        case .quantile: return try quantiles(node, grid)
        case .countValues: return try countValues(node, grid)
        case .sum, .avg, .count, .min, .max, .group, .stddev, .stdvar:
            if case .selector(let selector) = node.operand, let vector = vector(of: selector.slot) {
                return try aggregate(vector, node, grid)
            }
            var groups = Groups()
            var accumulators: [Accumulator] = []
            try stream(node.operand, grid) { (column) throws(QueryError) in
                let index = groups.index(of: column.labels, by: node.grouping)
                if index == accumulators.count {
                    try budget.hold(3 * grid.count)
                    accumulators.append(Accumulator(node.operation, first: column))
                } else {
                    accumulators[index].add(column)
                }
            }
            return groups.keys.indices.map { accumulators[$0].finished(labels: groups.keys[$0]) }
        }
    }

    func quantiles(_ node: AggregateNode, _ grid: StepGrid) throws(QueryError) -> [SeriesColumn] {
        let parameter = try aggregateParameter(node, grid)
        if parameter.contains(where: \.isNaN) { annotations.warnInvalidQuantile(.nan, at: node.parameterPosition) }
        let numbers = parameter.filter { !$0.isNaN }
        if let highest = numbers.max(), highest > 1 {
            annotations.warnInvalidQuantile(highest, at: node.parameterPosition)
        }
        if let lowest = numbers.min(), lowest < 0 {
            annotations.warnInvalidQuantile(lowest, at: node.parameterPosition)
        }
        let columns = try evaluate(node.operand, grid)
        var groups = Groups()
        let groupOf = columns.map { groups.index(of: $0.labels, by: node.grouping) }
        var present = [[Double]](repeating: [], count: groups.keys.count)
        var output = present.map { _ in [Double](repeating: Absent.value, count: grid.count) }
        try forEachStep(of: columns, grid) { (step, values) throws(QueryError) in
            for i in values.indices where !Absent.is(values[i]) { present[groupOf[i]].append(values[i]) }
            for group in present.indices where !present[group].isEmpty {
                output[group][step] = Quantile.of(&present[group], parameter[step])
                present[group].removeAll(keepingCapacity: true)
            }
        }
        var dropsName = [Bool](repeating: false, count: groups.keys.count)
        for (i, column) in columns.enumerated() where column.dropsName { dropsName[groupOf[i]] = true }
        return groups.keys.indices.map {
            SeriesColumn(labels: groups.keys[$0], dropsName: dropsName[$0], values: output[$0])
        }
    }

    /// φ, k or ratio at every step.
    func aggregateParameter(_ node: AggregateNode, _ grid: StepGrid) throws(QueryError) -> [Double] {
        guard let parameter = node.parameter else { return [Double](repeating: 0, count: grid.count) }
        return try evaluateScalar(parameter, grid)
    }
}

/// The running state of one group, a column each.
///
/// - `value` is absent where no member had a value yet; the first that has one initialises it (−0 stays −0).
/// - Source: Prometheus, `promql/engine.go`, `aggregation`: sum and avg with compensation, avg incremental once the sum
///   would overflow, stddev without.
private struct Accumulator {
    private let operation: AggregateOperator
    private var value: [Double]
    /// sum, avg: compensation. stddev, stdvar: mean.
    private var second: [Double]
    /// avg, count, stddev, stdvar: members with a value.
    private var count: [Double]
    /// avg: steps that have gone over to the incremental mean, and that mean. Empty while there are none.
    private var isIncremental: [Bool] = []
    private var dropsName: Bool
    /// Every step has a value.
    private var isComplete: Bool

    init(_ operation: AggregateOperator, first column: consuming SeriesColumn) {
        self.operation = operation
        dropsName = column.dropsName
        isComplete = column.isComplete
        value = column.values
        second = []
        count = []
        let isComplete = isComplete
        func isPresent(_ value: Double) -> Bool { isComplete || !Absent.is(value) }
        switch operation {
        case .sum: second = [Double](repeating: 0, count: value.count)
        case .avg:
            second = [Double](repeating: 0, count: value.count)
            count = value.map { isPresent($0) ? 1 : 0 }
        case .count: count = value.map { isPresent($0) ? 1 : 0 }
        case .group: value = value.map { isPresent($0) ? 1 : $0 }
        case .stddev, .stdvar:
            second = value
            count = value.map { isPresent($0) ? 1 : 0 }
            value = value.map { isPresent($0) ? ($0.isFinite ? 0 : .nan) : $0 }
        default: break
        }
    }

    mutating func add(_ column: consuming SeriesColumn) {
        if column.dropsName { dropsName = true }
        precondition(column.values.count == value.count)
        let incomingIsComplete = column.isComplete
        column.values.withUnsafeBufferPointer { incoming in
            switch operation {
            case .sum: addToSum(incoming, bothComplete: isComplete && incomingIsComplete)
            case .avg: addToAverage(incoming)
            case .count:
                for i in incoming.indices where !Absent.is(incoming[i]) {
                    count[i] += 1
                    value[i] = 1
                }
            case .min:
                combine(incoming) { held, new in held > new || held.isNaN ? new : held }
            case .max:
                combine(incoming) { held, new in held < new || held.isNaN ? new : held }
            case .group:
                for i in incoming.indices where !Absent.is(incoming[i]) { value[i] = 1 }
            case .stddev, .stdvar: addToVariance(incoming)
            default: break
            }
        }
        if incomingIsComplete { isComplete = true }
    }

    @inline(__always)
    private mutating func combine(_ incoming: UnsafeBufferPointer<Double>, _ choose: (Double, Double) -> Double) {
        value.withUnsafeMutableBufferPointer { value in
            for i in incoming.indices where !Absent.is(incoming[i]) {
                value[i] = Absent.is(value[i]) ? incoming[i] : choose(value[i], incoming[i])
            }
        }
    }

    private mutating func addToSum(_ incoming: UnsafeBufferPointer<Double>, bothComplete: Bool) {
        value.withUnsafeMutableBufferPointer { value in
            second.withUnsafeMutableBufferPointer { second in
                if bothComplete {
                    for i in incoming.indices { kahanAdd(incoming[i], &value[i], &second[i]) }
                    return
                }
                for i in incoming.indices where !Absent.is(incoming[i]) {
                    if Absent.is(value[i]) {
                        value[i] = incoming[i]
                    } else {
                        kahanAdd(incoming[i], &value[i], &second[i])
                    }
                }
            }
        }
    }

    private mutating func addToAverage(_ incoming: UnsafeBufferPointer<Double>) {
        for i in incoming.indices where !Absent.is(incoming[i]) {
            let new = incoming[i]
            if Absent.is(value[i]) {
                value[i] = new
                count[i] = 1
                continue
            }
            count[i] += 1
            if isIncremental.isEmpty || !isIncremental[i] {
                var sum = value[i]
                var compensation = second[i]
                kahanAdd(new, &sum, &compensation)
                if !sum.isInfinite {
                    value[i] = sum
                    second[i] = compensation
                    continue
                }
                if isIncremental.isEmpty { isIncremental = [Bool](repeating: false, count: incoming.count) }
                isIncremental[i] = true
                value[i] /= count[i] - 1
                second[i] /= count[i] - 1
            }
            let share = (count[i] - 1) / count[i]
            var mean = share * value[i]
            var compensation = share * second[i]
            kahanAdd(new / count[i], &mean, &compensation)
            value[i] = mean
            second[i] = compensation
        }
    }

    private mutating func addToVariance(_ incoming: UnsafeBufferPointer<Double>) {
        for i in incoming.indices where !Absent.is(incoming[i]) {
            let new = incoming[i]
            if Absent.is(value[i]) {
                count[i] = 1
                second[i] = new
                value[i] = new.isFinite ? 0 : .nan
                continue
            }
            count[i] += 1
            let delta = new - second[i]
            second[i] += delta / count[i]
            value[i] += delta * (new - second[i])
        }
    }

    consuming func finished(labels: Labels) -> SeriesColumn {
        for i in value.indices where isComplete || !Absent.is(value[i]) {
            switch operation {
            case .sum: value[i] += second[i]
            case .avg:
                if !isIncremental.isEmpty && isIncremental[i] {
                    value[i] += second[i]
                } else {
                    value[i] = value[i] / count[i] + second[i] / count[i]
                }
            case .count: value[i] = count[i]
            case .stdvar: value[i] /= count[i]
            case .stddev: value[i] = (value[i] / count[i]).squareRoot()
            default: break
            }
        }
        return SeriesColumn(labels: labels, dropsName: dropsName, values: value, isComplete: isComplete)
    }
}
