/// What a column holds. Raw values stand in files: never renumber.
public enum ColumnType: UInt8, Sendable, Hashable, CaseIterable {
    case int64 = 1
    case float64 = 2
    /// Bytes without meaning.
    case bytes = 3
    /// UTF-8.
    case text = 4
    case bool = 5
    /// Int64 milliseconds since the epoch.
    case timestamp = 6
}
