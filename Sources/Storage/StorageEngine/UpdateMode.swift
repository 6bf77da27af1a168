/// What a second row with the same key means. Raw values and names stand in files: never renumber.
public enum UpdateMode: UInt8, Sendable, Hashable, CaseIterable {
    /// The newest write of a key wins.
    case overwrite = 1
    /// All rows are kept, oldest write first.
    case append = 2
    /// One row a key: its columns of byte strings hold what was written, end to end, oldest first; of the other columns
    /// the newest write wins.
    case bytesAppend = 3

    /// As files have it.
    public var name: String {
        switch self {
        case .overwrite: "overwrite"
        case .append: "append"
        case .bytesAppend: "bytes-append"
        }
    }

    /// How rows of one key become what is stored.
    public var mergeOperator: any MergeOperator {
        switch self {
        case .overwrite: KeepNewest()
        case .append: KeepAll()
        case .bytesAppend: AppendBytes()
        }
    }
}
