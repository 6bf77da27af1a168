/// The identity of a series: names and values, sorted by name in byte order, each name once, no empty value. The
/// metric's name is the label `__name__`.
///
/// - Either its pairs, or a number in a `LabelSource`: then texts are made when somebody reads them. Nobody can tell the
///   two apart but by speed.
public struct Labels: Sendable {
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

    private enum Content {
        case pairs([Label])
        case coded(CodedLabels)
    }
    private let content: Content

    /// Sorted by name, unique. Made anew each time where they are coded.
    public var labels: [Label] {
        switch content {
        case .pairs(let pairs): pairs
        case .coded(let coded): coded.pairs { _ in true }
        }
    }

    /// Calls `body` with the name of each label, in order, and the bytes of its value: without making texts of those that are
    /// coded.
    public func forEachPair(_ body: (String, UnsafeRawBufferPointer) -> Void) {
        switch content {
        case .coded(let coded): coded.forEachPair(body)
        case .pairs(let pairs):
            for pair in pairs {
                var value = pair.value
                value.withUTF8 { body(pair.name, UnsafeRawBufferPointer($0)) }
            }
        }
    }

    /// The source and the number there; nil where the pairs are here.
    public var coded: CodedLabels? {
        if case .coded(let coded) = content { coded } else { nil }
    }

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
        content = .pairs(last.filter { !$0.value.isEmpty })
    }

    /// - Precondition: sorted by name in byte order, unique, no empty value.
    public init(sorted labels: [Label]) { content = .pairs(labels) }

    public init(_ coded: CodedLabels) { content = .coded(coded) }

    /// The same with its pairs at hand, for whoever reads them often.
    public var spelledOut: Labels { coded == nil ? self : Labels(sorted: labels) }

    public var metricName: String? { self[Self.metricNameLabel] }

    /// The value; nil when the label is absent.
    public subscript(_ name: String) -> String? {
        switch content {
        case .coded(let coded): return coded.value(of: name)
        case .pairs(let pairs):
            for label in pairs where label.name.hasSameBytes(as: name) { return label.value }
            return nil
        }
    }

    public var isEmpty: Bool { count == 0 }
    public var count: Int {
        switch content {
        case .pairs(let pairs): pairs.count
        case .coded(let coded): coded.count
        }
    }

    /// The pairs whose names pass.
    public func filter(_ isKept: (String) -> Bool) -> Labels {
        switch content {
        case .pairs(let pairs): Labels(sorted: pairs.filter { isKept($0.name) })
        case .coded(let coded): Labels(sorted: coded.pairs(isKept))
        }
    }

    public func removing(_ names: Set<String>) -> Labels {
        filter { !names.hasBytes(of: $0) }
    }
    public func keeping(_ names: Set<String>) -> Labels {
        filter { names.hasBytes(of: $0) }
    }
    public var withoutMetricName: Labels {
        filter { $0 != Self.metricNameLabel }
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

extension Labels: Hashable {
    public static func == (a: Labels, b: Labels) -> Bool {
        if case .coded(let x) = a.content, case .coded(let y) = b.content, let same = x.isSame(as: y) { return same }
        return a.labels == b.labels
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(labels) }
}

extension Labels: Comparable {
    /// Prometheus's order (`labels.Compare`): pair by pair, name before value; a prefix comes first.
    public static func < (a: Labels, b: Labels) -> Bool {
        if case .coded(let x) = a.content, case .coded(let y) = b.content, let answer = x.precedes(y) { return answer }
        let (left, right) = (a.labels, b.labels)
        for (x, y) in zip(left, right) {
            if !x.name.hasSameBytes(as: y.name) { return x.name.precedesByBytes(y.name) }
            if !x.value.hasSameBytes(as: y.value) { return x.value.precedesByBytes(y.value) }
        }
        return left.count < right.count
    }
}

extension Set<String> {
    /// A set finds by canonical equivalence; the bytes decide.
    fileprivate func hasBytes(of name: String) -> Bool {
        guard let found = firstIndex(of: name) else { return false }
        return self[found].hasSameBytes(as: name)
    }
}
