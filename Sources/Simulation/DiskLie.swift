/// A promise of a file system that is not kept: what crash tests must notice, or they prove nothing.
public enum DiskLie: Sendable, Hashable {
    /// `sync` of a file returns and does nothing.
    case forgetsBytes
    /// `syncDirectory` below this path returns and does nothing.
    case forgetsNames(below: String)
    /// Now and then half of a write is written, and called the whole.
    case writesShort
    /// A sync that fails is tried again and succeeds: what the first try dropped stays lost.
    case syncsAgain

    func forgetsNames(of path: String) -> Bool {
        guard case .forgetsNames(let root) = self else { return false }
        return path.hasPrefix(root)
    }
}
