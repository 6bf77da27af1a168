import Columnar
import ManifestLog
import Platform
import Testing

@testable import StorageEngine

/// What merging costs and how many parts it leaves, over simulated days: the picker on metadata alone, with sizes that add
/// up and merges that take no time.
@Suite struct WriteAmplificationTests {
    static let day: Int64 = 86_400_000
    static let minute: Int64 = 60_000

    /// The live SSTs of one table, and what was written to make them.
    private struct Table {
        var live: [SSTMetadata] = []
        var lastAddition: [TableSegment: Int64] = [:]
        var flushed: UInt64 = 0
        var merged: UInt64 = 0
        var mostLive = 0
        var mostOld = 0
        private var counter: UInt64 = 0
        private var sequence: UInt64 = 0
        private let options = CompactionOptions()

        mutating func flush(_ sizes: [Int64: UInt64], now: Int64) {
            sequence += 1
            for (day, size) in sizes where size > 0 {
                add(day, size, SequenceNumber(sequence)...SequenceNumber(sequence))
                flushed += size
                lastAddition[place(day)] = now
            }
            note(now)
            while let task = CompactionPicker.pick(
                from: live, busy: [], now: now, lastAddition: lastAddition, options: options)
            {
                merge(task)
                #expect(sequencesAreApart(in: task.place), "a merge left ranges that overlap")
            }
        }

        private func place(_ day: Int64) -> TableSegment {
            TableSegment(
                table: 1,
                segment: day * WriteAmplificationTests.day..<(day + 1) * WriteAmplificationTests.day)
        }

        private mutating func add(_ day: Int64, _ size: UInt64, _ sequences: ClosedRange<SequenceNumber>) {
            counter += 1
            let segment = place(day).segment
            live.append(
                SSTMetadata(
                    id: SSTID(claim: .init(1), counter: counter), table: 1, segment: segment, size: size, checksum: 0,
                    rows: 1, minTime: segment.lowerBound, maxTime: segment.lowerBound, minKey: 0, maxKey: 0,
                    minSequence: sequences.lowerBound, maxSequence: sequences.upperBound))
        }

        private mutating func merge(_ task: CompactionPicker.Task) {
            let inputs = live.filter { task.inputs.contains($0.id) }
            let size = inputs.reduce(0) { $0 + $1.size }
            let low = inputs.map(\.minSequence).min() ?? .zero
            let high = inputs.map(\.maxSequence).max() ?? .zero
            live.removeAll { task.inputs.contains($0.id) }
            add(task.place.segment.lowerBound / WriteAmplificationTests.day, size, low...high)
            merged += size
        }

        private func sequencesAreApart(in place: TableSegment) -> Bool {
            let parts = live.filter { $0.segment == place.segment }.sorted { $0.minSequence < $1.minSequence }
            return zip(parts, parts.dropFirst()).allSatisfy { $0.maxSequence < $1.minSequence }
        }

        private mutating func note(_ now: Int64) {
            for (segment, parts) in Dictionary(grouping: live, by: \.segment) {
                if segment.upperBound <= now - 3_600_000 - 10 * WriteAmplificationTests.minute {
                    mostOld = max(mostOld, parts.count)
                } else {
                    mostLive = max(mostLive, parts.count)
                }
            }
        }
    }

    /// A flush a minute, 4 MiB give or take, one row in ten out of order by up to half an hour; then the night after.
    @Test(arguments: [1, 10] as [Int64], UInt64(5)..<8)
    func aDayOfSteadyIngestIsWrittenFiveTimesAtMost(minutesPerFlush: Int64, seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var table = Table()
        let first: Int64 = 100
        var now = first * Self.day
        while now < (first + 1) * Self.day {
            now += minutesPerFlush * Self.minute
            let size = UInt64.random(in: 3 << 20...5 << 20, using: &random)
            let day = (now - 1) / Self.day
            var sizes = [day: size]
            // What is late may belong to the day before.
            let late = now - Int64.random(in: 0..<30, using: &random) * Self.minute
            sizes[day] = size - size / 10
            sizes[late / Self.day, default: 0] += size / 10
            table.flush(sizes, now: now)
        }
        // The day is over: two hours with nothing, then it is one run.
        for _ in 0..<12 {
            now += 10 * Self.minute
            table.flush([:], now: now)
        }
        let amplification = Double(table.flushed + table.merged) / Double(table.flushed)
        print("write amplification \(amplification), parts: live \(table.mostLive), old \(table.mostOld)")
        #expect(amplification <= 5)
        #expect(table.mostLive <= 24)
        #expect(table.mostOld <= 12)
        #expect(table.live.filter { $0.segment.lowerBound == first * Self.day }.count == 1)
    }

    /// Somebody brings in a day that is long over, a flush every second: not merged anew for each.
    @Test(arguments: [5, 60, 300] as [Int64]) func aDayBroughtInLateIsWrittenFiveTimesAtMost(flushes: Int64) {
        var table = Table()
        var now = 110 * Self.day
        for _ in 0..<flushes {
            now += 1_000
            table.flush([100: 16 << 20], now: now)
        }
        for _ in 0..<2 {
            now += 10 * Self.minute
            table.flush([:], now: now)
        }
        let amplification = Double(table.flushed + table.merged) / Double(table.flushed)
        print("write amplification of \(flushes) late flushes \(amplification), parts \(table.mostOld)")
        #expect(amplification <= 5)
        #expect(table.mostOld <= 12)
    }

    /// A month of days of 2 GiB; ten rows a minute go anywhere into it, flushed every ten minutes.
    @Test(arguments: [6, 9] as [UInt64]) func aTrickleOfLateRowsCostsLessThanOneDayADay(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var table = Table()
        let today: Int64 = 100
        let run: UInt64 = 2 << 30
        var now = today * Self.day
        table.flush(Dictionary(uniqueKeysWithValues: (today - 30..<today - 1).map { ($0, run) }), now: now)
        table.merged = 0
        for day in 0..<3 {
            let before = table.merged
            for _ in 0..<144 {
                now += 10 * Self.minute
                var sizes: [Int64: UInt64] = [:]
                for _ in 0..<100 {
                    // A row of its own costs a file of a few kilobytes.
                    let late = Int64.random(in: today - 30..<today - 1, using: &random)
                    sizes[late] = (sizes[late] ?? 3_000) + 30
                }
                table.flush(sizes, now: now)
            }
            print("day \(day): \(table.merged - before) bytes merged")
            #expect(table.merged - before < run)
        }
        #expect(table.mostOld <= 12)
    }
}
