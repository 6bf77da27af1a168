import Glibc
import ManifestLog
import ObjectStorage
import Platform
import Simulation
import StorageEngine

/// A region with its log and its objects on one simulated disk.
struct EngineWorld: Sendable {
    let simulated: SimulatedWorld
    var options = RegionOptions()

    var disk: MemoryFileSystem { simulated.fileSystem }

    init(seed: UInt64, disk: MemoryFileSystem? = nil) {
        simulated = SimulatedWorld(seed: seed, fileSystem: disk)
        options.runsInBackground = false
        options.logDirectory = "/data/log"
        options.logSegmentSize = .kibibytes(16)
    }

    func open() async throws -> Region {
        let store = DirectoryStore(root: "/data/objects", environment: simulated.environment)
        try await store.prepare()
        return try await Region.open(
            options, tables: [CrashTables.samples, CrashTables.notes], contributor: nil, store: store,
            environment: simulated.environment)
    }

    /// What is wrong with the manifest as it is on the disk.
    func manifestProblems() async throws -> [String] {
        let store = DirectoryStore(root: "/data/objects", environment: simulated.environment)
        let manifest = try await ManifestReader.load(
            store: PrefixedStore(store, prefix: "regions/\(options.name)/manifest/"))
        return manifest?.problems() ?? ["there is no manifest"]
    }

    /// Opens what a crash left, compares it with the books, and opens it once more: that must show the same.
    ///
    /// - Parameter observe: of the first opening's operations.
    func recover(
        _ ledger: Ledger, twice: Bool = true, observe: (@Sendable (Int) -> Void)? = nil
    ) throws -> [String] {
        disk.observe(observe)
        let first = try inspect()
        disk.observe(nil)
        var problems = ledger.problems(first.0, owed: ledger.owed) + first.1
        guard twice else { return problems }
        // The power goes once more, with the recovered region still open.
        let again = EngineWorld(seed: 7, disk: disk.crash(.none, seed: 0))
        let second = try again.inspect()
        if second.0 != first.0 {
            problems.append("a second recovery shows \(second.0.writes.count) writes, not \(first.0.writes.count)")
        }
        return problems + second.1.map { "second recovery: \($0)" }
    }

    private func inspect() throws -> (Contents, [String]) {
        try simulated.run { [self] _ in
            let region = try await open()
            return (try await Contents(of: region.snapshot), try await manifestProblems())
        }
    }
}

/// A number from the environment: how much of a test to run, or which part.
func setting(_ name: String) -> Int? { getenv(name).flatMap { Int(String(cString: $0)) } }
