import Columnar

/// Rows of a chunk key by key, for tables of (integer, time, double): nothing is copied but the rows that are wanted, once.
extension MemChunk {
    /// Calls `body` with each wanted key that has rows (ascending), their times (ascending strictly: of rows with one time the
    /// last counts) and values. Both are only there while it runs.
    ///
    /// - Returns: how many rows were looked at; nil: the chunk does not know where its keys stand, nothing was called.
    func forEachKey(
        _ rows: Int, _ scan: FileScan,
        _ body: (Int64, UnsafeBufferPointer<Int64>, UnsafeBufferPointer<Double>) throws -> Void
    ) rethrows -> Int? {
        guard holdsSamples, scan.filter == nil, scan.columns == nil,
            scan.selectionColumn == 0 || scan.keys == nil
        else { return nil }
        let order = order(rows: rows)
        guard let stretches = keyStretches(in: order), stretches.areKnown else { return nil }
        let sorted = sortedSamples(in: order)
        let times = int64s(1, rows: rows)
        let values = float64s(2)
        let bounds = scan.times.flatMap { isWithin($0, rows: rows) ? nil : $0 }
        var foundTimes: [Int64] = []
        var foundValues: [Double] = []
        var looked = 0
        func isWanted(_ time: Int64) -> Bool { bounds.map { $0.contains(time) } ?? true }
        try order.withUnsafeBufferPointer { order in
            try stretches.forEach(among: scan.keys) { key, range in
                looked += range.count
                foundTimes.removeAll(keepingCapacity: true)
                if let sorted {
                    sorted.appendTimes(range, to: &foundTimes)
                    var inside = 0..<foundTimes.count
                    if let bounds {
                        while let first = inside.first, foundTimes[first] < bounds.lowerBound {
                            inside.removeFirst()
                        }
                        while let last = inside.last, foundTimes[last] > bounds.upperBound {
                            inside.removeLast()
                        }
                    }
                    if inside.isEmpty { return }
                    try foundTimes.withUnsafeBufferPointer { times in
                        try sorted.values.withUnsafeBufferPointer { values in
                            let first = range.lowerBound + inside.lowerBound
                            try body(
                                key, UnsafeBufferPointer(rebasing: times[inside]),
                                UnsafeBufferPointer(rebasing: values[first..<first + inside.count]))
                        }
                    }
                    return
                }
                foundValues.removeAll(keepingCapacity: true)
                for row in order[range] {
                    let time = times[Int(row)]
                    if !isWanted(time) { continue }
                    if foundTimes.last == time {
                        foundValues[foundValues.count - 1] = values[Int(row)]
                    } else {
                        foundTimes.append(time)
                        foundValues.append(values[Int(row)])
                    }
                }
                guard !foundTimes.isEmpty else { return }
                try foundTimes.withUnsafeBufferPointer { times in
                    try foundValues.withUnsafeBufferPointer { values in try body(key, times, values) }
                }
            }
        }
        return looked
    }

    private var holdsSamples: Bool {
        schema.columns.count == 3 && schema.columns[0].type == .int64
            && schema.columns[1].type == .timestamp
            && schema.columns[2].type == .float64 && schema.timeColumn == 1
    }
}

/// Times and values of a chunk in key order, for chunks that are asked again and again: rows of one key lie side by side, where
/// in order of arrival each is a miss of the cache. No two rows have one key and time.
final class SortedSamples: Sendable {
    private enum Times {
        case whole([Int64])
        case packed([UInt32], IntegerPacking)
    }
    private let times: Times
    let values: [Double]

    /// nil: a key and time come twice.
    init?(_ order: [UInt32], keys: KeyStretches, times: StoredIntegers, values: UnsafePointer<Double>) {
        for i in 0..<keys.count {
            let range = keys.range(i)
            for place in range.dropFirst() where times[Int(order[place])] == times[Int(order[place - 1])] { return nil }
        }
        switch times.form {
        case .plain(let stored): self.times = .whole(order.map { stored[Int($0)] })
        case .packed(let stored, let packing):
            self.times = .packed(order.map { stored[Int($0)] }, packing)
        }
        self.values = order.map { values[Int($0)] }
    }

    @inline(__always)
    func appendTimes(_ range: Range<Int>, to found: inout [Int64]) {
        switch times {
        case .whole(let times): found.append(contentsOf: times[range])
        case .packed(let times, let packing): for i in range { found.append(packing.unpack(times[i])) }
        }
    }
}

extension KeyStretches {
    /// Calls `body` with each of the keys `wanted` (ascending; nil: all) that is there, and where its rows stand in the order.
    func forEach(among wanted: [Int64]?, _ body: (Int64, Range<Int>) throws -> Void) rethrows {
        try withPlaces { (keys, ends) in
            func range(_ i: Int) -> Range<Int> { (i == 0 ? 0 : Int(ends[i &- 1]))..<Int(ends[i]) }
            guard let wanted else {
                for i in keys.indices { try body(keys[i], range(i)) }
                return
            }
            try wanted.withUnsafeBufferPointer { wanted in
                // The shorter side is gone through, the longer one searched from where the last search ended.
                var at = 0
                if wanted.count < keys.count {
                    for key in wanted {
                        at = keys.firstIndex(notBelow: key, galloping: at)
                        if at == keys.count { break }
                        if keys[at] == key { try body(key, range(at)) }
                    }
                } else {
                    for i in keys.indices {
                        at = wanted.firstIndex(notBelow: keys[i], galloping: at)
                        if at == wanted.count { break }
                        if wanted[at] == keys[i] { try body(keys[i], range(i)) }
                    }
                }
            }
        }
    }
}
