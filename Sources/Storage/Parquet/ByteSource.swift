import Platform

/// Where a Parquet file's bytes come from: a file, an object, memory.
public protocol ByteSource: Sendable {
    /// Bytes of the whole file.
    var size: UInt64 { get }
    /// Exactly the bytes of `range`, which lies within 0 ..< `size`.
    func read(_ range: Range<UInt64>) async throws -> [UInt8]
    /// The same for several ranges at once: ascending, not overlapping. One after the other by default; a source that
    /// can fetch them together should.
    func read(_ ranges: [Range<UInt64>]) async throws -> [[UInt8]]
}

extension ByteSource {
    public func read(_ ranges: [Range<UInt64>]) async throws -> [[UInt8]] {
        var parts: [[UInt8]] = []
        for range in ranges { parts.append(try await read(range)) }
        return parts
    }
}

/// A whole file in memory.
public struct MemoryByteSource: ByteSource {
    public let bytes: [UInt8]
    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public var size: UInt64 { UInt64(bytes.count) }
    /// - Throws: `MalformedBytes` when the range leaves the bytes.
    public func read(_ range: Range<UInt64>) async throws -> [UInt8] {
        guard range.upperBound <= size else {
            throw MalformedBytes(offset: bytes.count, expected: "bytes up to \(range.upperBound)")
        }
        return Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)])
    }
}
