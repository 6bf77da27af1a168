import ArgumentParser

/// The flags of `BoundSettings`.
struct BoundOptions: ParsableArguments {
    @Option(
        name: .customLong("query.max-series"),
        help: ArgumentHelp("Series that one query may select. (default: 5000000)", valueName: "number"))
    var queryMaxSeries: String?
    @Option(
        name: .customLong("query.max-memory"),
        help: ArgumentHelp("Memory that one query may hold. (default: 1GiB)", valueName: "size"))
    var queryMaxMemory: String?
    @Option(
        name: .customLong("query.max-points"),
        help: ArgumentHelp("Steps of a range query. (default: 11000)", valueName: "number"))
    var queryMaxPoints: String?
    @Option(
        name: .customLong("query.queue-timeout"),
        help: ArgumentHelp("How long a query waits for its turn. (default: 10s)", valueName: "duration"))
    var queryQueueTimeout: String?
    @Option(help: ArgumentHelp("Series kept; new ones beyond are refused. (default: 10000000)", valueName: "number"))
    var limitSeries: String?
    @Option(help: ArgumentHelp("Labels of one series. (default: 64)", valueName: "number"))
    var limitLabelsPerSeries: String?
    @Option(help: ArgumentHelp("Bytes of the name of a label or metric. (default: 1024)", valueName: "number"))
    var limitLabelNameBytes: String?
    @Option(help: ArgumentHelp("Bytes of a label's value. (default: 16384)", valueName: "number"))
    var limitLabelValueBytes: String?
    @Option(help: ArgumentHelp("How far ahead of the clock samples may be. (default: 10m)", valueName: "duration"))
    var limitFutureSkew: String?

    /// What was given, by the names of the settings.
    var given: [String: String] {
        let all: [String: String?] = [
            "query.max-series": queryMaxSeries, "query.max-memory": queryMaxMemory,
            "query.max-points": queryMaxPoints, "query.queue-timeout": queryQueueTimeout,
            "limit-series": limitSeries, "limit-labels-per-series": limitLabelsPerSeries,
            "limit-label-name-bytes": limitLabelNameBytes, "limit-label-value-bytes": limitLabelValueBytes,
            "limit-future-skew": limitFutureSkew,
        ]
        return all.compactMapValues { $0 }
    }
}
