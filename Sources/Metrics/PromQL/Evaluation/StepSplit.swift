import MetricModel

/// What evaluators stand on: everything was fetched, nothing here changes.
struct EvaluationGround: Sendable {
    let fetched: [Fetched]
    /// Fetch of each selector, by slot.
    let fetchOfSlot: [Int]
    let lookback: Int64
    var budget: QueryBudget
    let query: String
    let isRangeQuery: Bool
    let delaysNameRemoval: Bool
    let usesStartTimestamps: Bool
}

/// One query on several cores: each evaluates the whole plan over its share of the steps.
///
/// - A step's value depends on no other step, so the shares put together are bit for bit what one evaluator answers:
///   sums keep the order of their series, which a split by series would not.
/// - What is not told step by step keeps a query whole: names that are decided at the end or may collide over all
///   steps, and parameters of aggregations that are judged over all steps.
/// - What every share does anew (labels of groups, windows that reach back, steps of a subquery) must be small beside
///   the steps.
enum StepSplit {
    /// The grid itself, or its parts in order.
    static func parts(
        of grid: StepGrid, _ node: PlanNode, _ ground: EvaluationGround, options: QueryOptions
    ) -> [StepGrid] {
        let count = min(options.parallelism, grid.count / max(options.stepsPerEvaluator, 1))
        let series = ground.fetched.reduce(0) { $0 + $1.series }
        let (cells, overflow) = series.multipliedReportingOverflow(by: grid.count)
        guard count > 1, overflow || cells >= options.valuesForSeveral, !options.delayedNameRemoval,
            isDivisible(node, Span(length: grid.last &- grid.start, names: Evaluator(ground)))
        else { return [grid] }
        return (0..<count).map { grid.part($0 * grid.count / count..<($0 + 1) * grid.count / count) }
    }

    /// What decides whether a node may be divided, beside itself.
    private struct Span {
        let length: Int64
        let names: Evaluator
    }

    private static func isDivisible(_ node: PlanNode, _ span: Span) -> Bool {
        switch node {
        case .number, .string, .selector, .matrix, .invariant: true
        case .negation(let operand): isDivisible(operand, span)
        case .function(let call):
            !["label_replace", "label_join"].contains(call.name)
                && call.arguments.allSatisfy { isDivisible($0.node, span) }
        case .rangeFunction(let node):
            (node.function.keepsName || span.names.hasOneName(node.range)) && isDivisible(node.range, span)
                && node.scalars.allSatisfy { isDivisible($0, span) }
        case .binary(let node): isDivisible(node.left, span) && isDivisible(node.right, span)
        case .aggregate(let node): isConstant(node.parameter) && isDivisible(node.operand, span)
        }
    }

    private static func isDivisible(_ range: RangeArgument, _ span: Span) -> Bool {
        switch range.source {
        case .selector: true
        case .subquery(let inner, _): range.range <= span.length / 8 && isDivisible(inner, span)
        }
    }

    private static func isConstant(_ parameter: PlanNode?) -> Bool {
        switch parameter {
        case nil, .number, .string, .invariant: true
        default: false
        }
    }

    private struct Share: Sendable {
        var series: [ResultSeries]
        var annotations: Annotations
        var looked: Int
        var peak: Int
    }

    static func evaluated(
        _ node: PlanNode, _ parts: [StepGrid], _ ground: EvaluationGround
    ) async throws(QueryError) -> QueryResult {
        var ground = ground
        let loaded = ground.budget.held
        ground.budget = ground.budget.share(of: parts.count)
        let shared = ground
        let shares = await withTaskGroup(of: (Int, Result<Share, QueryError>).self) { group in
            for (i, part) in parts.enumerated() {
                group.addTask {
                    do throws(QueryError) {
                        let (evaluator, series) = try QueryEngine.evaluated(node, part, shared)
                        let share = Share(
                            series: series, annotations: evaluator.annotations, looked: evaluator.budget.looked,
                            peak: evaluator.budget.peak)
                        return (i, .success(share))
                    } catch {
                        return (i, .failure(error))
                    }
                }
            }
            var shares = [Result<Share, QueryError>?](repeating: nil, count: parts.count)
            for await (i, share) in group {
                shares[i] = share
                // The others work for nothing.
                if case .failure = share { group.cancelAll() }
            }
            return shares.compactMap { $0 }
        }
        return try combined(shares, loaded: loaded)
    }

    private static func combined(
        _ shares: [Result<Share, QueryError>], loaded: Int
    ) throws(QueryError) -> QueryResult {
        // A share that was told to stop because another failed says nothing.
        for case .failure(let error) in shares where error != .canceled { throw error }
        var series: [ResultSeries] = []
        var annotations: Annotations?
        var statistics = QueryStatistics()
        statistics.peakSamples = loaded
        for share in shares {
            let share = try share.get()
            series = series.isEmpty ? share.series : continued(series, by: share.series)
            statistics.totalSamples += share.looked
            statistics.peakSamples += max(share.peak - loaded, 0)
            if annotations == nil { annotations = share.annotations } else { annotations?.merge(share.annotations) }
        }
        return QueryResult(
            value: .matrix(series), warnings: annotations?.warnings ?? [], infos: annotations?.allInfos ?? [],
            statistics: statistics)
    }

    /// Both in the order of their labels; the second is of later steps.
    private static func continued(_ first: [ResultSeries], by second: [ResultSeries]) -> [ResultSeries] {
        var joined: [ResultSeries] = []
        joined.reserveCapacity(max(first.count, second.count))
        var next = 0
        for var series in first {
            while next < second.count, second[next].labels < series.labels {
                joined.append(second[next])
                next += 1
            }
            if next < second.count, second[next].labels == series.labels {
                series.timestamps += second[next].timestamps
                series.values += second[next].values
                next += 1
            }
            joined.append(series)
        }
        return joined + second[next...]
    }
}
