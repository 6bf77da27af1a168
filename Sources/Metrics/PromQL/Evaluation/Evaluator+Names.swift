import MetricModel

/// Names that an operation drops: by default they go at once, as in Prometheus without
/// `promql-delayed-name-removal`.
///
/// - Then the series of every node differ in their labels. Where several names go, two series may turn out the same:
///   they become one where their steps do not meet; those of a range function must not be the same at all.
/// - Nothing is compared where all series have the same name, which is the rule.
extension Evaluator {
    /// The columns of a node without the names that it dropped.
    func settled(_ columns: [SeriesColumn], of node: PlanNode) throws(QueryError) -> [SeriesColumn] {
        if delaysNameRemoval || !columns.contains(where: \.dropsName) { return columns }
        let mayCollide = !Self.haveOneName(columns.lazy.map(\.labels))
        let nameless = columns.map(\.withoutDroppedName)
        guard mayCollide else { return nameless }
        if case .rangeFunction = node {
            guard Set(nameless.map(\.labels)).count == nameless.count else {
                throw .execution("vector cannot contain metrics with the same labelset")
            }
            return nameless
        }
        return try Self.merged(nameless)
    }

    /// Whether the names that a node drops are all the same, so that its series stay distinct without them and can be
    /// handed on one by one.
    func dropsOneName(_ node: PlanNode) -> Bool {
        switch node {
        case .negation(let operand): hasOneName(operand)
        case .rangeFunction(let range): range.function.keepsName || hasOneName(range.range)
        case .function(let call):
            if case .elementwise = call.body, let argument = call.arguments.first {
                hasOneName(argument.node)
            } else {
                false
            }
        default: false
        }
    }

    private func hasOneName(_ node: PlanNode) -> Bool {
        switch node {
        case .selector(let selector): hasOneName(slot: selector.slot)
        case .invariant(let operand): hasOneName(operand)
        case .negation, .number: true
        case .rangeFunction(let range): range.function.keepsName ? hasOneName(range.range) : true
        case .function(let call): if case .elementwise = call.body { true } else { false }
        default: false
        }
    }

    func hasOneName(_ range: RangeArgument) -> Bool {
        switch range.source {
        case .selector(let slot): hasOneName(slot: slot)
        case .subquery(let inner, _): hasOneName(inner)
        }
    }

    private func hasOneName(slot: Int) -> Bool {
        if let known = slotsWithOneName[slot] { return known }
        let answer = Self.haveOneName(runs(of: slot).lazy.map(\.labels))
        slotsWithOneName[slot] = answer
        return answer
    }

    private static func haveOneName(_ all: some Collection<Labels>) -> Bool {
        if haveOneCode(all) { return true }
        let grouping = LabelGrouping(names: MetadataLabels.names, isExclusion: false)
        var groups = Groups()
        return all.allSatisfy { groups.index(of: $0, by: grouping) == 0 }
    }
}

/// Whether codes tell that all have the same name: of one source and one shape, which has no other label that goes with a name.
private func haveOneCode(_ all: some Collection<Labels>) -> Bool {
    guard let first = all.first?.coded, !first.isNameless else { return false }
    let shape = first.source.shape(of: first.ordinal)
    guard let nameAt = MetadataLabels.onlyPlace(in: first.source.names(ofShape: shape)) else { return false }
    let code = first.source.code(of: first.ordinal, at: nameAt)
    return all.allSatisfy { labels in
        guard let label = labels.coded, label.source === first.source, !label.isNameless else { return false }
        return label.source.shape(of: label.ordinal) == shape
            && label.source.code(of: label.ordinal, at: nameAt) == code
    }
}

extension SeriesColumn {
    /// Without the name, if it was to go.
    var withoutDroppedName: SeriesColumn {
        guard dropsName else { return self }
        var nameless = self
        nameless.labels = labels.withoutMetadata
        nameless.dropsName = false
        return nameless
    }
}
