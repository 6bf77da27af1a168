import Columnar
import Platform

/// A log segment's file, open for appending.
///
/// Made whole under a temporary name: header and zeros written and synced, then renamed, then its directory synced. So a
/// batch is only ever written into a file that a crash cannot take away, and its fdatasync finds no metadata to write.
/// Or made of an older one (`SegmentFile+Reuse`): then each write ends with zeros, so that nothing old follows it.
struct SegmentFile: Sendable {
    let number: LogSegmentNumber
    let handle: any FileHandle
    /// Bytes of the file; all of them are written.
    let size: UInt64
    /// What follows the last batch and its end mark is another log segment's.
    var isReused = false

    private static let zeros = Bytes(repeating: 0, count: 1 << 20)

    /// Blocks. A file of this number must not exist; what an earlier attempt left under the temporary name goes.
    static func make(
        _ number: LogSegmentNumber, region: String, size: UInt64, in directory: LogDirectory
    ) throws -> SegmentFile {
        let temporary = directory.pathWhileMade(of: number)
        let fileSystem = directory.fileSystem
        try fileSystem.remove(temporary)
        do {
            let handle = try fileSystem.open(temporary, .createNew)
            try handle.write(LogSegmentHeader(number: number, region: region).encoded(), at: 0)
            var offset = UInt64(LogSegmentHeader.size)
            while offset < size {
                let count = min(size - offset, UInt64(zeros.count))
                try handle.write(count == zeros.count ? zeros : Bytes(zeros[..<Int(count)]), at: offset)
                offset += count
            }
            try handle.sync()
        } catch {
            try? fileSystem.remove(temporary)  // gives the space back; the next attempt removes it otherwise
            throw error
        }
        try fileSystem.rename(temporary, ifAbsent: directory.path(of: number))
        try fileSystem.syncDirectory(directory.path)
        // Opened anew: a handle keeps the path that it was opened by.
        return SegmentFile(number: number, handle: try fileSystem.open(directory.path(of: number), .update), size: size)
    }
}

extension SegmentFile {
    /// The log segment after `number`, as large as the disk allows. Blocks. A file that is there under its name was left by
    /// an attempt that failed: nothing in it was acknowledged, so it goes.
    /// - Parameters:
    ///   - wanted: bytes of the file.
    ///   - records: bytes of batches that must go into it.
    static func make(
        after number: LogSegmentNumber, region: String, wanted: UInt64, records: UInt64, in directory: LogDirectory
    ) throws -> SegmentFile {
        guard let next = number.next, next.rawValue <= UInt64(UInt32.max) else {
            throw WALError.io("the numbers of log segments are spent")
        }
        if try directory.fileSystem.status(of: directory.path(of: next)) != nil { try remove(next, in: directory) }
        let free = (try? directory.fileSystem.freeBytes(at: directory.path)) ?? .max
        let size = WALOptions.size(wanted: wanted, records: records, free: free)
        return try make(next, region: region, size: size, in: directory)
    }

    static func remove(_ number: LogSegmentNumber, in directory: LogDirectory) throws {
        try directory.fileSystem.remove(directory.path(of: number))
        try directory.fileSystem.syncDirectory(directory.path)
    }

    /// Whether batches of so many bytes fit into it, and a seal behind them.
    func holds(_ records: UInt64) -> Bool {
        size >= UInt64(LogSegmentHeader.size) + records + UInt64(BatchHeader.size)
    }
}

/// Writes batches into the active log segment. Blocks; used by one thread at a time.
///
/// - `synced` moves only after a successful sync: never past what is on disk.
/// - A log segment gets its first batch only when nothing of its predecessor is unsynced.
struct SegmentAppender {
    private(set) var active: SegmentFile
    private(set) var offset: UInt64
    /// Everything below it is durable.
    private(set) var synced: LogPosition
    /// Highest sequence number in the log, and the highest below `synced`.
    private(set) var lastSequence: SequenceNumber?
    private(set) var syncedSequence: SequenceNumber?
    /// Something was written since the last sync.
    private(set) var hasUnsynced = false

    /// - Parameters:
    ///   - offset: where the next batch goes; everything from there on is zeros.
    ///   - synced: known durable; the first batch in a new log segment must name its predecessor's end.
    init(_ active: SegmentFile, offset: UInt64, synced: LogPosition, lastSequence: SequenceNumber?) {
        self.active = active
        self.offset = offset
        self.synced = synced
        self.lastSequence = lastSequence
        syncedSequence = lastSequence
    }

    var position: LogPosition { LogPosition(active.number, offset) }
    var room: UInt64 { active.size > offset ? active.size - offset : 0 }

    func fits(recordBytes: Int) -> Bool { BatchHeader.batchSize(records: UInt64(recordBytes)) <= room }

    mutating func write(_ batch: inout LogBatch) throws {
        batch.removePadding()
        try write(&batch.bytes, first: batch.first, last: batch.last, count: batch.count)
    }

    /// - Parameter bytes: room for the header, then `count` records.
    mutating func write(
        _ bytes: inout Bytes, first: SequenceNumber, last: SequenceNumber, count: UInt32
    ) throws {
        let length = bytes.count - BatchHeader.size
        precondition(fits(recordBytes: length))
        bytes.padToEight()
        let header = BatchHeader(
            length: UInt32(length), logSegment: active.number, firstSequence: first, synced: synced, count: count)
        header.patch(into: &bytes)
        hasUnsynced = true  // also when the write fails: any part of it may be there
        let size = bytes.count
        if active.isReused { bytes += repeatElement(0, count: min(BatchHeader.size, Int(room) - size)) }
        defer { bytes.removeLast(bytes.count - size) }
        try active.handle.write(bytes, at: offset)
        offset += UInt64(size)
        lastSequence = max(lastSequence ?? last, last)
    }

    mutating func sync() throws {
        guard hasUnsynced else { return }
        try active.handle.sync()
        hasUnsynced = false
        synced = position
        syncedSequence = lastSequence
    }

    /// An empty batch that records what is synced, durable when it returns; nothing when it finds no room.
    mutating func seal() throws {
        try sync()
        guard fits(recordBytes: 0) else { return }
        var bytes = Bytes(repeating: 0, count: BatchHeader.size)
        let last = lastSequence ?? .zero
        let kept = lastSequence
        try write(&bytes, first: last, last: last, count: 0)
        lastSequence = kept
        try sync()
    }

    /// Seals, and has the seal name `sequence` as the highest one ever, if it is.
    mutating func seal(knowing sequence: SequenceNumber?) throws {
        lastSequence = [lastSequence, sequence].compactMap { $0 }.max()
        try seal()
    }

    mutating func advance(to next: SegmentFile) throws {
        try sync()
        active = next
        offset = UInt64(LogSegmentHeader.size)
    }

    /// Where the active log segment is known to be sound up to.
    var soundEnd: UInt64 {
        synced.segment == active.number ? synced.offset : UInt64(LogSegmentHeader.size)
    }
}
