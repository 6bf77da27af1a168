public import Columnar

extension Manifest {
    /// The manifest after one change, or why there is none. The claim stays.
    ///
    /// - Parameters:
    ///   - version: the change's number, above this manifest's.
    ///   - removedAt: when the change was made, in milliseconds by the store's clock.
    /// - Throws: `.invalid`, for a change that cannot have been meant: an id added twice, an unknown one removed, a cut or
    ///   a counter that falls, rows outside their segment.
    public func applying(
        _ change: ManifestChange, version: ManifestVersion, removedAt: Int64
    ) throws(ManifestError) -> Manifest {
        guard version > self.version else {
            throw .invalid("version \(version) does not come after version \(self.version)")
        }
        var next = self
        next.version = version
        for id in change.collected {
            guard next.removed.removeValue(forKey: id) != nil else {
                throw .invalid("SST \(id) is collected but was not removed before")
            }
        }
        for id in change.removed {
            guard let sst = next.live.removeValue(forKey: id) else {
                throw .invalid("SST \(id) is removed but is not live")
            }
            next.removed[id] = RemovedSST(table: sst.table, segment: sst.segment, removedAt: removedAt)
        }
        for sst in change.added {
            if let problem = sst.problem { throw .invalid(problem) }
            // Against the state before, too: an id that goes and comes in one change is no new id.
            guard live[sst.id] == nil, removed[sst.id] == nil, next.live.updateValue(sst, forKey: sst.id) == nil else {
                throw .invalid("SST \(sst.id) is added although there is one of that name")
            }
        }
        if let cut = change.cut {
            guard cut >= self.cut else { throw .invalid("the cut falls from \(self.cut) to \(cut)") }
            next.cut = cut
        }
        for (name, value) in change.counters {
            guard CounterRecord.isName(name) else { throw .invalid("a counter cannot be named `\(name)`") }
            let old = next.counters.updateValue(value, forKey: name) ?? 0
            guard value >= old else { throw .invalid("counter \(name) falls from \(old) to \(value)") }
        }
        return next
    }
}

extension ManifestChange {
    /// It says nothing: no change, no version.
    public var isEmpty: Bool {
        added.isEmpty && removed.isEmpty && cut == nil && counters.isEmpty && collected.isEmpty
    }
}

extension SSTMetadata {
    /// Why no SST is like that.
    var problem: String? {
        guard minTime <= maxTime, segment.contains(minTime), segment.contains(maxTime) else {
            return "SST \(id) has times \(minTime) … \(maxTime) outside its segment \(segment)"
        }
        guard minSequence <= maxSequence else {
            return "SST \(id) has sequences \(minSequence) … \(maxSequence)"
        }
        guard minKey <= maxKey else { return "SST \(id) has keys \(minKey) … \(maxKey)" }
        return nil
    }
}
