import ObjectStorage
import Platform
import S3Storage
import Simulation

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Every store that must keep the contract.
enum StoreUnderTest: String, CaseIterable, Sendable {
    case memory, directory, simulatedDirectory, prefixedMemory, prefixedDirectory, faultless, bucket, cachedBucket

    /// A bucket where there is one (`Tests/EndToEnd/buckets.py run`).
    static var allCases: [StoreUnderTest] {
        [.memory, .directory, .simulatedDirectory, .prefixedMemory, .prefixedDirectory, .faultless]
            + (TestBucket.location == nil ? [] : [.bucket, .cachedBucket])
    }

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
        case .bucket: try await body(try await TestBucket.store())
        case .cachedBucket:
            let store = try await TestBucket.store()
            try await TemporaryDirectory.with { path in
                let cache = RangeCache(
                    directory: path, memoryLimit: .mebibytes(1), diskLimit: .mebibytes(1), environment: .live)
                // Keys of these tests are replaced: nothing of them may be kept.
                try await body(CachedStore(store, cache: cache) { $0.path.hasSuffix(".parquet") })
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

/// The bucket that tests were given, each test under a prefix of its own.
enum TestBucket {
    static var location: String? { ProcessInfo.processInfo.environment["VARVE_TEST_S3"] }

    static func store() async throws -> S3Store {
        let variables = ProcessInfo.processInfo.environment
        let profiles = try S3Profiles(variables: variables, in: LiveFileSystem())
        let name = "contract/\(String(LiveRandomSource().next(), radix: 16))"
        guard let location = S3Location("\(location ?? "")/\(name)") else {
            throw ObjectStoreProblem("VARVE_TEST_S3 names no bucket")
        }
        var configuration = S3Configuration(
            location: location, region: profiles.region ?? "us-east-1", credentials: try profiles.credentials())
        configuration.endpoint = profiles.endpoint
        let store = try S3Store(configuration, environment: .live)
        try await store.prepare()
        return store
    }
}
