import MetricModel

/// A step at which a series has no value. The stale marker's bits serve: selectors never let one through, and
/// arithmetic quiets a signalling NaN, so no value that was computed has them. Kernels must test before they compute.
enum Absent {
    @inline(__always) static var value: Double { Double(bitPattern: StaleMarker.bitPattern) }
    @inline(__always) static func `is`(_ value: Double) -> Bool { value.bitPattern == StaleMarker.bitPattern }
}

/// One series as evaluated over a grid.
///
/// - `values` has one entry per step; `Absent.value` where there is none.
/// - `isComplete` only if no entry is absent; it may be false all the same.
struct SeriesColumn {
    var labels: Labels
    /// The metric's name goes when the query is done: until then functions can still read it.
    var dropsName: Bool
    var values: [Double]
    var isComplete: Bool

    init(labels: Labels, dropsName: Bool = false, values: [Double], isComplete: Bool = false) {
        self.labels = labels
        self.dropsName = dropsName
        self.values = values
        self.isComplete = isComplete
    }

    /// The same value at every step.
    init(constant: Double, steps: Int) {
        self.init(labels: .empty, values: [Double](repeating: constant, count: steps), isComplete: true)
    }

    /// The same series with other values, some of them absent.
    func replacing(_ values: [Double]) -> SeriesColumn {
        SeriesColumn(labels: labels, dropsName: dropsName, values: values)
    }

    var hasNoValue: Bool { !isComplete && values.allSatisfy(Absent.is) }

    /// The first step that has a value.
    var firstStep: Int? { values.firstIndex { !Absent.is($0) } }

    /// `self` with every present value replaced.
    consuming func mapping(_ transform: (Double) -> Double) -> SeriesColumn {
        let isComplete = isComplete
        values.withUnsafeMutableBufferPointer { values in
            for i in values.indices where isComplete || !Absent.is(values[i]) { values[i] = transform(values[i]) }
        }
        return self
    }
}

/// The label names that describe a metric as a whole and go when an operation changes what it means.
enum MetadataLabels {
    static let names = CodedLabels.metadataNames

    /// Where the only one of them stands in a shape; nil: there is none, or another.
    static func onlyPlace(in shape: [String]) -> Int? {
        let places = shape.indices.filter { at in names.contains { $0.hasSameBytes(as: shape[at]) } }
        return places.count == 1 ? places[0] : nil
    }
}

extension Labels {
    /// By bytes; the given array itself when nothing goes.
    func dropping(_ names: [String]) -> Labels {
        if names.isEmpty { return self }
        func isDropped(_ name: String) -> Bool { names.contains { $0.hasSameBytes(as: name) } }
        guard coded != nil || labels.contains(where: { isDropped($0.name) }) else { return self }
        return filter { !isDropped($0) }
    }

    func retaining(_ names: [String]) -> Labels {
        filter { name in names.contains { $0.hasSameBytes(as: name) } }
    }

    /// Value of a label, empty when absent.
    func value(of name: String) -> String { self[name] ?? "" }
}

/// `by (…)` or `without (…)`, and `on (…)` or `ignoring (…)`.
struct LabelGrouping {
    let names: [String]
    let isExclusion: Bool

    /// Whether a label says which group a series is in.
    func keeps(_ name: String) -> Bool {
        let isNamed = names.contains { $0.hasSameBytes(as: name) }
        return isExclusion ? !isNamed && !name.hasSameBytes(as: Labels.metricNameLabel) : isNamed
    }

    /// The labels that say which group a series is in, which are also the group's.
    func key(of labels: Labels) -> Labels {
        if isExclusion { return labels.dropping(names + [Labels.metricNameLabel]) }
        return names.isEmpty ? .empty : labels.retaining(names)
    }
}
