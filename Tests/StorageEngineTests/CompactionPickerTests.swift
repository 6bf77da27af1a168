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

    /// What the log of a takeover brings in later belongs between the two sides.
    @Test func nothingIsMergedAcrossATakeover() {
        let parts = Self.parts([UInt64](repeating: 1, count: 16))
        let place = TableSegment(table: 1, segment: parts[0].segment)
        for (end, expected) in [(9, [0..<8, 8..<16]), (1, [0..<16]), (17, [0..<16]), (16, [0..<15, 15..<16])] {
            let takeovers = [SequenceNumber(UInt64(end))]
            let over = CompactionPicker.pick(
                from: parts, busy: [], now: 20 * Self.day, lastAddition: [:], takeovers: takeovers, options: .init())
            #expect(over?.inputs == Array(parts[expected[0]].map(\.id)))
            let whole = CompactionPicker.everything(
                of: place, from: parts, busy: [], takeovers: takeovers, options: .init())
            #expect(whole?.inputs == Array(parts[expected[0]].map(\.id)))
        }
        let sides = [parts[0], parts[1]]
        #expect(
            CompactionPicker.everything(
                of: place, from: sides, busy: [], takeovers: [SequenceNumber(2)], options: .init()) == nil)
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

    @Test func whatIsBusyIsNeverMergedAround() {
        let parts = Self.parts([UInt64](repeating: 1, count: 8))
        #expect(Self.pick(parts, busy: [parts[3].id]) == nil)
        // The neighbours on one side of it still merge.
        let more = Self.parts([UInt64](repeating: 1, count: 12))
        #expect(Self.pick(more, busy: [more[2].id]) == Array(3..<12))
    }

    @Test func piecesOfARunGoTogether() {
        var parts = Self.parts([UInt64](repeating: 1, count: 10))
        // 2, 3 and 4 are one run: eight parts in all.
        for i in 2...4 { (parts[i].minSequence, parts[i].maxSequence) = (.init(3), .init(5)) }
        #expect(Self.pick(Array(parts.prefix(9))) == nil)
        #expect(Self.pick(parts) == Array(0..<10))
        #expect(Self.pick(parts, busy: [parts[3].id]) == nil, "one busy piece holds back its run")
    }

    @Test func tooManyPartsOfALiveSegmentMergeWhereItIsCheapest() {
        // Sizes that fall by more than the ratio: no tier, but twenty parts.
        let sizes = (0..<20).map { UInt64(1) << UInt64(60 - 3 * $0) }.map { max($0, 1) }
        var options = CompactionOptions()
        options.smallestTier = ByteCount(1)
        let picked = CompactionPicker.pick(
            from: Self.parts(sizes), busy: [], now: 10 * Self.day + Self.hour, lastAddition: [:], options: options)
        #expect(picked?.inputs.map { $0.counter % 1_000 } == [16, 17, 18, 19])
    }

    /// The ancestors' picker took the newest segment with two files or more, smaller ones first, and never one that was
    /// marked; expired ones went on their own (S2, "Tests"). Theirs: sizes 100 … 96, ranges of 10 in segments of 20, expiry
    /// at 15. Here neighbours are taken whatever their size, and expiry is `Expiry`'s.
    @Test func theAncestorsCases() {
        func part(_ i: Int) -> SSTMetadata {
            let segment = Int64(i / 2) * 20
            let sequence = SequenceNumber(UInt64(i + 1))
            return SSTMetadata(
                id: SSTID(claim: .init(1), counter: UInt64(i)), table: 1, segment: segment..<segment + 20,
                size: UInt64(100 - i), checksum: 0, rows: 1, minTime: Int64(i) * 10, maxTime: Int64(i) * 10 + 9,
                minKey: 0,
                maxKey: 0, minSequence: sequence, maxSequence: sequence)
        }
        let live = (0..<5).map(part)
        let now = Self.hour + 1_000
        let first = CompactionPicker.pick(from: live, busy: [], now: now, lastAddition: [:], options: .init())
        #expect(first?.inputs.map(\.counter) == [2, 3], "the newest segment with two")
        let marked = Set(first?.inputs ?? [])
        let second = CompactionPicker.pick(from: live, busy: marked, now: now, lastAddition: [:], options: .init())
        #expect(second?.inputs.map(\.counter) == [0, 1], "what is marked is not taken again")
        let all = marked.union(second?.inputs ?? [])
        #expect(CompactionPicker.pick(from: live, busy: all, now: now, lastAddition: [:], options: .init()) == nil)
        // By the segment's end, not by the file's: the file 0 … 9 stays while its segment ends at 20.
        #expect(Expiry.expired(live, oldestTime: 15).isEmpty)
        #expect(Expiry.expired(live, oldestTime: 20).flatMap(\.ids).map(\.counter) == [0, 1])
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
        #expect(late(10, 10, addedAt: over) == nil)
        // Then they merge among themselves: the run of the day is not rewritten for them.
        #expect(late(11, 10, addedAt: over) == Array(1...11))
        #expect(late(1, 250, addedAt: over - Self.hour)?.count == 2)
        #expect(late(1, 10, addedAt: over - Self.day)?.count == 2)
        // While somebody fills the segment it is merged when it has grown fourfold.
        #expect(late(1, 250, addedAt: over) == nil)
        #expect(late(2, 1_000, addedAt: over) == nil)
        #expect(late(3, 1_000, addedAt: over)?.count == 4)
    }

    @Test func newestSegmentFirst() {
        let now = 12 * Self.day
        let old = Self.parts([UInt64](repeating: 1, count: 8), day: 9)
        let new = Self.parts([UInt64](repeating: 1, count: 8), day: 10)
        let picked = CompactionPicker.pick(from: old + new, busy: [], now: now, lastAddition: [:], options: .init())
        #expect(picked?.place.segment.lowerBound == 10 * Self.day)
    }

    @Test func theRunOfADayMayBeOfAnySize() {
        let sizes = [UInt64](repeating: 200 * 1_024 * Self.mebibyte, count: 12)
        let over = 11 * Self.day + 2 * Self.hour
        #expect(Self.pick(Self.parts(sizes), now: over) == Array(0..<12))
    }

    @Test func sizesBeyondReasonDoNotOverflow() {
        let over = 11 * Self.day + 2 * Self.hour
        #expect(Self.pick(Self.parts([.max, .max, .max]), now: over) == [0, 1, 2])
        #expect(Self.pick(Self.parts([UInt64](repeating: .max, count: 8))) == Array(0..<8))
    }

    @Test func aMergeHasABoundOfInputs() {
        let many = Self.parts([UInt64](repeating: 1, count: 100))
        #expect(Self.pick(many)?.count == 64)
        #expect(Self.pick(many, now: 20 * Self.day)?.count == 64)
    }

    @Test func everythingOnRequestIsOneRunInTheEnd() {
        func everything(_ sizes: [UInt64], busy: Set<Int> = []) -> [UInt64]? {
            let parts = Self.parts(sizes)
            let place = TableSegment(table: 1, segment: parts[0].segment)
            return CompactionPicker.everything(
                of: place, from: parts, busy: Set(busy.map { parts[$0].id }), options: .init())?.inputs.map {
                    $0.counter % 1_000
                }
        }
        #expect(everything([1]) == nil)
        #expect(everything([1, 1, 1]) == [0, 1, 2])
        #expect(everything([.max, .max, 1]) == [0, 1, 2])
        #expect(everything([1, 1, 1, 1], busy: [1]) == [2, 3])
        #expect(everything([UInt64](repeating: 1, count: 100))?.count == 64)
    }
}
