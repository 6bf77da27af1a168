import Columnar
import ObjectStorage
import Platform
import Synchronization

extension Region {
    /// Returns when there is room for so many bytes of rows, or soon may be; does not take it: `stage` does.
    ///
    /// - A writer waits while flushing makes room: for `writerPatience` at most, and at most `waitingWriters` of them.
    /// - Throws: `.overloaded`, naming the bound that was met; nothing was changed.
    public func admit(bytes: Int) async throws(StorageError) {
        if isRoomy(for: bytes) { return }
        let start = environment.time.monotonic()
        while true {
            let seen = writers.wakings
            if isRoomy(for: bytes) { return }
            // Below the reserve of disk only other hands can make room: nobody waits for those.
            if let shortage = diskShortage.withLock({ $0 }) {
                counts.overloads.add(1, ordering: .relaxed)
                throw shortage.error
            }
            requestFlush()
            let waited = environment.time.monotonic() - start
            let patience = options.writerPatience - .nanoseconds(Int64(clamping: waited))
            guard options.runsInBackground, patience > .zero, bytes <= writer.budget.limit,
                await writers.wait(since: seen, atMost: patience, environment)
            else {
                counts.overloads.add(1, ordering: .relaxed)
                throw overloaded
            }
        }
    }

    /// `body` once there is room for so many bytes, and again while others are faster in taking it.
    /// - Parameter body: stages; `.overloaded` from it means that the room is gone.
    public func whenAdmitted<Value>(
        bytes: Int, _ body: () throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let start = environment.time.monotonic()
        while true {
            try await admit(bytes: bytes)
            do {
                return try body()
            } catch {
                let waited = environment.time.monotonic() - start
                guard error.kind == .overloaded, options.runsInBackground,
                    .nanoseconds(Int64(clamping: waited)) < options.writerPatience, bytes <= writer.budget.limit,
                    !isRoomy(for: bytes)
                else { throw error }
            }
        }
    }

    /// Whether `admit` would return at once.
    public func isRoomy(for bytes: Int) -> Bool {
        writer.budget.hasRoom(for: bytes) && diskShortage.withLock { $0 == nil }
    }

    var overloaded: StorageError {
        StorageError(
            .overloaded,
            "unflushed rows hold \(ByteCount(writer.budget.inUse)) of \(ByteCount(writer.budget.limit)); "
                + "try again in a second, or raise memory-limit")
    }

    /// Looks how much disk is free, for the log and for objects. Below the reserve writes are refused until there is a
    /// tenth more than it; flush, merges, retention and readers go on.
    func checkDisk() async {
        let reserve = UInt64(max(options.diskReserve.bytes, 0))
        guard reserve > 0 else { return }
        var least: (free: UInt64, place: String)?
        // A file system that does not tell is no reason to refuse anything.
        if let objects = try? await store.freeBytes() { least = (objects, "the objects") }
        if let directory = options.logDirectory {
            let free = try? await environment.blocking.run { [environment] in
                try environment.fileSystem.freeBytes(at: directory)
            }
            if let free, free < least?.free ?? .max { least = (free, "the log") }
        }
        let found = least
        let isOver = diskShortage.withLock { shortage -> Bool in
            guard let found else {
                defer { shortage = nil }
                return shortage != nil
            }
            let wanted = shortage == nil ? reserve : reserve.saturating(reserve / 10)
            if found.free < wanted {
                shortage = DiskShortage(free: found.free, reserve: reserve, place: found.place)
                return false
            }
            defer { shortage = nil }
            return shortage != nil
        }
        if isOver { writers.wake() }
    }
}

/// Less free disk than the reserve.
struct DiskShortage: Sendable, Equatable {
    var free: UInt64
    var reserve: UInt64
    var place: String

    var error: StorageError {
        StorageError(
            .overloaded,
            "\(ByteCount(Int(clamping: free))) of disk are free for \(place), less than the reserve of "
                + "\(ByteCount(Int(clamping: reserve))) (disk-reserve): nothing is written until some is freed; reading, "
                + "retention and merges go on")
    }
}
