import Columnar
import ManifestLog
import Platform
import Testing

@testable import StorageEngine

/// What lives, by what files say of themselves: a table of cases.
@Suite struct RebuildPlanTests {
    private static func id(_ counter: UInt64) -> SSTID { SSTID(claim: .init(1), counter: counter) }

    /// A file of one change of one piece, unless told otherwise.
    private static func file(
        _ counter: UInt64, _ sequences: ClosedRange<UInt64>, replaces: [UInt64] = [], change: UInt64? = nil,
        piece: Int = 0, pieces: Int? = 1, segment: Int64 = 0
    ) -> FoundSST {
        FoundSST(
            metadata: SSTMetadata(
                id: id(counter), table: 1, segment: segment..<segment + 1_000, size: 1, checksum: 0, rows: 1,
                minTime: segment, maxTime: segment, minKey: Int64(piece), maxKey: Int64(piece),
                minSequence: .init(sequences.lowerBound), maxSequence: .init(sequences.upperBound)),
            replaces: replaces.map(id), change: id(change ?? counter), piece: piece, pieces: pieces)
    }

    private static func check(
        _ files: [FoundSST], log: ClosedRange<UInt64>? = nil, live: [UInt64], unfinished: [UInt64] = [], cut: UInt64,
        _ comment: Comment
    ) {
        let range = log.map { SequenceNumber($0.lowerBound)...SequenceNumber($0.upperBound) }
        for order in [files, files.reversed()] {
            let plan = RebuildPlan(order, log: range)
            #expect(plan.live.map(\.id.counter) == live, comment)
            #expect(plan.unfinished.map(\.id.counter) == unfinished, comment)
            #expect(plan.cut == .init(cut), comment)
            #expect(plan.live.count + plan.unfinished.count + plan.replaced.count == files.count, comment)
        }
    }

    @Test func everyCase() {
        Self.check([], live: [], cut: 0, "nothing is nothing")
        Self.check([Self.file(1, 1...5), Self.file(2, 6...9)], live: [1, 2], cut: 9, "flushes")
        Self.check(
            [Self.file(1, 1...5), Self.file(2, 6...9), Self.file(3, 1...9, replaces: [1, 2])], live: [3], cut: 9,
            "a merge replaces its inputs")
        Self.check(
            [Self.file(3, 1...9, replaces: [1, 2]), Self.file(4, 10...12), Self.file(5, 1...12, replaces: [3, 4])],
            live: [5], cut: 12, "merged again")
        Self.check(
            [Self.file(1, 1...5), Self.file(5, 1...12, replaces: [3, 4])], live: [5], cut: 12,
            "an input of an input, although the merge between is gone")
        Self.check(
            [
                Self.file(1, 1...5), Self.file(2, 6...9), Self.file(3, 1...9, replaces: [1, 2]),
                Self.file(4, 1...9, replaces: [1, 2]),
            ], live: [4], unfinished: [3], cut: 9, "of two that replace the same the younger counts")
        let half = Self.file(3, 1...9, replaces: [1, 2], piece: 0, pieces: nil)
        Self.check(
            [Self.file(1, 1...5), Self.file(2, 6...9), half], live: [1, 2], unfinished: [3], cut: 9,
            "a merge that lacks its last piece was not committed")
        Self.check(
            [Self.file(2, 6...9), half], live: [3], cut: 9,
            "…but one whose inputs are gone was: what is left of it lives")
        let pieces = [half, Self.file(4, 1...9, replaces: [1, 2], change: 3, piece: 1, pieces: 2)]
        Self.check(
            [Self.file(1, 1...5), Self.file(2, 6...9)] + pieces, live: [3, 4], cut: 9, "a merge in two pieces")
        Self.check(
            pieces + [Self.file(6, 10...11), Self.file(7, 1...11, replaces: [3, 4, 6])], live: [7], cut: 11,
            "pieces that were merged again")
    }

    @Test func flushesThatWereNotFinished() {
        let first = Self.file(1, 1...5)
        let start = Self.file(2, 6...9, piece: 0, pieces: nil)
        let end = Self.file(3, 6...9, change: 2, piece: 1, pieces: 2, segment: 1_000)
        Self.check([first, start, end], log: 1...12, live: [1, 2, 3], cut: 9, "whole: counts, committed or not")
        Self.check(
            [first, start], log: 4...12, live: [1], unfinished: [2], cut: 5,
            "half, and the log has its rows: it does not")
        Self.check([first, start], log: 8...12, live: [1, 2], cut: 9, "half, and the log does not: a piece was lost")
        Self.check([first, start], live: [1, 2], cut: 9, "…or there is no log")
        Self.check([first, end], log: 1...12, live: [1], unfinished: [3], cut: 5, "its first piece is missing")
        // It failed and was repeated with more rows under other names.
        let again = Self.file(4, 6...11, piece: 0, pieces: nil)
        let againEnd = Self.file(5, 6...11, change: 4, piece: 1, pieces: 2, segment: 1_000)
        Self.check(
            [first, start, end, again, againEnd], log: 1...12, live: [1, 4, 5], cut: 11, "repeated: the younger counts")
        // The piece of an old segment is past retention and gone: the later flush shows that this one was committed.
        Self.check(
            [start, Self.file(6, 10...12)], log: 8...14, live: [2, 6], cut: 12, "an earlier flush may lack pieces")
        // Its other piece was merged already.
        Self.check(
            [start, Self.file(7, 1...9, replaces: [1, 3], segment: 1_000)], log: 1...12, live: [2, 7], cut: 9,
            "a merge over the same numbers shows that they were committed")
    }

    @Test func filesWithoutMarksAreChangesOfTheirOwn() {
        var old = Self.file(1, 1...5)
        (old.change, old.piece, old.pieces) = (nil, nil, nil)
        var other = Self.file(2, 1...5, segment: 1_000)
        (other.change, other.piece, other.pieces) = (nil, nil, nil)
        Self.check([old, other], log: 1...9, live: [1, 2], cut: 5, "files of earlier versions")
    }
}
