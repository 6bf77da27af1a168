import Columnar
import Platform

/// What the log keeps in mind of a log segment.
struct LogSegmentInfo: Equatable, Sendable {
    var number: LogSegmentNumber
    /// Of the records that count; nil without any.
    var first: SequenceNumber?
    var last: SequenceNumber?
    /// Where the batches that count end.
    var end: UInt64
    /// The last record of each table that has any; may name a later one than there is.
    var tables = TableMarks()

    init(number: LogSegmentNumber, end: UInt64) {
        self.number = number
        self.end = end
    }

    mutating func cover(_ sequences: ClosedRange<SequenceNumber>, _ tables: TableMarks) {
        first = min(first ?? sequences.lowerBound, sequences.lowerBound)
        last = max(last ?? sequences.upperBound, sequences.upperBound)
        self.tables.note(tables)
    }

    /// What is left when everything from `end` on, after record `known`, was cut off.
    mutating func cut(to end: UInt64, last known: SequenceNumber?) {
        self.end = end
        guard let first, let known, first <= known else {
            (first, last) = (nil, nil)
            return
        }
        last = min(last ?? known, known)
    }
}

/// What opening a log found and did.
public struct LogRecoveryReport: Sendable, Equatable {
    /// Bytes of torn tails, and the files that keep them.
    public var tornBytes: UInt64 = 0
    public var quarantined: [String] = []
    /// Records past the last known sync: written again to a new log segment.
    public var rewrittenRecords: UInt64 = 0
    /// Names in the directory that are not ours.
    public var foreignNames: [String] = []
    /// Why the log cannot be written, when it cannot; it can be read.
    public var refusal: String?
    public init() {}
}

/// From a directory to a log that can be written. Blocks.
///
/// 1. Sync log segments and directory: what is read from here on is on disk (R6).
/// 2. Scan every log segment and judge the whole (`TailVerdict`). Damage ends here: nothing was changed.
/// 3. Copy torn bytes to quarantine, sync, cut them off, sync.
/// 4. Go on in the last log segment when it is sealed and has room. Else in a new one, into which every record past the
///    last known sync is written first: a page cache that lied once is not trusted again. Then its old copy is cut off.
///
/// Each step may be interrupted and begun again. A copy and its original are told apart by their sequence numbers:
/// a record not above the last one seen is a repetition.
struct LogRecovery {
    let directory: LogDirectory
    let region: String
    let options: WALOptions
    /// Changes nothing and syncs nothing; the log cannot be written.
    var readOnly = false

    struct Outcome {
        var segments: [LogSegmentInfo] = []
        /// nil: the log cannot be written, as `report.refusal` says.
        var appender: SegmentAppender?
        /// Made before, not used yet; its number follows the active one's.
        var spare: SegmentFile?
        var last: SequenceNumber?
        var report = LogRecoveryReport()
    }

    /// A log segment as step 2 leaves it.
    private struct Examined {
        var info: LogSegmentInfo
        var handle: any FileHandle
        var finding: SegmentFinding
    }

    /// What step 2 finds.
    private struct Findings {
        var segments: [Examined] = []
        /// Everything below it is on disk, say the batches themselves.
        var synced = LogPosition.start
        /// The highest sequence number below `synced`.
        var settled: SequenceNumber?
        /// Batches with records at or above `synced`, in order.
        var doubtful: [Doubtful] = []
        var lastKnown: SequenceNumber?

        /// Where the settled part of a log segment ends.
        func settledEnd(of segment: LogSegmentInfo) -> UInt64 {
            if segment.number < synced.segment { return segment.end }
            let known = segment.number == synced.segment ? synced.offset : 0
            return min(segment.end, max(known, UInt64(LogSegmentHeader.size)))
        }
    }

    /// A batch with records that no later one knows synced.
    private typealias Doubtful = (number: LogSegmentNumber, handle: any FileHandle, place: BatchPlace)

    func run() throws -> Outcome {
        let salvaged = LogSalvage.unfinished(directory.path)
        if try directory.fileSystem.status(of: directory.path) == nil,
            try directory.fileSystem.status(of: salvaged) != nil
        {
            throw WALError.foreign(
                "a salvage was interrupted: the log is in \(salvaged); "
                    + "`varve wal salvage --in-place --data \(options.dataDirectory)` finishes it")
        }
        if !readOnly { try directory.fileSystem.createDirectory(directory.path) }
        // Reading does not make what is not there; an absent log is an empty one.
        let isThere = try directory.fileSystem.status(of: directory.path) != nil
        let contents = isThere ? try directory.contents() : LogDirectory.Contents()
        let found = try examine(contents.segments)
        var outcome = Outcome()
        outcome.report.foreignNames = contents.foreign
        switch TailVerdict.of(found.segments.map(\.finding)) {
        case .damaged(let place, let found): throw damage(at: place, found)
        case .usable(let usable):
            outcome.last = found.lastKnown
            outcome.segments = found.segments.map(\.info)
            for torn in usable.torn { outcome.report.tornBytes += UInt64(torn.range.count) }
            if readOnly {
                outcome.report.refusal = "the log was opened for reading only"
                return outcome
            }
            do {
                try repair(usable, found, contents, &outcome)
            } catch let error as FileSystemError where error.kind == .full {
                // A full disk must not keep anyone from reading: flushing what is in the log is what frees it (R9).
                outcome.segments = found.segments.map(\.info)
                outcome.appender = nil
                outcome.report.refusal = "\(error)"
            }
            return outcome
        }
    }

    func damage(at place: LogPosition, _ found: String) -> WALError {
        let path = directory.path(of: place.segment)
        return .damaged(
            DamagedFile(
                path: path, offset: place.offset, found: found,
                remedy: "`varve wal salvage --data \(options.dataDirectory)` keeps what is good."
            ).description)
    }

    // MARK: Step 1 and 2

    private func examine(_ numbers: [LogSegmentNumber]) throws -> Findings {
        var handles: [any FileHandle] = []
        for number in numbers {
            let handle = try directory.fileSystem.open(directory.path(of: number), readOnly ? .read : .update)
            if !readOnly { try handle.sync() }
            handles.append(handle)
        }
        if !readOnly { try directory.fileSystem.syncDirectory(directory.path) }
        var found = Findings()
        for (number, handle) in zip(numbers, handles) {
            let scan = try SegmentScan.read(handle, number: number)
            try checkHeader(scan.header, of: number)
            var segment = Examined(
                info: LogSegmentInfo(number: number, end: scan.chainEnd), handle: handle, finding: SegmentFinding(scan))
            for place in scan.chain {
                found.lastKnown = [found.lastKnown, place.lastKnown].compactMap { $0 }.max()
                guard let sequences = place.sequences else { continue }
                if let last = segment.info.last, sequences.lowerBound <= last {
                    throw damage(at: LogPosition(number, place.offset), "sequence numbers that go back")
                }
                segment.info.cover(sequences, place.tables)
                found.doubtful.append((number, handle, place))
            }
            for (number, offset) in segment.finding.synced {
                found.synced = max(found.synced, LogPosition(number, offset))
            }
            found.segments.append(segment)
            try settle(&found)
        }
        return found
    }

    /// Parts what is known synced from what is not. Below the known sync sequence numbers rise; above it they may repeat
    /// what is not settled: copies of an interrupted recovery.
    private func settle(_ found: inout Findings) throws {
        var stillDoubtful: [Doubtful] = []
        for batch in found.doubtful {
            guard let sequences = batch.place.sequences else { continue }
            let position = LogPosition(batch.number, batch.place.offset)
            if let settled = found.settled, sequences.lowerBound <= settled {
                throw damage(at: position, "sequence numbers that go back")
            }
            if position < found.synced {
                found.settled = sequences.upperBound
            } else {
                stillDoubtful.append(batch)
            }
        }
        found.doubtful = stillDoubtful
    }

    func checkHeader(_ header: LogSegmentHeader.Reading, of number: LogSegmentNumber) throws {
        let path = directory.path(of: number)
        switch header {
        case .empty, .bad: break  // judged with the rest
        case .newerVersion(let version):
            throw WALError.foreign(
                "\(path) has format version \(version); this Varve reads version \(LogSegmentHeader.version): use a newer one"
            )
        case .valid(let header):
            guard header.number == number else {
                throw WALError.foreign("\(path) is log segment \(header.number) under another's name; move it away")
            }
            guard header.region.utf8.elementsEqual(region.utf8) else {
                throw WALError.foreign(
                    "\(path) belongs to region \"\(header.region)\", not to \"\(region)\"; move it away")
            }
        }
    }

    // MARK: Steps 3 and 4

    private func repair(
        _ usable: TailVerdict.Usable, _ found: Findings, _ contents: LogDirectory.Contents, _ outcome: inout Outcome
    ) throws {
        #if PLANTED_BUGS
            if PlantedBug.current == .appendsBehindTornTail, let last = found.segments.last, last.finding.hasChain,
                last.finding.fileSize - last.finding.dirtyEnd > 8 << 10
            {
                let file = SegmentFile(number: last.info.number, handle: last.handle, size: last.finding.fileSize)
                let end = LogPosition(last.info.number, last.info.end)
                outcome.appender = SegmentAppender(
                    file, offset: (last.finding.dirtyEnd + 7) & ~7, synced: end, lastSequence: outcome.last)
                return
            }
        #endif
        let fileSystem = directory.fileSystem
        for name in contents.unfinished { try fileSystem.remove(directory.path(of: name)) }
        for segment in found.segments {
            guard let torn = usable.torn.first(where: { $0.segment == segment.info.number }) else { continue }
            outcome.report.quarantined.append(try quarantine(torn, segment.handle))
            try segment.handle.truncate(to: torn.range.lowerBound)
            try segment.handle.sync()
        }
        var spare = try removeUnused(usable, found.segments)
        let kept = found.segments.filter { !usable.unused.contains($0.info.number) }
        outcome.segments = kept.map(\.info)

        guard let last = kept.last, last.info.number == usable.last else {
            let active = try spare ?? makeSegment(after: nil, bytes: 0)
            outcome.appender = SegmentAppender(
                active, offset: UInt64(LogSegmentHeader.size), synced: .start, lastSequence: nil)
            outcome.segments = [LogSegmentInfo(number: active.number, end: UInt64(LogSegmentHeader.size))]
            return
        }
        let isTorn = usable.torn.contains { $0.segment == usable.last }
        if found.doubtful.isEmpty, !isTorn, last.finding.fileSize - last.info.end >= 8 << 10 {
            outcome.appender = try resume(last, from: found.settledEnd(of: last.info), outcome.last)
            outcome.spare = spare
            return
        }
        let bytes = found.doubtful.reduce(UInt64(BatchHeader.size)) { $0 + ($1.place.end - $1.place.offset) }
        if let unfit = spare, !unfit.holds(bytes) {
            try SegmentFile.remove(unfit.number, in: directory)
            spare = nil
        }
        let active = try spare ?? makeSegment(after: last.info.number, bytes: bytes)
        try rewrite(found, into: active, &outcome)
        for (index, segment) in kept.enumerated() {
            let end = found.settledEnd(of: segment.info)
            guard segment.finding.fileSize > end else { continue }
            // Also gives back the zeros that were never written over.
            try segment.handle.truncate(to: end)
            try segment.handle.sync()
            if end < segment.info.end { outcome.segments[index] = settledInfo(of: segment.info, found) }
        }
    }

    /// What is left of a log segment whose doubtful batches were written again elsewhere.
    private func settledInfo(of segment: LogSegmentInfo, _ found: Findings) -> LogSegmentInfo {
        var left = segment
        left.cut(to: found.settledEnd(of: segment), last: found.settled)
        return left
    }

    /// Removes log segments after the last one in use, the youngest first; keeps one that can be used as it is.
    private func removeUnused(_ usable: TailVerdict.Usable, _ examined: [Examined]) throws -> SegmentFile? {
        for number in usable.unused.reversed() {
            guard let segment = examined.first(where: { $0.info.number == number }) else { continue }
            let isNext = usable.last.map { $0.next == number } ?? (usable.unused.first == number)
            if isNext, segment.finding.hasHeader, segment.finding.dirtyEnd == segment.finding.chainEnd,
                segment.finding.fileSize >= min(options.firstSegmentSize, 8 << 10)
            {
                return SegmentFile(
                    number: number, handle: segment.handle, size: segment.finding.fileSize,
                    isReused: segment.finding.isReused)
            }
            try SegmentFile.remove(number, in: directory)
        }
        return nil
    }

    private func makeSegment(after number: LogSegmentNumber?, bytes: UInt64) throws -> SegmentFile {
        try SegmentFile.make(
            after: number ?? .zero, region: region, wanted: options.firstSegmentSize, records: bytes, in: directory)
    }

    /// Goes on at the end of a sealed log segment. Seals past the known sync are written once more, so that they are.
    private func resume(
        _ last: Examined, from settledEnd: UInt64, _ sequence: SequenceNumber?
    ) throws -> SegmentAppender {
        if last.info.end > settledEnd {
            let seals = try last.handle.read(at: settledEnd, count: Int(last.info.end - settledEnd))
            try last.handle.write(seals, at: settledEnd)
            try last.handle.sync()
        }
        let file = SegmentFile(
            number: last.info.number, handle: last.handle, size: last.finding.fileSize, isReused: last.finding.isReused)
        return SegmentAppender(
            file, offset: last.info.end, synced: LogPosition(last.info.number, last.info.end), lastSequence: sequence)
    }

    /// Copies doubtful batches into a new log segment, or seals it. None of its batches claims more than was known
    /// synced before: until the old copies are cut off, the next recovery finds both.
    private func rewrite(_ found: Findings, into active: SegmentFile, _ outcome: inout Outcome) throws {
        var appender = SegmentAppender(
            active, offset: UInt64(LogSegmentHeader.size), synced: found.synced, lastSequence: outcome.last)
        var info = LogSegmentInfo(number: active.number, end: 0)
        var copied: SequenceNumber?
        for (number, handle, place) in found.doubtful {
            guard let sequences = place.sequences else { continue }
            if let copied, sequences.upperBound <= copied { continue }
            var window = SegmentWindow(handle, size: place.end)
            guard case .batch(place) = try SegmentScan.step(&window, at: LogPosition(number, place.offset)),
                let start = try window.load(place.offset, place.end - place.offset)
            else { throw WALError.io("\(handle.path) reads differently each time, at byte \(place.offset)") }
            var bytes = Bytes(window.bytes[start..<start + BatchHeader.size + Int(place.length)])
            try appender.write(&bytes, first: sequences.lowerBound, last: sequences.upperBound, count: place.count)
            info.cover(sequences, place.tables)
            copied = sequences.upperBound
            outcome.report.rewrittenRecords += UInt64(place.count)
        }
        if copied == nil { try appender.seal() }
        try appender.sync()
        info.end = appender.offset
        outcome.segments.append(info)
        outcome.appender = appender
    }

    private func quarantine(_ torn: TailVerdict.Torn, _ handle: any FileHandle) throws -> String {
        let fileSystem = directory.fileSystem
        let folder = options.quarantine ?? directory.path(of: "quarantine")
        try fileSystem.createDirectory(folder)
        let plain = String(decoding: region.utf8.map { isPlain($0) ? $0 : 0x5f }, as: UTF8.self)
        let name = "\(folder)/\(plain)-\(LogDirectory.name(of: torn.segment))-\(torn.range.lowerBound)"
        for attempt in 0..<10_000 {
            let path = attempt == 0 ? name : "\(name).\(attempt)"
            if try fileSystem.status(of: path) != nil { continue }
            do {
                let copy = try fileSystem.open(path, .createNew)
                var offset = torn.range.lowerBound
                while offset < torn.range.upperBound {
                    let count = Int(min(torn.range.upperBound - offset, SegmentWindow.pieceSize))
                    try copy.write(handle.read(at: offset, count: count), at: offset - torn.range.lowerBound)
                    offset += UInt64(count)
                }
                try copy.sync()
                try fileSystem.syncDirectory(folder)
            } catch {
                try? fileSystem.remove(path)  // half a copy is no copy
                throw error
            }
            return path
        }
        throw WALError.io("\(folder) holds 10,000 copies of one torn tail; look at them and move them away")
    }

    private func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x5f: true
        default: false
        }
    }
}
