/// Why the log did not do what was asked, by what the caller would do.
public enum WALError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Larger than a log segment can hold.
    case recordTooLarge(bytes: Int, limit: Int)
    /// A write or sync failed earlier: nothing more is acknowledged until the log is opened again.
    case poisoned(reason: String)
    case closed
    /// Bytes that were durable are no longer what was written; the text names file, offset and command.
    case damaged(String)
    /// The directory is not a log of this region, or of a newer version.
    case foreign(String)
    /// A file operation failed; nothing was acknowledged.
    case io(String)

    public var description: String {
        switch self {
        case .recordTooLarge(let bytes, let limit):
            "a log record of \(bytes) bytes is larger than a log segment holds (\(limit)); write smaller batches"
        case .poisoned(let reason):
            "the log stopped after a failed write, nothing more is acknowledged until it is reopened: \(reason)"
        case .closed: "the log is closed"
        case .damaged(let text), .foreign(let text), .io(let text): text
        }
    }
}
