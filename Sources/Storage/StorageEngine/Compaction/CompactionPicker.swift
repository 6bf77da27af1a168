import Columnar
import ManifestLog
import Platform

/// What to merge next: a pure function of the live SSTs.
///
/// - Parts are runs: objects that share a range of sequence numbers are pieces of one, and go together.
/// - Inputs are neighbours in sequence order of one table and segment, so that ranges never overlap afterwards. What is
///   busy or set aside is never merged around: it parts its neighbours.
/// - Nothing is merged across a takeover (`Takeover`): what its log brings in later belongs between.
/// - Newest segments first. In a live segment neighbours of similar size merge in tiers; a segment that is over is
///   merged to one run, and again when a quarter of it came late, or nothing comes any more; while it is being filled, when
///   it has grown fourfold. Late parts that number many are merged among themselves meanwhile: a trickle of late rows does
///   not rewrite a month of segments.
enum CompactionPicker {
    struct Task: Equatable {
        var place: TableSegment
        /// Objects in sequence order, runs whole; two runs at least.
        var inputs: [SSTID]
    }

    /// The objects of one run, as one part.
    struct Run: Equatable {
        var ids: [SSTID]
        var size: UInt64
        var minSequence: SequenceNumber
        var maxSequence: SequenceNumber
    }

    /// - Parameters:
    ///   - busy: inputs of merges under way, and such as are set aside for their bytes.
    ///   - now: milliseconds since the epoch; tells which segments are over and how quiet they are.
    ///   - lastAddition: when a part was last added to a segment; absent: long ago.
    ///   - takeovers: the first numbers of claims over others.
    static func pick(
        from live: [SSTMetadata], busy: Set<SSTID>, now: Int64, lastAddition: [TableSegment: Int64],
        takeovers: [SequenceNumber] = [], options: CompactionOptions
    ) -> Task? {
        let places = Dictionary(grouping: live) { TableSegment(table: $0.table, segment: $0.segment) }
        let newestFirst = places.sorted {
            ($0.key.segment.lowerBound, $1.key.table) > ($1.key.segment.lowerBound, $0.key.table)
        }
        for (place, parts) in newestFirst where parts.count >= 2 {
            let stretches = stretches(of: runs(parts), without: busy, parted: takeovers)
            // An hour of grace: the last flush of a segment comes after its end.
            let isOver = place.segment.upperBound <= now.addingSaturating(-3_600_000)
            for runs in stretches where runs.count >= 2 {
                let chosen =
                    isOver
                    ? wholeSegment(runs, quietSince: lastAddition[place] ?? .min, now: now, options)
                    : tier(runs, options)
                if let chosen { return Task(place: place, inputs: chosen.flatMap(\.ids)) }
            }
        }
        return nil
    }

    /// The oldest neighbours of a place that may be merged at once, for `compact` on request, which asks until there are
    /// none: then the place is one run, but for what is busy or set aside.
    static func everything(
        of place: TableSegment, from live: [SSTMetadata], busy: Set<SSTID>, takeovers: [SequenceNumber] = [],
        options: CompactionOptions
    ) -> Task? {
        let parts = live.filter { $0.table == place.table && $0.segment == place.segment }
        #if PLANTED_BUGS
            let planted = runs(parts)
            if PlantedBug.current == .mergesAcrossANeighbour, planted.count == 3 {
                return Task(place: place, inputs: planted[0].ids + planted[2].ids)
            }
        #endif
        for runs in stretches(of: runs(parts), without: busy, parted: takeovers) where runs.count >= 2 {
            return Task(place: place, inputs: runs.prefix(options.maximumInputs).flatMap(\.ids))
        }
        return nil
    }

    /// The runs of one place in sequence order.
    static func runs(_ parts: [SSTMetadata]) -> [Run] {
        var found: [Run] = []
        for part in parts.sorted(by: { ($0.minSequence, $0.id) < ($1.minSequence, $1.id) }) {
            if let last = found.indices.last, found[last].minSequence == part.minSequence,
                found[last].maxSequence == part.maxSequence
            {
                found[last].ids.append(part.id)
                found[last].size &+= part.size
            } else {
                found.append(
                    Run(
                        ids: [part.id], size: part.size, minSequence: part.minSequence, maxSequence: part.maxSequence))
            }
        }
        return found
    }

    private static func stretches(
        of runs: [Run], without busy: Set<SSTID>, parted takeovers: [SequenceNumber]
    ) -> [[Run]] {
        var found: [[Run]] = []
        for stretch in runs.split(whereSeparator: { run in run.ids.contains { busy.contains($0) } }) {
            found.append([])
            for run in stretch {
                let last = found.last?.last?.maxSequence
                let isParted = takeovers.contains { end in last.map { $0 < end && end <= run.minSequence } ?? false }
                if isParted { found.append([]) }
                found[found.count - 1].append(run)
            }
        }
        return found
    }

    /// The longest stretch of similar neighbours, when it is long enough; else, where there are too many parts, the
    /// neighbours whose merge costs least for each part that goes.
    private static func tier(_ runs: [Run], _ options: CompactionOptions) -> [Run]? {
        let floor = UInt64(options.smallestTier.bytes)
        var best: ArraySlice<Run> = []
        for start in runs.indices {
            var end = start
            var least = UInt64.max
            var greatest: UInt64 = 0
            while end < runs.endIndex, end - start < options.maximumInputs {
                let size = max(runs[end].size, floor)
                let (bound, tooLarge) = min(least, size).multipliedReportingOverflow(by: options.sizeRatio)
                guard tooLarge || max(greatest, size) <= bound else { break }
                least = min(least, size)
                greatest = max(greatest, size)
                end += 1
            }
            let stretch = runs[start..<end]
            if stretch.count > best.count { best = stretch }
        }
        if best.count >= options.fanIn { return Array(best) }
        return runs.count >= options.liveParts ? cheapest(runs, options) : nil
    }

    /// Neighbours, at least half a fan-in of them, that cost the fewest bytes for each part that goes.
    private static func cheapest(_ runs: [Run], _ options: CompactionOptions) -> [Run]? {
        var best: (runs: ArraySlice<Run>, cost: UInt64)?
        let fewest = max(2, options.fanIn / 2)
        for start in runs.indices {
            var total: UInt64 = 0
            for end in start..<min(runs.endIndex, start + options.maximumInputs) {
                let (sum, overflow) = total.addingReportingOverflow(runs[end].size)
                guard !overflow else { break }
                total = sum
                let count = end - start + 1
                guard count >= fewest else { continue }
                let cost = total / UInt64(count - 1)
                if best.map({ cost < $0.cost }) ?? true { best = (runs[start...end], cost) }
            }
        }
        return best.map { Array($0.runs) }
    }

    private static func wholeSegment(
        _ runs: [Run], quietSince: Int64, now: Int64, _ options: CompactionOptions
    ) -> [Run]? {
        // More than fit into one merge: the oldest of them first.
        guard runs.count <= options.maximumInputs else { return Array(runs.prefix(options.maximumInputs)) }
        let largest = runs.map(\.size).max() ?? 0
        var younger: UInt64 = 0
        var isLarge = false
        for run in runs {
            let (sum, overflow) = younger.addingReportingOverflow(run.size)
            younger = sum
            isLarge = isLarge || overflow
        }
        let isFilling = quietSince > now.addingSaturating(-options.fillingTime)
        let (threefold, isBeyond) = largest.multipliedReportingOverflow(by: 3)
        let much = isFilling ? (isBeyond ? .max : threefold) : largest / 4
        let hasMuch = isLarge || younger - largest >= much
        let isQuiet = quietSince <= now.addingSaturating(-options.quietTime)
        if hasMuch || isQuiet { return runs }
        return runs.count >= options.lateParts ? lateParts(runs, largest) : nil
    }

    /// Of the parts that came after the main one, the youngest that together outweigh the one before them: as a counter in
    /// the binary system carries, so that a late row is rewritten a few times only.
    private static func lateParts(_ runs: [Run], _ largest: UInt64) -> [Run]? {
        guard let main = runs.firstIndex(where: { $0.size == largest }), main == 0 else { return runs }
        var start = runs.endIndex - 2
        var total = runs[runs.endIndex - 1].size
        while start > main + 1 {
            // It stays when it is larger than all that came after it; but half of the parts go in any case.
            if runs[start - 1].size > total &+ runs[start].size, runs.endIndex - start > runs.count / 2 { break }
            total &+= runs[start].size
            start -= 1
        }
        return Array(runs[max(start, main + 1)...])
    }
}

extension Int64 {
    /// The sum, or the end of the range that it would pass.
    func addingSaturating(_ other: Int64) -> Int64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? (other < 0 ? .min : .max) : sum
    }
}
