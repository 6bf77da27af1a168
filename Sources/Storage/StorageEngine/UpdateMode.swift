/// What a second row with the same key means.
public enum UpdateMode: UInt8, Sendable, Hashable {
    /// The newest write of a key wins.
    case overwrite = 1
    /// All rows are kept, oldest write first.
    case append = 2
}
