import MetricModel
import PromQL
import Synchronization

/// Series in memory behind the port that storage will have.
final class MemorySeries: SeriesSource {
    private let series: [SeriesRun]
    /// What was asked for, in any order.
    let requests = Mutex<[SelectRequest]>([])

    init(_ series: [SeriesRun]) { self.series = series }

    func select(_ request: SelectRequest) async throws -> [SeriesRun] {
        requests.withLock { $0.append(request) }
        var found: [SeriesRun] = []
        var samples = 0
        for run in series where request.matchers.allSatisfy({ $0.matches(run.labels[$0.name] ?? "") }) {
            let inside = run.timestamps.indices.filter {
                run.timestamps[$0] >= request.start && run.timestamps[$0] <= request.end
            }
            if inside.isEmpty { continue }
            samples += inside.count
            if samples > request.maximumSamples { throw SelectError.tooManySamples(limit: request.maximumSamples) }
            found.append(
                SeriesRun(
                    labels: run.labels, timestamps: inside.map { run.timestamps[$0] },
                    values: inside.map { run.values[$0] },
                    startTimestamps: run.startTimestamps.isEmpty ? [] : inside.map { run.startTimestamps[$0] }))
        }
        // Coded, as storage hands them out.
        found.sort { $0.labels < $1.labels }
        let source = MemoryLabels(found.map(\.labels))
        return found.enumerated().map { ordinal, run in
            SeriesRun(
                labels: Labels(CodedLabels(source, UInt32(ordinal))), timestamps: run.timestamps, values: run.values,
                startTimestamps: run.startTimestamps)
        }
    }
}

extension MemorySeries {
    func newest(_ request: SelectRequest) async throws -> NewestVector? {
        let runs = try await select(request)
        var vector = NewestVector(MemoryLabels(runs.map(\.labels.spelledOut)))
        for (ordinal, run) in runs.enumerated() {
            vector.ordinals.append(UInt32(ordinal))
            if let value = run.values.last { vector.values.append(value) }
        }
        return vector
    }
}

/// Label sets behind codes: the least that the port promises.
final class MemoryLabels: LabelSource {
    private let sets: [Labels]
    private let shapes: [[String]]
    private let codes: [[UInt32]]
    private let shapeOf: [UInt32]

    /// - Parameter sets: different from one another, in order.
    init(_ sets: [Labels]) {
        self.sets = sets
        var shapes: [[String]] = []
        var seen: [[[UInt8]]: UInt32] = [:]
        var values: [[UInt8]: UInt32] = [:]
        var codes: [[UInt32]] = []
        var shapeOf: [UInt32] = []
        for set in sets {
            let names = set.labels.map(\.name)
            let key = names.map { Array($0.utf8) }
            if seen[key] == nil {
                seen[key] = UInt32(shapes.count)
                shapes.append(names)
            }
            shapeOf.append(seen[key] ?? 0)
            codes.append(
                set.labels.map { label in
                    let code = values[Array(label.value.utf8)] ?? UInt32(values.count)
                    values[Array(label.value.utf8)] = code
                    return code
                })
        }
        (self.shapes, self.codes, self.shapeOf) = (shapes, codes, shapeOf)
    }

    func shape(of ordinal: UInt32) -> UInt32 { shapeOf[Int(ordinal)] }
    func names(ofShape shape: UInt32) -> [String] { shapes[Int(shape)] }
    func code(of ordinal: UInt32, at position: Int) -> UInt32 { codes[Int(ordinal)][position] }
    func value(of ordinal: UInt32, at position: Int) -> String { sets[Int(ordinal)].labels[position].value }
    func precedes(_ a: UInt32, _ b: UInt32) -> Bool { a < b }
}

/// Samples every `step` milliseconds from 0; nil leaves one out.
func series(_ labels: [(String, String)], every step: Int64 = 60_000, _ values: [Double?]) -> SeriesRun {
    let present = values.indices.filter { values[$0] != nil }
    return SeriesRun(
        labels: Labels(labels), timestamps: present.map { Int64($0) * step }, values: present.compactMap { values[$0] })
}

func series(_ name: String, _ values: [Double?]) -> SeriesRun { series([("__name__", name)], values) }

extension QueryEngine {
    init(_ series: [SeriesRun], _ change: (inout QueryOptions) -> Void = { _ in }) {
        var options = QueryOptions()
        options.enableExperimentalFunctions = true
        change(&options)
        self.init(source: MemorySeries(series), options: options)
    }

    /// An instant vector as `labels value` lines.
    func vector(_ query: String, at time: Int64) async throws(QueryError) -> [String] {
        guard case .vector(let samples) = try await instant(query, at: time).value else { return ["not a vector"] }
        return samples.map { "\(text(of: $0.labels)) \($0.value)" }
    }

    /// A range query as `labels value@seconds …` lines.
    func matrix(
        _ query: String, from start: Int64, to end: Int64, step: Int64
    ) async throws(QueryError) -> [String] {
        let result = try await range(query, start: start, end: end, step: step)
        guard case .matrix(let series) = result.value else { return ["not a matrix"] }
        return series.map { series in
            let points = zip(series.timestamps, series.values).map { "\($1)@\($0 / 1_000)" }
            return "\(text(of: series.labels)) \(points.joined(separator: " "))"
        }
    }
}

func text(of labels: Labels) -> String {
    let pairs = labels.labels.filter { $0.name != "__name__" }.map { "\($0.name)=\($0.value)" }
    return (labels.metricName ?? "") + "{" + pairs.joined(separator: ",") + "}"
}
