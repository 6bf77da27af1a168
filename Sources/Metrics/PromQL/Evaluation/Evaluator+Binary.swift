import MetricModel

/// Binary operators by the kinds of their sides.
extension Evaluator {
    func binary(_ node: BinaryNode, _ grid: StepGrid) throws(QueryError) -> [SeriesColumn] {
        switch (node.leftIsScalar, node.rightIsScalar) {
        case (true, true):
            let left = try evaluateScalar(node.left, grid)
            let right = try evaluateScalar(node.right, grid)
            let values = zip(left, right).map { BinaryArithmetic.scalar(node.operation, $0, $1) }
            return [SeriesColumn(labels: .empty, values: values, isComplete: true)]
        case (false, true):
            return try withScalar(node, vector: node.left, scalar: node.right, swapped: false, grid)
        case (true, false):
            return try withScalar(node, vector: node.right, scalar: node.left, swapped: true, grid)
        case (false, false):
            let left = try evaluate(node.left, grid)
            let right = try evaluate(node.right, grid)
            switch node.operation {
            case .and: return try intersection(left, right, node, grid, keepsMatches: true)
            case .unless: return try intersection(left, right, node, grid, keepsMatches: false)
            case .or: return try union(left, right, node, grid)
            default:
                var matcher = VectorMatcher(
                    node: node, grid: grid, left: left, right: right, delaysNameRemoval: delaysNameRemoval)
                let columns = try matcher.matched(&budget)
                if node.operation.isTrim {
                    if !columns.isEmpty { annotations.infoIncompatibleFloats(node.operation, at: node.position) }
                    return []
                }
                return try combined(columns, grid)
            }
        }
    }

    private func withScalar(
        _ node: BinaryNode, vector: PlanNode, scalar: PlanNode, swapped: Bool, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        let scalars = try evaluateScalar(scalar, grid)
        let dropsName = node.returnsBool || BinaryArithmetic.changesMetric(node.operation)
        let filters = node.operation.isComparison && !node.returnsBool
        var columns: [SeriesColumn] = []
        try stream(vector, grid) { (column) throws(QueryError) in
            if node.operation.isTrim {
                if !column.hasNoValue { annotations.infoIncompatibleFloats(node.operation, at: node.position) }
                return
            }
            var result = column
            BinaryArithmetic.apply(
                node.operation, to: &result.values, with: scalars, swapped: swapped, returnsBool: node.returnsBool)
            if filters {
                result.isComplete = false
                if result.hasNoValue { return }
            }
            if dropsName { result.dropsName = true }
            try budget.hold(grid.count)
            columns.append(result)
        }
        return columns
    }

    /// `and` (matches stay) and `unless` (they go).
    private func intersection(
        _ left: [SeriesColumn], _ right: [SeriesColumn], _ node: BinaryNode, _ grid: StepGrid, keepsMatches: Bool
    ) throws(QueryError) -> [SeriesColumn] {
        let presence = Presence(of: right, grouping: node.grouping, grid)
        let columns = left.compactMap { column -> SeriesColumn? in
            let signature = node.grouping.key(of: column.labels)
            guard let present = presence[signature] else { return keepsMatches ? nil : column }
            var kept = column
            for step in kept.values.indices where present[step] != keepsMatches { kept.values[step] = Absent.value }
            kept.isComplete = false
            return kept.hasNoValue ? nil : kept
        }
        return try combined(columns, grid)
    }

    private func union(
        _ left: [SeriesColumn], _ right: [SeriesColumn], _ node: BinaryNode, _ grid: StepGrid
    ) throws(QueryError) -> [SeriesColumn] {
        let presence = Presence(of: left, grouping: node.grouping, grid)
        let added = right.compactMap { column -> SeriesColumn? in
            guard let present = presence[node.grouping.key(of: column.labels)] else { return column }
            var kept = column
            for step in kept.values.indices where present[step] { kept.values[step] = Absent.value }
            kept.isComplete = false
            return kept.hasNoValue ? nil : kept
        }
        return try combined(left + added, grid)
    }
}

extension BinaryNode {
    /// The labels two sides must share.
    var grouping: LabelGrouping { LabelGrouping(names: matching.labels, isExclusion: !matching.isOn) }
}

/// For each signature of one side: at which steps any series with it has a value.
private struct Presence {
    private var steps: [Labels: [Bool]] = [:]

    init(of columns: [SeriesColumn], grouping: LabelGrouping, _ grid: StepGrid) {
        for column in columns {
            let signature = grouping.key(of: column.labels)
            var present = steps.removeValue(forKey: signature) ?? [Bool](repeating: false, count: grid.count)
            for step in present.indices where !Absent.is(column.values[step]) { present[step] = true }
            steps[signature] = present
        }
    }

    subscript(_ signature: Labels) -> [Bool]? { steps[signature] }
}
