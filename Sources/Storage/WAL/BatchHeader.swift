import Columnar
import Platform

/// Header of one group commit in a log segment. Little-endian, 8-aligned, version 1.
///
///     offset size field
///          0    4 magic          where recovery resumes after a bad batch
///          4    4 crc            CRC-32C of everything after it, padding included
///          8    4 length         of the records, without the padding
///         12    4 logSegment     bytes of another file do not pass for ours
///         16    8 firstSequence  in a batch without records: the highest one before it, 0 for none
///         24   12 synced         position (log segment 4, offset 8) known durable when written: tells torn from damaged
///         36    4 count          of the records; 0 seals what was synced
///         40    … records        `RecordEncoding`
///          …    … zeros          up to a multiple of 8
struct BatchHeader: Equatable {
    static let size = 40
    static let magic: UInt32 = 0x1ab5_76ee  // EE 'v' B5 1A: no UTF-8 text holds it

    var length: UInt32
    var logSegment: LogSegmentNumber
    var firstSequence: SequenceNumber
    var synced: LogPosition
    var count: UInt32

    /// Header, records and padding. 64 bits hold any 32-bit length.
    var batchSize: UInt64 { Self.batchSize(records: UInt64(length)) }

    static func batchSize(records: UInt64) -> UInt64 { (UInt64(size) + records + 7) & ~7 }

    /// Writes the header over the first `size` bytes of a whole batch, the checksum last.
    func patch(into batch: inout Bytes) {
        precondition(UInt64(batch.count) == batchSize)
        batch.patch(littleEndian: Self.magic, at: 0)
        batch.patch(littleEndian: length, at: 8)
        batch.patch(littleEndian: UInt32(truncatingIfNeeded: logSegment.rawValue), at: 12)
        batch.patch(littleEndian: firstSequence.rawValue, at: 16)
        batch.patch(littleEndian: UInt32(truncatingIfNeeded: synced.segment.rawValue), at: 24)
        batch.patch(littleEndian: synced.offset, at: 28)
        batch.patch(littleEndian: count, at: 36)
        let crc = batch.withUnsafeBytes { CRC32C.checksum(UnsafeRawBufferPointer(rebasing: $0[8...])) }
        batch.patch(littleEndian: crc, at: 4)
    }

    /// Reads the fields at `offset` of `bytes` and checks all that can be checked without the records.
    /// - Parameters:
    ///   - position: where the batch stands in the log.
    ///   - limit: bytes of the file from there.
    static func read(
        _ bytes: Bytes, at offset: Int, position: LogPosition, limit: UInt64
    ) throws(MalformedBytes) -> (header: BatchHeader, crc: UInt32) {
        func refuse(_ what: String) -> MalformedBytes { MalformedBytes(offset: offset, expected: what) }
        guard offset >= 0, bytes.count - offset >= size else { throw refuse("a batch's header") }
        let (isOurs, crc, header) = bytes.withUnsafeBytes { buffer in  // all of it lies within: checked above
            let segment = LogSegmentNumber(UInt64(buffer.integer(at: offset + 12, as: UInt32.self)))
            let syncedSegment = LogSegmentNumber(UInt64(buffer.integer(at: offset + 24, as: UInt32.self)))
            let header = BatchHeader(
                length: buffer.integer(at: offset + 8, as: UInt32.self), logSegment: segment,
                firstSequence: SequenceNumber(buffer.integer(at: offset + 16, as: UInt64.self)),
                synced: LogPosition(syncedSegment, buffer.integer(at: offset + 28, as: UInt64.self)),
                count: buffer.integer(at: offset + 36, as: UInt32.self))
            let isOurs = buffer.integer(at: offset, as: UInt32.self) == magic
            return (isOurs, buffer.integer(at: offset + 4, as: UInt32.self), header)
        }
        guard isOurs else { throw refuse("a batch's magic") }
        guard header.logSegment == position.segment else { throw refuse("log segment \(position.segment)") }
        guard header.batchSize <= limit else { throw refuse("a length of at most \(limit)") }
        guard header.synced <= position else { throw refuse("a synced position up to \(position)") }
        guard UInt64(header.count) * UInt64(RecordEncoding.smallest) <= UInt64(header.length),
            (header.count == 0) == (header.length == 0)
        else {
            throw refuse("a number of records that fits \(header.length) bytes")
        }
        return (header, crc)
    }
}
