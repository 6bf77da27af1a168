import Columnar
import Platform
import Testing

@testable import StorageEngine

/// Whether a node may claim a region with what its log holds.
@Suite struct ClaimantTests {
    @Test(
        arguments: [
            // known, last claimant, unflushed records, may claim
            ([], nil, false, true),
            ([], nil, true, true),
            ([1], 1, true, true),
            ([1, 2], 2, true, true),
            ([1], 2, false, true),
            ([1], 2, true, false),
            ([], 2, true, false),
        ] as [([UInt64], UInt64?, Bool, Bool)])
    func verdicts(known: [UInt64], last: UInt64?, hasUnflushed: Bool, expected: Bool) {
        #expect(Claimant(known: known).mayClaim(after: last, hasUnflushedRecords: hasUnflushed) == expected)
    }

    /// Another's cut is higher than every number of ours, and says nothing of our log.
    @Test(
        arguments: [
            // known, flushed, last in the log, cut, last claimant, may hold unflushed
            ([1], nil, nil, 70, 2, false),
            ([1], nil, 60, 60, 1, false),
            ([1], nil, 61, 60, 1, true),
            ([], nil, 5, 0, nil, true),
            ([1], nil, 60, 90, 2, true),
            ([1], 60, 60, 90, 2, false),
            ([1], 59, 60, 90, 2, true),
        ] as [([UInt64], UInt64?, UInt64?, UInt64, UInt64?, Bool)])
    func anothersCutSaysNothingOfOurLog(
        known: [UInt64], flushed: UInt64?, last: UInt64?, cut: UInt64, holder: UInt64?, expected: Bool
    ) {
        let claimant = Claimant(known: known, flushed: flushed.map { SequenceNumber($0) })
        let found = claimant.mayHoldUnflushed(last.map { SequenceNumber($0) }, cut: SequenceNumber(cut), after: holder)
        #expect(found == expected)
    }

    /// Until the manifest tells of it: however often the try ends before.
    @Test func aClaimOverAnothersIsRememberedUntilItIsNoted() {
        var claimant = Claimant(known: [1])
        claimant.begin(2, after: 1)
        #expect(claimant.over == nil)
        claimant.begin(3, after: 9)
        #expect(claimant.over == 9)
        claimant.begin(4, after: 3)
        #expect(claimant == Claimant(known: [3, 4], over: 9))
        var fresh = Claimant(known: [])
        fresh.begin(1, after: nil)
        #expect(fresh.over == nil)
    }

    @Test func whatIsNotedIsReadBack() throws {
        let disk = LiveFileSystem()
        let path = "/tmp/varve-claimant-\(String(LiveRandomSource().next(), radix: 16))"
        defer { try? disk.remove(path) }
        let noted = Claimant(known: [7, 0xffff_ffff_ffff_ffff], flushed: SequenceNumber(1 << 40 + 3), over: 12)
        try noted.write(path, in: disk)
        #expect(try Claimant.read(path, in: disk) == noted)
    }
}
