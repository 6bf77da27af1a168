import Columnar
import ObjectStorage
import Platform

@testable import ManifestLog
@testable import WAL

extension FuzzBody {
    /// A log segment as it stands, and (first byte: how many records) the records of one batch, past their checksum.
    @Sendable public static func log(_ bytes: [UInt8]) {
        let number = LogSegmentNumber(1)
        if let scan = try? SegmentScan.read(BytesHandle(bytes), number: number) {
            precondition(scan.chainEnd <= UInt64(bytes.count) && scan.dirtyEnd <= UInt64(bytes.count))
            _ = TailVerdict.of([SegmentFinding(scan)])
        }
        guard let count = bytes.first else { return }
        let records = Bytes(repeating: 0, count: BatchHeader.size) + bytes.dropFirst()
        let header = BatchHeader(
            length: UInt32(records.count - BatchHeader.size), logSegment: number, firstSequence: SequenceNumber(1),
            synced: LogPosition(number, 0), count: UInt32(count))
        try? RecordEncoding.forEachFrame(of: header, at: 0, in: records) { frame in
            for entry in frame.entries { precondition(entry.payload.upperBound <= records.count) }
        }
    }

    /// Kind, then a manifest object; its checksum and length are put right, so that what lies behind them is reached.
    @Sendable public static func manifest(_ bytes: [UInt8]) {
        guard let kind = bytes.first else { return }
        var object = Array(bytes.dropFirst())
        for mended in [false, true] {
            if mended {
                guard object.count >= FramedFile.headerSize else { return }
                let length = UInt64(object.count - FramedFile.headerSize)
                withUnsafeBytes(of: length.littleEndian) { object.replaceSubrange(16..<24, with: $0) }
                withUnsafeBytes(of: FramedFile.checksum(of: object).littleEndian) {
                    object.replaceSubrange(12..<16, with: $0)
                }
            }
            switch kind % 3 {
            case 0: _ = try? Head(object)
            case 1: _ = try? ManifestDelta(object, at: ManifestPaths.head)
            default: if let found = try? Manifest(snapshot: object, at: ManifestPaths.head) { _ = found.problems() }
            }
        }
    }
}

/// A file that is only read.
private final class BytesHandle: FileHandle {
    let path = "fuzz"
    private let bytes: [UInt8]
    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func read(at offset: UInt64, count: Int) throws(FileSystemError) -> [UInt8] {
        let start = Int(min(offset, UInt64(bytes.count)))
        return Array(bytes[start..<min(bytes.count, start + count)])
    }
    func size() throws(FileSystemError) -> UInt64 { UInt64(bytes.count) }
    func write(_ bytes: [UInt8], at offset: UInt64) throws(FileSystemError) { preconditionFailure("only read") }
    func truncate(to size: UInt64) throws(FileSystemError) { preconditionFailure("only read") }
    func sync() throws(FileSystemError) {}
}
