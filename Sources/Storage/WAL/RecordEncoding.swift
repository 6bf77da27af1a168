import Columnar
import Platform

/// Records in a batch, one after the other. Little-endian.
///
///     record:  length 4 (of what follows) · entries 4 · sequence 8 · entries…
///     entry:   table 2 · zero 2 · length 4 · payload
///
/// Sequence numbers rise from record to record; lengths add up exactly.
enum RecordEncoding {
    /// Bytes of a record without entries.
    static let smallest = 16
    private static let entryHeader = 8

    /// Bytes the record takes; nil when a length does not fit its field.
    static func size(of record: LogRecord) -> Int? {
        var size = smallest
        for entry in record.entries {
            let (sum, overflow) = size.addingReportingOverflow(entryHeader + entry.payload.count)
            guard !overflow, sum <= Int(UInt32.max) else { return nil }
            size = sum
        }
        return size
    }

    /// - Parameter size: as `size(of:)` says.
    static func append(_ record: LogRecord, size: Int, to bytes: inout Bytes) {
        bytes.append(littleEndian: UInt32(size - 4))
        bytes.append(littleEndian: UInt32(record.entries.count))
        bytes.append(littleEndian: record.sequence.rawValue)
        for entry in record.entries {
            bytes.append(littleEndian: entry.table)
            bytes.append(littleEndian: UInt16(0))
            bytes.append(littleEndian: UInt32(entry.payload.count))
            bytes.append(contentsOf: entry.payload)
        }
    }

    /// One record as it stands in the bytes: nothing copied.
    struct Frame {
        var sequence: SequenceNumber
        var bytes: Range<Int>
        var entries: [(table: UInt16, payload: Range<Int>)]
    }

    /// The next record's frame; everything is checked against `reader`'s end.
    static func readFrame(_ reader: inout ByteReader) throws(MalformedBytes) -> Frame {
        let start = reader.offset
        let length = try reader.integer(UInt32.self, "a record's length")
        guard length >= smallest - 4, UInt64(length) <= UInt64(reader.remaining) else {
            throw MalformedBytes(offset: start, expected: "a record of at most \(reader.remaining) bytes")
        }
        let end = reader.offset + Int(length)
        let count = try reader.integer(UInt32.self, "the number of entries")
        let sequence = try reader.integer(UInt64.self, "a sequence number")
        guard UInt64(count) * UInt64(entryHeader) <= UInt64(end - reader.offset) else {
            throw MalformedBytes(offset: start, expected: "a number of entries that fits \(length) bytes")
        }
        var entries: [(table: UInt16, payload: Range<Int>)] = []
        entries.reserveCapacity(Int(count))
        for _ in 0..<count {
            let table = try reader.integer(UInt16.self, "a table's number")
            guard try reader.integer(UInt16.self, "two zero bytes") == 0 else {
                throw MalformedBytes(offset: reader.offset, expected: "two zero bytes")
            }
            let payload = try reader.integer(UInt32.self, "a payload's length")
            guard reader.offset <= end, UInt64(payload) <= UInt64(end - reader.offset) else {
                throw MalformedBytes(offset: reader.offset, expected: "a payload within its record")
            }
            let from = reader.offset
            _ = try reader.take(Int(payload), "a payload")
            entries.append((table, from..<reader.offset))
        }
        guard reader.offset == end else { throw MalformedBytes(offset: reader.offset, expected: "the record's end") }
        return Frame(sequence: SequenceNumber(sequence), bytes: start..<end, entries: entries)
    }

    /// All frames of a batch, in order, each checked before `body` sees it.
    /// - Parameter offset: where the batch's header starts in `bytes`.
    static func forEachFrame(
        of header: BatchHeader, at offset: Int, in bytes: Bytes, _ body: (Frame) -> Void
    ) throws(MalformedBytes) {
        let start = offset + BatchHeader.size
        var reader = ByteReader(bytes, in: start..<start + Int(header.length))
        var previous: SequenceNumber?
        for _ in 0..<header.count {
            let frame = try readFrame(&reader)
            guard previous.map({ $0 < frame.sequence }) ?? (frame.sequence == header.firstSequence) else {
                throw MalformedBytes(offset: frame.bytes.lowerBound, expected: "sequence numbers that rise")
            }
            previous = frame.sequence
            body(frame)
        }
        guard reader.isAtEnd else { throw MalformedBytes(offset: reader.offset, expected: "the batch's end") }
    }
}
