import Columnar
import Platform
import Testing

@testable import WAL

@Suite struct TailVerdictTests {
    private static let header = UInt64(LogSegmentHeader.size)

    /// A log segment whose sound batches end at `end` and know `synced`.
    private func used(
        _ number: UInt64, end: UInt64, dirty: UInt64? = nil, synced: [UInt64: UInt64] = [:], chain: Bool = true,
        strays: Bool = false
    ) -> SegmentFinding {
        var finding = SegmentFinding(
            number: LogSegmentNumber(number), fileSize: 65_536, chainEnd: end, dirtyEnd: max(dirty ?? end, end))
        finding.hasChain = chain
        finding.hasBatches = chain || strays
        for (segment, offset) in synced { finding.synced[LogSegmentNumber(segment)] = offset }
        return finding
    }
    private func spare(_ number: UInt64) -> SegmentFinding { used(number, end: Self.header, chain: false) }
    private func headless(_ number: UInt64, dirty: UInt64 = 0, batches: Bool = false) -> SegmentFinding {
        var finding = SegmentFinding(number: LogSegmentNumber(number), fileSize: 65_536, chainEnd: 0, dirtyEnd: dirty)
        finding.hasHeader = false
        finding.hasBatches = batches
        return finding
    }
    private func usable(_ last: UInt64?, torn: [(UInt64, Range<UInt64>)] = [], unused: [UInt64] = []) -> TailVerdict {
        .usable(
            TailVerdict.Usable(
                last: last.map { LogSegmentNumber($0) },
                torn: torn.map { TailVerdict.Torn(segment: LogSegmentNumber($0), range: $1) },
                unused: unused.map { LogSegmentNumber($0) }))
    }
    private func damagedAt(_ verdict: TailVerdict) -> LogPosition? {
        if case .damaged(let place, _) = verdict { place } else { nil }
    }

    @Test func whatIsSoundIsUsable() {
        #expect(TailVerdict.of([]) == usable(nil))
        #expect(TailVerdict.of([spare(1)]) == usable(nil, unused: [1]))
        #expect(TailVerdict.of([used(1, end: 9_000)]) == usable(1))
        #expect(TailVerdict.of([used(1, end: 9_000, synced: [1: 8_000]), spare(2)]) == usable(1, unused: [2]))
        // A log whose beginning was released.
        #expect(TailVerdict.of([used(7, end: 9_000, synced: [6: 60_000])]) == usable(7))
        let handedOver = [
            used(1, end: 60_000, synced: [1: 50_000]), used(2, end: 9_000, synced: [1: 60_000, 2: 8_000]),
        ]
        #expect(TailVerdict.of(handedOver) == usable(2))
    }

    @Test func aBadPlaceAboveEverySyncIsTorn() {
        // At the synced position itself, and above; with and without a sound batch after it.
        for synced in [UInt64(4_096), 8_000, 9_000] {
            let torn = used(1, end: 9_000, dirty: 9_777, synced: [1: synced], strays: true)
            #expect(TailVerdict.of([torn]) == usable(1, torn: [(1, 9_000..<9_777)]))
        }
        // The first batch after a hand-over.
        let first = used(2, end: Self.header, dirty: 5_000, synced: [1: 60_000], chain: false, strays: true)
        #expect(
            TailVerdict.of([used(1, end: 60_000), first]) == usable(1, torn: [(2, 4_096..<5_000)], unused: [2]))
        // A header that was not finished, with nothing behind it.
        #expect(TailVerdict.of([used(1, end: 9_000), headless(2)]) == usable(1, unused: [2]))
        #expect(
            TailVerdict.of([used(1, end: 9_000), headless(2, dirty: 20)])
                == usable(1, torn: [(2, 0..<20)], unused: [2]))
    }

    @Test func aBadPlaceBelowASyncIsDamage() {
        let one = LogSegmentNumber(1)
        // A later batch of the same log segment, sound although after the bad place, knew it synced.
        let below = used(1, end: 9_000, dirty: 12_000, synced: [1: 9_001], strays: true)
        #expect(damagedAt(TailVerdict.of([below])) == LogPosition(one, 9_000))
        // The next log segment's first batch knew this one's end; zeros there are a lost batch.
        let short = [used(1, end: 9_000), used(2, end: 8_000, synced: [1: 9_040])]
        #expect(damagedAt(TailVerdict.of(short)) == LogPosition(one, 9_000))
        // A header is older than every batch of its file and of later ones.
        #expect(damagedAt(TailVerdict.of([headless(1, dirty: 9_000, batches: true)])) == LogPosition(one, 0))
        #expect(damagedAt(TailVerdict.of([headless(1), used(2, end: 8_000)])) == LogPosition(one, 0))
        // The first batch is bad, a later one knew it synced.
        let beginning = used(1, end: Self.header, dirty: 9_000, synced: [1: 5_000], chain: false, strays: true)
        #expect(damagedAt(TailVerdict.of([beginning])) == LogPosition(one, Self.header))
    }

    @Test func aGapIsDamage() {
        let gap = [used(1, end: 9_000), used(3, end: 9_000)]
        #expect(damagedAt(TailVerdict.of(gap)) == LogPosition(LogSegmentNumber(2), 0))
        #expect(damagedAt(TailVerdict.of([used(1, end: 9_000), spare(3)])) == LogPosition(LogSegmentNumber(2), 0))
    }

    @Test func aSearchThatGaveUpIsDamage() {
        var finding = used(1, end: 9_000, dirty: 60_000)
        finding.gaveUp = true
        #expect(damagedAt(TailVerdict.of([finding])) == LogPosition(LogSegmentNumber(1), 9_000))
    }
}
