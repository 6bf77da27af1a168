public import Columnar
import ManifestLog
public import Platform

/// The state of a region's part list and manifest: to see whether either has changed.
public struct RegionState: Sendable, Equatable {
    public var epoch = Epoch.zero
    public var version = ManifestVersion.zero
    public init() {}
}

extension Region {
    /// What must never be, of part list and manifest, in words; empty when all is well. For tests: O(n log n).
    public func problems() -> [String] { snapshot.parts.problems() + manifest.manifest.problems() }

    /// The same, when anything changed since `state`, which is moved on.
    public func problems(since state: inout RegionState) -> [String] {
        var now = RegionState()
        now.epoch = snapshot.epoch
        now.version = manifest.manifest.version
        guard now != state else { return [] }
        state = now
        return problems()
    }
}
