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

    /// All frames of a batch, in order, each checked before `body` sees it.
    /// - Parameter offset: where the batch's header starts in `bytes`.
    static func forEachFrame(
        of header: BatchHeader, at offset: Int, in bytes: Bytes, _ body: (Frame) -> Void
    ) throws(MalformedBytes) {
        let start = offset + BatchHeader.size
        let end = start + Int(header.length)
        precondition(offset >= 0 && end <= bytes.count)  // the caller loaded the whole batch
        let problem: MalformedBytes? = bytes.withUnsafeBytes { buffer in
            var at = start
            var previous: SequenceNumber?
            for _ in 0..<header.count {
                switch frame(in: buffer, at: at, end: end) {
                case .failure(let problem): return problem
                case .success(let frame):
                    guard previous.map({ $0 < frame.sequence }) ?? (frame.sequence == header.firstSequence) else {
                        return MalformedBytes(offset: at, expected: "sequence numbers that rise")
                    }
                    previous = frame.sequence
                    at = frame.bytes.upperBound
                    body(frame)
                }
            }
            return at == end ? nil : MalformedBytes(offset: at, expected: "the batch's end")
        }
        if let problem { throw problem }
    }

    /// The record at `at`. Every length is checked against what is left before anything behind it is read.
    private static func frame(
        in buffer: UnsafeRawBufferPointer, at: Int, end: Int
    ) -> Result<Frame, MalformedBytes> {
        func refuse(_ offset: Int, _ what: String) -> Result<Frame, MalformedBytes> {
            .failure(MalformedBytes(offset: offset, expected: what))
        }
        guard end - at >= smallest else { return refuse(at, "a record, \(end - at) bytes left") }
        let length = Int(buffer.integer(at: at, as: UInt32.self))
        guard length >= smallest - 4, length <= end - at - 4 else {
            return refuse(at, "a record of at most \(end - at - 4) bytes")
        }
        let recordEnd = at + 4 + length
        let count = Int(buffer.integer(at: at + 4, as: UInt32.self))
        let sequence = buffer.integer(at: at + 8, as: UInt64.self)
        var place = at + smallest
        guard count <= (recordEnd - place) / entryHeader else {
            return refuse(at, "a number of entries that fits \(length) bytes")
        }
        var entries: [(table: UInt16, payload: Range<Int>)] = []
        entries.reserveCapacity(count)
        for _ in 0..<count {
            guard recordEnd - place >= entryHeader else { return refuse(place, "an entry within its record") }
            let table = buffer.integer(at: place, as: UInt16.self)
            guard buffer.integer(at: place + 2, as: UInt16.self) == 0 else {
                return refuse(place + 2, "two zero bytes")
            }
            let payload = Int(buffer.integer(at: place + 4, as: UInt32.self))
            place += entryHeader
            guard payload <= recordEnd - place else { return refuse(place, "a payload within its record") }
            entries.append((table, place..<place + payload))
            place += payload
        }
        guard place == recordEnd else { return refuse(place, "the record's end") }
        return .success(Frame(sequence: SequenceNumber(sequence), bytes: at..<recordEnd, entries: entries))
    }
}
