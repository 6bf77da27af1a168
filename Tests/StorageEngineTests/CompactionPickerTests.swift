import Columnar
import ManifestLog
import Platform
import Testing

@testable import StorageEngine

/// What is merged, as a table of cases.
@Suite struct CompactionPickerTests {
    static let day: Int64 = 86_400_000
    static let hour: Int64 = 3_600_000
    static let mebibyte: UInt64 = 1 << 20

    /// Parts of given sizes in sequence order, in the segment that starts at `day` days.
    static func parts(_ sizes: [UInt64], day: Int64 = 10, table: UInt16 = 1, firstSequence: UInt64 = 1) -> [SSTMetadata]
    {
        sizes.enumerated().map { i, size in
            let start = day * Self.day
            let sequence = SequenceNumber(firstSequence + UInt64(i))
            return SSTMetadata(
                id: SSTID(claim: .init(1), counter: UInt64(day) * 1_000 + UInt64(table) * 100_000 + UInt64(i)),
                table: table, segment: start..<start + Self.day, size: size, checksum: 0, rows: 1, minTime: start,
                maxTime: start, minKey: 0, maxKey: 0, minSequence: sequence, maxSequence: sequence)
        }
    }

    static func pick(
        _ live: [SSTMetadata], now: Int64 = 10 * day + 12 * hour, busy: Set<SSTID> = [],
        lastAddition: [TableSegment: Int64] = [:]
    ) -> [UInt64]? {
        CompactionPicker.pick(from: live, busy: busy, now: now, lastAddition: lastAddition, options: .init())?
            .inputs.map { $0.counter % 1_000 }
    }

    @Test func aFewPartsOfTheLiveSegmentStay() {
        #expect(Self.pick([]) == nil)
        #expect(Self.pick(Self.parts([1])) == nil)
        #expect(Self.pick(Self.parts([UInt64](repeating: 1, count: 7))) == nil)
    }

    @Test func eightSimilarNeighboursMerge() {
        #expect(Self.pick(Self.parts([UInt64](repeating: 1, count: 8))) == Array(0..<8))
        let afterOneLarge = Self.parts([100 * Self.mebibyte] + [UInt64](repeating: Self.mebibyte, count: 8))
        #expect(Self.pick(afterOneLarge) == Array(1..<9))
    }

    @Test func aLargeNeighbourBetweenSmallOnesParts() {
        let sizes = [UInt64](repeating: 1, count: 5) + [100 * Self.mebibyte] + [UInt64](repeating: 1, count: 5)
        #expect(Self.pick(Self.parts(sizes)) == nil)
    }

    @Test func inputsAreNeighboursInSequenceOrderWhateverTheListOrder() {
        let parts = Self.parts([UInt64](repeating: 1, count: 9))
        #expect(Self.pick(parts.reversed()) == Array(0..<9))
    }

    @Test func busyPartsKeepTheirPlaceToThemselves() {
        let parts = Self.parts([UInt64](repeating: 1, count: 8))
        #expect(Self.pick(parts, busy: [parts[3].id]) == nil)
    }

    @Test func aSegmentThatIsOverBecomesOneRun() {
        let over = 11 * Self.day + 2 * Self.hour
        #expect(Self.pick(Self.parts([10, 1]), now: over) == [0, 1])
        // Not in the hour after its end: its last flush is still to come.
        #expect(Self.pick(Self.parts([10, 1]), now: 11 * Self.day + Self.hour / 2) == nil)
    }

    @Test func lateRowsWaitUntilTheyAreWorthIt() {
        let over = 11 * Self.day + 2 * Self.hour
        let segment = 10 * Self.day..<11 * Self.day
        let place = TableSegment(table: 1, segment: segment)
        func late(_ count: Int, _ size: UInt64, addedAt: Int64) -> [UInt64]? {
            let parts = Self.parts([1_000] + [UInt64](repeating: size, count: count))
            return Self.pick(parts, now: over, lastAddition: [place: addedAt])
        }
        #expect(late(1, 10, addedAt: over) == nil)
        #expect(late(11, 10, addedAt: over) == nil)
        #expect(late(12, 10, addedAt: over)?.count == 13)
        #expect(late(1, 250, addedAt: over)?.count == 2)
        #expect(late(1, 10, addedAt: over - Self.day)?.count == 2)
    }

    @Test func newestSegmentFirst() {
        let now = 12 * Self.day
        let old = Self.parts([UInt64](repeating: 1, count: 8), day: 9)
        let new = Self.parts([UInt64](repeating: 1, count: 8), day: 10)
        let picked = CompactionPicker.pick(from: old + new, busy: [], now: now, lastAddition: [:], options: .init())
        #expect(picked?.place.segment.lowerBound == 10 * Self.day)
    }

    @Test func outputsStayBelowTheBound() {
        let sizes = [UInt64](repeating: 200 * Self.mebibyte, count: 12)
        let over = 11 * Self.day + 2 * Self.hour
        #expect(Self.pick(Self.parts(sizes), now: over) == nil)
    }

    @Test func aMergeHasABoundOfInputs() {
        let many = Self.parts([UInt64](repeating: 1, count: 100))
        #expect(Self.pick(many)?.count == 64)
        #expect(Self.pick(many, now: 20 * Self.day)?.count == 64)
    }

    @Test func everythingOnRequestKeepsToTheBoundOfAnOutput() {
        let gibibyte = 1_024 * Self.mebibyte
        func everything(_ sizes: [UInt64]) -> [UInt64]? {
            let parts = Self.parts(sizes)
            let place = TableSegment(table: 1, segment: parts[0].segment)
            return CompactionPicker.everything(of: place, from: parts, options: .init())?.inputs.map {
                $0.counter % 1_000
            }
        }
        #expect(everything([1]) == nil)
        #expect(everything([1, 1, 1]) == [0, 1, 2])
        #expect(everything([gibibyte, gibibyte]) == nil)
        #expect(everything([gibibyte, 1, 1]) == [1, 2])
        #expect(everything([.max, .max, 1]) == nil)
        #expect(everything([gibibyte / 2, gibibyte / 2, 1]) == [0, 1])
        #expect(everything([UInt64](repeating: 1, count: 100))?.count == 64)
    }
}
