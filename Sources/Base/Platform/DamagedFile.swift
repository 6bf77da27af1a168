/// Bytes that were durable once and are no longer what was written.
public struct DamagedFile: Error, Equatable, Sendable, CustomStringConvertible {
    /// File path or object key.
    public let path: String
    /// Bytes from the start of the file.
    public let offset: UInt64
    public let found: String
    public let remedy: String

    public init(path: String, offset: UInt64, found: String, remedy: String) {
        self.path = path
        self.offset = offset
        self.found = found
        self.remedy = remedy
    }

    public var description: String {
        "\(path) is damaged at byte \(offset): \(found). Nothing was changed. \(remedy)"
    }
}
