public import Columnar
public import Platform
import Synchronization

/// Reading back, in order, across log segments. Changes nothing.
extension RegionLog {
    /// Memory: about `batchBytes` of payload and one group commit.
    /// - Throws: `WALError.damaged` when bytes are no longer what opening found; whatever `body` throws.
    public func replay(
        after sequence: SequenceNumber, batchBytes: Int, _ body: @Sendable ([LogRecord]) async throws -> Void
    ) async throws {
        let segments = state.withLock { state in
            let wanted = state.segments.filter { segment in
                segment.last.map { sequence < $0 } ?? false && !state.removing.contains(segment.number)
            }
            for segment in wanted { state.pins[segment.number, default: 0] += 1 }
            return wanted
        }
        defer {
            state.withLock { state in
                for segment in segments {
                    let others = (state.pins[segment.number] ?? 1) - 1
                    state.pins[segment.number] = others > 0 ? others : nil
                }
            }
        }
        var last = sequence
        for segment in segments {
            let reader = try await Self.onThread(environment) { [directory] in
                SegmentReader(
                    try directory.fileSystem.open(directory.path(of: segment.number), .read), segment: segment)
            }
            var offset = UInt64(LogSegmentHeader.size)
            while offset < segment.end {
                let (from, after) = (offset, last)
                let (records, next) = try await Self.onThread(environment) { [self] in
                    do {
                        return try reader.records(from: from, after: after, bytes: batchBytes)
                    } catch let unsound as SegmentReader.Unsound {
                        let recovery = LogRecovery(directory: directory, region: region, options: options)
                        throw recovery.damage(at: LogPosition(segment.number, unsound.offset), unsound.found)
                    }
                }
                offset = next
                guard let highest = records.last?.sequence else { continue }
                last = highest
                // A group commit may hold more than was asked for.
                for slice in Self.slices(of: records, bytes: batchBytes) { try await body(slice) }
            }
        }
    }

    private static func slices(of records: [LogRecord], bytes: Int) -> [[LogRecord]] {
        var slices: [[LogRecord]] = []
        var current: [LogRecord] = []
        var size = 0
        for record in records {
            current.append(record)
            size += record.entries.reduce(RecordEncoding.smallest) { $0 + $1.payload.count }
            if size >= bytes {
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

    let handle: any FileHandle
    let segment: LogSegmentInfo

    init(_ handle: any FileHandle, segment: LogSegmentInfo) {
        self.handle = handle
        self.segment = segment
    }

    /// Records above `sequence` from the batch at `offset` on, until they hold `bytes`, and where the next batch starts.
    func records(
        from offset: UInt64, after sequence: SequenceNumber, bytes limit: Int
    ) throws -> (records: [LogRecord], next: UInt64) {
        var window = SegmentWindow(handle, size: segment.end)
        var records: [LogRecord] = []
        var (offset, size, last) = (offset, 0, sequence)
        while offset < segment.end, size < max(limit, 1) {
            switch try SegmentScan.step(&window, at: LogPosition(segment.number, offset)) {
            case .zeros: throw Unsound(offset: offset, found: "zeros where a batch was")
            case .bad(let found): throw Unsound(offset: offset, found: found)
            case .batch(let place):
                guard place.end <= segment.end, let start = try window.load(place.offset, place.end - place.offset)
                else { throw Unsound(offset: offset, found: "a batch that is cut off") }
                offset = place.end
                guard let sequences = place.sequences, last < sequences.upperBound else { continue }
                let header = place.header(in: segment.number)
                try RecordEncoding.forEachFrame(of: header, at: start, in: window.bytes) { frame in
                    guard last < frame.sequence else { return }  // a repetition
                    last = frame.sequence
                    records.append(
                        LogRecord(
                            sequence: frame.sequence,
                            entries: frame.entries.map {
                                LogEntry(table: $0.table, payload: Bytes(window.bytes[$0.payload]))
                            }))
                    size += frame.bytes.count
                }
            }
        }
        return (records, offset)
    }
}
