import Columnar
import Platform

/// Where a sound batch stands, and what it says.
struct BatchPlace: Equatable, Sendable {
    var offset: UInt64
    var end: UInt64
    /// Bytes of its records.
    var length: UInt32
    var synced: LogPosition
    /// nil in a batch without records.
    var sequences: ClosedRange<SequenceNumber>?
    /// The highest sequence number up to here, as this batch knows it.
    var lastKnown: SequenceNumber?
    var count: UInt32
    /// The last record of each table in it.
    var tables = TableMarks()

    /// The header that it was read from; of a batch with records.
    func header(in segment: LogSegmentNumber) -> BatchHeader {
        BatchHeader(
            length: length, logSegment: segment, firstSequence: sequences?.lowerBound ?? lastKnown ?? .zero,
            synced: synced, count: count)
    }
}

/// Bytes of a file through a window: reads ahead in large pieces, never more than asked for beyond that.
struct SegmentWindow {
    static let pieceSize: UInt64 = 1 << 20
    let handle: any FileHandle
    /// Bytes of the file that may be read.
    let size: UInt64
    private(set) var bytes: Bytes = []
    private(set) var start: UInt64 = 0

    init(_ handle: any FileHandle, size: UInt64) {
        self.handle = handle
        self.size = size
    }

    /// Makes `count` bytes from `offset` available. - Returns: where they start in `bytes`; nil past the end.
    mutating func load(_ offset: UInt64, _ count: UInt64) throws -> Int? {
        guard offset <= size, count <= size - offset else { return nil }
        if offset < start || offset + count > start + UInt64(bytes.count) {
            bytes = try handle.read(at: offset, count: Int(min(max(count, Self.pieceSize), size - offset)))
            start = offset
            guard UInt64(bytes.count) >= count else { return nil }  // the file became shorter
        }
        return Int(offset - start)
    }
}

/// What one log segment's file holds, told byte by byte; nothing is judged here.
struct SegmentScan {
    var number: LogSegmentNumber
    var fileSize: UInt64
    var header: LogSegmentHeader.Reading
    /// Sound batches from the header on, without a gap.
    var chain: [BatchPlace] = []
    /// Where the chain ends: the first place that holds no sound batch.
    var chainEnd: UInt64
    /// What stands there, when it is not zeros.
    var found: String?
    /// Sound batches after the chain's end.
    var strays: [BatchPlace] = []
    /// After the last byte that is not zero and not an older log segment's; `chainEnd` when there is none.
    var dirtyEnd: UInt64
    /// Bytes after the chain's end mark may be anything: only a sound batch among them counts.
    var isReused = false
    /// The search for strays ended early: too many places claimed to be a batch.
    var gaveUp = false

    /// What stands at a place of a log segment.
    enum Step {
        case batch(BatchPlace)
        case zeros
        case bad(String)
    }

    static func read(_ handle: any FileHandle, number: LogSegmentNumber) throws -> SegmentScan {
        let fileSize = try handle.size()
        var window = SegmentWindow(handle, size: fileSize)
        let headerBytes = min(fileSize, UInt64(LogSegmentHeader.size))
        let at = try window.load(0, headerBytes) ?? 0
        let header = LogSegmentHeader.read(Bytes(window.bytes[at..<min(at + Int(headerBytes), window.bytes.count)]))
        var scan = SegmentScan(
            number: number, fileSize: fileSize, header: header, chainEnd: headerBytes, dirtyEnd: headerBytes)
        if case .valid(let found) = header {
            scan.isReused = found.isReused
            chain: while true {
                switch try step(&window, at: LogPosition(number, scan.chainEnd)) {
                case .batch(let place):
                    scan.chain.append(place)
                    scan.chainEnd = place.end
                case .zeros: break chain
                case .bad(let found):
                    scan.found = found
                    break chain
                }
            }
        } else {
            // Without a header nothing is in the chain; sound batches behind it tell that it was there once.
            scan.chainEnd = 0
            if case .empty = header { scan.dirtyEnd = 0 }
        }
        scan.dirtyEnd = max(scan.dirtyEnd, scan.chainEnd)
        if scan.isReused, scan.found != nil {
            scan.dirtyEnd = try claimedEnd(&window, at: LogPosition(number, scan.chainEnd))
        }
        try scan.searchRest(&window, from: max(scan.chainEnd, headerBytes))
        return scan
    }

    /// Where the bad batch at `position` would end, as far as it says.
    private static func claimedEnd(_ window: inout SegmentWindow, at position: LogPosition) throws -> UInt64 {
        let left = window.size - position.offset
        guard left >= UInt64(BatchHeader.size), let at = try window.load(position.offset, UInt64(BatchHeader.size)),
            let claim = try? BatchHeader.read(window.bytes, at: at, position: position, limit: left)
        else { return position.offset + min(left, UInt64(BatchHeader.size)) }
        return position.offset + claim.header.batchSize
    }

    /// Reads and checks the batch at `position`, records included.
    static func step(_ window: inout SegmentWindow, at position: LogPosition) throws -> Step {
        let left = window.size > position.offset ? window.size - position.offset : 0
        guard left >= UInt64(BatchHeader.size) else {
            guard let at = try window.load(position.offset, left) else { return .zeros }
            return window.bytes.isZero(in: at..<at + Int(left)) ? .zeros : .bad("\(left) bytes, too few for a batch")
        }
        guard let at = try window.load(position.offset, UInt64(BatchHeader.size)) else { return .zeros }
        if window.bytes.isZero(in: at..<at + BatchHeader.size) { return .zeros }
        do {
            let (header, crc) = try BatchHeader.read(window.bytes, at: at, position: position, limit: left)
            guard let start = try window.load(position.offset, header.batchSize) else {
                return .bad("a batch that is cut off")
            }
            let actual = window.bytes.withUnsafeBytes {
                CRC32C.checksum(UnsafeRawBufferPointer(rebasing: $0[start + 8..<start + Int(header.batchSize)]))
            }
            #if PLANTED_BUGS
                let isSound = crc == actual || PlantedBug.current == .ignoresBatchChecksum
            #else
                let isSound = crc == actual
            #endif
            guard isSound else {
                return .bad("CRC-32C 0x\(String(actual, radix: 16)), expected 0x\(String(crc, radix: 16))")
            }
            return .batch(try place(of: header, at: position.offset, start, window.bytes))
        } catch let error as MalformedBytes {
            return .bad("expected \(error.expected)")
        }
    }

    private static func place(
        of header: BatchHeader, at offset: UInt64, _ start: Int, _ bytes: Bytes
    ) throws(MalformedBytes) -> BatchPlace {
        var last: SequenceNumber?
        var tables = TableMarks()
        try RecordEncoding.forEachFrame(of: header, at: start, in: bytes) { frame in
            last = frame.sequence
            for entry in frame.entries { tables.note(entry.table, frame.sequence) }
        }
        return BatchPlace(
            offset: offset, end: offset + header.batchSize, length: header.length,
            synced: header.synced, sequences: last.map { header.firstSequence...$0 },
            lastKnown: last ?? (header.firstSequence == .zero ? nil : header.firstSequence), count: header.count,
            tables: tables)
    }

    /// Looks for anything but zeros, and for sound batches at every multiple of eight.
    private mutating func searchRest(_ window: inout SegmentWindow, from start: UInt64) throws {
        // A file full of lying headers would cost its square: past this the search ends, and the verdict is damage.
        var checks = 4 * fileSize + (1 << 20)
        var offset = start
        while offset < fileSize {
            let count = min(SegmentWindow.pieceSize, fileSize - offset)
            guard let at = try window.load(offset, count) else { break }
            let (nonzero, candidate) = Self.search(window.bytes, at..<at + Int(count))
            if let nonzero, !isReused { dirtyEnd = max(dirtyEnd, offset + UInt64(nonzero - at) + 1) }
            guard let candidate else {
                offset += count
                continue
            }
            let place = offset + UInt64(candidate - at)
            offset = place + 8
            let left = fileSize - place
            guard left >= UInt64(BatchHeader.size) else { continue }
            guard checks > 0 else {
                gaveUp = true
                dirtyEnd = fileSize
                return
            }
            let position = LogPosition(number, place)
            switch try Self.step(&window, at: position) {
            case .batch(let stray):
                strays.append(stray)
                dirtyEnd = max(dirtyEnd, stray.end)
                offset = stray.end
            case .zeros: break
            case .bad:
                // What the check cost, at most: the length that the header claims.
                if let at = try window.load(place, UInt64(BatchHeader.size)),
                    let claim = try? BatchHeader.read(window.bytes, at: at, position: position, limit: left)
                {
                    checks -= min(checks, claim.header.batchSize)
                }
            }
        }
    }

    /// The last byte in `range` that is not zero before the first place that may be a batch, and that place.
    private static func search(_ bytes: Bytes, _ range: Range<Int>) -> (nonzero: Int?, candidate: Int?) {
        bytes.withUnsafeBytes { buffer in
            var nonzero: Int?
            var at = range.lowerBound
            while at + 8 <= range.upperBound {  // range lies within the buffer: the caller loaded it
                let word = buffer.loadUnaligned(fromByteOffset: at, as: UInt64.self)
                if word != 0 {
                    nonzero = at + 7 - UInt64(littleEndian: word).leadingZeroBitCount / 8
                    if UInt32(truncatingIfNeeded: UInt64(littleEndian: word)) == BatchHeader.magic {
                        return (nonzero, at)
                    }
                }
                at += 8
            }
            while at < range.upperBound {
                if buffer[at] != 0 { nonzero = at }
                at += 1
            }
            return (nonzero, nil)
        }
    }
}
