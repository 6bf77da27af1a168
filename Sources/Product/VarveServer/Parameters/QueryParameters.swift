import MetricModel
import PromQL

/// What the query endpoints read from their parameters, checked.
struct InstantQueryParameters: Equatable {
    var expression: String
    /// Milliseconds since the epoch.
    var time: Int64
    var common: CommonQueryParameters

    init(_ form: FormParameters, now: Int64, defaults: QueryOptions) throws(APIError) {
        time = try form.time("time") ?? now
        common = try CommonQueryParameters(form, defaults: defaults)
        expression = form["query"] ?? ""
    }
}

struct RangeQueryParameters: Equatable {
    var expression: String
    var start: Int64
    var end: Int64
    /// Milliseconds, at least 1.
    var step: Int64
    var common: CommonQueryParameters

    /// - Parameter maximumPoints: steps of one query.
    init(
        _ form: FormParameters, defaults: QueryOptions, maximumPoints: Int = ServerOptions().maximumPoints
    ) throws(APIError) {
        start = try form.requiredTime("start")
        end = try form.requiredTime("end")
        guard end >= start else { throw .badParameter("end", "end timestamp must not be before start time") }
        guard let step = try form.duration("step") else {
            throw .badParameter("step", "cannot parse \"\" to a valid duration")
        }
        guard step > 0 else {
            throw .badParameter(
                "step", "zero or negative query resolution step widths are not accepted. Try a positive integer")
        }
        self.step = step
        let (length, overflow) = end.subtractingReportingOverflow(start)
        guard !overflow, length / step <= Int64(maximumPoints) else {
            throw APIError(
                .badData,
                "exceeded maximum resolution of \(Self.grouped(maximumPoints)) points per timeseries. "
                    + "Try decreasing the query resolution (?step=XX), or raise query.max-points")
        }
        common = try CommonQueryParameters(form, defaults: defaults)
        expression = form["query"] ?? ""
    }
}

extension RangeQueryParameters {
    /// `11,000`.
    private static func grouped(_ number: Int) -> String {
        var digits = Array(String(number))
        var at = digits.count - 3
        while at > 0 {
            digits.insert(",", at: at)
            at -= 3
        }
        return String(digits)
    }
}

/// `timeout`, `lookback_delta`, `limit`, `stats`.
struct CommonQueryParameters: Equatable {
    var options: QueryOptions
    /// Series or samples of the answer; 0 for all.
    var limit: Int
    var wantsStatistics: Bool

    init(_ form: FormParameters, defaults: QueryOptions) throws(APIError) {
        options = defaults
        if let timeout = try form.duration("timeout") {
            guard timeout > 0 else { throw .badParameter("timeout", "must be more than zero") }
            // A request may ask for less than the server's bound, never for more.
            options.timeout = min(defaults.timeout, .milliseconds(timeout))
        }
        if let lookback = try form.duration("lookback_delta") {
            guard lookback >= 0 else { throw .badParameter("lookback_delta", "must not be negative") }
            if lookback > 0 { options.lookback = .milliseconds(lookback) }
        }
        limit = try form.limit()
        wantsStatistics = form["stats"] != nil
    }
}

/// `match[]`, `start`, `end`, `limit` of the endpoints about labels and series.
struct SeriesParameters: Equatable {
    /// More selectors than any client sends; each is matched on its own.
    static let maximumSelectors = 1_000

    var selectors: [[LabelMatcher]]
    var start: Int64
    var end: Int64
    /// 0 for all.
    var limit: Int

    init(_ form: FormParameters, defaults: QueryOptions) throws(APIError) {
        start = try form.time("start") ?? TimeText.earliest
        end = try form.time("end") ?? TimeText.latest
        limit = try form.limit()
        let texts = form.all("match[]")
        guard texts.count <= Self.maximumSelectors else {
            throw .badParameter("match[]", "\(texts.count) selectors; at most \(Self.maximumSelectors) are taken")
        }
        selectors = []
        for text in texts {
            do {
                selectors.append(try PromQLParser.parseSelector(text, options: defaults).matchers)
            } catch {
                throw .badParameter("match[]", error.description)
            }
        }
    }
}

extension FormParameters {
    func time(_ name: String) throws(APIError) -> Int64? {
        guard let text = self[name] else { return nil }
        guard let time = TimeText.parse(text) else {
            throw .badParameter(name, "cannot parse \(Self.shown(text)) to a valid timestamp")
        }
        return time
    }

    func requiredTime(_ name: String) throws(APIError) -> Int64 {
        guard let time = try time(name) else {
            throw .badParameter(name, "cannot parse \"\" to a valid timestamp")
        }
        return time
    }

    /// Milliseconds.
    func duration(_ name: String) throws(APIError) -> Int64? {
        guard let text = self[name] else { return nil }
        guard let duration = DurationParameter.parse(text) else {
            throw .badParameter(name, "cannot parse \(Self.shown(text)) to a valid duration")
        }
        return duration
    }

    /// 0 when absent.
    func limit(_ name: String = "limit") throws(APIError) -> Int {
        guard let text = self[name] else { return 0 }
        guard let limit = Int(text) else { throw .badParameter(name, "\(Self.shown(text)) is not a whole number") }
        guard limit >= 0 else { throw .badParameter(name, "limit must be non-negative") }
        return limit
    }

    private static func shown(_ text: String) -> String {
        var shown = JSONText()
        shown.append(string: String(text.prefix(256)))
        return String(decoding: shown.bytes, as: UTF8.self)
    }
}
