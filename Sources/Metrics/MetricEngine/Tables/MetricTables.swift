public import Columnar
public import StorageEngine

/// Samples: one row per series and time.
public enum SamplesTable {
    public static let number: UInt16 = 1
    public static let schema = Schema(
        [.init("series_id", .int64), .init("timestamp", .timestamp), .init("value", .float64)],
        keyCount: 2, timeColumn: 1)

    public static func definition(segmentLength: Int64, layout: any FileLayout) -> TableDefinition {
        TableDefinition(
            number: number, name: "samples", schema: schema, segmentLength: segmentLength, selectionColumn: 0,
            layout: layout)
    }
}

/// Series: one row per series and segment in which it is alive, so that the index ages with the data.
///
/// - `segment` is the start of a segment of samples; `labels` are canonical (`LabelEncoding`), without `__name__`.
/// - A repeated row (same id, same labels) is harmless.
/// - A row's time is the start of its segment: it is needed as long as any sample of the segment is visible.
public enum SeriesTable {
    public static let number: UInt16 = 2
    public static let schema = Schema(
        [.init("segment", .timestamp), .init("series_id", .int64), .init("metric", .text), .init("labels", .bytes)],
        keyCount: 2, timeColumn: 0)

    public static func definition(segmentLength: Int64, layout: any FileLayout) -> TableDefinition {
        TableDefinition(
            number: number, name: "series", schema: schema, segmentLength: segmentLength, selectionColumn: 1,
            agesBySegment: true, layout: layout)
    }
}

/// Metadata: type, help and unit of each metric family; the newest statement counts.
public enum MetadataTable {
    public static let number: UInt16 = 3
    public static let schema = Schema(
        [.init("metric_family", .text), .init("type", .text), .init("help", .text), .init("unit", .text)],
        keyCount: 1, timeColumn: nil)

    public static func definition(layout: any FileLayout) -> TableDefinition {
        TableDefinition(
            number: number, name: "metadata", schema: schema, segmentLength: nil, selectionColumn: nil, layout: layout)
    }
}

/// How the three tables lie in files.
public struct MetricLayouts: Sendable {
    /// The samples layout writes the column `metric`, so it is given the names.
    public var samples: @Sendable (MetricNames) -> any FileLayout
    public var series: any FileLayout
    public var metadata: any FileLayout

    public init(
        samples: @escaping @Sendable (MetricNames) -> any FileLayout, series: any FileLayout,
        metadata: any FileLayout
    ) {
        self.samples = samples
        self.series = series
        self.metadata = metadata
    }
}
