public import MetricModel
public import PromQL

/// The answer to a query as JSON, some 64 KiB at a time: a range query may answer hundreds of megabytes.
///
///     {"status":"success","data":{"resultType":"matrix","result":[…],"stats":{…}},"warnings":[…],"infos":[…]}
struct QueryAnswerPieces: AnswerPieces {
    /// A piece is sent once it is this long; it may be longer by one sample or one label set.
    static let pieceSize = 64 << 10

    private let result: QueryResult
    private let statistics: JSONValue?
    /// Where the next piece begins: an element of the result and a sample of it; nil before the head.
    private var position: (element: Int, sample: Int)?
    private var isDone = false
    private var sharedStamps: JSONText.StampTexts?
    private var lastTimestamps: [Int64] = []

    /// - Parameter statistics: what `stats` shows; nil when it was not asked for.
    init(_ result: QueryResult, statistics: JSONValue? = nil) {
        self.result = result
        self.statistics = statistics
    }

    var heldBytes: Int { result.value.heldBytes }

    mutating func next() -> [UInt8]? {
        guard !isDone else { return nil }
        var text = JSONText()
        text.bytes.reserveCapacity(Self.pieceSize + 1_024)
        if position == nil {
            text.append(#"{"status":"success","data":{"resultType":""#)
            text.bytes.append(contentsOf: result.value.typeName.utf8)
            text.append(#"","result":"#)
            position = (0, 0)
        }
        switch result.value {
        case .scalar(let timestamp, let value): text.append(timestamp: timestamp, value: value)
        case .string(let timestamp, let value):
            text.append("[")
            text.append(milliseconds: timestamp)
            text.append(",")
            text.append(string: value)
            text.append("]")
        case .vector(let samples): guard appendVector(samples, to: &text) else { return text.bytes }
        case .matrix(let series): guard appendMatrix(series, to: &text) else { return text.bytes }
        }
        appendTail(to: &text)
        isDone = true
        return text.bytes
    }

    /// False when the piece is full before the end.
    private mutating func appendVector(_ samples: [ResultSample], to text: inout JSONText) -> Bool {
        var element = position?.element ?? 0
        if element == 0 { text.append("[") }
        while element < samples.count {
            if text.bytes.count >= Self.pieceSize {
                position = (element, 0)
                return false
            }
            if element > 0 { text.append(",") }
            text.append(#"{"metric":"#)
            text.append(samples[element].labels)
            text.append(#","value":"#)
            text.append(timestamp: samples[element].timestamp, value: samples[element].value)
            text.append("}")
            element += 1
        }
        text.append("]")
        return true
    }

    /// False when the piece is full before the end.
    private mutating func appendMatrix(_ series: [ResultSeries], to text: inout JSONText) -> Bool {
        var (element, sample) = position ?? (0, 0)
        if element == 0 && sample == 0 { text.append("[") }
        while element < series.count {
            let run = series[element]
            if sample == 0 {
                if text.bytes.count >= Self.pieceSize {
                    position = (element, 0)
                    return false
                }
                if element > 0 { text.append(",") }
                text.append(#"{"metric":"#)
                text.append(run.labels)
                text.append(#","values":["#)
            }
            let count = min(run.timestamps.count, run.values.count)
            let stamps = stamps(of: run.timestamps)
            while sample < count {
                sample += text.append(
                    run.timestamps[sample..<count], run.values[sample..<count], stamps: stamps, isFirst: sample == 0,
                    limit: Self.pieceSize)
                if text.bytes.count >= Self.pieceSize && sample < count {
                    position = (element, sample)
                    return false
                }
            }
            text.append("]}")
            element += 1
            sample = 0
        }
        text.append("]")
        return true
    }

    /// Texts of times, once a second series has the same.
    private mutating func stamps(of timestamps: [Int64]) -> JSONText.StampTexts? {
        if let known = sharedStamps {
            if known.isOf(timestamps) { return known }
            sharedStamps = nil
        }
        let isRepeated = lastTimestamps.withUnsafeBufferPointer { last in
            timestamps.withUnsafeBufferPointer { $0.count == last.count && $0.baseAddress == last.baseAddress }
        }
        lastTimestamps = timestamps
        guard isRepeated else { return nil }
        let made = JSONText.StampTexts(timestamps)
        sharedStamps = made
        return made
    }

    private func appendTail(to text: inout JSONText) {
        if let statistics {
            text.append(#","stats":"#)
            text.append(statistics)
        }
        text.append("}")
        if !result.warnings.isEmpty {
            text.append(#","warnings":"#)
            text.append(.array(result.warnings.map(JSONValue.string)))
        }
        if !result.infos.isEmpty {
            text.append(#","infos":"#)
            text.append(.array(result.infos.map(JSONValue.string)))
        }
        text.append("}")
    }
}

/// The answer to a question about series, some 64 KiB at a time: a metric may have a million.
///
///     {"status":"success","data":[{"__name__":"up",…},…],"warnings":[…]}
struct SeriesAnswerPieces: AnswerPieces {
    let series: [Labels]
    let warnings: [String]
    /// nil: the head is to come.
    private var position: Int?
    private var isDone = false

    init(_ series: [Labels], warnings: [String]) {
        self.series = series
        self.warnings = warnings
    }

    var heldBytes: Int { series.reduce(0) { $0 + MemoryLayout<Labels>.stride + $1.heldBytes } }

    mutating func next() -> [UInt8]? {
        guard !isDone else { return nil }
        var text = JSONText()
        text.bytes.reserveCapacity(min(series.count * 256, QueryAnswerPieces.pieceSize) + 1_024)
        if position == nil { text.append(#"{"status":"success","data":["#) }
        var element = position ?? 0
        while element < series.count {
            if text.bytes.count >= QueryAnswerPieces.pieceSize {
                position = element
                return text.bytes
            }
            if element > 0 { text.append(",") }
            text.append(series[element])
            element += 1
        }
        text.append("]")
        if !warnings.isEmpty {
            text.append(#","warnings":"#)
            text.append(.array(warnings.map(JSONValue.string)))
        }
        text.append("}")
        isDone = true
        return text.bytes
    }
}

extension QueryValue {
    /// Prometheus's `resultType`.
    public var typeName: String {
        switch self {
        case .scalar: "scalar"
        case .string: "string"
        case .vector: "vector"
        case .matrix: "matrix"
        }
    }
}

/// A query's answer in the words of the HTTP API, for the command line.
public enum QueryAnswerJSON {
    /// Hands over the text piece by piece.
    public static func write(_ result: QueryResult, to output: ([UInt8]) throws -> Void) rethrows {
        var pieces = QueryAnswerPieces(result)
        while let piece = pieces.next() { try output(piece) }
    }

    /// `[{"__name__":"up"}]`.
    public static func text(of series: [Labels]) -> String { text(.array(series.map(JSONValue.labels))) }

    /// `["job"]`.
    public static func text(of names: [String]) -> String { text(.array(names.map(JSONValue.string))) }

    /// `{"level":"info"}`, in this order.
    public static func text(ofMembers members: [(String, String)]) -> String {
        text(.object(members.map { ($0, .string($1)) }))
    }

    private static func text(_ value: JSONValue) -> String {
        var text = JSONText()
        text.append(value)
        return String(decoding: text.bytes, as: UTF8.self)
    }
}
