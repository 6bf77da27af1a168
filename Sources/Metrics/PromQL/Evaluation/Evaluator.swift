import MetricModel

/// Runs a plan over a grid, column by column: every node yields series, each with one value per step.
///
/// - Selectors, range functions and functions of one value hand on one series at a time (`stream`), so that an
///   aggregation above them never holds them all.
/// - Everything was fetched before: nothing here waits.
/// - Recursion follows the plan, whose depth the parser bounded.
final class Evaluator {
    let lookback: Int64
    var budget: QueryBudget
    var annotations: Annotations
    /// Whether the whole query has several steps: `sort` means nothing then.
    let isRangeQuery: Bool
    /// Whether names that were to go stay until the end of the query.
    let delaysNameRemoval: Bool
    /// Whether samples say since when they count.
    let usesStartTimestamps: Bool
    private let fetched: [Fetched]
    private let fetchOfSlot: [Int]
    /// Asked for again and again: see `hasOneName`.
    var slotsWithOneName: [Int: Bool] = [:]

    init(_ ground: EvaluationGround) {
        fetched = ground.fetched
        fetchOfSlot = ground.fetchOfSlot
        lookback = ground.lookback
        budget = ground.budget
        annotations = Annotations(query: ground.query)
        isRangeQuery = ground.isRangeQuery
        delaysNameRemoval = ground.delaysNameRemoval
        usesStartTimestamps = ground.usesStartTimestamps
    }

    func runs(of slot: Int) -> [SeriesRun] { fetched[fetchOfSlot[slot]].runs }
    /// Instead of runs, where an aggregation takes one sample of each series.
    func vector(of slot: Int) -> NewestVector? { fetched[fetchOfSlot[slot]].vector }

    /// All series of a node that have a value at some step.
    func evaluate(_ node: PlanNode, _ grid: StepGrid) throws(QueryError) -> [SeriesColumn] {
        let before = budget.held
        let columns = try settled(try compute(node, grid), of: node)
        budget.held = before
        try budget.hold(series: columns.count, steps: grid.count)
        return columns
    }

    /// The value of a scalar at every step.
    func evaluateScalar(_ node: PlanNode, _ grid: StepGrid) throws(QueryError) -> [Double] {
        if case .number(let value) = node { return [Double](repeating: value, count: grid.count) }
        let columns = try evaluate(node, grid)
        return columns.first?.values ?? [Double](repeating: .nan, count: grid.count)
    }

    /// Hands on the series of a node one by one.
    func stream(
        _ node: PlanNode, _ grid: StepGrid, _ body: (consuming SeriesColumn) throws(QueryError) -> Void
    ) throws(QueryError) {
        if grid.count == 0 { return }
        if delaysNameRemoval { return try streamUnsettled(node, grid, body) }
        if case .selector = node { return try streamUnsettled(node, grid, body) }
        guard dropsOneName(node) else {
            for column in try evaluate(node, grid) { try body(column) }
            return
        }
        try streamUnsettled(node, grid) { (column) throws(QueryError) in try body(column.withoutDroppedName) }
    }

    /// As `stream`, but the names that a node drops are only marked as such.
    private func streamUnsettled(
        _ node: PlanNode, _ grid: StepGrid, _ body: (consuming SeriesColumn) throws(QueryError) -> Void
    ) throws(QueryError) {
        switch node {
        case .selector(let selector): try streamSelector(selector, grid, body)
        case .rangeFunction(let node) where !node.function.isAbsence: try streamRange(node, grid, body)
        case .negation(let operand):
            try stream(operand, grid) { (column) throws(QueryError) in
                var negated = column.mapping { -$0 }
                negated.dropsName = true
                try body(negated)
            }
        case .function(let node):
            guard case .elementwise(let transform) = node.body, let argument = node.arguments.first else { fallthrough }
            try stream(argument.node, grid) { (column) throws(QueryError) in
                var mapped = column.mapping(transform)
                mapped.dropsName = true
                try body(mapped)
            }
        default:
            for column in try evaluate(node, grid) { try body(column) }
        }
    }

    private func compute(_ node: PlanNode, _ grid: StepGrid) throws(QueryError) -> [SeriesColumn] {
        try budget.check()
        if grid.count == 0 { return [] }
        switch node {
        case .number(let value): return [SeriesColumn(constant: value, steps: grid.count)]
        case .string, .matrix: return []
        case .selector, .negation: return try collect(node, grid)
        case .rangeFunction(let range):
            return range.function.isAbsence ? try absentOverTime(range, grid) : try collect(node, grid)
        case .function(let call):
            switch call.body {
            case .elementwise: return try collect(node, grid)
            case .general(let function): return try function(self, call, grid)
            }
        case .binary(let node): return try binary(node, grid)
        case .aggregate(let node): return try aggregate(node, grid)
        case .invariant(let operand): return try invariant(operand, grid)
        }
    }

    private func collect(_ node: PlanNode, _ grid: StepGrid) throws(QueryError) -> [SeriesColumn] {
        var columns: [SeriesColumn] = []
        try streamUnsettled(node, grid) { (column) throws(QueryError) in
            try budget.hold(grid.count)
            columns.append(column)
        }
        return columns
    }

    /// Once, at the first step; the value stands for all.
    private func invariant(_ node: PlanNode, _ grid: StepGrid) throws(QueryError) -> [SeriesColumn] {
        let columns = try evaluate(node, grid.firstOnly)
        guard grid.count > 1 else { return columns }
        try budget.hold(series: columns.count, steps: grid.count)
        return columns.map { column in
            var spread = column
            spread.values = [Double](repeating: column.values[0], count: grid.count)
            spread.isComplete = true
            return spread
        }
    }
}

extension Evaluator {
    /// Series with the same labels become one where their steps do not meet.
    ///
    /// - Throws: `.execution` where they do.
    ///
    /// - Parameter earliestDecides: whether a name is still to go is said by the series with the first sample, not by
    ///   the first series: where Prometheus gathers its series step by step.
    static func merged(
        _ columns: [SeriesColumn], earliestDecides: Bool = false
    ) throws(QueryError) -> [SeriesColumn] {
        guard columns.count > 1, !areDistinct(columns.lazy.map(\.labels)) else { return columns }
        var indexOf: [Labels: Int] = Dictionary(minimumCapacity: columns.count)
        var merged: [SeriesColumn] = []
        for column in columns {
            guard let index = indexOf[column.labels] else {
                indexOf[column.labels] = merged.count
                merged.append(column)
                continue
            }
            if earliestDecides, column.dropsName != merged[index].dropsName,
                let first = column.firstStep, first < merged[index].firstStep ?? .max
            {
                merged[index].dropsName = column.dropsName
            }
            for step in column.values.indices where !Absent.is(column.values[step]) {
                guard Absent.is(merged[index].values[step]) else {
                    throw .execution("vector cannot contain metrics with the same labelset")
                }
                merged[index].values[step] = column.values[step]
            }
        }
        return merged
    }

    /// Whether no two have the same labels, where numbers tell it: of one source, each once, and where names have gone, all
    /// of one metric. False: they may have.
    static func areDistinct(_ all: some Collection<Labels>) -> Bool {
        guard let first = all.first?.coded else { return false }
        var seen = Set<UInt32>(minimumCapacity: all.count)
        var shape: UInt32?
        var nameAt = 0
        var metric: UInt32?
        for labels in all {
            guard let label = labels.coded, label.source === first.source,
                label.isNameless == first.isNameless, seen.insert(label.ordinal).inserted
            else { return false }
            guard label.isNameless else { continue }
            let ownShape = label.source.shape(of: label.ordinal)
            if ownShape != shape {
                shape = ownShape
                let names = label.source.names(ofShape: ownShape)
                guard let gone = MetadataLabels.onlyPlace(in: names),
                    names[gone].hasSameBytes(as: Labels.metricNameLabel)
                else { return false }
                nameAt = gone
            }
            let code = label.source.code(of: label.ordinal, at: nameAt)
            if code != metric ?? code { return false }
            metric = code
        }
        return true
    }

    /// As a step over several times combines what its function yielded; a single step keeps order and, while names
    /// are still to go, doubles, which only the end of the query judges.
    func combined(_ columns: [SeriesColumn], _ grid: StepGrid) throws(QueryError) -> [SeriesColumn] {
        let present = columns.filter { !$0.hasNoValue }
        return grid.count == 1 && delaysNameRemoval ? present : try Self.merged(present, earliestDecides: true)
    }

    /// The end of a query: names that were to go do, and labels must be unique.
    static func finished(_ columns: [SeriesColumn]) throws(QueryError) -> [SeriesColumn] {
        var named = columns
        for i in named.indices where named[i].dropsName { named[i].labels = named[i].labels.withoutMetadata }
        return try merged(named)
    }
}
