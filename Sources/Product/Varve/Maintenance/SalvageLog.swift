public import Platform
import WAL

/// What a salvage kept, and what it could not.
public struct LogSalvageReport: Sendable, Equatable {
    public var records: UInt64
    /// Sequence numbers of the first and last record kept; nil without any.
    public var first: UInt64?
    public var last: UInt64?
    /// One line each: file, bytes, what was found, and between which records it lies. Torn ends, which were perhaps never
    /// acknowledged, are among them and say so.
    public var losses: [String]
    /// How many of them are damage.
    public var damaged: Int
    /// Names in the log's directory that are not ours.
    public var foreignNames: [String]
    /// Where the new log is.
    public var log: String
    /// Where the old one is now, when it was replaced.
    public var quarantined: String?
}

extension Database {
    /// Keeps what is good of a log that does not open.
    ///
    /// - Parameters:
    ///   - path: a data directory, or the directory of a log.
    ///   - output: a directory, absent or empty, for the new log: the old one is only read. nil: in place, where the old
    ///     log is moved to `quarantine/`; that takes the data directory's lock.
    /// - Throws: `VarveError`: `.taken`, `.foreign` when there is no log or `output` holds something, `.failed`.
    public static func salvageLog(
        at path: String, into output: String?, environment: Environment = .live
    ) async throws -> LogSalvageReport {
        let place = try await environment.blocking.run { try StoredLogPlace.find(path, in: environment.fileSystem) }
        let salvage: LogSalvage
        do throws(WALError) {
            if let output {
                salvage = try await LogSalvage.run(
                    from: place.log, into: output, region: StoredLogPlace.region, options: WALOptions(),
                    environment: environment)
            } else {
                salvage = try await replace(place, environment)
            }
        } catch {
            if case .foreign(let text) = error { throw VarveError(.foreign, text) }
            throw VarveError(.failed, error.description)
        }
        return LogSalvageReport(
            records: salvage.records, first: salvage.sequences?.lowerBound.rawValue,
            last: salvage.sequences?.upperBound.rawValue, losses: salvage.losses.map(\.description),
            damaged: salvage.losses.count { !$0.isTorn }, foreignNames: salvage.foreignNames,
            log: output ?? place.log, quarantined: salvage.quarantined)
    }

    private static func replace(
        _ place: StoredLogPlace, _ environment: Environment
    ) async throws(WALError) -> LogSalvage {
        guard let data = place.data else {
            throw .foreign("in place is for a data directory; name another directory with --output")
        }
        let holder = "process \(ProcessIdentity.current)"
        let lock: any FileLock
        do {
            lock = try await environment.blocking.run { try data.open(holder: holder, in: environment.fileSystem) }
        } catch { throw .io("\(error)") }
        defer { withExtendedLifetime(lock) {} }
        return try await LogSalvage.runInPlace(
            place.log, region: StoredLogPlace.region, quarantine: data.path + "/quarantine", options: WALOptions(),
            environment: environment)
    }
}
