import Columnar
import ObjectStorage
import Platform
import Testing

@testable import ManifestLog

struct CommitVerdictTests {
    @Test(arguments: [
        (ReadBack.mine(.init(7)), CommitVerdict.committed),
        (.mine(.init(8)), .committed),
        (.mine(.init(6)), .retrySameBytes),
        (.newerClaim(.init(5), lastOfMine: .init(7)), .committedThenFenced(by: .init(5))),
        (.newerClaim(.init(5), lastOfMine: .init(9)), .committedThenFenced(by: .init(5))),
        (.newerClaim(.init(5), lastOfMine: .init(6)), .fenced(by: .init(5))),
        (.newerClaim(.init(5), lastOfMine: nil), .unknown),
        (.foreign, .unknown),
        (.unreadable, .unknown),
    ])
    func unknownIsNotLost(_ shown: ReadBack, _ expected: CommitVerdict) {
        #expect(verdict(on: shown, for: ManifestVersion(7)) == expected)
    }

    @Test func aHeadIsReadFromTheWritersPlace() throws {
        let tag = ObjectTag("t")
        let mine = Head(version: .init(7), claim: .init(3), claimant: 33)
        func readBack(_ head: Head) -> ReadBack { ReadBack(.head(head, tag), claim: .init(3), claimant: 33) }
        #expect(readBack(mine) == .mine(.init(7)))
        let next = try #require(mine.claimed(by: 44))
        #expect(readBack(next) == .newerClaim(.init(4), lastOfMine: .init(7)))
        let afterNext = try #require(next.claimed(by: 55))
        #expect(readBack(afterNext) == .newerClaim(.init(5), lastOfMine: .init(7)))
        var forgotten = afterNext
        forgotten.earlierClaims = []
        #expect(readBack(forgotten) == .newerClaim(.init(5), lastOfMine: nil))
        #expect(readBack(Head(version: .init(7), claim: .init(3), claimant: 99)) == .foreign)
        #expect(readBack(Head(version: .init(7), claim: .init(2), claimant: 33)) == .foreign)
        #expect(ReadBack(.absent, claim: .init(3), claimant: 33) == .unreadable)
        #expect(ReadBack(.unreadable(""), claim: .init(3), claimant: 33) == .unreadable)
    }

    @Test func aClaimIsSettledByTheClaimantsNumber() throws {
        let tag = ObjectTag("t")
        let base = Head(version: .init(7), claim: .init(3), claimant: 33)
        let wanted = try #require(base.claimed(by: 44))
        func settled(_ shown: ShownHead) -> ClaimVerdict { verdict(on: shown, claiming: wanted, from: base) }
        #expect(settled(.head(wanted, tag)) == .claimed)
        #expect(settled(.head(base, tag)) == .retrySameBytes)
        var moved = base
        moved.version = .init(8)
        #expect(settled(.head(moved, tag)) == .reload)
        #expect(settled(.head(try #require(base.claimed(by: 45)), tag)) == .lost(to: .init(4)))
        #expect(settled(.head(try #require(wanted.claimed(by: 46)), tag)) == .lost(to: .init(5)))
        #expect(settled(.absent) == .unknown)
        #expect(settled(.unreadable("")) == .unknown)

        let first = Head(version: .zero, claim: .init(1), claimant: 44)
        #expect(verdict(on: .absent, claiming: first, from: nil) == .retrySameBytes)
        #expect(verdict(on: .head(first, tag), claiming: first, from: nil) == .claimed)
        #expect(
            verdict(on: .head(Head(version: .zero, claim: .init(1), claimant: 9), tag), claiming: first, from: nil)
                == .lost(to: .init(1)))
    }

    @Test func earlierClaimsAreKeptUpToABound() throws {
        var head = Head(version: .init(7), claim: .init(1), claimant: 1)
        for claimant in UInt64(2)...1_000 { head = try #require(head.claimed(by: claimant)) }
        #expect(head.claim == .init(1_000))
        #expect(head.earlierClaims.count == Head.keptClaims)
        #expect(head.earlierClaims.last == EarlierClaim(claim: .init(999), lastVersion: .init(7)))
        #expect(head.problems().isEmpty)
        head.claim = .init(Head.lastClaim)
        #expect(head.claimed(by: 5) == nil)
    }
}
