/// Bounds on a request, checked before anything is allocated.
public struct IngestLimits: Sendable, Equatable {
    /// Bytes of a body once inflated. Default 64 MiB.
    public var decodedBytes = 64 << 20
    public init() {}
}
