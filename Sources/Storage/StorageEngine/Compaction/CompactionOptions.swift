public import Platform

/// When parts of a segment are merged, and what a merge may take.
public struct CompactionOptions: Sendable, Equatable {
    /// So many neighbours of similar size make a merge. Default 8.
    public var fanIn = 8
    /// Neighbours are similar when the largest is at most this many times the smallest. Default 4.
    public var sizeRatio: UInt64 = 4
    /// Parts below this count as equally small. Default 1 MiB.
    public var smallestTier = ByteCount.mebibytes(1)
    /// A live segment with so many parts has its cheapest neighbours merged, similar or not. Default 20.
    public var liveParts = 20
    /// An output is ended above this and the rows go on in another. 1 MiB … 4 GiB; the default is 256 MiB.
    public var maximumOutput = ByteCount.mebibytes(256)
    /// An object that is larger goes to the store in parts of this size, so that it is never in memory whole. S3 wants at
    /// least 5 MiB. Default 8 MiB.
    public var uploadPart = ByteCount.mebibytes(8)
    /// No merge of more parts than this: each input holds one step of pages in memory. Default 64.
    public var maximumInputs = 64
    /// A segment that is over and got a part within so many milliseconds is being filled (somebody brings in old rows): it is
    /// merged when it has grown fourfold, and by the usual measure once nothing came for so long. Default 5 min.
    public var fillingTime: Int64 = 300_000
    /// A segment that is over has at most so many parts: then those that came late are merged. Default 12.
    public var lateParts = 12
    /// …or when nothing came for so long, in milliseconds, all become one. Default 1 day.
    public var quietTime: Int64 = 86_400_000
    /// What merges may hold in memory. 16 MiB … 64 GiB; the default is 512 MiB.
    public var memoryLimit = ByteCount.mebibytes(512)
    /// An input on which merges failed three times is left alone for so long. Default 1 hour.
    public var quarantineTime = Duration.seconds(3_600)

    public init() {}

    /// Each names option, value and range.
    public func problems() -> [String] {
        var found: [String] = []
        if !(2...64).contains(fanIn) { found.append("compaction fan-in is \(fanIn); use 2 … 64") }
        let outputs = ByteCount.kibibytes(1)...ByteCount.mebibytes(4_096)
        if !outputs.contains(maximumOutput) {
            found.append("compaction output is \(maximumOutput); use 1 KiB … 4 GiB")
        }
        if !(2...1_024).contains(maximumInputs) {
            found.append("compaction inputs are \(maximumInputs); use 2 … 1024")
        }
        let memory = ByteCount.kibibytes(64)...ByteCount.mebibytes(65_536)
        if !memory.contains(memoryLimit) { found.append("compaction memory is \(memoryLimit); use 64 KiB … 64 GiB") }
        return found
    }
}
