public import Platform

/// What can be asked of a simulated disk and can fail.
public enum FileOperation: Sendable, Hashable, CaseIterable {
    case open, read, write, truncate, sync, makeDirectory, rename, remove, syncDirectory, lock
}

/// Lets operations of a `MemoryFileSystem` fail: which, where, after how many that pass, how often.
public struct FaultRule: Sendable {
    public var operations: Set<FileOperation>
    /// A part of the path; empty is everywhere.
    public var path: String
    /// Matches that pass before the first one that fails.
    public var passing: Int
    /// How many fail then; nil is all.
    public var times: Int?
    public var kind: FileSystemError.Kind

    public init(
        _ operations: Set<FileOperation>, path: String = "", passing: Int = 0, times: Int? = 1,
        _ kind: FileSystemError.Kind = .failed
    ) {
        self.operations = operations
        self.path = path
        self.passing = passing
        self.times = times
        self.kind = kind
    }

    /// Whether this operation fails; counts it.
    mutating func takes(_ operation: FileOperation, _ path: String) -> Bool {
        guard operations.contains(operation), self.path.isEmpty || path.contains(self.path) else { return false }
        if passing > 0 {
            passing -= 1
            return false
        }
        guard let left = times else { return true }
        times = max(left - 1, 0)
        return left > 0
    }
}
