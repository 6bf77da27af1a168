public import MetricModel

/// Answers PromQL over a source of series.
///
/// 1. Parse. 2. Plan: resolve lengths and times, collect selectors. 3. Fetch each selection once, all at the same time.
/// 4. Evaluate by columns. 5. Drop names that were to go, check that labels are unique, order.
public struct QueryEngine: Sendable {
    private let source: any SeriesSource
    private let options: QueryOptions
    private let parsedQueries: ParsedQueries

    /// - Parameter parsed: shared by engines that are asked the same.
    public init(source: any SeriesSource, options: QueryOptions, parsed: ParsedQueries = ParsedQueries()) {
        self.source = source
        self.options = options
        parsedQueries = parsed
    }

    /// The value at one time, milliseconds since the epoch.
    public func instant(_ query: String, at time: Int64) async throws(QueryError) -> QueryResult {
        try await instant(try parsed(query), text: query, at: time)
    }

    /// The values at `start`, `start + step`, … up to `end`, all milliseconds.
    ///
    /// - Parameter step: above 0; the caller bounds the number of steps.
    public func range(
        _ query: String, start: Int64, end: Int64, step: Int64
    ) async throws(QueryError) -> QueryResult {
        try await range(try parsed(query), text: query, start: start, end: end, step: step)
    }

    private func parsed(_ query: String) throws(QueryError) -> Expression {
        do throws(ParseError) { return try parsedQueries.expression(query, options) } catch { throw .parse(error) }
    }

    /// - Parameter text: what `expression` was read from, for the places in remarks.
    func instant(_ expression: Expression, text: String, at time: Int64) async throws(QueryError) -> QueryResult {
        let time = QueryTime.clamped(time)
        var planner = Planner(start: time, end: time, step: nil, options: options)
        let planned = try planner.plan(expression)
        let evaluator = Evaluator(try await ground(for: planner, text: text))
        let value: QueryValue
        switch planned.node {
        case .string(let text): value = .string(timestamp: time, value: StrayByte.replaced(text))
        case .matrix(let argument): value = .matrix(try evaluator.rawSamples(of: argument, at: time))
        default:
            let columns = try Evaluator.finished(try evaluator.evaluate(planned.node, planner.grid))
            if planned.type == .scalar {
                value = .scalar(timestamp: time, value: columns.first?.values.first ?? .nan)
            } else {
                value = .vector(
                    columns.map { ResultSample(labels: $0.labels, timestamp: time, value: $0.values[0]) })
            }
        }
        return evaluator.result(value)
    }

    func range(
        _ expression: Expression, text: String, start: Int64, end: Int64, step: Int64
    ) async throws(QueryError) -> QueryResult {
        guard step > 0 else { throw .badParameter("zero or negative query resolution step widths are not accepted") }
        guard end >= start else { throw .badParameter("end timestamp must not be before start time") }
        var planner = Planner(
            start: QueryTime.clamped(start), end: QueryTime.clamped(end), step: min(step, QueryTime.bound),
            options: options)
        let planned = try planner.plan(expression)
        guard planned.type == .scalar || planned.type == .vector else {
            throw .badParameter(
                "invalid expression type \"\(planned.type.rawValue)\" for range query, must be Scalar or instant Vector"
            )
        }
        let ground = try await ground(for: planner, text: text)
        let parts = StepSplit.parts(of: planner.grid, planned.node, ground, options: options)
        guard parts.count > 1 else {
            let (evaluator, series) = try Self.evaluated(planned.node, planner.grid, ground)
            return evaluator.result(.matrix(series))
        }
        return try await StepSplit.evaluated(planned.node, parts, ground)
    }

    /// The series of a range query, in the order of their labels.
    static func evaluated(
        _ node: PlanNode, _ grid: StepGrid, _ ground: EvaluationGround
    ) throws(QueryError) -> (Evaluator, [ResultSeries]) {
        let evaluator = Evaluator(ground)
        try evaluator.budget.hold(grid.count)
        let columns = try Evaluator.finished(try evaluator.evaluate(node, grid))
        let times = (0..<grid.count).map(grid.time)
        let series = columns.compactMap { column -> ResultSeries? in
            let samples = FloatSamples(column, at: times)
            if samples.timestamps.isEmpty { return nil }
            return ResultSeries(
                labels: column.labels.spelledOut, timestamps: samples.timestamps, values: samples.values)
        }
        return (evaluator, series.sorted { $0.labels < $1.labels })
    }

    private func ground(for planner: Planner, text: String) async throws(QueryError) -> EvaluationGround {
        let selection = Selection(needs: planner.needs)
        var budget = QueryBudget(options: options)
        let fetched = try await fetch(selection)
        try budget.check()
        let series = fetched.reduce(0) { $0 + $1.series }
        if series > options.maximumSeries {
            throw .execution(SelectError.tooManySeries(series, limit: options.maximumSeries).description)
        }
        for fetch in fetched { try budget.load(fetch) }
        return EvaluationGround(
            fetched: fetched, fetchOfSlot: selection.fetchOfSlot, lookback: planner.lookback, budget: budget,
            query: text, isRangeQuery: planner.isRangeQuery, delaysNameRemoval: options.delayedNameRemoval,
            usesStartTimestamps: options.usesStartTimestamps)
    }

    private func fetch(_ selection: Selection) async throws(QueryError) -> [Fetched] {
        let source = source
        let (samples, series) = (options.maximumSamples, options.maximumSeries)
        @Sendable func select(_ need: SelectorNeed) async throws -> Fetched {
            let request = SelectRequest(
                matchers: need.matchers, start: need.start, end: need.end, maximumSamples: samples,
                maximumSeries: series, newestOnly: need.newestOnly)
            if need.takesVector, let vector = try await source.newest(request) { return Fetched(vector: vector) }
            return Fetched(runs: try await source.select(request))
        }
        do {
            if selection.fetches.count <= 1 {
                var fetched: [Fetched] = []
                for need in selection.fetches { fetched.append(try await select(need)) }
                return fetched
            }
            return try await withThrowingTaskGroup(of: (Int, Fetched).self) { group in
                for (i, need) in selection.fetches.enumerated() {
                    group.addTask { (i, try await select(need)) }
                }
                var fetched = [Fetched](repeating: Fetched(), count: selection.fetches.count)
                for try await (i, runs) in group { fetched[i] = runs }
                return fetched
            }
        } catch let error as SelectError {
            switch error {
            case .tooManySamples: throw .execution(QueryBudget.tooManySamples)
            case .tooManySeries: throw .execution(error.description)
            case .storage(let reason): throw .storage(reason)
            }
        } catch is CancellationError {
            throw .canceled
        } catch let error as QueryError {
            throw error
        } catch {
            throw .storage("\(error)")
        }
    }
}

extension Evaluator {
    func result(_ value: QueryValue) -> QueryResult {
        var statistics = QueryStatistics()
        statistics.totalSamples = budget.looked
        statistics.peakSamples = budget.peak
        return QueryResult(
            value: value, warnings: annotations.warnings, infos: annotations.allInfos, statistics: statistics)
    }
}
