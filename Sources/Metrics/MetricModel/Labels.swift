/// The identity of a series: names and values, sorted by name in byte order, each name once, no empty value. The
/// metric's name is the label `__name__`.
public struct Labels: Sendable, Hashable {
    public struct Label: Sendable, Hashable {
        public var name: String
        public var value: String
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
        public static func == (a: Self, b: Self) -> Bool {
            a.name.hasSameBytes(as: b.name) && a.value.hasSameBytes(as: b.value)
        }
    }

    public static let metricNameLabel = "__name__"
    public static let empty = Labels(sorted: [])

    /// Sorted by name, unique.
    public let labels: [Label]

    /// From pairs in any order: sorted; empty values dropped; of a repeated name the last pair counts.
    public init(_ pairs: [(String, String)]) {
        // Among equal names the order of the pairs decides, so the sort has to keep it.
        let sorted = pairs.enumerated().sorted { a, b in
            if a.element.0.hasSameBytes(as: b.element.0) { return a.offset < b.offset }
            return a.element.0.precedesByBytes(b.element.0)
        }
        var last: [Label] = []
        last.reserveCapacity(sorted.count)
        for (_, pair) in sorted {
            if let previous = last.last, previous.name.hasSameBytes(as: pair.0) { last.removeLast() }
            last.append(Label(pair.0, pair.1))
        }
        labels = last.filter { !$0.value.isEmpty }
    }

    /// - Precondition: sorted by name in byte order, unique, no empty value.
    public init(sorted labels: [Label]) { self.labels = labels }

    public var metricName: String? { self[Self.metricNameLabel] }

    /// The value; nil when the label is absent.
    public subscript(_ name: String) -> String? {
        for label in labels where label.name.hasSameBytes(as: name) { return label.value }
        return nil
    }

    public var isEmpty: Bool { labels.isEmpty }
    public var count: Int { labels.count }

    public func removing(_ names: Set<String>) -> Labels {
        Labels(sorted: labels.filter { !names.hasBytes(of: $0.name) })
    }
    public func keeping(_ names: Set<String>) -> Labels {
        Labels(sorted: labels.filter { names.hasBytes(of: $0.name) })
    }
    public var withoutMetricName: Labels {
        Labels(sorted: labels.filter { $0.name != Self.metricNameLabel })
    }
    /// With `name` set to `value`; an empty value removes it.
    public func setting(_ name: String, to value: String) -> Labels {
        var changed = labels.filter { !$0.name.hasSameBytes(as: name) }
        if !value.isEmpty {
            let at = changed.firstIndex { name.precedesByBytes($0.name) } ?? changed.count
            changed.insert(Label(name, value), at: at)
        }
        return Labels(sorted: changed)
    }
}

extension Labels: Comparable {
    /// Prometheus's order (`labels.Compare`): pair by pair, name before value; a prefix comes first.
    public static func < (a: Labels, b: Labels) -> Bool {
        for (x, y) in zip(a.labels, b.labels) {
            if !x.name.hasSameBytes(as: y.name) { return x.name.precedesByBytes(y.name) }
            if !x.value.hasSameBytes(as: y.value) { return x.value.precedesByBytes(y.value) }
        }
        return a.labels.count < b.labels.count
    }
}

extension Set<String> {
    /// A set finds by canonical equivalence; the bytes decide.
    fileprivate func hasBytes(of name: String) -> Bool {
        guard let found = firstIndex(of: name) else { return false }
        return self[found].hasSameBytes(as: name)
    }
}
