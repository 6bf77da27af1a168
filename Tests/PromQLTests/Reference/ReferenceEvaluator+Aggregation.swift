import PromQL

/// Aggregations, group by group at each step: `rangeEvalAgg`, `aggregation`, `aggregationK`.
extension ReferenceEvaluator {
    func aggregate(_ node: AggregateExpression, _ times: [Int64]) throws -> [Series] {
        if node.operation == .countValues { return try countValues(node, times) }
        let parameter = try node.parameter.map { try scalar($0, times) } ?? times.map { _ in 0 }
        let input = try evaluate(node.operand, times)
        if [.topk, .bottomk, .limitk].contains(node.operation) {
            return try choose(node, parameter, input, times)
        }
        var groups: [LabelMap: [Series]] = [:]
        var order: [LabelMap] = []
        for series in input {
            let key = groupLabels(series.labels, node.grouping, node.isWithout)
            if groups[key] == nil { order.append(key) }
            groups[key, default: []].append(series)
        }
        return order.compactMap { key in
            var result = Series(labels: key)
            for step in times.indices {
                let members = vector(groups[key] ?? [], at: step)
                if members.isEmpty { continue }
                // Of the last step at which the group had a member, as Prometheus leaves it.
                result.dropsName = result.dropsName || members.contains(where: \.dropsName)
                result.values[step] = combined(node.operation, members.map(\.value), parameter[step])
            }
            return result.values.isEmpty ? nil : result
        }
    }

    private func groupLabels(_ labels: LabelMap, _ names: [String], _ isWithout: Bool) -> LabelMap {
        isWithout
            ? labels.filter { !names.contains($0.key) && $0.key != "__name__" }
            : labels.filter { names.contains($0.key) }
    }

    /// The values of one group at one step, in the order of the series.
    private func combined(_ operation: AggregateOperator, _ values: [Double], _ parameter: Double) -> Double {
        let count = Double(values.count)
        switch operation {
        case .group: return 1
        case .count: return count
        case .min: return values.dropFirst().reduce(values[0]) { $0 > $1 || $0.isNaN ? $1 : $0 }
        case .max: return values.dropFirst().reduce(values[0]) { $0 < $1 || $0.isNaN ? $1 : $0 }
        case .quantile: return ReferenceMath.quantile(parameter, values)
        case .sum:
            var total = ReferenceMath.Kahan(sum: values[0])
            for value in values.dropFirst() { total.add(value) }
            return total.sum + total.compensation
        case .avg: return ReferenceMath.average(values)
        case .stddev, .stdvar:
            var mean = values[0]
            var squares = values[0].isFinite ? 0 : Double.nan
            for (i, value) in values.enumerated().dropFirst() {
                let delta = value - mean
                mean += delta / Double(i + 1)
                squares += delta * (value - mean)
            }
            return operation == .stdvar ? squares / count : (squares / count).squareRoot()
        default: return .nan
        }
    }

    /// `topk`, `bottomk`, `limitk`: of the samples of a group the first k by rank; earlier ones win ties.
    private func choose(
        _ node: AggregateExpression, _ parameter: [Double], _ input: [Series], _ times: [Int64]
    ) throws -> [Series] {
        let numbers = parameter.filter { !$0.isNaN }
        if numbers.allSatisfy({ $0 < 1 }) && numbers.count == parameter.count { return [] }
        if numbers.count < parameter.count {
            // NaN beside +Inf is +Inf to Go's `math.Max`, which is what the bounds are made with.
            if let highest = numbers.max(), highest < 1 { return [] }
            throw Failure("Parameter value is NaN")
        }
        if let lowest = numbers.min(), lowest <= -0x1p63 { throw Failure("Scalar value underflows int64") }
        if let highest = numbers.max(), highest >= 0x1p63 { throw Failure("Scalar value overflows int64") }
        var results = input.map { Series(labels: $0.labels, dropsName: $0.dropsName) }
        var ranking: [(index: Int, value: Double)] = []
        for step in times.indices {
            let k = min(Int(parameter[step]), input.count)
            if k < 1 { continue }
            var groups: [LabelMap: [(index: Int, value: Double)]] = [:]
            var order: [LabelMap] = []
            for (index, series) in input.enumerated() {
                guard let value = series.values[step] else { continue }
                let key = groupLabels(series.labels, node.grouping, node.isWithout)
                if groups[key] == nil { order.append(key) }
                groups[key, default: []].append((index, value))
            }
            for key in order {
                var members = groups[key] ?? []
                if node.operation != .limitk { members = ReferenceMath.ranked(members, node.operation == .bottomk, k) }
                for member in members.prefix(k) {
                    results[member.index].values[step] = member.value
                    ranking.append(member)
                }
            }
        }
        if times.count == 1 {
            return ranking.map { member in
                Series(
                    labels: input[member.index].labels, dropsName: input[member.index].dropsName,
                    values: [0: member.value])
            }
        }
        return results.filter { !$0.values.isEmpty }
    }

    private func countValues(_ node: AggregateExpression, _ times: [Int64]) throws -> [Series] {
        guard case .string(let label, _)? = node.parameter else { throw Failure("no label") }
        let names = node.isWithout ? node.grouping : node.grouping + [label]
        return try eachStep([node.operand], times) { vectors, _ in
            var counts: [LabelMap: Double] = [:]
            var order: [LabelMap] = []
            for sample in vectors[0] {
                var labels = sample.labels
                labels[label] = ReferenceMath.plainText(sample.value)
                let key = groupLabels(labels, names, node.isWithout)
                if counts[key] == nil { order.append(key) }
                counts[key, default: 0] += 1
            }
            return order.map { Sample(labels: $0, value: counts[$0] ?? 0) }
        }
    }
}
