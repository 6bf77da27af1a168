import ManifestLog
import Platform
public import Simulation
import StorageEngine

/// A story of one region: what it does, and under which options.
public struct EngineStory: Story {
    public let name: String
    var grid = TimeGrid()
    var tune: @Sendable (inout EngineWorld) -> Void = { _ in }
    let act: @Sendable (Stage) async throws -> Void

    public func makeBooks() -> Ledger { Ledger() }
    public func copy(_ books: Ledger) -> Ledger { books.copy() }

    private func world(_ disk: MemoryFileSystem, _ time: SimulatedTime, seed: UInt64) -> EngineWorld {
        var world = EngineWorld(seed: seed, disk: disk, time: time)
        tune(&world)
        return world
    }

    public func play(_ disk: MemoryFileSystem, _ time: SimulatedTime, _ books: Ledger) throws {
        let world = world(disk, time, seed: 11)
        let stage = Stage(world: world, ledger: books, grid: grid)
        try world.simulated.run(limit: 10_000_000) { _ in try await act(stage) }
    }

    public func recover(
        _ disk: MemoryFileSystem, at now: Int64, _ books: Ledger, seed: UInt64, thorough: Bool,
        observe: (@Sendable (Int) -> Void)?
    ) throws -> [String] {
        var world = world(disk, SimulatedTime(start: now), seed: seed)
        world.options.runsInBackground = false
        return try world.recover(books, thorough: thorough, observe: observe)
    }
}

/// What a story is told with.
final class Stage: Sendable {
    let world: EngineWorld
    let ledger: Ledger
    let grid: TimeGrid

    init(world: EngineWorld, ledger: Ledger, grid: TimeGrid) {
        self.world = world
        self.ledger = ledger
        self.grid = grid
    }

    func write(_ region: Region, _ count: Int, seed: UInt64 = 0) async throws {
        for _ in 0..<count {
            try await ledger.write(region) { number in
                var random = SeededGenerator(seed: seed &* 1_000 &+ UInt64(number))
                return NumberedWrite(number: number, &random, self.grid)
            }
        }
    }
    func flush(_ region: Region) async throws { try await ledger.flush(region) }

    /// Opens what was closed or has failed: what it does not show is gone for good.
    func reopen() async throws -> Region {
        let (opened, owed) = (world.now, ledger.owedAtOpen())
        let region = try await world.open()
        let contents = try await Contents(of: region.snapshot)
        let problems = ledger.problems(contents, owed: owed, world.retained(opened: opened))
        if let problem = problems.first { throw StorageError(.refused, "opened again: \(problem)") }
        ledger.settle(contents)
        return region
    }

    /// Time passes, and everything that waits for it happens.
    func wait(_ seconds: Int) async throws {
        try await world.simulated.environment.time.sleep(for: .seconds(seconds))
    }
}

extension EngineStory {
    public static let all = [
        rotation, flushAndMerge, crowd, lateRows, retention, folding, poisoned, parquet,
    ]

    /// Plain writes: log segments come and go, with hardly a flush.
    static let rotation = EngineStory(name: "rotation") { stage in
        var region = try await stage.world.open()
        try await stage.write(region, 45)
        try await stage.flush(region)
        try await stage.write(region, 30)
        try await region.close()
        region = try await stage.reopen()
        try await stage.write(region, 25)
        // The log seals itself when nothing comes.
        try await stage.wait(2)
        try await stage.write(region, 20)
    }

    /// Open, write, flush, write, merge, close, open, write, flush, merge, die.
    static let flushAndMerge = EngineStory(name: "flush and merge") { stage in
        var region = try await stage.world.open()
        try await stage.write(region, 5)
        try await stage.flush(region)
        try await stage.write(region, 5)
        try await stage.flush(region)
        try await stage.write(region, 2)
        try await region.compact()
        try await stage.write(region, 2)
        try await region.close()
        region = try await stage.reopen()
        try await stage.write(region, 4)
        try await stage.flush(region)
        try await region.compact()
        try await stage.write(region, 3)
    }

    /// Three writers, flushes and merges, all at once.
    static let crowd = EngineStory(
        name: "crowd",
        tune: {
            $0.options.flushSize = .kibibytes(8)
            $0.options.compaction.fanIn = 2
            $0.options.runsInBackground = true
        },
        act: { stage in
            let region = try await stage.world.open()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for writer in UInt64(1)...3 {
                    group.addTask {
                        for _ in 0..<10 {
                            try await stage.write(region, 2, seed: writer)
                            for _ in 0..<5 { await Task.yield() }
                        }
                    }
                }
                group.addTask { for _ in 0..<3 { try await stage.flush(region) } }
                group.addTask { for _ in 0..<2 { try await region.compact() } }
                try await group.waitForAll()
            }
            try await region.close()
        })

    /// The same few keys again and again, older segments too, merged in between: what was written last counts.
    static let lateRows = EngineStory(
        name: "late rows",
        grid: {
            var grid = TimeGrid()
            (grid.first, grid.step, grid.count) = (-4_500, 1_000, 6)
            return grid
        }(),
        tune: {
            $0.options.compaction.fanIn = 2
            $0.options.compaction.maximumInputs = 3
        },
        act: { stage in
            var region = try await stage.world.open()
            for round in 0..<3 {
                for _ in 0..<3 {
                    try await stage.write(region, 2)
                    try await stage.flush(region)
                }
                try await region.compact()
                if round == 1 {
                    try await region.close()
                    region = try await stage.reopen()
                }
            }
        })

    /// Segments pass retention while others are written: they vanish from sight, from the manifest and from the disk.
    static let retention = EngineStory(
        name: "retention",
        grid: {
            var grid = TimeGrid()
            (grid.first, grid.step, grid.count) = (1_780_000_000_000 - 240_000, 20_000, 20)
            return grid
        }(),
        tune: {
            $0.tables.segmentLength = 60_000
            $0.options.retention = .seconds(150)
            $0.options.runsInBackground = true
            $0.options.compaction.fanIn = 3
        },
        act: { stage in
            var region = try await stage.world.open()
            for round in 0..<3 {
                for _ in 0..<3 {
                    try await stage.write(region, 2)
                    try await stage.flush(region)
                }
                try await stage.wait(70)
                if round == 1 {
                    try await region.close()
                    region = try await stage.reopen()
                    try await stage.wait(3)
                }
            }
            try await region.compact()
            try await stage.write(region, 2)
        })

    /// Commits enough for each of the folding thresholds: the first folds fail, until every commit waits for one.
    static let folding = EngineStory(name: "folding") { stage in
        var region = try await stage.world.open()
        try await stage.write(region, 2)
        try await stage.flush(region)
        func commits(_ count: UInt64) async throws {
            for _ in 0..<count {
                let next = (region.counters["numbers"] ?? 0) + 1
                try await region.reserve(counter: "numbers", upTo: next)
            }
        }
        let full = FaultRule([.rename], path: "/manifest/snapshot/", times: nil, .full)
        stage.world.disk.fail(full)
        try await commits(88)
        try await stage.write(region, 2)
        try await stage.flush(region)
        try await commits(2)
        stage.world.disk.heal()
        try await commits(14)
        try await stage.write(region, 1)
        try await stage.flush(region)
        try await region.compact()
        try await region.close()
        region = try await stage.reopen()
        try await commits(11)
        try await stage.write(region, 1)
    }

    /// The disk fails under the log, fills up, heals; what was acknowledged stays, through the reopening, too.
    static let poisoned = EngineStory(name: "poisoned log") { stage in
        var region = try await stage.world.open()
        for round in 0..<6 {
            try await stage.write(region, 3)
            let operations: Set<FileOperation> = round % 2 == 0 ? [.sync] : [.write]
            stage.world.disk.fail(
                FaultRule(operations, path: "/data/log/", times: round < 3 ? 1 : 4, round % 3 == 0 ? .full : .failed))
            try? await stage.write(region, 2)
            if round == 2 { try? await stage.flush(region) }
            stage.world.disk.heal()
            try? await stage.write(region, 1)
            try? await region.close()
            region = try await stage.reopen()
            if round == 4 { try await stage.flush(region) }
        }
        try await stage.write(region, 3)
    }

    /// Objects as Parquet, and no memory to keep them in.
    static let parquet = EngineStory(
        name: "parquet",
        tune: {
            $0.tables.isParquet = true
            $0.options.cacheSize = ByteCount(0)
        },
        act: { stage in
            let region = try await stage.world.open()
            for _ in 0..<2 {
                try await stage.write(region, 3)
                try await stage.flush(region)
                try await stage.write(region, 2)
                try await stage.flush(region)
                let snapshot = region.snapshot
                try await region.compact()
                _ = try await Contents(of: snapshot)
            }
            try await stage.write(region, 1)
        })
}
