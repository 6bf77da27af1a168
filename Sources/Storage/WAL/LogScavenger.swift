public import Columnar
public import Platform

/// A stretch of a log segment that holds no sound batch.
public struct LogLoss: Sendable, Equatable {
    public var path: String
    /// Bytes of the file.
    public var range: Range<UInt64>
    public var found: String
    /// Nothing in it was ever known synced: it was perhaps never acknowledged.
    public var isTorn: Bool
    /// The last record before it and the first one after it, where there are any: what is missing lies between.
    public var after: SequenceNumber?
    public var before: SequenceNumber?

    public var description: String {
        let between =
            switch (after, before) {
            case (let after?, let before?): "records between \(after) and \(before)"
            case (let after?, nil): "records after \(after)"
            case (nil, let before?): "records before \(before)"
            case (nil, nil): "all records"
            }
        let kind = isTorn ? "torn, perhaps never acknowledged" : "damaged"
        let bytes =
            range.isEmpty ? "at byte \(range.lowerBound)" : "bytes \(range.lowerBound) … \(range.upperBound - 1)"
        return "\(path): \(bytes) \(kind): \(found) (\(between))"
    }
}

/// Reads everything sound in a directory, in whatever state it is; never writes, and trusts nothing but checksums.
///
/// 1. Scan each file that has a log segment's name; behind a bad place go on at the next magic.
/// 2. Hand on sound batches in the order of the log. A record not above the last one seen is a repetition.
/// 3. Say which bytes hold none, and between which records they lie.
struct LogScavenger {
    let directory: LogDirectory

    /// What step 1 finds.
    struct Survey {
        /// Of the first sound header.
        var region: String?
        var segments: [(number: LogSegmentNumber, handle: any FileHandle, places: [BatchPlace])] = []
        var losses: [LogLoss] = []
        /// The highest number that any batch knows.
        var lastKnown: SequenceNumber?
        /// Names that are no log segment's.
        var foreign: [String] = []
    }

    func survey() throws -> Survey {
        let contents = try directory.contents(refusing: false)
        var survey = Survey()
        survey.foreign = contents.foreign
        var scans: [(scan: SegmentScan, handle: any FileHandle)] = []
        var synced = LogPosition.start
        for number in contents.segments {
            let handle = try directory.fileSystem.open(directory.path(of: number), .read)
            let scan = try SegmentScan.read(handle, number: number)
            for place in scan.chain + scan.strays { synced = max(synced, place.synced) }
            if case .valid(let header) = scan.header { survey.region = survey.region ?? header.region }
            scans.append((scan, handle))
        }
        var last: SequenceNumber?
        var previous: LogSegmentNumber?
        for (scan, handle) in scans {
            if let previous, let missing = previous.next, missing < scan.number {
                survey.losses.append(
                    LogLoss(
                        path: directory.path(of: missing), range: 0..<0, found: "the log segment is missing",
                        isTorn: false, after: last))
            }
            previous = scan.number
            let places = isOurs(scan, survey.region) ? scan.chain + scan.strays : []
            for (range, found) in gaps(scan, places) {
                let place = LogPosition(scan.number, range.lowerBound)
                survey.losses.append(
                    LogLoss(
                        path: handle.path, range: range, found: found, isTorn: place >= synced,
                        after: places.last { $0.end <= range.lowerBound && $0.sequences != nil }?.sequences?.upperBound
                            ?? last))
            }
            for place in places {
                survey.lastKnown = [survey.lastKnown, place.lastKnown].compactMap { $0 }.max()
                last = [last, place.sequences?.upperBound].compactMap { $0 }.max()
            }
            survey.segments.append((scan.number, handle, places))
        }
        fillEnds(&survey)
        return survey
    }

    private func isOurs(_ scan: SegmentScan, _ region: String?) -> Bool {
        switch scan.header {
        case .valid(let header): header.region == region && header.number == scan.number
        case .newerVersion: false
        case .empty, .bad: true
        }
    }

    /// Stretches without a sound batch: what stands there, in words.
    private func gaps(_ scan: SegmentScan, _ places: [BatchPlace]) -> [(Range<UInt64>, String)] {
        let header = UInt64(LogSegmentHeader.size)
        var gaps: [(Range<UInt64>, String)] = []
        var end = min(header, scan.fileSize)
        switch scan.header {
        case .valid(let found) where !isOurs(scan, found.region):
            return [(0..<scan.fileSize, "log segment \(found.number) under another's name")]
        case .valid(let found) where places.isEmpty && !(scan.chain.isEmpty && scan.strays.isEmpty):
            return [(0..<scan.fileSize, "a log segment of region \"\(found.region)\"")]
        case .valid: break
        case .newerVersion(let version): return [(0..<scan.fileSize, "format version \(version)")]
        case .empty: if !places.isEmpty { gaps.append((0..<end, "zeros where the header was")) }
        case .bad(let found): gaps.append((0..<end, found))
        }
        for place in places {
            if place.offset > end { gaps.append((end..<place.offset, found(scan, at: end))) }
            end = place.end
        }
        if scan.dirtyEnd > end { gaps.append((end..<scan.dirtyEnd, found(scan, at: end))) }
        return gaps
    }

    private func found(_ scan: SegmentScan, at offset: UInt64) -> String {
        offset == scan.chainEnd ? scan.found ?? "zeros where a batch was" : "no sound batch"
    }

    /// The first record behind each loss.
    private func fillEnds(_ survey: inout Survey) {
        for i in survey.losses.indices {
            let loss = survey.losses[i]
            search: for (number, handle, places) in survey.segments {
                for place in places {
                    guard let sequences = place.sequences else { continue }
                    let isBehind =
                        handle.path == loss.path
                        ? place.offset >= loss.range.upperBound
                        : LogDirectory.number(of: String(loss.path.split(separator: "/").last ?? "")).map {
                            $0 < number
                        }
                            ?? false
                    guard isBehind, loss.after.map({ $0 < sequences.upperBound }) ?? true else { continue }
                    survey.losses[i].before = sequences.lowerBound
                    break search
                }
            }
        }
    }

    /// Sound records of one log segment, a batch at a time.
    /// - Parameter last: the highest sequence number seen; moves on.
    func records(
        of segment: (number: LogSegmentNumber, handle: any FileHandle, places: [BatchPlace]),
        after last: inout SequenceNumber?, _ body: ([LogRecord]) throws -> Void
    ) throws {
        let size = try segment.handle.size()
        var window = SegmentWindow(segment.handle, size: size)
        for place in segment.places
        where place.sequences.map({ sequences in last.map { $0 < sequences.upperBound } ?? true }) ?? false {
            guard case .batch(place) = try SegmentScan.step(&window, at: LogPosition(segment.number, place.offset)),
                let start = try window.load(place.offset, place.end - place.offset)
            else { throw WALError.io("\(segment.handle.path) reads differently each time, at byte \(place.offset)") }
            var records: [LogRecord] = []
            try RecordEncoding.forEachFrame(of: place.header(in: segment.number), at: start, in: window.bytes) {
                frame in
                if let last, frame.sequence <= last { return }
                last = frame.sequence
                records.append(
                    LogRecord(
                        sequence: frame.sequence,
                        entries: frame.entries.map {
                            LogEntry(table: $0.table, payload: Bytes(window.bytes[$0.payload]))
                        }))
            }
            if !records.isEmpty { try body(records) }
        }
    }
}
