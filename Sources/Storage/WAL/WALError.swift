/// Why the log did not do what was asked, by what the caller would do.
public enum WALError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Larger than a log segment can hold.
    case recordTooLarge(bytes: Int, limit: Int)
    /// A write or sync failed: nothing is taken until the log has repaired itself. What waited may be there afterwards.
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
            "the log cannot be written at this moment: \(reason); it is tried again every 2 seconds, and what was sent "
                + "may be sent again"
        case .closed: "the log is closed"
        case .damaged(let text), .foreign(let text), .io(let text): text
        }
    }
}
