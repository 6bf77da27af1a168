import MetricEngine
import ObjectStorage
public import Platform
import StorageEngine
import WAL

/// What a check of everything at rest found.
public struct VerifyReport: Sendable {
    public var objects = 0
    public var bytes: UInt64 = 0
    public var rows: UInt64 = 0
    /// Each names object or file, what is wrong, and what helps.
    public var problems: [String] = []
    /// Objects that no manifest names: harmless, collected at the next start.
    public var unnamed: [String] = []
    public init() {}
}

extension Database {
    /// Reads every object that the manifest names, checks size, checksum, every page and every row count, and reads the
    /// log without changing it. The directory may be in use.
    /// - Parameter progress: told how many of how many objects are done.
    public static func verify(
        at path: String, environment: Environment = .live, progress: @Sendable (Int, Int) -> Void = { _, _ in }
    ) async throws -> VerifyReport {
        let directory = DataDirectory(path)
        try await environment.blocking.run { try directory.checkExisting(in: environment.fileSystem) }
        let store = DirectoryStore(root: directory.objects, environment: environment)
        var report = VerifyReport()
        do throws(StorageError) {
            let check = try await ObjectCheck.run(
                store: store, tables: MetricStore.tables(layouts: .standard), region: "main", progress: progress)
            report.objects = check.objects
            report.bytes = check.bytes
            report.rows = check.rows
            report.problems += check.problems
            report.unnamed = check.unnamed
        } catch { report.problems.append(error.text) }
        do throws(WALError) {
            let log = directory.log + "/" + StoredLogPlace.region
            if let damage = try await readLog(log, directory.path, environment).damage {
                report.problems.append(damage)
            }
        } catch { report.problems.append(error.description) }
        return report
    }
}
