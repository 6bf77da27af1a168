import Columnar
import Platform
import Synchronization
import Testing

@testable import WAL

/// The acceptance list of the ancestors' logs (lineage S3, "Tests"): bounds, batch sizes, tables, regions, deletion.
@Suite struct ReadingTests {
    /// Records 1 … 40 over several log segments; tables 1 and 2 in turn, every tenth in both.
    private func filledLog(_ world: LogWorld) async throws -> RegionLog {
        let log = try await world.open()
        for sequence in UInt64(1)...40 {
            var entries = [LogEntry(table: sequence % 2 == 0 ? 2 : 1, payload: randomPayload(sequence))]
            if sequence % 10 == 0 { entries.append(LogEntry(table: 1, payload: [7])) }
            try await log.append(LogRecord(sequence: SequenceNumber(sequence), entries: entries))
        }
        #expect(log.statistics.segments > 3)
        return log
    }
    private func randomPayload(_ sequence: UInt64) -> Bytes { record(sequence, bytes: 2_000).entries[0].payload }

    private func read(_ log: RegionLog, _ request: LogReadRequest) async throws -> [UInt64] {
        let all = Collected()
        try await log.read(request) { batch in
            #expect(!batch.isEmpty && batch.count <= request.batchRecords)
            if let table = request.table {
                #expect(batch.allSatisfy { $0.entries.allSatisfy { $0.table == table } && !$0.entries.isEmpty })
            }
            all.add(batch)
        }
        return all.records.map(\.sequence.rawValue)
    }

    @Test(arguments: [1, 2, 4, 10, 100, 500])
    func everyBatchSizeGivesTheSame(size: Int) async throws {
        let log = try await filledLog(LogWorld(segmentSize: 16 << 10))
        #expect(try await read(log, LogReadRequest(batchRecords: size)) == Array(1...40))
        #expect(
            try await read(log, LogReadRequest(table: 1, batchRecords: size))
                == (1...40).filter { $0 % 2 == 1 || $0 % 10 == 0 })
        #expect(try await read(log, LogReadRequest(table: 3, batchRecords: size)) == [])
    }

    @Test func everyPairOfBoundsGivesWhatAListGives() async throws {
        let log = try await filledLog(LogWorld(segmentSize: 16 << 10))
        let numbers: [UInt64] = [0, 1, 2, 9, 10, 11, 25, 39, 40, 41, .max]
        var bounds: [LogBound] = [.min, .max]
        for number in numbers { bounds += [.included(SequenceNumber(number)), .excluded(SequenceNumber(number))] }
        func isAbove(_ sequence: UInt64, _ bound: LogBound) -> Bool {
            switch bound {
            case .min: true
            case .max: sequence == .max
            case .included(let number): sequence >= number.rawValue
            case .excluded(let number): sequence > number.rawValue
            }
        }
        func isBelow(_ sequence: UInt64, _ bound: LogBound) -> Bool {
            switch bound {
            case .min: sequence == 0
            case .max: true
            case .included(let number): sequence <= number.rawValue
            case .excluded(let number): sequence < number.rawValue
            }
        }
        for start in bounds {
            for end in bounds {
                let expected = (UInt64(1)...40).filter { isAbove($0, start) && isBelow($0, end) }
                let found = try await read(log, LogReadRequest(from: start, to: end, batchRecords: 7))
                try #require(found == expected, "\(start) … \(end)")
                let even = try await read(log, LogReadRequest(table: 2, from: start, to: end))
                try #require(even == expected.filter { $0 % 2 == 0 }, "table 2, \(start) … \(end)")
            }
        }
    }

    @Test func reopenedItReadsTheSame() async throws {
        let world = LogWorld(segmentSize: 16 << 10)
        try await filledLog(world).close()
        let again = try await world.open()
        #expect(
            try await read(again, LogReadRequest(table: 1, from: .included(SequenceNumber(20)))) == [20]
                + (21...40).filter { $0 % 2 == 1 || $0 % 10 == 0 })
        // Two batches, read each, both, and across.
        try await again.append(record(41, table: 1))
        #expect(try await read(again, LogReadRequest(from: .excluded(SequenceNumber(38)))) == [39, 40, 41])
    }

    @Test func aReadOpensOnlyTheSegmentsOfItsRange() async throws {
        let world = LogWorld(segmentSize: 16 << 10)
        try await filledLog(world).close()
        let again = try await world.open()
        // Whatever a read opens is gone: what it does not need it does not miss.
        for path in world.segmentPaths.dropLast(3) { try world.disk.remove(path) }
        #expect(try await read(again, LogReadRequest(from: .included(SequenceNumber(38)))) == [38, 39, 40])
        await #expect(throws: WALError.self) { _ = try await read(again, LogReadRequest()) }
    }

    @Test func regionsKnowNothingOfEachOther() async throws {
        let world = LogWorld(segmentSize: 16 << 10)
        func open(_ name: String) async throws -> RegionLog {
            try await RegionLog.open(
                directory: "/data/wal/\(name)", region: name, options: world.options, environment: world.environment)
        }
        let names = (0..<8).map { "region\($0)" }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, name) in names.enumerated() {
                group.addTask {
                    let log = try await open(name)
                    for sequence in UInt64(1)...20 {
                        try await log.append(record(sequence * UInt64(index + 1), bytes: 1_500))
                    }
                    if index == 3 { try await log.release(upTo: SequenceNumber(.max)) }
                    try await log.close()
                }
            }
            try await group.waitForAll()
        }
        for (index, name) in names.enumerated() {
            let log = try await open(name)
            #expect(log.lastSequence == SequenceNumber(20 * UInt64(index + 1)))
            let found = try await log.sequences
            if index == 3 {
                #expect(found.count < 20, "only this one was released")
            } else {
                #expect(found == (1...20).map { $0 * UInt64(index + 1) })
            }
        }
    }

    @Test func aSegmentGoesWhenAllItsTablesArePastIt() async throws {
        let world = LogWorld(segmentSize: 16 << 10)
        let log = try await filledLog(world)
        let segments = log.statistics.segments
        try await log.markDeleted(table: 1, upTo: SequenceNumber(40))
        #expect(log.statistics.segments == segments, "table 2 still needs them")
        #expect(try await read(log, LogReadRequest(table: 1)) == [], "what is marked is read no more")
        #expect(try await read(log, LogReadRequest(table: 2)) == (1...40).filter { $0 % 2 == 0 })
        try await log.markDeleted(table: 2, upTo: SequenceNumber(20))
        #expect(log.statistics.segments < segments)
        #expect(
            try await read(log, LogReadRequest(table: 2)) == (21...40).filter { $0 % 2 == 0 }, "half, the rest stays")
        try await log.markDeleted(table: 2, upTo: SequenceNumber(10))
        #expect(try await read(log, LogReadRequest(table: 2)) == (21...40).filter { $0 % 2 == 0 }, "marks only rise")
        try await log.markDeleted(table: 2, upTo: SequenceNumber(40))
        #expect(log.statistics.segments == 1)
        #expect(try await read(log, LogReadRequest(table: 2)) == [])
        // A table that never came is no hindrance, nor one that comes later.
        try await log.append(record(41, table: 9))
        #expect(try await read(log, LogReadRequest(table: 9)) == [41])
    }

    @Test func numbersGoOnWhenEverythingWasDeleted() async throws {
        var world = LogWorld(segmentSize: 16 << 10)
        var log = try await filledLog(world)
        for table in UInt16(1)...2 { try await log.markDeleted(table: table, upTo: SequenceNumber(40)) }
        #expect(log.lastSequence == SequenceNumber(40))
        for _ in 0..<3 {
            world.disk = world.disk.crash(.everything, seed: 3)
            log = try await world.open()
            #expect(log.lastSequence == SequenceNumber(40))
            try await log.release(upTo: SequenceNumber(40))
        }
        try await log.append(record(41))
        #expect(log.lastSequence == SequenceNumber(41))
    }

    /// Random records, marks and reads against a list.
    @Test(arguments: UInt64(0)..<8)
    func tablesAnswerLikeLists(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let world = LogWorld(segmentSize: 16 << 10)
        var log = try await world.open()
        var model: [LogRecord] = []
        var marks: [UInt16: UInt64] = [:]
        for step in 0..<120 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                try await log.close()
                log = try await world.open()
                // What was marked and not yet removed is read again: the caller knows its own marks.
                for (table, mark) in marks { try await log.markDeleted(table: table, upTo: SequenceNumber(mark)) }
            case 1:
                let table = UInt16.random(in: 0...3, using: &random)
                let mark = UInt64.random(in: 0...(model.last?.sequence.rawValue ?? 0), using: &random)
                marks[table] = max(marks[table] ?? 0, mark)
                try await log.markDeleted(table: table, upTo: SequenceNumber(mark))
            case 2, 3:
                let table = UInt16.random(in: 0...3, using: &random)
                let from = UInt64.random(in: 0...(model.last?.sequence.rawValue ?? 0), using: &random)
                let expected = model.filter { record in
                    record.sequence.rawValue > max(from, marks[table] ?? 0)
                        && record.entries.contains { $0.table == table }
                }
                let found = try await read(
                    log,
                    LogReadRequest(
                        table: table, from: .excluded(SequenceNumber(from)),
                        batchRecords: Int.random(in: 1...9, using: &random)))
                try #require(found == expected.map(\.sequence.rawValue), "seed \(seed), step \(step)")
            default:
                let next = (model.last?.sequence.rawValue ?? 0) + UInt64.random(in: 1...2, using: &random)
                let record = randomRecord(next, &random)
                model.append(record)
                try await log.append(record)
            }
        }
    }
}
