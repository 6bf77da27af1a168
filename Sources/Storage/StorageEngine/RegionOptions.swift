public import ManifestLog
public import Platform
public import WAL

/// Sizes, ages and places of a region.
public struct RegionOptions: Sendable {
    /// Letters, digits, `_` and `-`; part of object keys.
    public var name = "main"
    /// Directory of the log; nil: no log (what is not flushed is lost with the process).
    public var logDirectory: String?
    /// Where torn bytes of the log are kept; nil: `quarantine` in the log's directory.
    public var quarantineDirectory: String?
    /// What `--data` is called in messages that name a command.
    public var dataDirectory = "DIR"
    public var durability = Durability.always
    /// A log file's size. Default 64 MiB.
    public var logSegmentSize = ByteCount.mebibytes(64)
    /// Mem parts of the region are flushed above this size, as held. 1 MiB … 4 GiB; default 48 MiB.
    public var flushSize = ByteCount.mebibytes(48)
    /// …or this long after their first write. 1 s … 1 day; default 10 min.
    public var flushAge = Duration.seconds(600)
    /// What mem parts may hold before writers wait, and then are told to come back later. Default 512 MiB.
    public var memoryLimit = ByteCount.mebibytes(512)
    /// How long a writer waits for room in memory. 0 … 60 s; default 5 s. Without background work nobody waits.
    public var writerPatience = Duration.seconds(5)
    /// How many writers may wait. 0 … 100,000; default 1,024.
    public var waitingWriters = 1_024
    /// Below so much free disk writes are refused, so that flush, merges and the log's end have room. Default 32 MiB; 0
    /// never refuses.
    public var diskReserve = ByteCount.mebibytes(32)
    /// How long a replaced object of a bucket stays for readers elsewhere. Default 0: a directory has none.
    public var garbageGrace = Duration.zero
    /// Rows older than this are gone; nil: kept for ever.
    public var retention: Duration?
    public var compaction = CompactionOptions()
    public var manifest = ManifestOptions()
    /// Bytes of objects kept in memory. Default 64 MiB.
    public var cacheSize = ByteCount.mebibytes(64)
    /// Whether flush and compaction run by themselves. Tests turn it off and call them.
    public var runsInBackground = true
    /// The log is replayed and never written; the store must take what an open writes without keeping it.
    public var isReadOnly = false

    public init() {}

    /// Each names flag, value and range.
    public func problems() -> [String] {
        var found: [String] = []
        let sizes = ByteCount.mebibytes(1)...ByteCount.mebibytes(4096)
        if !sizes.contains(flushSize) { found.append("flush-size is \(flushSize); use 1 MiB … 4 GiB") }
        let ages = Duration.seconds(1)...Duration.seconds(86_400)
        if !ages.contains(flushAge) { found.append("flush-age is \(flushAge); use 1 s … 1 d") }
        if memoryLimit.bytes / 2 < flushSize.bytes {
            found.append("memory-limit is \(memoryLimit); use at least twice flush-size (\(flushSize))")
        }
        if let retention, retention < .seconds(3600) { found.append("retention is \(retention); use at least 1 h") }
        if !(Duration.zero...Duration.seconds(60)).contains(writerPatience) {
            found.append("writer patience is \(writerPatience); use 0 … 60 s")
        }
        if !(0...100_000).contains(waitingWriters) {
            found.append("waiting writers are \(waitingWriters); use 0 … 100000")
        }
        if diskReserve.bytes < 0 { found.append("disk-reserve is \(diskReserve); use 0 or more") }
        return found + compaction.problems()
    }
}

extension RegionOptions {
    var logOptions: WALOptions {
        var options = WALOptions()
        options.segmentSize = logSegmentSize
        options.durability = durability
        options.quarantine = quarantineDirectory
        options.dataDirectory = dataDirectory
        return options
    }
}
