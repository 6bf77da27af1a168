public import Columnar
public import Platform

/// Samples as every ingest format delivers them: columns, series told by number.
///
/// - `series`, `timestamps` and `values` have one entry per sample, in order of arrival.
/// - An entry of `series` is an ordinal that the resolver gave out, or `newSeriesFlag` with an index into `newSeries`.
public struct SampleColumns: Sendable {
    public static let newSeriesFlag: UInt32 = 1 << 31

    public var series: [UInt32] = []
    /// Milliseconds since the epoch.
    public var timestamps: [Int64] = []
    public var values: [Double] = []
    public var newSeries = NewSeriesColumns()

    public init() {}
    public var count: Int { series.count }

    /// One more sample.
    public mutating func append(_ series: UInt32, _ timestamp: Int64, _ value: Double) {
        self.series.append(series)
        timestamps.append(timestamp)
        values.append(value)
    }
}

/// Series that the resolver did not recognise, with all it takes to register them.
///
/// - Labels are canonical (`LabelEncoding`) and the name is UTF-8 and not empty: whoever fills this has checked it.
public struct NewSeriesColumns: Sendable {
    public private(set) var metrics = BytesColumn()
    public private(set) var labels = BytesColumn()
    /// Hash of the labels as sent, under the resolver's key, so that the next body finds the series by it; nil: the
    /// series came in no particular spelling.
    public private(set) var spellings: [Hash128?] = []

    public init() {}
    public var count: Int { spellings.count }

    @discardableResult
    public mutating func append(metric: ArraySlice<UInt8>, labels: ArraySlice<UInt8>, spelling: Hash128?) -> UInt32 {
        metric.withUnsafeBytes { append(metric: $0, labels: labels, spelling: spelling) }
    }

    /// - Returns: what stands for the series in `SampleColumns.series`.
    public mutating func append(
        metric: UnsafeRawBufferPointer, labels: ArraySlice<UInt8>, spelling: Hash128?
    ) -> UInt32 {
        metrics.append(metric)
        self.labels.append(labels)
        spellings.append(spelling)
        return SampleColumns.newSeriesFlag | UInt32(spellings.count - 1)
    }
}
