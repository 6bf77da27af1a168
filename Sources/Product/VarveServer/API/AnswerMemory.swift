import MetricModel
import Platform
import PromQL

/// The memory of long answers, from when they are made until their clients have read them: together they hold no more than their
/// share of `--memory-limit`.
///
/// - Who has made one waits for room, in order, and keeps its place among those at work: so what waits is bounded, too.
/// - One that is longer than the whole share gets all of it, alone.
/// - Short ones are not counted: there are no more of them than connections.
struct AnswerMemory: Sendable {
    /// Bytes of an answer that is short.
    static let short = 256 << 10
    /// The gate counts in these, as a thousand clients need no finer.
    private static let unit = 4 << 10

    /// Bytes.
    let limit: Int
    private let gate: Gate

    init(limit: Int, patience: Duration, time: any TimeSource) {
        self.limit = limit
        gate = Gate(slots: limit / Self.unit, patience: patience, time: time)
    }

    var inUse: Int { gate.inUse * Self.unit }
    var waiting: Int { gate.waiting }

    /// The same answer, which now holds its share until it has been sent or dropped.
    /// - Throws: when there was no room in time, or nobody waits any more.
    func held(_ answer: APIAnswer) async throws(Gate.Refusal) -> APIAnswer {
        var answer = answer
        switch answer.body {
        case .whole(let bytes): answer.body = try await held(WholePieces(bytes)) ?? answer.body
        case .pieces(let pieces): answer.body = try await held(pieces) ?? answer.body
        }
        return answer
    }

    /// nil: they are short.
    private func held(_ pieces: any AnswerPieces) async throws(Gate.Refusal) -> APIAnswer.Body? {
        // Asked once: it may look at a million series.
        let bytes = pieces.heldBytes
        guard bytes > Self.short else { return nil }
        return .pieces(HeldPieces(pieces, Reservation(try await gate.enter(bytes / Self.unit + 1))))
    }

    private final class Reservation: Sendable {
        private let slot: Gate.Slot
        init(_ slot: Gate.Slot) { self.slot = slot }
        deinit { slot.leave() }
    }

    private struct HeldPieces: AnswerPieces {
        private var pieces: any AnswerPieces
        private let reservation: Reservation
        init(_ pieces: any AnswerPieces, _ reservation: Reservation) {
            self.pieces = pieces
            self.reservation = reservation
        }
        var heldBytes: Int { pieces.heldBytes }
        mutating func next() -> [UInt8]? { pieces.next() }
    }
}

/// A long text that is there already, a piece at a time.
private struct WholePieces: AnswerPieces {
    private let bytes: [UInt8]
    private var sent = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var heldBytes: Int { bytes.count }

    mutating func next() -> [UInt8]? {
        guard sent < bytes.count else { return nil }
        let piece = bytes[sent..<min(sent + QueryAnswerPieces.pieceSize, bytes.count)]
        sent = piece.endIndex
        return Array(piece)
    }
}

extension QueryValue {
    /// Bytes that stay in memory while it is sent, about. Timestamps that series share count once.
    var heldBytes: Int {
        switch self {
        case .scalar, .string: return 0
        case .vector(let samples):
            return samples.reduce(0) { $0 + MemoryLayout<ResultSample>.stride + $1.labels.heldBytes }
        case .matrix(let series):
            var bytes = 0
            var shared: UnsafeRawPointer?
            for run in series {
                bytes += MemoryLayout<ResultSeries>.stride + run.labels.heldBytes + run.values.count * 8
                let stamps = run.timestamps.withUnsafeBytes { $0.baseAddress }
                if stamps != shared { bytes += run.timestamps.count * 8 }
                shared = stamps
            }
            return bytes
        }
    }
}

extension Labels {
    /// Bytes beyond the value itself: none where the texts are an index's.
    var heldBytes: Int {
        guard coded == nil else { return 0 }
        return labels.reduce(32) { $0 + MemoryLayout<Label>.stride + $1.name.bytesBeyond + $1.value.bytesBeyond }
    }
}

extension String {
    /// Bytes beyond the value itself: up to 15 lie in it.
    fileprivate var bytesBeyond: Int { utf8.count > 15 ? utf8.count + 32 : 0 }
}
