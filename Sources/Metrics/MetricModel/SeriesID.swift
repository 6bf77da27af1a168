/// A number for a label set within a region: metric number (24 bits) · series number (39 bits), never negative, never
/// used twice. Sorting by it puts the series of a metric together.
public struct SeriesID: Hashable, Comparable, Sendable {
    public static let seriesBits: Int64 = 39
    public static let maximumMetric: Int64 = (1 << 24) - 1
    public static let maximumSeries: Int64 = (1 << 39) - 1

    public let rawValue: Int64
    public init(rawValue: Int64) { self.rawValue = rawValue }

    /// - Precondition: both within their bits.
    public init(metric: Int64, series: Int64) {
        precondition(metric >= 0 && metric <= Self.maximumMetric && series >= 0 && series <= Self.maximumSeries)
        rawValue = metric << Self.seriesBits | series
    }
    public var metric: Int64 { rawValue >> Self.seriesBits }
    public var series: Int64 { rawValue & Self.maximumSeries }
    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}
