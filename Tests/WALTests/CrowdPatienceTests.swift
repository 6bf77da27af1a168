import Testing

@testable import WAL

/// When a group commit waits for the writers that it knows.
@Suite struct CrowdPatienceTests {
    @Test func aWriterAloneIsNeverWaitedFor() {
        var patience = CrowdPatience()
        for i in 0..<1_000 {
            let now = UInt64(i) * 200_000
            #expect(patience.wait(pending: 1, now: now) == 0)
            patience.committed(records: 1, at: now + 100_000)
        }
    }

    @Test func halfOfACrowdWaitsForTheOtherHalfUntilTheyComeTogether() {
        var patience = CrowdPatience()
        patience.committed(records: 2, at: 0)
        patience.committed(records: 2, at: 200_000)
        #expect(patience.wait(pending: 2, now: 210_000) == CrowdPatience.longest)
        patience.waited(before: 2, after: 4)
        patience.committed(records: 4, at: 500_000)
        #expect(patience.wait(pending: 1, now: 600_000) == CrowdPatience.longest)
        patience.waited(before: 1, after: 4)
        patience.committed(records: 4, at: 900_000)
        #expect(patience.wait(pending: 8, now: 950_000) == 0)
    }

    @Test func manyAreEnough() {
        var patience = CrowdPatience()
        patience.committed(records: 40, at: 0)
        patience.committed(records: 24, at: 200_000)
        #expect(patience.wait(pending: 7, now: 210_000) > 0)
        #expect(patience.wait(pending: CrowdPatience.enough, now: 210_000) == 0)
    }

    @Test func aCrowdThatLeftIsSoonForgotten() {
        var patience = CrowdPatience()
        patience.committed(records: 8, at: 0)
        patience.committed(records: 8, at: 1_000)
        #expect(patience.wait(pending: 1, now: 1_000 + CrowdPatience.memory) == 0)
        #expect(patience.wait(pending: 1, now: 2_000) == CrowdPatience.longest)
        patience.waited(before: 1, after: 1)
        patience.committed(records: 1, at: 100_000)
        #expect(patience.wait(pending: 1, now: 110_000) == 0)
    }

    @Test func waitsThatBringNobodyBecomeRare() {
        var patience = CrowdPatience()
        var waits = 0
        for i in 0..<10_000 {
            let now = UInt64(i) * 300_000
            patience.committed(records: 2, at: now)
            if patience.wait(pending: 2, now: now + 50_000) > 0 {
                waits += 1
                patience.waited(before: 2, after: 2)
            }
        }
        #expect(waits > 8 && waits < 60)
    }
}
