import Glibc
import ManifestLog
public import ObjectStorage
import Platform
public import Simulation
public import StorageEngine

/// A region with its log on a simulated disk, and its objects there, too, or in a store that it shares with others.
public struct EngineWorld: Sendable {
    public let simulated: SimulatedWorld
    public var options = RegionOptions()
    public var tables = CrashTables()
    public let node: Int
    /// Around the store; without rules it does nothing.
    public let store: FaultyStore
    private let directory: DirectoryStore?

    public var disk: MemoryFileSystem { simulated.fileSystem }
    public var now: Int64 { simulated.time.now() }

    public init(seed: UInt64, disk: MemoryFileSystem? = nil, time: SimulatedTime = SimulatedTime()) {
        simulated = SimulatedWorld(seed: seed, fileSystem: disk, time: time)
        let directory = DirectoryStore(root: "/data/objects", environment: simulated.environment)
        self.directory = directory
        store = FaultyStore(directory)
        node = 0
        setOptions()
    }

    /// One of several nodes in one world, over one store.
    public init(_ simulated: SimulatedWorld, node: Int, shared: any ObjectStore) {
        self.simulated = simulated
        self.node = node
        directory = nil
        store = FaultyStore(shared)
        setOptions()
    }

    private mutating func setOptions() {
        options.runsInBackground = false
        options.logDirectory = "/data/log"
        options.logSegmentSize = .kibibytes(16)
    }

    public func open() async throws -> Region {
        try await directory?.prepare()
        return try await Region.open(
            options, tables: tables.definitions, contributor: nil, store: store, environment: simulated.environment)
    }

    /// What retention shows and hides of a snapshot that was taken now, or at `looked`.
    public func retained(opened: Int64, looked: Int64? = nil) -> Retained {
        // Once a second it is looked at, and moved a minute at a time.
        .of(
            options.retention, opened: opened, looked: looked ?? now, keepsUp: options.runsInBackground ? 62_000 : nil)
    }

    /// What is wrong with the manifest as it is in the store.
    public func manifestProblems() async throws -> [String] {
        let manifest = try await ManifestReader.load(
            store: PrefixedStore(store, prefix: "regions/\(options.name)/manifest/"))
        return manifest?.problems() ?? ["there is no manifest"]
    }

    /// Opens what a crash left and compares it with the books. Thorough: writes, flushes and merges, too, and opens once
    /// more after another crash; that must show the same.
    ///
    /// - Parameter observe: of the first opening's operations.
    public func recover(
        _ ledger: Ledger, thorough: Bool = true, observe: (@Sendable (Int) -> Void)? = nil
    ) throws -> [String] {
        disk.observe(observe)
        let first = try inspect(ledger)
        disk.observe(nil)
        guard thorough else { return first.problems }
        // The power goes once more, with the recovered region still open.
        let again = another(seed: 7)
        let second = try again.inspect(ledger)
        var problems = first.problems
        if second.contents != first.contents {
            problems.append(
                "a second recovery shows \(second.contents.writes.count) writes, not \(first.contents.writes.count)")
        }
        problems += second.problems.map { "second recovery: \($0)" }
        guard problems.isEmpty else { return problems }
        problems += try again.another(seed: 8).goOn(ledger, second.contents).map { "going on: \($0)" }
        return problems
    }

    private func another(seed: UInt64) -> EngineWorld {
        var world = EngineWorld(seed: seed, disk: disk.crash(.none, seed: 0), time: SimulatedTime(start: now))
        world.options = options
        world.tables = tables
        return world
    }

    private func inspect(_ ledger: Ledger) throws -> (contents: Contents, problems: [String]) {
        let owed = ledger.owedAtOpen()
        return try simulated.run(limit: 1_000_000) { [self] _ in
            let opened = now
            let region = try await open()
            let contents = try await Contents(of: region.snapshot)
            let problems = ledger.problems(contents, owed: owed, retained(opened: opened))
            return (contents, try await problems + manifestProblems() + region.problems())
        }
    }

    /// What was recovered takes writes, flushes and merges, and shows them, after another opening, too.
    private func goOn(_ ledger: Ledger, _ known: Contents) throws -> [String] {
        let books = ledger.copy()
        books.settle(known)
        let contents = try simulated.run(limit: 1_000_000) { [self] _ -> Contents in
            var random = SeededGenerator(seed: 1)
            let region = try await open()
            for _ in 0..<2 { try await books.write(region) { NumberedWrite(number: $0, &random) } }
            try await books.flush(region)
            try await books.write(region) { NumberedWrite(number: $0, &random) }
            try await region.compact()
            return try await Contents(of: region.snapshot)
        }
        let problems = books.problems(contents, owed: books.owed(), retained(opened: now))
        return problems + (try another(seed: 9).inspect(books)).problems
    }
}

/// A number from the environment: how much of a test to run, or which part.
public func setting(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }
