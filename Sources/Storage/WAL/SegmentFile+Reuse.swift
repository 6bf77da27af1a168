import Columnar
import Platform
import Synchronization

/// A log segment that nobody needs any more becomes the next one: no zeros are written, which would take as much of the
/// disk's time as the batches themselves.
///
/// - It goes from the log under another name first, for good, as if it were removed; opening removes what it finds there.
/// - Its new header says that it is reused, and is synced, with zeros where the first batch comes, before it gets its name.
/// - What is left in it of the old one never passes for a batch: each carries the number of its log segment.
/// - Behind the last batch stand zeros (the end mark, written with it), then anything.
extension SegmentFile {
    /// How many are kept.
    static let freeLimit = 2

    /// - Returns: nil when it could not be done: whatever is left of it is gone, or goes at the next opening.
    static func reuse(
        _ free: LogSegmentNumber, after number: LogSegmentNumber, region: String, size: UInt64,
        in directory: LogDirectory
    ) -> SegmentFile? {
        let (fileSystem, path) = (directory.fileSystem, directory.pathWhileFree(of: free))
        do {
            guard let next = number.next, next.rawValue <= UInt64(UInt32.max) else { return nil }
            let target = directory.path(of: next)
            if try fileSystem.status(of: target) != nil { try remove(next, in: directory) }
            let handle = try fileSystem.open(path, .update)
            guard try handle.size() == size else { throw WALError.io("\(path) has another size") }
            var start = LogSegmentHeader(number: next, region: region, isReused: true).encoded()
            start += repeatElement(0, count: BatchHeader.size)
            try handle.write(start, at: 0)
            try handle.sync()
            try fileSystem.rename(path, ifAbsent: target)
            try fileSystem.syncDirectory(directory.path)
            return SegmentFile(number: next, handle: try fileSystem.open(target, .update), size: size, isReused: true)
        } catch {
            try? fileSystem.remove(path)
            return nil
        }
    }

    /// Takes a log segment out of the log, for good when it returns true; keeps its file to be written over.
    /// - Returns: false when it is still there: it has another size, or would not be renamed.
    static func retire(_ number: LogSegmentNumber, size: UInt64, in directory: LogDirectory) throws -> Bool {
        let fileSystem = directory.fileSystem
        guard try fileSystem.status(of: directory.path(of: number))?.size == size else { return false }
        do {
            try fileSystem.rename(directory.path(of: number), ifAbsent: directory.pathWhileFree(of: number))
        } catch {
            return false
        }
        try fileSystem.syncDirectory(directory.path)
        return true
    }

    /// A disk that fills gets its room back instead.
    static func isRoom(for size: UInt64, free: UInt64) -> Bool { free / 8 >= size }
}

extension RegionLog {
    /// Blocks. The log segment is no part of the log when it returns. - Returns: whether its file is kept.
    func retire(_ number: LogSegmentNumber) throws -> Bool {
        let size = UInt64(options.segmentSize.bytes)
        let free = (try? directory.fileSystem.freeBytes(at: directory.path)) ?? .max
        if !SegmentFile.isRoom(for: size, free: free) {
            giveBackFree()
        } else if state.withLock({ $0.free.count }) < SegmentFile.freeLimit,
            try SegmentFile.retire(number, size: size, in: directory)
        {
            return true
        }
        try SegmentFile.remove(number, in: directory)
        return false
    }

    /// Blocks. Gives the room of what is kept to whoever needs it.
    func giveBackFree() {
        let free = state.withLock { state in
            defer { state.free = [] }
            return state.free
        }
        // One that will not go is removed by the next opening.
        for number in free { try? directory.fileSystem.remove(directory.pathWhileFree(of: number)) }
    }
}
