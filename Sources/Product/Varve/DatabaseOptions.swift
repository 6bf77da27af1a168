public import MetricEngine
public import Platform
public import PromQL
import StorageEngine
public import WAL

/// How a database behaves; every value has a default that fits.
public struct DatabaseOptions: Sendable {
    /// What an acknowledged append survives. Default `.always`: the loss of power.
    public var durability = Durability.always
    /// Rows in memory go to objects above this size. 1 MiB … 4 GiB; default 48 MiB.
    public var flushSize = ByteCount.mebibytes(48)
    /// …or when the oldest is this old. 1 s … 1 day; default 10 min.
    public var flushAge = Duration.seconds(600)
    /// Bytes that unflushed rows may hold before appends are refused with 'try again'. Default 512 MiB.
    public var memoryLimit = ByteCount.mebibytes(512)
    /// Bytes that all merges together may hold. Default 512 MiB.
    public var mergeMemory = ByteCount.mebibytes(512)
    /// Bytes that caches of what was read hold together: series of older days, the newest samples of series, pages, what finds
    /// rows in files. Default 320 MiB.
    public var cacheMemory = ByteCount.mebibytes(320)
    /// Below so much free disk appends are refused with 'try again', so that flush, merges and the log's end have room.
    /// 0 never refuses; default 32 MiB.
    public var diskReserve = ByteCount.mebibytes(32)
    /// Samples older than this are gone; nil keeps them for ever. At least 1 h.
    public var retention: Duration?
    public var limits = MetricLimits()
    public var queries = QueryOptions()
    /// Whether flush and compaction run by themselves.
    public var runsInBackground = true
    /// How long a replaced object stays for readers elsewhere; nil: 10 min in a bucket, no time in a directory.
    public var garbageGrace: Duration?
    /// Set by `Database.openReadOnly`.
    var isReadOnly = false

    public init() {}

    /// Everything that is wrong with these options, in the words of the flags; empty when all is well.
    public func problems() -> [String] { storeOptions(logDirectory: nil).region.problems() + limits.problems() }

    /// How files are read and written.
    var layouts: MetricLayouts {
        var samples = SamplesLayout.Options()
        samples.pageCacheSize = ByteCount(cacheMemory.bytes / 5)
        samples.indexCacheSize = ByteCount(cacheMemory.bytes / 5)
        return .standard(samples)
    }

    func storeOptions(
        logDirectory: String?, directory: DataDirectory? = nil, isRemote: Bool = false
    ) -> MetricStoreOptions {
        var options = MetricStoreOptions()
        options.limits = limits
        options.indexCacheSize = ByteCount(cacheMemory.bytes / 5 * 2)
        options.tailCacheSize = ByteCount(cacheMemory.bytes / 5)
        options.region.logDirectory = logDirectory
        if let directory {
            options.region.dataDirectory = directory.path
            options.region.quarantineDirectory = directory.path + "/quarantine"
        }
        options.region.durability = durability
        options.region.flushSize = flushSize
        options.region.flushAge = flushAge
        options.region.memoryLimit = memoryLimit
        options.region.compaction.memoryLimit = mergeMemory
        options.region.diskReserve = diskReserve
        options.region.garbageGrace = garbageGrace ?? (isRemote ? .seconds(600) : .zero)
        options.region.retention = retention
        options.region.runsInBackground = runsInBackground
        options.region.isReadOnly = isReadOnly
        return options
    }
}
