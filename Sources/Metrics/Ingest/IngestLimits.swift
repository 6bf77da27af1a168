/// What one request may hold.
public struct IngestLimits: Sendable, Equatable {
    /// Bytes of a body as sent. Default 32 MiB.
    public var bodyBytes = 32 << 20
    /// Bytes of a body unpacked, as it declares them. Default 64 MiB.
    public var decodedBytes = 64 << 20
    /// Samples of one request: a sample takes 4 bytes to send and 20 to hold. Default 5 million.
    public var samples = 5_000_000
    /// Metadata entries of one request. Default 100,000.
    public var metadata = 100_000
    public init() {}
}
