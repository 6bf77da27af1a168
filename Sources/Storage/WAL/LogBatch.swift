import Columnar
import Platform

/// The last record of each table in a stretch of the log: when it may go.
///
/// A handful of tables share a log, so a list that is searched beats a dictionary on the path of every write.
struct TableMarks: Equatable, Sendable {
    private(set) var marks: [(table: UInt16, last: SequenceNumber)] = []

    /// Keeps the highest number of the table.
    mutating func note(_ table: UInt16, _ sequence: SequenceNumber) {
        for i in marks.indices where marks[i].table == table {
            if marks[i].last < sequence { marks[i].last = sequence }
            return
        }
        marks.append((table, sequence))
    }

    mutating func note(_ others: TableMarks) {
        for (table, last) in others.marks { note(table, last) }
    }

    subscript(_ table: UInt16) -> SequenceNumber? { marks.first { $0.table == table }?.last }

    /// Every table here is marked at least as far there, or `all` is.
    func areCovered(by others: TableMarks, all: SequenceNumber?) -> Bool {
        marks.allSatisfy { mark in
            [others[mark.table], all].contains { $0.map { mark.last <= $0 } ?? false }
        }
    }

    static func == (a: Self, b: Self) -> Bool {
        a.marks.count == b.marks.count && a.marks.allSatisfy { b[$0.table] == $0.last }
    }
}

/// Records of one group commit, encoded, with room for the batch's header in front. Kept in memory until a sync has
/// covered it, so that it can be written again without asking the page cache.
struct LogBatch: Equatable, Sendable {
    /// Header and records; padding, too, once it was written.
    var bytes: Bytes
    var first: SequenceNumber
    var last: SequenceNumber
    var count: UInt32 = 0
    var tables = TableMarks()
    /// Bytes of the records, without header and padding.
    private(set) var length = 0

    /// - Parameter buffer: empty; its capacity is used.
    init(_ first: SequenceNumber, buffer: Bytes) {
        bytes = buffer
        bytes.append(contentsOf: repeatElement(0, count: BatchHeader.size))
        self.first = first
        last = first
    }

    /// - Parameter size: as `RecordEncoding.size(of:)` says.
    mutating func append(_ record: LogRecord, size: Int) {
        RecordEncoding.append(record, size: size, to: &bytes)
        length += size
        last = record.sequence
        count += 1
        for entry in record.entries { tables.note(entry.table, record.sequence) }
    }

    /// Header, records and padding in the log.
    var sizeInLog: UInt64 { BatchHeader.batchSize(records: UInt64(length)) }

    /// Takes the padding of an earlier writing off: the batch can be written elsewhere.
    mutating func removePadding() { bytes.removeLast(bytes.count - BatchHeader.size - length) }
}
