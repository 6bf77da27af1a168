/// A body that is not a remote-write request, or larger than one may be. Nothing of it was stored; it will stay so.
public struct RemoteWriteError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Bytes from the start of the unpacked body; nil: it could not be unpacked.
    public let offset: Int?
    public let reason: String

    init(offset: Int?, _ reason: String) {
        self.offset = offset
        self.reason = reason
    }

    public var description: String {
        guard let offset else { return "the remote-write body cannot be unpacked: \(reason)" }
        return "the remote-write body is malformed at byte \(offset): \(reason)"
    }
}
