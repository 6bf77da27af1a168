public import Platform

/// How a region's log is kept.
public struct WALOptions: Sendable, Equatable {
    /// Size of a log segment, preallocated. 16 KiB … 1 GiB; the default is 64 MiB. A record must fit into one.
    public var segmentSize = ByteCount.mebibytes(64)
    /// When a write counts as durable.
    public var durability = Durability.always
    /// Where the bytes of a torn tail are kept; nil is `quarantine` in the log's own directory.
    public var quarantine: String?
    /// The data directory, as messages about damage name it.
    public var dataDirectory = "DIR"

    public init() {}

    /// Each names flag, value and range.
    public func problems() -> [String] {
        let sizes = ByteCount.kibibytes(16)...ByteCount.mebibytes(1024)
        guard sizes.contains(segmentSize) else {
            return ["wal-segment-size is \(segmentSize); use 16 KiB … 1 GiB"]
        }
        return []
    }

    /// The first log segment after an open is small, so that opening does not wait for `segmentSize` of zeros.
    var firstSegmentSize: UInt64 { UInt64(min(segmentSize.bytes, 4 << 20)) }

    /// How large a log segment is made: as configured, but at most an eighth of what is free, so that a small disk is not
    /// filled by zeros; never less than what must go into it.
    /// - Parameters:
    ///   - wanted: bytes.
    ///   - records: bytes of batches that it must hold at once.
    ///   - free: bytes on the disk.
    static func size(wanted: UInt64, records: UInt64, free: UInt64) -> UInt64 {
        let least = UInt64(LogSegmentHeader.size) + records + UInt64(BatchHeader.size)
        return max(min(wanted, max(free / 8, 64 << 10)), (least + 4_095) & ~4_095)
    }

    /// Bytes of records that one batch may hold: what a log segment has room for.
    var recordBytesLimit: Int { (segmentSize.bytes - LogSegmentHeader.size - BatchHeader.size) & ~7 }
}
