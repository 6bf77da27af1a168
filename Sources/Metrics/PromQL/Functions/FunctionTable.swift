import Glibc

/// What a function that takes no range vector does.
enum VectorFunction: Sendable {
    /// One number from one number, of every sample of the first argument; the name goes.
    case elementwise(@Sendable (Double) -> Double)
    case general(@Sendable (Evaluator, FunctionNode, StepGrid) throws(QueryError) -> [SeriesColumn])
}

/// Every function by name, one row each.
enum FunctionTable {
    enum Row: Sendable {
        case vector(VectorFunction)
        case range(RangeFunction)
        /// A number known once the query's times are.
        case constant(@Sendable (QueryTimes) -> Double)
    }

    /// The times of the whole query, milliseconds.
    struct QueryTimes: Sendable {
        let start: Int64
        let end: Int64
        /// 0 for an instant query.
        let step: Int64
    }

    static let rows: [String: Row] = [
        // Over windows.
        "rate": extrapolated(isCounter: true, isRate: true),
        "increase": extrapolated(isCounter: true, isRate: false),
        "delta": extrapolated(isCounter: false, isRate: false),
        "irate": window(OverTime.instantRate),
        "idelta": window(OverTime.instantDelta),
        "deriv": window(Regression.derivative),
        "predict_linear": window(Regression.prediction),
        "double_exponential_smoothing": window(Regression.smoothing),
        "resets": counting(OverTime.resets),
        "changes": counting(OverTime.changes),
        "avg_over_time": window(OverTime.average),
        "sum_over_time": window(OverTime.sum),
        "count_over_time": window(OverTime.count),
        "min_over_time": window(OverTime.minimum),
        "max_over_time": window(OverTime.maximum),
        "stddev_over_time": window(OverTime.standardDeviation),
        "stdvar_over_time": window(OverTime.variance),
        "mad_over_time": window(OverTime.medianDeviation),
        "quantile_over_time": .range(RangeFunction(kernel: .window(OverTime.quantile), takesQuantile: true)),
        "first_over_time": .range(RangeFunction(kernel: .window(OverTime.first), keepsName: true)),
        "last_over_time": .range(RangeFunction(kernel: .window(OverTime.last), keepsName: true)),
        "present_over_time": window(OverTime.present),
        "absent_over_time": .range(RangeFunction(kernel: .window(OverTime.present), isAbsence: true)),
        "ts_of_first_over_time": window(OverTime.timeOfFirst),
        "ts_of_last_over_time": window(OverTime.timeOfLast),
        "ts_of_min_over_time": window(OverTime.timeOfMinimum),
        "ts_of_max_over_time": window(OverTime.timeOfMaximum),
        // One number from one number.
        "abs": each { $0.magnitude },
        "ceil": each { $0.rounded(.up) },
        "floor": each { $0.rounded(.down) },
        "sqrt": each { $0.squareRoot() },
        "exp": each { exp($0) },
        "ln": each { log($0) },
        "log2": each { log2($0) },
        "log10": each { log10($0) },
        "sgn": each { $0 < 0 ? -1 : $0 > 0 ? 1 : $0 },
        "sin": each { sin($0) },
        "cos": each { cos($0) },
        "tan": each { tan($0) },
        "asin": each { asin($0) },
        "acos": each { acos($0) },
        "atan": each { atan($0) },
        "sinh": each { sinh($0) },
        "cosh": each { cosh($0) },
        "tanh": each { tanh($0) },
        "asinh": each { asinh($0) },
        "acosh": each { acosh($0) },
        "atanh": each { atanh($0) },
        "deg": each { $0 * 180 / .pi },
        "rad": each { $0 * .pi / 180 },
        "round": general(MathFunctions.round),
        "clamp": general(MathFunctions.clamp),
        "clamp_min": general(MathFunctions.clampMinimum),
        "clamp_max": general(MathFunctions.clampMaximum),
        // Times.
        "time": general(TimeFunctions.time),
        "timestamp": general(TimeFunctions.timestamp),
        "start_timestamp": general(TimeFunctions.startTimestamp),
        "minute": date(\.minute),
        "hour": date(\.hour),
        "day_of_week": date(\.weekday),
        "day_of_month": date(\.day),
        "day_of_year": date(\.dayOfYear),
        "days_in_month": date(\.daysInMonth),
        "month": date(\.month),
        "year": date(\.year),
        "pi": .constant { _ in .pi },
        "start": .constant { Double($0.start) / 1_000 },
        "end": .constant { Double($0.end) / 1_000 },
        "step": .constant { Double($0.step) / 1_000 },
        "range": .constant { Double($0.end - $0.start) / 1_000 },
        "min_of": general { (evaluator, node, grid) throws(QueryError) in
            try MathFunctions.ofScalars(evaluator, node, grid, Go.minimum)
        },
        "max_of": general { (evaluator, node, grid) throws(QueryError) in
            try MathFunctions.ofScalars(evaluator, node, grid, Go.maximum)
        },
        // Vectors.
        "scalar": general(VectorShape.scalar),
        "vector": general(VectorShape.vector),
        "absent": general(VectorShape.absent),
        "sort": general(SortFunctions.ascending),
        "sort_desc": general(SortFunctions.descending),
        "sort_by_label": general(SortFunctions.byLabel),
        "sort_by_label_desc": general(SortFunctions.byLabelDescending),
        "label_replace": general(LabelFunctions.replace),
        "label_join": general(LabelFunctions.join),
        "info": general(InfoFunction.info),
        // Classic histograms; the rest concern native ones, which no series has.
        "histogram_quantile": general(HistogramFunctions.quantile),
        "histogram_quantiles": general(HistogramFunctions.quantiles),
        "histogram_fraction": general(HistogramFunctions.fraction),
        "histogram_avg": general(HistogramFunctions.ofNative),
        "histogram_count": general(HistogramFunctions.ofNative),
        "histogram_sum": general(HistogramFunctions.ofNative),
        "histogram_stddev": general(HistogramFunctions.ofNative),
        "histogram_stdvar": general(HistogramFunctions.ofNative),
    ]

    /// Their result is a scalar.
    static let scalarFunctions: Set<String> = [
        "time", "scalar", "pi", "start", "end", "step", "range", "min_of", "max_of",
    ]

    /// They depend on the evaluation time, even when their arguments do not.
    static let timeDependent: Set<String> = [
        "days_in_month", "day_of_month", "day_of_week", "day_of_year", "hour", "minute", "month", "year",
        "predict_linear", "time", "timestamp", "start_timestamp",
    ]

    /// Those that may have `anchored` ranges, and of these the ones that may have `smoothed`.
    static let anchoredFunctions = ["changes", "delta", "increase", "rate", "resets"]
    static let smoothedFunctions = ["delta", "increase", "rate"]

    private static func each(_ transform: @escaping @Sendable (Double) -> Double) -> Row {
        .vector(.elementwise(transform))
    }
    private static func general(
        _ function: @escaping @Sendable (Evaluator, FunctionNode, StepGrid) throws(QueryError) -> [SeriesColumn]
    ) -> Row { .vector(.general(function)) }
    private static func window(_ kernel: @escaping WindowKernel) -> Row {
        .range(RangeFunction(kernel: .window(kernel)))
    }
    private static func extrapolated(isCounter: Bool, isRate: Bool) -> Row {
        .range(
            RangeFunction(
                kernel: .extrapolated(isCounter: isCounter, isRate: isRate), expectsCounter: isCounter))
    }
    /// Between neighbours; with `anchored` from the sample before the window on.
    private static func counting(_ count: @escaping @Sendable (Window) -> Double) -> Row {
        .range(RangeFunction(kernel: .window(count), anchoredCount: count))
    }
    private static func date(_ part: @escaping @Sendable (CivilTime) -> Int64) -> Row {
        .vector(
            .general { (evaluator, node, grid) throws(QueryError) in
                try TimeFunctions.date(evaluator, node, grid, part)
            })
    }
}
