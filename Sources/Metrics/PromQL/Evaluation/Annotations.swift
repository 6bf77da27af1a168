/// Remarks on a query, worded as Prometheus does, each once, in the order they arose.
///
/// The texts end with the place in the query: `(1:6)`.
struct Annotations {
    private(set) var warnings: [String] = []
    private(set) var infos: [String] = []
    private var seen: Set<String> = []
    private var monotonicity: [MonotonicityRemark] = []
    private let query: String

    init(query: String) { self.query = query }

    mutating func warn(_ text: String, at position: SourceRange) {
        let full = "PromQL warning: \(text) (\(place(position)))"
        if seen.insert(full).inserted { warnings.append(full) }
    }

    mutating func info(_ text: String, at position: SourceRange) {
        let full = "PromQL info: \(text) (\(place(position)))"
        if seen.insert(full).inserted { infos.append(full) }
    }

    /// Adds what an evaluator of later steps remarked.
    mutating func merge(_ later: Annotations) {
        for text in later.warnings where seen.insert(text).inserted { warnings.append(text) }
        for text in later.infos where seen.insert(text).inserted { infos.append(text) }
        for remark in later.monotonicity { add(remark) }
    }

    /// Line and column, from 1; the column counts bytes.
    private func place(_ position: SourceRange) -> String {
        var line = 1
        var column = 1
        for byte in query.utf8.prefix(max(position.start, 0)) {
            if byte == UInt8(ascii: "\n") {
                line += 1
                column = 1
            } else {
                column += 1
            }
        }
        return "\(line):\(column)"
    }
}

extension Annotations {
    mutating func warnInvalidQuantile(_ quantile: Double, at position: SourceRange) {
        warn("quantile value should be between 0 and 1, got \(GoText.general(quantile))", at: position)
    }

    mutating func warnInvalidRatio(_ ratio: Double, cappedTo bound: Double, at position: SourceRange) {
        let got = GoText.general(ratio)
        warn("ratio value should be between -1 and 1, got \(got), capping to \(GoText.general(bound))", at: position)
    }

    mutating func warnBadBucketLabel(_ value: String, metric: String, at position: SourceRange) {
        let text = "bucket label \"le\" is missing or has a malformed value of \(GoText.quoted(value))"
        warn(text + Self.named(metric), at: position)
    }

    mutating func infoPossibleNonCounter(metric: String, at position: SourceRange) {
        let text = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket:"
        info("\(text) \(GoText.quoted(metric))", at: position)
    }

    mutating func warnStartTimeOverlap(metric: String, at position: SourceRange) {
        let text = "sample has start time that overlaps with previous sample timestamp for metric"
        warn("\(text) \(GoText.quoted(metric))", at: position)
    }

    /// An operator that only histograms have, between floats.
    mutating func infoIncompatibleFloats(_ operation: BinaryOperator, at position: SourceRange) {
        let name = operation.rawValue
        let text = "incompatible sample types encountered for binary operator"
        info("\(text) \(GoText.quoted(name)): float \(name) float", at: position)
    }

    mutating func warnSortInRangeQuery(at position: SourceRange) {
        warn("sort is ineffective for range queries since results are always ordered by labels", at: position)
    }

    private static func named(_ metric: String) -> String {
        metric.isEmpty ? "" : " for metric name \(GoText.quoted(metric))"
    }
}

/// A classic histogram whose counts fell from one bucket to the next: widened with every further sample.
private struct MonotonicityRemark {
    let metric: String
    let position: SourceRange
    var firstTime: Int64
    var lastTime: Int64
    var lowestBucket: Double
    var highestBucket: Double
    var greatestDrop: Double
    var samples: Int
}

extension Annotations {
    mutating func infoForcedMonotonicity(
        metric: String, time: Int64, fix: MonotonicityFix, at position: SourceRange
    ) {
        add(
            MonotonicityRemark(
                metric: metric, position: position, firstTime: time, lastTime: time, lowestBucket: fix.lowestBucket,
                highestBucket: fix.highestBucket, greatestDrop: fix.greatestDrop, samples: 1))
    }

    private mutating func add(_ remark: MonotonicityRemark) {
        let known = monotonicity.firstIndex { $0.metric == remark.metric && $0.position == remark.position }
        guard let i = known else {
            monotonicity.append(remark)
            return
        }
        monotonicity[i].firstTime = min(monotonicity[i].firstTime, remark.firstTime)
        monotonicity[i].lastTime = max(monotonicity[i].lastTime, remark.lastTime)
        monotonicity[i].lowestBucket = min(monotonicity[i].lowestBucket, remark.lowestBucket)
        monotonicity[i].highestBucket = max(monotonicity[i].highestBucket, remark.highestBucket)
        monotonicity[i].greatestDrop = max(monotonicity[i].greatestDrop, remark.greatestDrop)
        monotonicity[i].samples += remark.samples
    }

    /// All infos: those that were gathered over samples are worded only now.
    var allInfos: [String] {
        infos
            + monotonicity.map { remark in
                let see = "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile"
                var text = "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see \(see))"
                text += Self.named(remark.metric)
                text += ", from buckets \(GoText.general(remark.lowestBucket)) to "
                text += GoText.general(remark.highestBucket)
                text += ", with a max diff of \(GoText.general(remark.greatestDrop, digits: 2))"
                text += ", over \(remark.samples) samples"
                text += " from \(GoText.rfc3339(seconds: remark.firstTime / 1_000))"
                text += " to \(GoText.rfc3339(seconds: remark.lastTime / 1_000))"
                return text + " (\(place(remark.position)))"
            }
    }
}
