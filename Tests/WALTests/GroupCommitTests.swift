import Columnar
import Platform
import Testing

@testable import WAL

@Suite struct GroupCommitTests {
    private typealias Machine = GroupCommit<Int>
    private func machine(last: UInt64? = nil, limit: Int = 10_000, target: Int = 1_000) -> Machine {
        Machine(last: last.map { SequenceNumber($0) }, recordBytesLimit: limit, batchBytesTarget: target)
    }
    private func number(_ sequence: UInt64) -> SequenceNumber { SequenceNumber(sequence) }

    @Test func theFirstRecordStartsTheCommitterTheOthersJoin() throws {
        var commit = machine()
        #expect(try commit.enqueue(record(1)))
        #expect(try commit.enqueue(record(2)) == false)
        #expect(commit.wait(for: number(1), 10) == nil)
        #expect(commit.wait(for: number(2), 20) == nil)
        #expect(commit.nextWork() == .write)
        let batches = commit.takePending()
        #expect(batches.count == 1 && batches[0].count == 2)
        #expect(batches[0].first == number(1) && batches[0].last == number(2))
        // Another comes while those are written.
        #expect(try commit.enqueue(record(5)) == false)
        #expect(commit.wait(for: number(5), 50) == nil)
        #expect(commit.acknowledge(number(2)) == [10, 20])
        #expect(commit.nextWork() == .write)
        _ = commit.takePending()
        #expect(commit.acknowledge(number(5)) == [50])
        #expect(commit.nextWork() == nil && !commit.isCommitting)
        #expect(commit.wait(for: number(4), 40) != nil)
        #expect(try commit.enqueue(record(6)))
    }

    @Test func aBatchEndsAtItsTargetAndAHugeRecordIsAlone() throws {
        var commit = machine()
        for sequence in UInt64(1)...10 { _ = try commit.enqueue(record(sequence, bytes: 300)) }
        _ = try commit.enqueue(record(11, bytes: 5_000))
        _ = try commit.enqueue(record(12, bytes: 10))
        #expect(commit.takePending().map(\.count) == [3, 3, 3, 1, 1, 1])
    }

    @Test func aFailureAnswersEveryoneOnceAndNothingIsTakenUntilItHeals() throws {
        var commit = machine()
        _ = try commit.enqueue(record(1))
        #expect(commit.nextWork() == .write)
        _ = commit.takePending()
        #expect(commit.wait(for: number(1), 10) == nil)
        #expect(try commit.enqueue(record(2)) == false)
        #expect(commit.wait(for: number(2), 20) == nil)
        let (failed, owed) = commit.breakDown("disk")
        #expect(failed == [10, 20])
        #expect(owed.map(\.last) == [number(2)], "what was queued comes into the log first")
        #expect(throws: WALError.poisoned(reason: "disk")) { try commit.enqueue(record(3)) }
        for sequence in [UInt64(1), 2] {
            guard case .failure(.poisoned(reason: "disk"))? = commit.wait(for: number(sequence), 12) else {
                Issue.record("sequence \(sequence) was not refused")
                continue
            }
        }
        #expect(commit.request(.seal) == false)
        #expect(!commit.isCommitting)
        #expect(commit.heal(upTo: number(2)) == false)
        guard case .success? = commit.wait(for: number(2), 13) else { return #expect(Bool(false)) }
        #expect(try commit.enqueue(record(3)))
    }

    @Test func closingABrokenLogWaitsForItsRepair() throws {
        var commit = machine()
        _ = try commit.enqueue(record(1))
        _ = commit.nextWork()
        _ = commit.breakDown("disk")
        let closing = commit.close(99)
        #expect(closing.answer == nil && !closing.mustStart && commit.isLeaving)
        var other = commit
        #expect(other.fail("disk") == [99])
        let again = other.close(98)
        guard case .failure(.poisoned)? = again.answer else { return #expect(Bool(false)) }
        let mustStart = commit.heal(upTo: number(1))
        #expect(mustStart)
        #expect(commit.nextWork() == .close)
        let closers = commit.finishClosing().closers
        #expect(closers == [99])
    }

    @Test func aFailureWhileClosingIsRepairedOnceMore() throws {
        var commit = machine()
        _ = try commit.enqueue(record(1))
        #expect(commit.wait(for: number(1), 10) == nil)
        let closing = commit.close(99)
        #expect(closing.answer == nil)
        let failed = commit.breakDown("disk").failed
        #expect(failed == [10])
        #expect(commit.isLeaving)
        var hopeless = commit
        #expect(hopeless.fail("disk") == [99])
        #expect(hopeless.heal(upTo: nil) == false)
        #expect(hopeless.fail("again") == [])
        let mustStart = commit.heal(upTo: number(1))
        #expect(mustStart)
        #expect(commit.nextWork() == .close)
    }

    @Test func closingWaitsForWhatWasEnqueued() throws {
        var commit = machine()
        #expect(try commit.enqueue(record(1)))
        #expect(commit.wait(for: number(1), 10) == nil)
        #expect(commit.wait(for: number(7), 70) == nil)
        let closing = commit.close(90)
        #expect(closing.answer == nil && !closing.mustStart)
        #expect(throws: WALError.closed) { try commit.enqueue(record(2)) }
        #expect(commit.request(.seal) == false)
        #expect(commit.nextWork() == .write)
        _ = commit.takePending()
        #expect(commit.acknowledge(number(1)) == [10])
        #expect(commit.nextWork() == .close)
        let (closers, late) = commit.finishClosing()
        #expect(closers == [90] && late == [70])
        #expect(commit.nextWork() == nil)
        let again = commit.close(91)
        guard case .success? = again.answer else { return #expect(Bool(false)) }
        guard case .success? = commit.wait(for: number(1), 1) else { return #expect(Bool(false)) }
    }

    @Test func choresWaitForRecords() throws {
        var commit = machine(last: 4)
        #expect(commit.request(.seal) == true)
        #expect(commit.request(.sync) == false)
        _ = try commit.enqueue(record(5))
        #expect(commit.nextWork() == .write)
        _ = commit.takePending()
        _ = commit.acknowledge(number(5))
        #expect(commit.nextWork() == .sync)
        #expect(commit.nextWork() == .seal)
        #expect(commit.nextWork() == nil)
    }

    @Test func whatWasThereAtOpeningIsDurable() {
        var commit = machine(last: 42)
        guard case .success? = commit.wait(for: number(42), 1) else { return #expect(Bool(false)) }
        #expect(commit.wait(for: number(43), 2) == nil)
    }

    @Test func aRecordTooLargeChangesNothing() throws {
        var commit = machine(limit: 100)
        #expect(throws: WALError.recordTooLarge(bytes: 90, limit: 100)) { try commit.enqueue(record(1, bytes: 90)) }
        #expect(!commit.isCommitting && commit.lastEnqueued == nil)
        #expect(try commit.enqueue(record(1, bytes: 76)))
    }

    /// Random events against a list: every waiter answered once, records leave in order.
    @Test(arguments: UInt64(0)..<50)
    func everyWaiterIsAnsweredOnce(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var commit = machine(target: 200)
        var answered: [Int: Int] = [:]
        var asked = 0
        var left: [UInt64] = []
        var sequence: UInt64 = 0
        func answer(_ waiters: [Int]) { for waiter in waiters { answered[waiter, default: 0] += 1 } }
        for _ in 0..<300 {
            switch Int.random(in: 0..<6, using: &random) {
            case 0, 1:
                sequence += UInt64.random(in: 1...3, using: &random)
                guard (try? commit.enqueue(record(sequence, bytes: 40))) != nil else { continue }
            case 2, 3:
                asked += 1
                let target = UInt64.random(in: 0...sequence, using: &random)
                if commit.wait(for: number(target), asked) != nil { answer([asked]) }
            default:
                guard commit.isCommitting, commit.nextWork() == .write else { continue }
                for batch in commit.takePending() {
                    left += [batch.first.rawValue, batch.last.rawValue]
                    if Int.random(in: 0..<200, using: &random) == 0 {
                        answer(commit.breakDown("seed").failed)
                        _ = commit.heal(upTo: batch.last)
                        break
                    }
                    answer(commit.acknowledge(batch.last))
                }
            }
        }
        answer(commit.fail("end"))
        #expect(left == left.sorted())
        #expect(answered.count == asked && answered.values.allSatisfy { $0 == 1 })
    }
}
