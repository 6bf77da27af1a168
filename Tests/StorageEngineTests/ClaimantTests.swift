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
}
