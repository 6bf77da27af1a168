import Columnar

extension Manifest {
    /// What must never be, in words; empty when all is well. For tests and `varve verify`: O(n log n).
    public func problems() -> [String] {
        var found: [String] = []
        for (id, sst) in live.sorted(by: { $0.key < $1.key }) {
            if sst.id != id { found.append("SST \(sst.id) is filed under \(id)") }
            if let problem = sst.problem { found.append(problem) }
            if removed[id] != nil { found.append("SST \(id) is live and removed") }
            if id.claim > claim { found.append("SST \(id) is of a newer claim than the manifest's \(claim)") }
        }
        struct Group: Hashable {
            var table: UInt16
            var segment: TimeRange
        }
        for (group, members) in Dictionary(grouping: live.values, by: { Group(table: $0.table, segment: $0.segment) }) {
            let ordered = members.sorted { ($0.minSequence, $0.id) < ($1.minSequence, $1.id) }
            for (i, sst) in ordered.enumerated() {
                for later in ordered[(i + 1)...] {
                    guard later.minSequence <= sst.maxSequence else { break }
                    if sst.mayShareKeys(with: later) {
                        found.append(
                            "SSTs \(sst.id) and \(later.id) of table \(group.table), segment \(group.segment) overlap in "
                                + "sequence numbers")
                    }
                }
            }
        }
        struct Start: Hashable {
            var table: UInt16
            var start: Timestamp
        }
        var segments: [Start: TimeRange] = [:]
        for sst in live.values {
            let start = Start(table: sst.table, start: sst.segment.lowerBound)
            if let other = segments.updateValue(sst.segment, forKey: start), other != sst.segment {
                found.append("segments \(other) and \(sst.segment) of table \(sst.table) overlap")
            }
        }
        return found
    }
}

extension SSTMetadata {
    /// Outputs of one compaction are cut by key and share the inputs' sequence range, which no others have; two of them may
    /// both hold a part of the one key at their border. (`minKey` need not be of the first key column, so of pieces of one
    /// run it says nothing.)
    fileprivate func mayShareKeys(with other: SSTMetadata) -> Bool {
        if minSequence == other.minSequence, maxSequence == other.maxSequence { return false }
        return minKey < other.maxKey && other.minKey < maxKey
    }
}
