/// Name, argument types and result of one function.
///
/// - The last `optionalArguments` arguments may be left out; with `isVariadic` the last type repeats, without end or up
///   to `maximumArguments`.
public struct FunctionSignature: Sendable {
    public let name: String
    public let arguments: [ValueType]
    public let optionalArguments: Int
    public let isVariadic: Bool
    public let result: ValueType
    public let isExperimental: Bool
    /// nil: no end.
    public let maximumArguments: Int?
    public var minimumArguments: Int { arguments.count - optionalArguments }

    init(
        _ name: String, _ arguments: [ValueType], optional: Int = 0, variadic: Bool = false, atMost maximum: Int? = nil,
        _ result: ValueType = .vector, experimental: Bool = false
    ) {
        self.name = name
        self.arguments = arguments
        self.optionalArguments = optional
        self.isVariadic = variadic
        self.result = result
        self.isExperimental = experimental
        self.maximumArguments = variadic ? maximum : arguments.count
    }
}

extension FunctionSignature {
    /// Every function of the current Prometheus release, by name.
    public static let table: [String: FunctionSignature] = {
        var all: [FunctionSignature] = []
        // From vector to vector.
        for name in [
            "abs", "absent", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "deg", "exp",
            "floor", "histogram_avg", "histogram_count", "histogram_stddev", "histogram_stdvar", "histogram_sum", "ln",
            "log10", "log2", "rad", "sgn", "sin", "sinh", "sort", "sort_desc", "sqrt", "tan", "tanh", "timestamp",
        ] {
            all.append(FunctionSignature(name, [.vector]))
        }
        // Parts of a date; of the evaluation time when there is no argument.
        for name in [
            "day_of_month", "day_of_week", "day_of_year", "days_in_month", "hour", "minute", "month", "year",
        ] {
            all.append(FunctionSignature(name, [.vector], optional: 1))
        }
        // From a range to a vector.
        for name in [
            "absent_over_time", "avg_over_time", "changes", "count_over_time", "delta", "deriv", "first_over_time",
            "idelta", "increase", "irate", "last_over_time", "max_over_time", "min_over_time", "present_over_time",
            "rate", "resets", "stddev_over_time", "stdvar_over_time", "sum_over_time",
        ] {
            all.append(FunctionSignature(name, [.matrix]))
        }
        for name in [
            "mad_over_time", "ts_of_first_over_time", "ts_of_last_over_time", "ts_of_max_over_time",
            "ts_of_min_over_time",
        ] {
            all.append(FunctionSignature(name, [.matrix], experimental: true))
        }
        // The query's own times.
        for name in ["end", "range", "start", "step"] {
            all.append(FunctionSignature(name, [], .scalar, experimental: true))
        }
        for name in ["max_of", "min_of"] {
            all.append(FunctionSignature(name, [.scalar, .scalar], .scalar, experimental: true))
        }
        for name in ["sort_by_label", "sort_by_label_desc"] {
            all.append(
                FunctionSignature(name, [.vector, .string], optional: 1, variadic: true, experimental: true))
        }
        all += [
            FunctionSignature("clamp", [.vector, .scalar, .scalar]),
            FunctionSignature("clamp_max", [.vector, .scalar]),
            FunctionSignature("clamp_min", [.vector, .scalar]),
            FunctionSignature("double_exponential_smoothing", [.matrix, .scalar, .scalar], experimental: true),
            FunctionSignature("histogram_fraction", [.scalar, .scalar, .vector]),
            FunctionSignature("histogram_quantile", [.scalar, .vector]),
            FunctionSignature(
                "histogram_quantiles", [.vector, .string, .scalar, .scalar], optional: 1, variadic: true, atMost: 12,
                experimental: true),
            FunctionSignature("info", [.vector, .vector], optional: 1, experimental: true),
            FunctionSignature("label_join", [.vector, .string, .string, .string], optional: 1, variadic: true),
            FunctionSignature("label_replace", [.vector, .string, .string, .string, .string]),
            FunctionSignature("pi", [], .scalar),
            FunctionSignature("predict_linear", [.matrix, .scalar]),
            FunctionSignature("quantile_over_time", [.scalar, .matrix]),
            FunctionSignature("round", [.vector, .scalar], optional: 1),
            FunctionSignature("scalar", [.vector], .scalar),
            FunctionSignature("start_timestamp", [.vector], experimental: true),
            FunctionSignature("time", [], .scalar),
            FunctionSignature("vector", [.scalar]),
        ]
        return Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
    }()
}
