/// What a sample and its series may look like. Whatever is outside is refused one by one; the rest is stored.
public struct MetricLimits: Sendable, Equatable {
    /// Labels of one series, its name not counted. Default 64.
    public var labelsPerSeries = 64
    /// Bytes of a label name, or of a metric name. Default 1,024.
    public var labelNameBytes = 1_024
    /// Bytes of a label value. Default 16 KiB.
    public var labelValueBytes = 16 << 10
    /// Series in memory: those seen since the start or alive in the two newest segments at the start. Default 10 million.
    public var series = 10_000_000
    /// How far ahead of this node's clock a sample may be, in milliseconds. Default 10 min.
    public var futureSkew: Int64 = 600_000
    /// Samples older than this are refused, in milliseconds; 0: none is too old.
    public var retention: Int64 = 0
    /// Metric families with metadata. Default 100,000.
    public var metadataFamilies = 100_000

    public init() {}

    /// Times outside are refused whatever the other limits say: about 142,000 years either way, so that no arithmetic on
    /// times can overflow.
    static let earliest: Int64 = -(1 << 52)
    static let latest: Int64 = 1 << 52

    /// Each names flag, value and range.
    public func problems() -> [String] {
        var found: [String] = []
        if !(1...1_024).contains(labelsPerSeries) {
            found.append("limit-labels-per-series is \(labelsPerSeries); use 1 … 1,024")
        }
        if !(1...65_536).contains(labelNameBytes) {
            found.append("limit-label-name-bytes is \(labelNameBytes); use 1 … 65,536")
        }
        if !(1...1 << 20).contains(labelValueBytes) {
            found.append("limit-label-value-bytes is \(labelValueBytes); use 1 … 1,048,576")
        }
        if !(1...1_000_000_000).contains(series) { found.append("limit-series is \(series); use 1 … 1,000,000,000") }
        if !(0...Self.latest).contains(futureSkew) {
            found.append("limit-future-skew is \(futureSkew) ms; use 0 or more")
        }
        if !(0...Self.latest).contains(retention) { found.append("retention is \(retention) ms; use 0 or more") }
        return found
    }
}
