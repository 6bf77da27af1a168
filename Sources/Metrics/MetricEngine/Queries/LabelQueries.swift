import Columnar
public import MetricModel
import StorageEngine

/// What a label query asks. Series count as present in every segment in which they have samples.
public struct LabelRequest: Sendable {
    /// A series satisfies all matchers of at least one set; no set: every series.
    public var matcherSets: [[LabelMatcher]]
    /// First and last millisecond, both included.
    public var start: Int64
    public var end: Int64
    /// At most so many results; nil: all.
    public var limit: Int?

    public init(matcherSets: [[LabelMatcher]] = [], start: Int64 = .min, end: Int64 = .max, limit: Int? = nil) {
        self.matcherSets = matcherSets
        self.start = start
        self.end = end
        self.limit = limit
    }
}

extension MetricStore {
    /// Label names in byte order, `__name__` among them.
    /// - Throws: `SelectError`, `CancellationError`.
    public func labelNames(_ request: LabelRequest) async throws -> [String] {
        try await collect(request) { visit in
            var found: [String] = []
            try await visit { index, ordinals in
                guard ordinals.map({ !$0.isEmpty }) ?? (index.count > 0) else { return }
                found.append(Labels.metricNameLabel)
                var shapes = OrdinalSet()
                if let ordinals {
                    var last = UInt32.max
                    for ordinal in ordinals {
                        let shape = index.shapeOf[Int(ordinal)]
                        if shape != last { shapes.insert(shape) }
                        last = shape
                    }
                } else {
                    // Each came with a series.
                    for shape in 0..<UInt32(index.shapeEnds.count) { shapes.insert(shape) }
                }
                var names = OrdinalSet()
                shapes.visit { shape in for name in index.names(ofShape: shape) { names.insert(name) } }
                names.visit { found.append(index.names.string($0)) }
            }
            return found
        }
    }

    /// Values of a label in byte order.
    /// - Throws: `SelectError`, `CancellationError`.
    public func labelValues(of name: String, _ request: LabelRequest) async throws -> TextList {
        guard request.start <= request.end else { return TextList() }
        do {
            var found: [TextList] = []
            try await visit(request) { index, chosen in found.append(index.values(of: name, chosen)) }
            if found.count <= 1 { return (found.first ?? TextList()).prefix(request.bound) }
            return TextList(Self.distinct(found.flatMap(\.strings)).prefix(request.bound))
        } catch let error as StorageError {
            throw SelectError.storage(error.text)
        }
    }

    /// Label sets in the order of the labels.
    /// - Throws: `SelectError`, `CancellationError`.
    public func series(_ request: LabelRequest) async throws -> [Labels] {
        guard request.start <= request.end else { return [] }
        do {
            let selection = try await selection(
                request.sets, in: request.start...request.end, snapshot: region.snapshot)
            var isPresent = [Bool](repeating: false, count: selection.groups.count)
            for segment in selection.segments { for group in segment.groups { isPresent[Int(group)] = true } }
            let present = (0..<UInt32(selection.groups.count)).filter { isPresent[Int($0)] }
            return Array(selection.sortedLabels(of: present).map(\.labels).prefix(request.bound))
        } catch let error as StorageError {
            throw SelectError.storage(error.text)
        }
    }

    /// An index with the series chosen there; nil: all that it has.
    private typealias Use = (LabelIndexView, [UInt32]?) -> Void
    private typealias Visit = (Use) async throws -> Void

    private func collect(
        _ request: LabelRequest, _ body: (Visit) async throws -> [String]
    ) async throws -> [String] {
        guard request.start <= request.end else { return [] }
        do {
            let found = try await body { use in try await self.visit(request, use) }
            return Array(Self.distinct(found).prefix(request.bound))
        } catch let error as StorageError {
            throw SelectError.storage(error.text)
        }
    }

    /// In order of their bytes, each once: a set of strings would take two spellings of one character for one.
    private static func distinct(_ texts: [String]) -> [String] {
        var distinct: [String] = []
        for text in texts.sorted(by: { $0.precedesByBytes($1) }) where distinct.last?.hasSameBytes(as: text) != true {
            distinct.append(text)
        }
        return distinct
    }

    /// Each index in range with the series chosen there.
    private func visit(_ request: LabelRequest, _ use: Use) async throws {
        let snapshot = region.snapshot
        let ranges = snapshot.segments(of: SamplesTable.number, overlapping: request.start...request.end)
        let view = registry.view()
        var alive = OrdinalSet()
        for range in ranges { if let set = view.alive[range.lowerBound] { alive.formUnion(set) } }
        // Most questions are about everything there is.
        let isAll = request.sets == [[]] && alive.containsAll(below: view.index.count)
        use(view.index, isAll ? nil : union(request.sets, view.index, alive))
        for range in ranges where view.unloaded.contains(range.lowerBound) {
            let older = try await indexes.index(range, in: snapshot)
            use(older.index, union(request.sets, older.index, older.all))
        }
    }

    private func union(_ sets: [[LabelMatcher]], _ index: LabelIndexView, _ alive: OrdinalSet) -> [UInt32] {
        if sets.count == 1 { return index.select(sets[0], among: alive) }
        var all = OrdinalSet()
        for matchers in sets { for ordinal in index.select(matchers, among: alive) { all.insert(ordinal) } }
        var ordinals: [UInt32] = []
        all.visit { ordinals.append($0) }
        return ordinals
    }
}

extension LabelRequest {
    fileprivate var sets: [[LabelMatcher]] { matcherSets.isEmpty ? [[]] : matcherSets }
    fileprivate var bound: Int { max(limit ?? .max, 0) }
}
