import MetricModel

/// Pairs the series of two vectors by their signatures and computes a column per pair.
///
/// - Side names follow the cardinality: with `group_right` the left side is the `one`.
/// - A signature usually has one series on each side for the whole grid. Where it has several, they must not meet at
///   any step; that is then checked step by step.
/// - Texts of errors are Prometheus's.
struct VectorMatcher {
    private let node: BinaryNode
    private let grid: StepGrid
    private var many: [SeriesColumn]
    private var one: [SeriesColumn]
    /// True when `many` is the right side of the operator.
    private let isSwapped: Bool
    private let fillOfOne: Double?
    private let fillOfMany: Double?
    private let delaysNameRemoval: Bool
    /// Whether a pair has the labels of its `many`, but for names that describe a metric: then no text is made of them.
    private let keepsLabels: Bool
    /// Whether these labels are known to differ from series to series.
    private let haveOwnLabels: Bool

    /// The series of one signature, by index.
    private struct Match {
        var many: [Int] = []
        var one: [Int] = []
    }
    private var signatures = Groups()
    private var matches: [Match] = []

    init(
        node: BinaryNode, grid: StepGrid, left: [SeriesColumn], right: [SeriesColumn], delaysNameRemoval: Bool
    ) {
        self.delaysNameRemoval = delaysNameRemoval
        self.node = node
        self.grid = grid
        isSwapped = node.matching.cardinality == .oneToMany
        many = isSwapped ? right : left
        one = isSwapped ? left : right
        // Not by the side of the operator: with `group_right` Prometheus swaps the sides but not the fills, so that
        // `fill_left` always fills the many, `fill_right` the one.
        fillOfOne = node.matching.fillRight
        fillOfMany = node.matching.fillLeft
        let isOneToOne = node.matching.cardinality == .oneToOne
        keepsLabels =
            node.matching.include.isEmpty && (!isOneToOne || !node.matching.isOn && node.matching.labels.isEmpty)
        haveOwnLabels = keepsLabels && Evaluator.areDistinct(many.lazy.map { $0.labels.withoutMetadata })
        for (i, column) in many.enumerated() { matches[match(of: column)].many.append(i) }
        for (i, column) in one.enumerated() { matches[match(of: column)].one.append(i) }
        if keepsLabels { return }
        // Read for each pair.
        for i in many.indices { many[i].labels = many[i].labels.spelledOut }
        for i in one.indices { one[i].labels = one[i].labels.spelledOut }
    }

    private mutating func match(of column: SeriesColumn) -> Int {
        let index = signatures.index(of: column.labels, by: node.grouping)
        if index == matches.count { matches.append(Match()) }
        return index
    }

    mutating func matched(_ budget: inout QueryBudget) throws(QueryError) -> [SeriesColumn] {
        try requireUniqueOneSide()
        var columns: [SeriesColumn] = []
        for match in matches {
            try budget.check()
            let isEmpty = match.many.isEmpty ? match.one.isEmpty || fillOfMany == nil : false
            if isEmpty || (match.one.isEmpty && fillOfOne == nil) { continue }
            let before = columns.count
            try pair(match, into: &columns, &budget)
            try budget.hold(series: columns.count - before, steps: grid.count)
        }
        return columns
    }

    /// On the `one` side a signature names one series.
    private func requireUniqueOneSide() throws(QueryError) {
        // Nothing can match a side without any series: then Prometheus does not look.
        var hasMany: [Bool]?
        func looks(at step: Int) -> Bool {
            if fillOfOne != nil || fillOfMany != nil { return true }
            if hasMany == nil {
                hasMany = (0..<grid.count).map { step in many.contains { !Absent.is($0.values[step]) } }
            }
            return hasMany?[step] ?? false
        }
        for match in matches where match.one.count > 1 {
            var owner = [Int](repeating: -1, count: grid.count)
            for i in match.one {
                for step in owner.indices where !Absent.is(one[i].values[step]) {
                    guard owner[step] >= 0 else {
                        owner[step] = i
                        continue
                    }
                    guard looks(at: step) else { continue }
                    let names = node.matching.labels
                    let group = LabelGrouping(names: names, isExclusion: !node.matching.isOn).key(of: one[i].labels)
                    let pair = [one[i].labels, one[owner[step]].labels].map(GoText.labels).sorted()
                    throw .execution(
                        "found duplicate series for the match group \(GoText.labels(group)) on the "
                            + "\(isSwapped ? "left" : "right") hand-side of the operation: [\(pair[0]), \(pair[1])]"
                            + ";many-to-many matching not allowed: matching labels must be unique on one side")
                }
            }
        }
    }

    /// All pairs of one signature.
    private func pair(
        _ match: Match, into columns: inout [SeriesColumn], _ budget: inout QueryBudget
    ) throws(QueryError) {
        // Which steps of the `one` side found a partner, for fill.
        var isMatched: [Bool] = fillOfMany == nil ? [] : [Bool](repeating: false, count: grid.count)
        let isOneToOne = node.matching.cardinality == .oneToOne
        let areApart = haveOwnLabels && !isOneToOne && match.one.count == 1
        var conflicts = ConflictCheck(
            isNeeded: match.many.count > 1 && !areApart && !node.operation.isTrim, isOneToOne: isOneToOne,
            steps: grid.count)
        // Nothing is to be noted step by step; a comparison lets the left side's value through, which `apply` takes for `many`'s.
        let isPlain =
            fillOfOne == nil && fillOfMany == nil && !conflicts.isNeeded && !node.operation.isTrim
            && !(isSwapped && node.operation.isComparison)
        for m in match.many {
            var hasOne: [Bool] = fillOfOne == nil ? [] : [Bool](repeating: false, count: grid.count)
            for o in match.one {
                try budget.spend(grid.count)
                let labels = resultLabels(many[m].labels, one[o].labels)
                let number = conflicts.number(of: labels)
                var values = many[m].values
                var pairs = 0
                if isPlain, many[m].isComplete, one[o].isComplete {
                    BinaryArithmetic.apply(
                        node.operation, to: &values, with: one[o].values, swapped: isSwapped,
                        returnsBool: node.returnsBool)
                    append(labels, values, grid.count, dropsName: many[m].dropsName, &columns)
                    continue
                }
                for step in values.indices {
                    if Absent.is(values[step]) { continue }
                    let other = one[o].values[step]
                    if Absent.is(other) {
                        values[step] = Absent.value
                        continue
                    }
                    pairs += 1
                    if !hasOne.isEmpty { hasOne[step] = true }
                    if !isMatched.isEmpty { isMatched[step] = true }
                    try conflicts.note(number, step)
                    values[step] = element(many: values[step], one: other)
                }
                append(labels, values, pairs, dropsName: many[m].dropsName, &columns)
            }
            if let fillOfOne {
                let missing = node.grouping.key(of: many[m].labels)
                let labels = resultLabels(many[m].labels, missing)
                let number = conflicts.number(of: labels)
                var values = many[m].values
                var pairs = 0
                for step in values.indices where !Absent.is(values[step]) {
                    if hasOne[step] {
                        values[step] = Absent.value
                        continue
                    }
                    pairs += 1
                    try conflicts.note(number, step)
                    values[step] = element(many: values[step], one: fillOfOne)
                }
                append(labels, values, pairs, dropsName: many[m].dropsName, &columns)
            }
        }
        guard let fillOfMany else { return }
        for o in match.one {
            let missing = node.grouping.key(of: one[o].labels)
            let labels = resultLabels(missing, one[o].labels)
            var values = one[o].values
            var pairs = 0
            for step in values.indices where !Absent.is(values[step]) {
                if isMatched[step] {
                    values[step] = Absent.value
                    continue
                }
                pairs += 1
                values[step] = element(many: fillOfMany, one: values[step])
            }
            append(labels, values, pairs, dropsName: false, &columns)
        }
    }

    private func append(
        _ labels: Labels, _ values: [Double], _ pairs: Int, dropsName: Bool, _ columns: inout [SeriesColumn]
    ) {
        if pairs == 0 { return }
        let filters = node.operation.isComparison && !node.returnsBool
        columns.append(
            SeriesColumn(
                labels: labels, dropsName: dropsName || node.returnsBool, values: values,
                isComplete: pairs == grid.count && !filters))
    }

    @inline(__always)
    private func element(many: Double, one: Double) -> Double {
        let (left, right) = isSwapped ? (one, many) : (many, one)
        return BinaryArithmetic.element(
            node.operation, left, right, kept: left, returnsBool: node.returnsBool)
    }

    private func resultLabels(_ many: Labels, _ one: Labels) -> Labels {
        var labels = BinaryArithmetic.changesMetric(node.operation) ? many.withoutMetadata : many
        if node.matching.cardinality == .oneToOne {
            labels =
                node.matching.isOn ? labels.retaining(node.matching.labels) : labels.dropping(node.matching.labels)
        }
        for name in node.matching.include { labels = labels.setting(name, to: one.value(of: name)) }
        if node.returnsBool && !delaysNameRemoval { labels = labels.withoutMetadata }
        return labels
    }
}

/// Several series of the `many` side with one signature: at one step they must not make the same result.
private struct ConflictCheck {
    let isNeeded: Bool
    private let isOneToOne: Bool
    private let steps: Int
    private var taken: [[Bool]] = []
    private var numbers: [Labels: Int] = [:]

    init(isNeeded: Bool, isOneToOne: Bool, steps: Int) {
        self.isNeeded = isNeeded
        self.isOneToOne = isOneToOne
        self.steps = steps
    }

    /// What `note` takes for these labels.
    mutating func number(of labels: Labels) -> Int {
        guard isNeeded else { return 0 }
        let key = isOneToOne ? Labels.empty : labels
        if let known = numbers[key] { return known }
        numbers[key] = taken.count
        taken.append([Bool](repeating: false, count: steps))
        return taken.count - 1
    }

    @inline(__always)
    mutating func note(_ number: Int, _ step: Int) throws(QueryError) {
        guard isNeeded else { return }
        if taken[number][step] {
            throw .execution(
                isOneToOne
                    ? "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
                    : "multiple matches for labels: grouping labels must ensure unique matches")
        }
        taken[number][step] = true
    }
}
