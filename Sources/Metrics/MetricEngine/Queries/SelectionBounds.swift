public import MetricModel
import StorageEngine

/// How much a selection can be: told from the index, before any series is chosen.
extension MetricStore {
    /// Of a metric with no more series than this those that an equality leaves are counted: microseconds.
    private static let mostCounted = 4_096

    /// Samples in memory that whoever asks next puts in order.
    public var unsortedSamples: Int { region.snapshot.unsortedRows(of: SamplesTable.number) }

    /// - Returns: nil where the series of an older segment would have to be read first.
    public func selectionBound(_ matchers: [LabelMatcher], start: Int64, end: Int64) -> SelectionBound? {
        let first = start.subtractingReportingOverflow(registry.segmentLength)
        let view = registry.view()
        let isUnread = view.unloaded.contains { segment in
            segment <= end && (first.overflow || segment > first.partialValue)
        }
        if isUnread { return nil }
        let isName = { (matcher: LabelMatcher) in matcher.name.hasSameBytes(as: Labels.metricNameLabel) }
        guard let named = matchers.first(where: { $0.operation == .equal && isName($0) }) else {
            return SelectionBound(candidates: view.index.count, matchers: matchers)
        }
        guard let metric = view.index.metrics.code(of: named.value) else { return SelectionBound(series: 0, looks: 0) }
        let candidates = view.index.seriesOfMetric[Int(metric)].count
        var bound = SelectionBound(candidates: candidates, matchers: matchers)
        if candidates <= Self.mostCounted,
            let equality = matchers.first(where: { $0.operation == .equal && !isName($0) && !$0.matchesEmpty })
        {
            bound.series = view.index.count(ofMetric: metric, equality)
        }
        return bound
    }
}

extension LabelIndexView {
    /// Series of a metric that have a label's value.
    fileprivate func count(ofMetric metric: UInt32, _ equality: LabelMatcher) -> Int {
        guard let name = names.code(of: equality.name), let wanted = values[Int(name)].code(of: equality.value) else {
            return 0
        }
        let series = seriesOfMetric[Int(metric)]
        var found = 0
        for ordinal in series.slice(0..<series.count) {
            guard let position = position(of: name, inShape: shapeOf[Int(ordinal)]) else { continue }
            if codes[firstCode(of: ordinal) + position] == wanted { found += 1 }
        }
        return found
    }
}
