public import Columnar
public import Platform

/// What is good of a log that does not open, kept in a sound one.
///
/// - The old log is only read. In place it is moved to quarantine as a whole, after the new one is complete and synced.
/// - Between the two moves of the directories a crash leaves no log but the finished new one beside its place: opening
///   refuses, and the next salvage in place finishes it.
public struct LogSalvage: Sendable {
    public var region = ""
    public var records: UInt64 = 0
    /// First and last record kept.
    public var sequences: ClosedRange<SequenceNumber>?
    public var losses: [LogLoss] = []
    /// Names in the directory that are not ours: they stay where they were.
    public var foreignNames: [String] = []
    /// Where the old log is now, when it was replaced.
    public var quarantined: String?

    static func unfinished(_ directory: String) -> String { directory + ".salvaged" }

    /// Writes what is sound in `source` as a log into `target`, a directory that is absent or empty.
    /// - Parameter region: the log's, should no header tell.
    /// - Throws: `WALError.io`; `.foreign` when `source` holds no log segment, or `target` holds something.
    public static func run(
        from source: String, into target: String, region: String, options: WALOptions, environment: Environment
    ) async throws(WALError) -> LogSalvage {
        try await RegionLog.onThread(environment) {
            let fileSystem = environment.fileSystem
            if try fileSystem.status(of: target) != nil, let first = try fileSystem.list(target).first {
                throw WALError.foreign("\(target) holds \(first): name an empty or a new directory")
            }
            return try write(from: source, into: target, region, options, fileSystem)
        }
    }

    /// Replaces the log in `directory` by what is sound of it. The caller holds the data directory's lock.
    /// - Parameter quarantine: a directory on the same file system; made if absent.
    public static func runInPlace(
        _ directory: String, region: String, quarantine: String, options: WALOptions, environment: Environment
    ) async throws(WALError) -> LogSalvage {
        try await RegionLog.onThread(environment) {
            let fileSystem = environment.fileSystem
            let made = unfinished(directory)
            let parent = directory.split(separator: "/").dropLast().joined(separator: "/")
            let above = directory.hasPrefix("/") ? "/" + parent : parent.isEmpty ? "." : parent
            var salvage: LogSalvage
            if try fileSystem.status(of: directory) == nil {
                guard try fileSystem.status(of: made) != nil else {
                    throw WALError.foreign("there is no log in \(directory)")
                }
                // Interrupted between the two moves: the new one is complete.
                salvage = LogSalvage()
                salvage.region = region
            } else {
                if try fileSystem.status(of: made) != nil {
                    for name in try fileSystem.list(made) { try fileSystem.remove("\(made)/\(name)") }
                }
                salvage = try write(from: directory, into: made, region, options, fileSystem)
                try fileSystem.createDirectory(quarantine)
                let place = try freeName("\(quarantine)/\(region)-log", fileSystem)
                try fileSystem.rename(directory, ifAbsent: place)
                try fileSystem.syncDirectory(above)
                try fileSystem.syncDirectory(quarantine)
                salvage.quarantined = place
            }
            try fileSystem.rename(made, ifAbsent: directory)
            try fileSystem.syncDirectory(above)
            return salvage
        }
    }

    private static func freeName(_ name: String, _ fileSystem: any FileSystem) throws -> String {
        for attempt in 1...10_000 {
            let place = "\(name)-\(attempt)"
            if try fileSystem.status(of: place) == nil { return place }
        }
        throw WALError.io("\(name) has 10,000 copies; look at them and move them away")
    }

    private static func write(
        from source: String, into target: String, _ region: String, _ options: WALOptions,
        _ fileSystem: any FileSystem
    ) throws -> LogSalvage {
        let scavenger = LogScavenger(directory: LogDirectory(path: source, fileSystem: fileSystem))
        let survey = try scavenger.survey()
        guard !survey.segments.isEmpty else { throw WALError.foreign("\(source) holds no log segment") }
        var salvage = LogSalvage()
        salvage.region = survey.region ?? region
        salvage.losses = survey.losses
        salvage.foreignNames = survey.foreign
        try fileSystem.createDirectory(target)
        let made = LogDirectory(path: target, fileSystem: fileSystem)
        let wanted = UInt64(options.segmentSize.bytes)
        let first = try SegmentFile.make(
            after: .zero, region: salvage.region, wanted: options.firstSegmentSize, records: 0, in: made)
        var appender = SegmentAppender(
            first, offset: UInt64(LogSegmentHeader.size), synced: .start, lastSequence: nil)
        var last: SequenceNumber?
        for segment in survey.segments {
            try scavenger.records(of: segment, after: &last) { records in
                guard let lowest = records.first?.sequence, let highest = records.last?.sequence else { return }
                var batch = LogBatch(lowest, buffer: [])
                for record in records {
                    guard let size = RecordEncoding.size(of: record) else { continue }  // it was read: it has one
                    batch.append(record, size: size)
                }
                if !appender.fits(recordBytes: batch.length) {
                    try appender.sync()
                    try appender.advance(
                        to: SegmentFile.make(
                            after: appender.active.number, region: salvage.region, wanted: wanted,
                            records: batch.sizeInLog, in: made))
                }
                try appender.write(&batch)
                salvage.records += UInt64(records.count)
                salvage.sequences = (salvage.sequences?.lowerBound ?? lowest)...highest
            }
        }
        // The highest number that was ever given out stays known, also where its record is lost.
        try appender.seal(knowing: survey.lastKnown)
        return salvage
    }
}

/// The sound records of a log in any state, in order; changes nothing. What could not be read is returned.
public enum LogExcerpt {
    public static func read(
        directory: String, environment: Environment, _ body: @Sendable ([LogRecord]) async throws -> Void
    ) async throws -> [LogLoss] {
        let scavenger = LogScavenger(directory: LogDirectory(path: directory, fileSystem: environment.fileSystem))
        let survey = try await environment.blocking.run { try Surveyed(scavenger.survey()) }
        var last: SequenceNumber?
        for i in survey.survey.segments.indices {
            // One log segment's records in memory at most.
            let (records, reached) = try await environment.blocking.run { [last] in
                var (records, reached): ([LogRecord], SequenceNumber?) = ([], last)
                try scavenger.records(of: survey.survey.segments[i], after: &reached) { records += $0 }
                return (records, reached)
            }
            last = reached
            if !records.isEmpty { try await body(records) }
        }
        return survey.survey.losses
    }

    private struct Surveyed: Sendable {
        let survey: LogScavenger.Survey
        init(_ survey: LogScavenger.Survey) { self.survey = survey }
    }
}
