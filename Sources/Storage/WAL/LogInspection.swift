public import Columnar
public import Platform

/// What a log holds, for `varve wal inspect`: reads only, also a log that does not open.
public struct LogInspection: Sendable {
    public struct Table: Sendable, Equatable {
        /// Entries of the table, and bytes of their payloads.
        public var entries: UInt64 = 0
        public var bytes: UInt64 = 0
    }

    public struct Segment: Sendable {
        public var path: String
        public var number: LogSegmentNumber
        public var fileBytes: UInt64
        /// Up to the end of the last batch of its unbroken row.
        public var usedBytes: UInt64
        /// Batches of that row: with records, and those that only seal.
        public var batches = 0
        public var seals = 0
        public var records: UInt64 = 0
        public var sequences: ClosedRange<SequenceNumber>?
        public var tables: [UInt16: Table] = [:]
        /// Sound batches after the first bad place.
        public var strayBatches = 0
        public var state: String
    }

    public var region: String?
    public var segments: [Segment] = []
    public var foreignNames: [String] = []
    /// Ours, and nothing in them counts: being made, or kept to be written over.
    public var unusedNames: [String] = []
    /// What is damaged; nil when nothing is.
    public var damage: String?
    /// Why it would not be opened though nothing is damaged: a strange name, a newer version, another region.
    public var refusal: String?
    /// Bytes that opening would move to quarantine.
    public var tornBytes: UInt64 = 0

    /// - Throws: `WALError.io` when the directory cannot be read.
    public static func read(
        directory path: String, options: WALOptions, environment: Environment
    ) async throws(WALError) -> LogInspection {
        let directory = LogDirectory(path: path, fileSystem: environment.fileSystem)
        return try await RegionLog.onThread(environment) { try read(directory, options) }
    }

    private static func read(_ directory: LogDirectory, _ options: WALOptions) throws -> LogInspection {
        var inspection = LogInspection()
        do {
            _ = try directory.contents()
        } catch WALError.foreign(let text) {
            inspection.refusal = text
        }
        let contents = try directory.contents(refusing: false)
        inspection.foreignNames = contents.foreign
        inspection.unusedNames = contents.unfinished
        var findings: [SegmentFinding] = []
        var isStrange = false
        for number in contents.segments {
            let handle = try directory.fileSystem.open(directory.path(of: number), .read)
            let scan = try SegmentScan.read(handle, number: number)
            let finding = SegmentFinding(scan)
            findings.append(finding)
            if case .valid(let header) = scan.header { inspection.region = inspection.region ?? header.region }
            let recovery = LogRecovery(directory: directory, region: inspection.region ?? "", options: options)
            do {
                try recovery.checkHeader(scan.header, of: number)
            } catch WALError.foreign(let text) {
                inspection.refusal = inspection.refusal ?? text
                isStrange = true
            }
            inspection.segments.append(try segment(scan, handle, state: state(of: finding, scan)))
        }
        // A log segment of another version or region cannot be judged.
        if isStrange { return inspection }
        switch TailVerdict.of(findings) {
        case .usable(let usable): inspection.tornBytes = usable.torn.reduce(0) { $0 + UInt64($1.range.count) }
        case .damaged(let place, let found):
            let recovery = LogRecovery(directory: directory, region: inspection.region ?? "", options: options)
            inspection.damage = recovery.damage(at: place, found).description
        }
        return inspection
    }

    private static func state(of finding: SegmentFinding, _ scan: SegmentScan) -> String {
        guard finding.hasHeader else { return finding.found ?? "no header" }
        guard finding.dirtyEnd > finding.chainEnd else { return finding.hasChain ? "sound" : "empty" }
        return "\(finding.found ?? "zeros before more bytes") at byte \(finding.chainEnd)"
    }

    private static func segment(_ scan: SegmentScan, _ handle: any FileHandle, state: String) throws -> Segment {
        var segment = Segment(
            path: handle.path, number: scan.number, fileBytes: scan.fileSize, usedBytes: scan.chainEnd,
            strayBatches: scan.strays.count, state: state)
        var window = SegmentWindow(handle, size: scan.fileSize)
        for place in scan.chain {
            guard let sequences = place.sequences else {
                segment.seals += 1
                continue
            }
            segment.batches += 1
            segment.records += UInt64(place.count)
            segment.sequences = (segment.sequences?.lowerBound ?? sequences.lowerBound)...sequences.upperBound
            guard let start = try window.load(place.offset, place.end - place.offset) else { continue }
            try RecordEncoding.forEachFrame(of: place.header(in: scan.number), at: start, in: window.bytes) { frame in
                for entry in frame.entries {
                    segment.tables[entry.table, default: Table()].entries += 1
                    segment.tables[entry.table, default: Table()].bytes += UInt64(entry.payload.count)
                }
            }
        }
        return segment
    }

    /// One line per log segment and table, then what is wrong, in words.
    public var lines: [String] {
        var lines = ["region \(region ?? "unknown"): \(segments.count) log segments"]
        for segment in segments {
            let sequences = segment.sequences.map { "\($0.lowerBound) … \($0.upperBound)" } ?? "none"
            lines.append(
                "\(segment.path): \(segment.usedBytes) of \(segment.fileBytes) bytes, \(segment.batches) batches, "
                    + "\(segment.seals) seals, \(segment.records) records, sequence numbers \(sequences), \(segment.state)"
            )
            for (table, counts) in segment.tables.sorted(by: { $0.key < $1.key }) {
                lines.append("  table \(table): \(counts.entries) entries, \(counts.bytes) bytes")
            }
            if segment.strayBatches > 0 { lines.append("  \(segment.strayBatches) sound batches after the bad place") }
        }
        if tornBytes > 0 {
            lines.append("torn: \(tornBytes) bytes were never acknowledged; opening moves them to quarantine")
        }
        for name in unusedNames { lines.append("not in use: \(name)") }
        for name in foreignNames { lines.append("not ours: \(name)") }
        if let refusal { lines.append(refusal) }
        if let damage { lines.append(damage) }
        return lines
    }
}
