import MetricModel
import Parquet
import Platform
import StorageEngine

/// The newest sample of each of some ids, found source by source.
///
/// - Sources are asked from the newest to the oldest: a sample replaces another only where it is later, so that of equal
///   times the newest source's stays.
/// - A source that has no later time than every id's sample is passed over.
struct NewestSamples {
    private let keys: [Int64]
    private let times: ClosedRange<Int64>
    private var newest: [Int64]
    private var values: [Double]
    private var found = 0
    /// No id's sample is earlier; looked for anew only after a source had its say.
    private var earliest = Int64.min
    /// Before every time that counts.
    private static let none = Int64.min
    /// Of so many series of an object one must be asked for, or their ends are not worth remembering.
    private static let seriesForEach = 64

    /// - Parameter keys: ids, ascending.
    init(_ keys: [Int64], in times: ClosedRange<Int64>) {
        self.keys = keys
        self.times = times
        newest = [Int64](inHugePages: Self.none, count: keys.count)
        values = [Double](inHugePages: 0, count: keys.count)
    }

    mutating func take(_ sources: [ScanSource], _ counters: ScanCounters, _ tails: TailCache) async throws {
        for source in sources.reversed() {
            try Task.checkCancellation()
            RestingPoint.pass()
            if found == keys.count {
                earliest = newest.min() ?? Self.none
                if earliest >= source.last { continue }
            }
            if let cursor = try await source.cursorOfObject() as? SamplesCursor {
                try await take(cursor, endingAt: source.last, counters, tails)
            } else {
                while let batch = try await source.next() {
                    add(SamplesRows(batch))
                }
            }
        }
    }

    /// Rows of a source: of each id the last row counts.
    private mutating func add(_ rows: SamplesRows) {
        guard let first = rows.series.first else { return }
        var at = keys.firstIndex(notBelow: first.id, from: 0)
        var row = 0
        for piece in rows.series {
            row += piece.rows
            at = keys.firstIndex(notBelow: piece.id, galloping: at)
            guard at < keys.count, keys[at] == piece.id else { continue }
            offer(at, rows.times[row - 1], rows.values[row - 1])
        }
    }

    @inline(__always)
    private mutating func offer(_ at: Int, _ time: Int64, _ value: Double) {
        guard time > newest[at] else { return }
        if newest[at] == Self.none { found += 1 }
        newest[at] = time
        values[at] = value
    }

    private mutating func read(_ cursor: SamplesCursor, _ counters: ScanCounters) async throws {
        // By pages that stay in the cache: only the ends of them are looked at.
        while let runs = try await cursor.nextRuns() {
            try Task.checkCancellation()
            RestingPoint.pass()
            let rows = runs.reduce(0) { $0 + $1.times.count }
            counters.add { $0.rowsRead += UInt64(rows) }
            var at = 0
            for run in runs {
                at = keys.firstIndex(notBelow: run.id, galloping: at)
                guard at < keys.count, keys[at] == run.id, let last = run.times.indices.last,
                    let value = run.values.decoded(last..<last + 1).first
                else { continue }
                offer(at, run.times[last], value)
            }
        }
    }

    /// An object: what is known of the ends of its series first, then what has to be read.
    private mutating func take(
        _ cursor: SamplesCursor, endingAt last: Int64, _ counters: ScanCounters, _ tails: TailCache
    ) async throws {
        let reader = cursor.reader
        // An object that goes on long after the times in question has ends of series that tell nothing about them.
        guard let times = cursor.scan.times,
            last.subtractingReportingOverflow(times.upperBound).partialValue
                <= times.upperBound.subtractingReportingOverflow(times.lowerBound).partialValue,
            let ids = try await reader.allIDs()
        else { return try await read(cursor, counters) }
        let remembered = tails.tail(of: reader.file.name, series: ids.count)
        // For a few series of many nothing is learnt: room for all of them would cost more than reading these.
        func areFew(_ series: Int) -> Bool { series < ids.count / Self.seriesForEach }
        if remembered == nil, areFew(keys.count) { return try await read(cursor, counters) }
        let known = remembered ?? .unknown(ids.count)
        let unknown = offer(known, ids, times)
        guard !unknown.isEmpty else { return }
        if areFew(unknown.count) {
            var scan = cursor.scan
            scan.keys = unknown
            return try await read(SamplesCursor(reader, scan), counters)
        }
        // To the end of each series, so that its last sample is known from now on.
        var scan = cursor.scan
        scan.keys = unknown
        scan.times = times.lowerBound...Int64.max
        let rest = SamplesCursor(reader, scan)
        var learnt = known
        var slot = 0
        var at = 0
        var lastOfSeries: (id: Int64, time: Int64, value: Double)?
        func learn() {
            guard let last = lastOfSeries else { return }
            slot = ids.firstIndex(notBelow: last.id, from: slot)
            learnt.times[slot] = last.time
            learnt.values[slot] = last.value
        }
        while let rows = try await rest.nextRows() {
            try Task.checkCancellation()
            RestingPoint.pass()
            counters.add { $0.rowsRead += UInt64(rows.count) }
            var row = 0
            for piece in rows.series {
                let range = row..<row + piece.rows
                row = range.upperBound
                if let last = lastOfSeries, last.id != piece.id { learn() }
                lastOfSeries = (piece.id, rows.times[row - 1], rows.values[row - 1])
                at = keys.firstIndex(notBelow: piece.id, galloping: at)
                guard at < keys.count, keys[at] == piece.id else { continue }
                // Times ascend within a piece.
                var last = range.upperBound - 1
                while last >= range.lowerBound, rows.times[last] > times.upperBound { last -= 1 }
                if last >= range.lowerBound { offer(at, rows.times[last], rows.values[last]) }
            }
        }
        learn()
        tails.keep(learnt, of: reader.file.name)
    }

    /// The ends of an object's series, as far as they are known.
    /// - Parameter ids: of the object's series, ascending.
    /// - Returns: keys whose series have an end that is not known, or lies after `times`.
    private mutating func offer(_ known: ObjectTail, _ ids: [Int64], _ times: ClosedRange<Int64>) -> [Int64] {
        precondition(known.times.count == ids.count && known.values.count == ids.count)
        var unknown: [Int64] = []
        var found = 0
        // A question may be about a million series: each array's bounds and owner are looked at once. With three levels less,
        // arrays in place of their memory, counting a million took 49 in place of 45 ms.
        keys.withUnsafeBufferPointer { keys in
            ids.withUnsafeBufferPointer { ids in
                known.times.withUnsafeBufferPointer { lastTimes in
                    known.values.withUnsafeBufferPointer { lastValues in
                        newest.withUnsafeMutableBufferPointer { newest in
                            values.withUnsafeMutableBufferPointer { values in
                                var slot = 0
                                for at in keys.indices {
                                    slot = ids.firstIndex(notBelow: keys[at], galloping: slot)
                                    if slot == ids.count { break }
                                    guard ids[slot] == keys[at] else { continue }
                                    let last = lastTimes[slot]
                                    if last == Self.none || last > times.upperBound {
                                        unknown.append(keys[at])
                                    } else if last >= times.lowerBound, last > newest[at] {
                                        if newest[at] == Self.none { found += 1 }
                                        newest[at] = last
                                        values[at] = lastValues[slot]
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        self.found += found
        return unknown
    }

    /// The samples as one vector.
    /// - Parameter ordinals: of the keys, in `source`.
    func vector(_ source: any LabelSource, _ ordinals: [UInt32]) -> NewestVector {
        var vector = NewestVector(source)
        if found == keys.count {
            vector.ordinals = ordinals
            vector.values = values
            return vector
        }
        vector.ordinals.reserveCapacity(found)
        vector.values.reserveCapacity(found)
        for at in keys.indices where newest[at] != Self.none {
            vector.ordinals.append(ordinals[at])
            vector.values.append(values[at])
        }
        return vector
    }

    /// One for each id that has a sample, in the order of the ids.
    /// - Parameter groups: of the keys.
    func pieces(groups: ArraySlice<UInt32>) -> [SamplePiece] {
        var pieces: [SamplePiece] = []
        pieces.reserveCapacity(found)
        // Most series were sampled together with the one before.
        var shared: [Int64] = []
        for (at, group) in zip(keys.indices, groups) where newest[at] != Self.none {
            if shared.first != newest[at] { shared = [newest[at]] }
            pieces.append(
                SamplePiece(
                    group: group, timestamps: shared, values: .ready([values[at]]),
                    hasStaleMarkers: StaleMarker.isStale(values[at])))
        }
        return pieces
    }
}
