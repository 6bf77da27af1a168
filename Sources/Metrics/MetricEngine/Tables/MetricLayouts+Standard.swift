public import StorageEngine

extension MetricLayouts {
    /// The layouts of the storage format.
    public static let standard = standard(SamplesLayout.Options())

    public static func standard(_ samples: SamplesLayout.Options) -> MetricLayouts {
        MetricLayouts(
            samples: { names in
                SamplesLayout(
                    metricName: { names.name(of: $0) }, learnMetricName: { names.learn($0, $1) }, options: samples)
            }, series: SeriesLayout(), metadata: PlainLayout())
    }
}

extension MetricStore {
    /// The tables of a region of metrics, for those who only read files.
    public static func tables(layouts: MetricLayouts, segmentLength: Int64 = 86_400_000) -> [TableDefinition] {
        [
            SamplesTable.definition(segmentLength: segmentLength, layout: layouts.samples(MetricNames())),
            SeriesTable.definition(segmentLength: segmentLength, layout: layouts.series),
            MetadataTable.definition(layout: layouts.metadata),
        ]
    }
}
