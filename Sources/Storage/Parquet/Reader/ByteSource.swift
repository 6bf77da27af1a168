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
    public func read(_ range: Range<UInt64>) async throws -> [UInt8] {
        Array(bytes[Int(range.lowerBound)..<Int(range.upperBound)])
    }
}

/// What a reader takes at most, whatever a file declares.
public struct ParquetLimits: Sendable, Hashable {
    /// Bytes of one page, as it lies in the file or unpacked, and of the values that it decodes to.
    public var pageBytes = 256 << 20
    /// Values of one page: a run of 10^9 takes six bytes to write.
    public var pageValues = 1 << 24
    public var footerBytes = 256 << 20
    /// Ranges with a gap of at most this many bytes are read as one.
    public var gapBytes = 8 << 10
    /// Bytes read from the end of the file at open: enough for the footer and often the page index.
    public var tailBytes = 64 << 10
    public init() {}
}
