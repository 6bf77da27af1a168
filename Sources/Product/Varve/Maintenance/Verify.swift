import Columnar
import MetricEngine
import MetricModel
public import ObjectStorage
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
    /// What to do about them, beside what they say themselves.
    public var remedies: [String] = []
    /// Objects that no manifest names: harmless, collected at the next start.
    public var unnamed: [String] = []
    /// Objects that merges have replaced and that are kept for readers a little longer: nothing is wrong with them.
    public var awaiting: [String] = []
    /// Records that the log holds, and rows in them: those that are in objects too, and those that are not yet.
    public var logRecords: UInt64 = 0
    public var logRows: UInt64 = 0
    public init() {}
}

extension Database {
    /// Reads every object that the manifest names, checks size, checksum, every page and every row count, and reads the
    /// log, down to the rows in its records. Changes nothing; the directory may be in use.
    /// - Parameters:
    ///   - objects: where they lie; nil: in the directory. The directory need not be there then.
    ///   - progress: told how many of how many objects are done.
    public static func verify(
        at path: String, objects: (any ObjectStore)? = nil, environment: Environment = .live,
        progress: @Sendable (Int, Int) -> Void = { _, _ in }
    ) async throws -> VerifyReport {
        let directory = DataDirectory(path)
        let isElsewhere = objects != nil
        let hasLog = try await environment.blocking.run {
            if !isElsewhere { try directory.checkExisting(in: environment.fileSystem) }
            return try !isElsewhere || environment.fileSystem.status(of: directory.log) != nil
        }
        let store = objects ?? DirectoryStore(root: directory.objects, environment: environment)
        var report = VerifyReport()
        do throws(StorageError) {
            let check = try await ObjectCheck.run(
                store: store, tables: MetricStore.tables(layouts: .standard), region: "main", progress: progress)
            report.objects = check.objects
            report.bytes = check.bytes
            report.rows = check.rows
            report.problems += check.problems
            report.unnamed = check.unnamed
            report.awaiting = check.awaiting
            if !check.problems.isEmpty {
                report.remedies.append(
                    "`varve rebuild --force --data \(path)` goes on without the damaged objects: it makes a manifest of all "
                        + "that can be read, moves the rest to quarantine/ and names it. Stop the server first, and look for "
                        + "a backup of these objects before.")
            }
        } catch { report.problems.append(error.text) }
        guard hasLog else { return report }
        do throws(WALError) {
            let log = directory.log + "/" + StoredLogPlace.region
            if let damage = try await readLog(log, directory.path, environment).damage {
                report.problems.append(damage)
            }
        } catch { report.problems.append(error.description) }
        do throws(StorageError) {
            let check = try await checkRows(directory.log + "/" + StoredLogPlace.region, environment)
            report.logRecords = check.records
            report.logRows = check.rows
            report.problems += check.problems
        } catch { report.problems.append(error.text) }
        return report
    }

    /// A server may remove a file of the log while this begins to read it: then it begins anew.
    private static func checkRows(_ log: String, _ environment: Environment) async throws(StorageError) -> LogCheck {
        func attempt() async throws(StorageError) -> LogCheck {
            try await LogCheck.run(
                directory: log, tables: MetricStore.tables(layouts: .standard), environment: environment,
                examine: { labelProblem($0) })
        }
        for _ in 0..<2 {
            do throws(StorageError) { return try await attempt() } catch { continue }
        }
        return try await attempt()
    }

    private static func labelProblem(_ rows: TableRows) -> String? {
        guard rows.table == SeriesTable.number else { return nil }
        let (metrics, labels) = (rows.batch.columns[2].byteStrings, rows.batch.columns[3].byteStrings)
        for row in 0..<rows.batch.rowCount {
            do throws(MalformedBytes) {
                _ = try LabelEncoding.decode(metric: metrics[row], labels: labels[row])
            } catch { return "the labels of series \(rows.batch.columns[1].int64s[row]) cannot be read \(error)" }
        }
        return nil
    }
}
