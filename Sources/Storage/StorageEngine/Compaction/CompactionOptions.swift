public import Platform

/// When parts of a segment are merged.
public struct CompactionOptions: Sendable, Equatable {
    /// So many neighbours of similar size make a merge. Default 8.
    public var fanIn = 8
    /// Neighbours are similar when the largest is at most this many times the smallest. Default 4.
    public var sizeRatio: UInt64 = 4
    /// Parts below this count as equally small. Default 1 MiB.
    public var smallestTier = ByteCount.mebibytes(1)
    /// No output above this. Default 1 GiB.
    public var maximumOutput = ByteCount.mebibytes(1024)
    /// No merge of more parts than this: each input holds one step of pages in memory. Default 64.
    public var maximumInputs = 64
    /// A segment that is over is merged again when its younger parts number this many. Default 12.
    public var lateParts = 12
    /// …or when nothing came for so long, in milliseconds. Default 1 day.
    public var quietTime: Int64 = 86_400_000

    public init() {}
}
