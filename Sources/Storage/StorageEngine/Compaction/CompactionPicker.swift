import Columnar
import ManifestLog
import Platform

/// What to merge next: a pure function of the live SSTs.
///
/// - Inputs are neighbours in sequence order of one table and segment, so that ranges never overlap afterwards.
/// - Newest segments first. In a live segment neighbours of similar size merge in tiers; a segment that is over is
///   merged to one run, and again when enough came late.
enum CompactionPicker {
    struct Task: Equatable {
        var place: TableSegment
        /// In sequence order; ≥ 2.
        var inputs: [SSTID]
    }

    /// - Parameters:
    ///   - now: milliseconds since the epoch; tells which segments are over and how quiet they are.
    ///   - lastAddition: when a part was last added to a segment; absent: long ago.
    static func pick(
        from live: [SSTMetadata], busy: Set<SSTID>, now: Int64, lastAddition: [TableSegment: Int64],
        options: CompactionOptions
    ) -> Task? {
        let places = Dictionary(grouping: live) { TableSegment(table: $0.table, segment: $0.segment) }
        let newestFirst = places.sorted {
            ($0.key.segment.lowerBound, $1.key.table) > ($1.key.segment.lowerBound, $0.key.table)
        }
        for (place, parts) in newestFirst where parts.count >= 2 {
            guard !parts.contains(where: { busy.contains($0.id) }) else { continue }
            let inOrder = parts.sorted { $0.minSequence < $1.minSequence }
            // An hour of grace: the last flush of a segment comes after its end.
            let isOver = place.segment.upperBound <= now.addingSaturating(-3_600_000)
            let chosen =
                isOver
                ? wholeSegment(inOrder, quietSince: lastAddition[place] ?? .min, now: now, options)
                : tier(inOrder, options)
            if let chosen { return Task(place: place, inputs: chosen.map(\.id)) }
        }
        return nil
    }

    /// The oldest neighbours of a place that fit into one output, for `compact` on request, which asks until there are
    /// none: then the place is one run, or its runs are too large to be one.
    static func everything(of place: TableSegment, from live: [SSTMetadata], options: CompactionOptions) -> Task? {
        let parts = live.filter { $0.table == place.table && $0.segment == place.segment }
            .sorted { $0.minSequence < $1.minSequence }
        #if PLANTED_BUGS
            if PlantedBug.current == .mergesAcrossANeighbour, parts.count == 3 {
                return Task(place: place, inputs: [parts[0].id, parts[2].id])
            }
        #endif
        for start in parts.indices {
            var total: UInt64 = 0
            let stretch = parts[start...].prefix(options.maximumInputs).prefix { part in
                let (sum, overflow) = total.addingReportingOverflow(part.size)
                total = sum
                return !overflow && sum <= UInt64(options.maximumOutput.bytes)
            }
            if stretch.count >= 2 { return Task(place: place, inputs: stretch.map(\.id)) }
        }
        return nil
    }

    /// The longest stretch of similar neighbours, when it is long enough.
    private static func tier(_ parts: [SSTMetadata], _ options: CompactionOptions) -> [SSTMetadata]? {
        let floor = UInt64(options.smallestTier.bytes)
        var best: ArraySlice<SSTMetadata> = []
        var start = parts.startIndex
        while start < parts.endIndex {
            var end = start
            var least = UInt64.max
            var greatest: UInt64 = 0
            var total: UInt64 = 0
            while end < parts.endIndex, end - start < options.maximumInputs {
                let size = max(parts[end].size, floor)
                let (sum, overflow) = total.addingReportingOverflow(parts[end].size)
                let (bound, tooLarge) = min(least, size).multipliedReportingOverflow(by: options.sizeRatio)
                guard !overflow, sum <= UInt64(options.maximumOutput.bytes) else { break }
                guard tooLarge || max(greatest, size) <= bound else { break }
                least = min(least, size)
                greatest = max(greatest, size)
                total = sum
                end += 1
            }
            let stretch = parts[start..<end]
            if stretch.count > best.count { best = stretch }
            start += 1
        }
        return best.count >= options.fanIn ? Array(best) : nil
    }

    private static func wholeSegment(
        _ parts: [SSTMetadata], quietSince: Int64, now: Int64, _ options: CompactionOptions
    ) -> [SSTMetadata]? {
        let total = parts.reduce(UInt64(0)) { $0 &+ $1.size }
        guard total <= UInt64(options.maximumOutput.bytes), parts.count <= options.maximumInputs else {
            return tier(parts, options)
        }
        let run = parts.map(\.size).max() ?? 0
        let younger = total - run
        let hasMuch = younger >= run / 4
        let hasMany = parts.count - 1 >= options.lateParts
        let isQuiet = quietSince <= now.addingSaturating(-options.quietTime)
        return hasMuch || hasMany || isQuiet ? parts : nil
    }
}

extension Int64 {
    /// The sum, or the end of the range that it would pass.
    func addingSaturating(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }
}
