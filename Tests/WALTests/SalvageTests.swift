import Columnar
import Platform
import Simulation
import Testing

@testable import WAL

@Suite struct SalvageTests {
    private let disk = MemoryFileSystem()
    private static let directory = "/data/wal/main"

    private var environment: Environment {
        Environment(
            fileSystem: disk, time: SimulatedTime(), random: SeededRandomSource(seed: 1), blocking: InlineExecutor())
    }
    private var options: WALOptions {
        var options = WALOptions()
        options.segmentSize = .kibibytes(16)
        options.dataDirectory = "/data"
        return options
    }
    private func open(_ directory: String = directory) async throws -> RegionLog {
        try await RegionLog.open(directory: directory, region: "main", options: options, environment: environment)
    }
    private func filled() async throws -> [LogRecord] {
        let log = try await open()
        let records = (1...40).map { record($0 * 2, bytes: 1_500) }
        for record in records { try await log.append(record) }
        try await log.close()
        return records
    }
    private func path(_ number: UInt64) -> String {
        "\(Self.directory)/\(LogDirectory.name(of: LogSegmentNumber(number)))"
    }
    private func flip(_ number: UInt64, _ place: UInt64) throws {
        let file = try disk.open(path(number), .update)
        try file.write([try file.read(at: place, count: 1)[0] ^ 1], at: place)
        try file.sync()
    }
    private func salvage(into target: String = "/saved") async throws -> LogSalvage {
        try await LogSalvage.run(
            from: Self.directory, into: target, region: "main", options: options, environment: environment)
    }

    @Test func aSoundLogIsCopiedWhole() async throws {
        let records = try await filled()
        let salvage = try await salvage()
        #expect(salvage.losses == [] && salvage.records == 40)
        let saved = try await open("/saved")
        #expect(try await saved.contents() == records)
        #expect(saved.lastSequence == SequenceNumber(80))
    }

    @Test func badPlacesAreSteppedOverAndNamed() async throws {
        let records = try await filled()
        // The second batch of the first log segment, the header of the second, all of the third.
        try flip(1, 4_096 + 1_600)
        try flip(2, 20)
        try disk.remove(path(3))
        await #expect(throws: WALError.self) { try await open() }
        let before = disk.operationCount
        let salvage = try await salvage()
        #expect(disk.operationCount > before)
        let saved = try await open("/saved")
        let found = try await saved.contents()
        #expect(found.allSatisfy { records.contains($0) })
        #expect(found.map(\.sequence) == found.map(\.sequence).sorted())
        #expect(UInt64(found.count) == salvage.records)
        let lost = Set(records.map(\.sequence.rawValue)).subtracting(found.map(\.sequence.rawValue))
        #expect(lost.contains(4))
        // Every lost record lies between the numbers that some loss names.
        for sequence in lost {
            #expect(
                salvage.losses.contains { loss in
                    (loss.after?.rawValue ?? 0) < sequence && sequence < (loss.before?.rawValue ?? .max)
                }, "record \(sequence)")
        }
        #expect(
            salvage.losses.contains {
                $0.description.contains("0000000000000003.log: at byte 0 damaged: the log segment is missing")
            })
        #expect(
            salvage.losses[0].description.hasPrefix("/data/wal/main/0000000000000001.log: bytes 5664 … ")
                || salvage.losses[0].description.contains("records between 2 and 6"))
        #expect(saved.lastSequence == SequenceNumber(80))
    }

    @Test func theSourceIsOnlyRead() async throws {
        _ = try await filled()
        try flip(1, 5_000)
        let names = try disk.list(Self.directory)
        let before = try names.map { try disk.open("\(Self.directory)/\($0)", .read).read(at: 0, count: 1 << 20) }
        _ = try await salvage()
        #expect(try disk.list(Self.directory) == names)
        let after = try names.map { try disk.open("\(Self.directory)/\($0)", .read).read(at: 0, count: 1 << 20) }
        #expect(before == after)
        await #expect(throws: WALError.self) { _ = try await salvage() }
    }

    /// In place, the power goes at every operation: the log is the old one or the new one, or the next salvage ends it.
    @Test func inPlaceTheLogIsNeverLost() async throws {
        _ = try await filled()
        try flip(1, 5_000)
        let start = disk.copy()
        var step = 1
        while true {
            let disk = start.copy()
            var environment = environment
            environment.fileSystem = disk
            disk.cutPower(atOperation: step)
            let outcome = try? await LogSalvage.runInPlace(
                Self.directory, region: "main", quarantine: "/data/quarantine", options: options,
                environment: environment)
            environment.fileSystem = disk.crash(.prefix, seed: UInt64(step))
            do {
                let log = try await RegionLog.open(
                    directory: Self.directory, region: "main", options: options, environment: environment)
                #expect(try await log.contents().count == 39, "step \(step)")
            } catch {
                // Damaged as before, or half-way: never an empty log.
                let again = try await LogSalvage.runInPlace(
                    Self.directory, region: "main", quarantine: "/data/quarantine", options: options,
                    environment: environment)
                #expect(again.region == "main")
                let log = try await RegionLog.open(
                    directory: Self.directory, region: "main", options: options, environment: environment)
                #expect(try await log.contents().count == 39, "step \(step), again")
            }
            if let outcome {
                #expect(outcome.records == 39 && outcome.quarantined == "/data/quarantine/main-log-1")
                #expect(outcome.losses.map(\.isTorn) == [false])
                break
            }
            step += 1
        }
        #expect(step > 20)
    }
}
