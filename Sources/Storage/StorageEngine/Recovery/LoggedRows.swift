import Columnar
public import Platform
import Synchronization
import WAL

extension LogRecord {
    /// Its rows, as they were written; entry by entry.
    /// - Throws: `.foreign` for a table that is not among `tables`, `.damaged` where the bytes are no rows of the schema.
    func rows(_ tables: [UInt16: TableDefinition]) throws(StorageError) -> [TableRows] {
        var rows: [TableRows] = []
        for entry in entries {
            guard let table = tables[entry.table] else {
                throw StorageError(
                    .foreign,
                    "log record \(sequence) is of table number \(entry.table), which this version does not know; open "
                        + "it with the version that wrote it")
            }
            do throws(MalformedBytes) {
                rows.append(
                    TableRows(table: entry.table, batch: try RowEncoding.decode(entry.payload, as: table.schema)))
            } catch {
                throw StorageError(
                    .damaged,
                    "log record \(sequence) of table \(table.name) cannot be read \(error); `varve wal inspect` shows "
                        + "the log, `varve wal salvage` keeps what is good")
            }
        }
        return rows
    }
}

/// What is in the records of a log, decoded as a start would decode it: a checksum says only that the bytes are those that
/// were written. Changes nothing; the log may be in use.
public struct LogCheck: Sendable {
    public private(set) var records: UInt64 = 0
    public private(set) var rows: UInt64 = 0
    /// Each names a record; of very many the first are told, and how many there are.
    public private(set) var problems: [String] = []
    private var countOfProblems = 0
    private static let mostTold = 20

    /// - Parameters:
    ///   - directory: the region's log; without it there is nothing to check. Stretches without sound batches are passed
    ///     over: `LogInspection` tells of them.
    ///   - examine: what else is wrong with rows, for whoever knows what they mean; nil: nothing.
    public static func run(
        directory: String, tables: [TableDefinition], environment: Environment,
        examine: @escaping @Sendable (TableRows) -> String? = { _ in nil }
    ) async throws(StorageError) -> LogCheck {
        let byNumber = Dictionary(tables.map { ($0.number, $0) }, uniquingKeysWith: { first, _ in first })
        let found = Mutex(LogCheck())
        do {
            let isThere = try await environment.blocking.run { try environment.fileSystem.status(of: directory) != nil }
            guard isThere else { return LogCheck() }
            _ = try await LogExcerpt.read(directory: directory, environment: environment) { records in
                found.withLock { check in
                    for record in records { check.add(record, byNumber, examine) }
                }
            }
        } catch { throw StorageError(wrapping: error) }
        var check = found.withLock { $0 }
        if check.countOfProblems > check.problems.count {
            check.problems.append("\(check.countOfProblems - Self.mostTold) more records of the log are like that")
        }
        return check
    }

    private mutating func add(
        _ record: LogRecord, _ tables: [UInt16: TableDefinition], _ examine: (TableRows) -> String?
    ) {
        records += 1
        do throws(StorageError) {
            let rows = try record.rows(tables)
            do throws(StorageError) { _ = try BatchPlacement.place(rows, tables) } catch {
                throw StorageError(.damaged, "log record \(record.sequence): \(error.text)")
            }
            for rows in rows {
                self.rows += UInt64(rows.batch.rowCount)
                if let problem = examine(rows) {
                    throw StorageError(.damaged, "log record \(record.sequence): \(problem)")
                }
            }
        } catch {
            countOfProblems += 1
            if problems.count < Self.mostTold { problems.append(error.text) }
        }
    }
}
