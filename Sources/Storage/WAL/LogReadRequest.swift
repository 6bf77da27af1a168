public import Columnar
public import Platform

/// One end of a stretch of the log.
public enum LogBound: Sendable, Equatable {
    /// The first or last record that there is, depending on the end.
    case min, max
    case included(SequenceNumber)
    case excluded(SequenceNumber)
}

/// Which records are wanted, and how many at a time.
public struct LogReadRequest: Sendable, Equatable {
    /// Only this table's entries, and only records that have any; nil: every record, whole.
    public var table: UInt16?
    public var start: LogBound
    public var end: LogBound
    /// Most records of a batch, at least 1.
    public var batchRecords: Int
    /// About the bytes of a batch: it ends with the record that reaches them.
    public var batchBytes: Int

    public init(
        table: UInt16? = nil, from start: LogBound = .min, to end: LogBound = .max, batchRecords: Int = 500,
        batchBytes: Int = 4 << 20
    ) {
        self.table = table
        self.start = start
        self.end = end
        self.batchRecords = Swift.max(batchRecords, 1)
        self.batchBytes = Swift.max(batchBytes, 1)
    }

    /// Lowest and highest number wanted; nil when that is none: after the greatest, before the least, or crossed over.
    var range: ClosedRange<SequenceNumber>? {
        let lower: SequenceNumber?
        switch start {
        case .min: lower = .zero
        case .max: lower = SequenceNumber(.max)
        case .included(let number): lower = number
        case .excluded(let number): lower = number.next
        }
        let upper: SequenceNumber?
        switch end {
        case .min: upper = .zero
        case .max: upper = SequenceNumber(.max)
        case .included(let number): upper = number
        case .excluded(let number): upper = number == .zero ? nil : SequenceNumber(number.rawValue - 1)
        }
        guard let lower, let upper, lower <= upper else { return nil }
        return lower...upper
    }

    /// What a reader gets of a record; nil for nothing.
    /// - Parameter deleted: what the table's readers no longer see.
    func select(_ entries: [LogEntry], of sequence: SequenceNumber, deleted: SequenceNumber?) -> LogRecord? {
        guard let table else { return LogRecord(sequence: sequence, entries: entries) }
        if let deleted, sequence <= deleted { return nil }
        let wanted = entries.filter { $0.table == table }
        return wanted.isEmpty ? nil : LogRecord(sequence: sequence, entries: wanted)
    }
}

extension WriteAheadLog {
    /// Every record after `sequence`, in batches of about `batchBytes`.
    public func replay(
        after sequence: SequenceNumber, batchBytes: Int, _ body: @Sendable ([LogRecord]) async throws -> Void
    ) async throws {
        try await read(
            LogReadRequest(from: .excluded(sequence), batchRecords: .max, batchBytes: batchBytes), body)
    }
}
