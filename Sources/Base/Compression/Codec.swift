/// How bytes are made smaller. Names are Parquet's; numbers are not: those belong to the file format.
public enum Codec: Sendable, Hashable, CaseIterable {
    case none
    /// Snappy's block format, as Parquet and remote write use it.
    case snappy
    /// One ZSTD frame.
    case zstd
    /// RFC 1952.
    case gzip
    /// An LZ4 block without frame or length.
    case lz4raw
}

/// Why bytes could not be packed or unpacked.
public enum CompressionError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The input is not what its format allows: refuse the request, or call the file damaged.
    case damaged(Codec, String)
    /// The output would be larger than the caller allows; nothing of that size was allocated.
    case tooLarge(Codec, bytes: UInt64, limit: Int)
    /// The library refused good input: out of memory, or more bytes than it can count.
    case failed(Codec, String)

    public var description: String {
        switch self {
        case .damaged(let codec, let found): "the \(codec) data is damaged: \(found)"
        case .tooLarge(let codec, let bytes, let limit):
            "the \(codec) data unpacks to at least \(bytes) bytes; the limit here is \(limit)"
        case .failed(let codec, let reason): "\(codec) failed: \(reason)"
        }
    }
}
