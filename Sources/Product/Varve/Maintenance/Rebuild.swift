import MetricEngine
public import ObjectStorage
public import Platform
import StorageEngine

/// What a rebuild of the manifest came to.
public struct RebuildReport: Sendable, Equatable {
    /// False: the manifest was whole, and nothing was done.
    public var wasNeeded = true
    public var objects = 0
    public var rows: UInt64 = 0
    /// Objects whose rows others hold: the next start removes them.
    public var replaced: [String] = []
    /// Objects of flushes and merges that were not finished: their rows are in the log, or in the inputs.
    public var unfinished: [String] = []
    /// Objects that could not be read, each with the reason; they were moved to quarantine.
    public var damaged: [String] = []
    /// Names that are not ours, left alone.
    public var unknown: [String] = []
    /// Where the old manifest and the damaged objects are now.
    public var quarantine = ""
    public init() {}
}

extension Database {
    /// Makes a lost or damaged manifest again from the objects. Takes the directory's lock: no server may have it open.
    /// Nothing is deleted: the old manifest and objects that cannot be read go to `quarantine/`.
    ///
    /// - Parameters:
    ///   - objects: where they lie; nil: in the directory.
    ///   - force: also where the manifest is whole.
    ///   - progress: told how many of how many objects were read.
    /// - Throws: `VarveError`.
    public static func rebuild(
        at path: String, objects: (any ObjectStore)? = nil, force: Bool = false, environment: Environment = .live,
        progress: @Sendable (Int, Int) -> Void = { _, _ in }
    ) async throws -> RebuildReport {
        let directory = DataDirectory(path)
        let holder = "process \(ProcessIdentity.current)"
        let isElsewhere = objects != nil
        let lock = try await environment.blocking.run {
            if !isElsewhere { try directory.checkExisting(in: environment.fileSystem) }
            return try directory.open(holder: holder, in: environment.fileSystem)
        }
        defer { withExtendedLifetime(lock) {} }
        let store = objects ?? DirectoryStore(root: directory.objects, environment: environment)
        let tables = MetricStore.tables(layouts: .standard)
        do throws(StorageError) {
            if !force, try await !RegionRebuild.isNeeded(store: store, tables: tables, region: "main") {
                var report = RebuildReport()
                report.wasNeeded = false
                return report
            }
            let quarantine = directory.path + "/quarantine"
            let name = try await freeName(in: quarantine, environment)
            try await setStrangerAside(
                directory.objects + "/regions/main/manifest/head", in: "\(quarantine)/\(name)", environment)
            let found = try await RegionRebuild.run(
                store: store, quarantine: DirectoryStore(root: quarantine, environment: environment), name: name,
                tables: tables, region: "main", logDirectory: directory.log + "/main", environment: environment,
                counters: { try await NumbersInUse.counters($0) }, progress: progress)
            var report = RebuildReport()
            report.objects = found.objects
            report.rows = found.rows
            report.replaced = found.replaced
            report.unfinished = found.unfinished
            report.damaged = found.damaged.map { "\($0): \(found.reasons[$0] ?? "unreadable")" }
            report.unknown = found.unknown
            report.quarantine = "\(quarantine)/\(name)"
            return report
        } catch { throw VarveError(error) }
    }

    /// A directory or a link where the head should be is no object: the store neither reads nor replaces it.
    private static func setStrangerAside(
        _ path: String, in quarantine: String, _ environment: Environment
    ) async throws(StorageError) {
        do {
            try await environment.blocking.run {
                guard let status = try environment.fileSystem.status(of: path), status.kind != .file else { return }
                try environment.fileSystem.createDirectory(quarantine)
                try environment.fileSystem.rename(path, ifAbsent: quarantine + "/head-that-is-no-file")
            }
        } catch { throw StorageError(wrapping: error) }
    }

    /// `manifest-1`, or the first number that is not taken.
    private static func freeName(
        in quarantine: String, _ environment: Environment
    ) async throws(StorageError) -> String {
        do {
            return try await environment.blocking.run {
                var number = 1
                while try environment.fileSystem.status(of: "\(quarantine)/manifest-\(number)") != nil { number += 1 }
                return "manifest-\(number)"
            }
        } catch { throw StorageError(wrapping: error) }
    }
}
