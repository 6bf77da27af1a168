import Parquet

/// Bytes in memory as a source.
struct MemorySource: ByteSource {
    private let bytes: [UInt8]
    init(_ bytes: [UInt8]) { self.bytes = bytes }
    var size: UInt64 { UInt64(bytes.count) }
    func read(_ range: Range<UInt64>) async throws -> [UInt8] {
        guard range.upperBound <= size else {
            throw StorageError(.damaged, "bytes \(range) of \(bytes.count) were asked for")
        }
        return Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)])
    }
}
