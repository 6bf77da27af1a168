import Columnar
import Platform
import Synchronization

/// Reading back, in order, across log segments. Changes nothing.
extension RegionLog {
    /// Memory: about `batchBytes` of payload and one group commit.
    /// - Throws: `WALError.damaged` when bytes are no longer what opening found; `.io` when a repair has moved them
    ///   meanwhile: read again; whatever `body` throws.
    public func read(
        _ request: LogReadRequest, _ body: @Sendable ([LogRecord]) async throws -> Void
    ) async throws {
        guard let range = request.range else { return }
        let (segments, deleted) = await segmentsLock.withLock { pin(range, request.table) }
        defer { unpin(segments) }
        var last: SequenceNumber?
        for segment in segments {
            let reader = try await Self.onThread(environment) { [directory] in
                SegmentReader(
                    try directory.fileSystem.open(directory.path(of: segment.number), .read), segment: segment)
            }
            var offset = UInt64(LogSegmentHeader.size)
            while offset < segment.end {
                let (from, after) = (offset, last)
                let found = try await Self.onThread(environment) { [self] in
                    do {
                        return try reader.records(from: from, after: after, range, request, deleted: deleted)
                    } catch let unsound as SegmentReader.Unsound {
                        throw doubt(unsound, in: segment)
                    }
                }
                offset = found.next
                last = found.last
                // A group commit may hold more than was asked for.
                for slice in Self.slices(of: found.records, request) { try await body(slice) }
                if found.isDone { return }
            }
        }
    }

    /// The log segments that may hold what is wanted, and what a table's readers no longer see.
    private func pin(
        _ range: ClosedRange<SequenceNumber>, _ table: UInt16?
    ) -> ([LogSegmentInfo], SequenceNumber?) {
        state.withLock { state in
            let wanted = state.segments.filter { segment in
                guard let first = segment.first, let last = segment.last, first <= range.upperBound,
                    range.lowerBound <= last
                else { return false }
                return table.map { segment.tables[$0] != nil } ?? true
            }
            for segment in wanted { state.pins[segment.number, default: 0] += 1 }
            let deleted = table.flatMap { [state.marks[$0], state.released].compactMap { $0 }.max() }
            return (wanted, deleted)
        }
    }

    private func unpin(_ segments: [LogSegmentInfo]) {
        state.withLock { state in
            for segment in segments {
                let others = (state.pins[segment.number] ?? 1) - 1
                state.pins[segment.number] = others > 0 ? others : nil
            }
        }
    }

    /// A repair cuts off what it has written elsewhere: that is no damage.
    private func doubt(_ unsound: SegmentReader.Unsound, in segment: LogSegmentInfo) -> WALError {
        let now = state.withLock { state in state.segments.first { $0.number == segment.number } }
        if let now, now.end <= unsound.offset {
            return .io("\(directory.path(of: segment.number)) was repaired while it was read; read again")
        }
        let recovery = LogRecovery(directory: directory, region: region, options: options)
        return recovery.damage(at: LogPosition(segment.number, unsound.offset), unsound.found)
    }

    private static func slices(of records: [LogRecord], _ request: LogReadRequest) -> [[LogRecord]] {
        var slices: [[LogRecord]] = []
        var current: [LogRecord] = []
        var size = 0
        for record in records {
            current.append(record)
            size += record.entries.reduce(RecordEncoding.smallest) { $0 + $1.payload.count }
            if size >= request.batchBytes || current.count >= request.batchRecords {
                slices.append(current)
                current = []
                size = 0
            }
        }
        if !current.isEmpty { slices.append(current) }
        return slices
    }
}

/// Reads the batches of one log segment up to a known end; all of them must be sound.
struct SegmentReader: Sendable {
    struct Unsound: Error {
        var offset: UInt64
        var found: String
    }

    struct Found: Sendable {
        var records: [LogRecord] = []
        /// Where the next batch starts.
        var next: UInt64
        /// The highest sequence number that was seen.
        var last: SequenceNumber?
        /// Nothing that is wanted comes after it.
        var isDone = false
    }

    let handle: any FileHandle
    let segment: LogSegmentInfo

    init(_ handle: any FileHandle, segment: LogSegmentInfo) {
        self.handle = handle
        self.segment = segment
    }

    /// Wanted records from the batch at `offset` on, until they fill a batch of the request. Batches end where their
    /// group commit does: the caller cuts them.
    /// - Parameter last: the highest sequence number seen before: what is not above it is a repetition.
    func records(
        from offset: UInt64, after last: SequenceNumber?, _ range: ClosedRange<SequenceNumber>,
        _ request: LogReadRequest, deleted: SequenceNumber?
    ) throws -> Found {
        var window = SegmentWindow(handle, size: segment.end)
        var found = Found(next: offset, last: last)
        var size = 0
        while found.next < segment.end, size < request.batchBytes, found.records.count < request.batchRecords {
            switch try SegmentScan.step(&window, at: LogPosition(segment.number, found.next)) {
            case .zeros: throw Unsound(offset: found.next, found: "zeros where a batch was")
            case .bad(let what): throw Unsound(offset: found.next, found: what)
            case .batch(let place):
                guard place.end <= segment.end, let start = try window.load(place.offset, place.end - place.offset)
                else { throw Unsound(offset: found.next, found: "a batch that is cut off") }
                found.next = place.end
                guard let sequences = place.sequences else { continue }
                if sequences.lowerBound > range.upperBound {
                    found.isDone = true
                    return found
                }
                guard sequences.upperBound >= range.lowerBound, found.last.map({ $0 < sequences.upperBound }) ?? true
                else { continue }
                try RecordEncoding.forEachFrame(of: place.header(in: segment.number), at: start, in: window.bytes) {
                    frame in
                    if let last = found.last, frame.sequence <= last { return }  // a repetition
                    found.last = frame.sequence
                    guard range.contains(frame.sequence) else { return }
                    let entries = frame.entries.map {
                        LogEntry(table: $0.table, payload: Bytes(window.bytes[$0.payload]))
                    }
                    guard let record = request.select(entries, of: frame.sequence, deleted: deleted) else { return }
                    found.records.append(record)
                    size += frame.bytes.count
                }
            }
        }
        return found
    }
}
