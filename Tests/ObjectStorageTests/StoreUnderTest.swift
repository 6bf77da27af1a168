import ObjectStorage
import Platform
import Simulation

/// Every store that must keep the contract.
enum StoreUnderTest: String, CaseIterable, Sendable {
    case memory, directory, simulatedDirectory, prefixedMemory, prefixedDirectory, faultless

    /// Runs `body` with an empty store, and removes what it left on disk.
    func with(_ body: (any ObjectStore) async throws -> Void) async throws {
        switch self {
        case .memory: try await body(MemoryStore())
        case .faultless: try await body(FaultyStore(MemoryStore()))
        case .simulatedDirectory:
            let world = SimulatedWorld(seed: 1)
            let store = DirectoryStore(root: "/data/objects", environment: world.environment)
            try await store.prepare()
            try await body(store)
        case .prefixedMemory:
            let inner = MemoryStore()
            // Neighbours that must not show.
            try await inner.put([1], at: ObjectKey(trusted: "part"), .always)
            try await inner.put([1], at: ObjectKey(trusted: "part-a"), .always)
            try await inner.put([1], at: ObjectKey(trusted: "part0"), .always)
            try await body(PrefixedStore(inner, prefix: "part/"))
        case .directory:
            try await TemporaryDirectory.with { path in
                try await body(DirectoryStore(root: "\(path)/objects", environment: .live))
            }
        case .prefixedDirectory:
            try await TemporaryDirectory.with { path in
                let inner = DirectoryStore(root: "\(path)/objects/", environment: .live)
                try await body(PrefixedStore(inner, prefix: "regions/metrics/"))
            }
        }
    }
}

/// A directory of the real file system for one test.
enum TemporaryDirectory {
    static func with(_ body: (String) async throws -> Void) async throws {
        let path = "/tmp/varve-test-\(String(LiveRandomSource().next(), radix: 16))"
        try LiveFileSystem().createDirectory(path)
        defer { remove(path) }
        try await body(path)
    }

    private static func remove(_ path: String) {
        let files = LiveFileSystem()
        if (try? files.status(of: path))?.kind == .directory {
            for name in (try? files.list(path)) ?? [] { remove("\(path)/\(name)") }
        }
        try? files.remove(path)
    }
}
