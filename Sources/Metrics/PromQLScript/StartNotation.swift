import PromQL

/// Start timestamps of a series description: `name{a="b"}@st _ _x2 -30s -1m+1sx3 *`.
///
/// - Each is a signed length from its sample's time; `_` is none; `*` is the one before once more.
/// - `axn` is n + 1 of them, `a+bxn` climbs by b, `_xn` is n gaps.
/// - Source: Prometheus, `promql/promqltest/test.go`, `parseSTSequence`.
enum StartNotation {
    /// A line whose first word ends in `@st`: the series, empty for all, and what follows.
    static func line(_ line: String) -> (series: String, offsets: String)? {
        let words = line.words(2)
        guard words.count == 2, words[0].hasSuffix("@st") else { return nil }
        return (String(words[0].dropLast(3)), words[1])
    }

    static func offsets(_ text: String) throws(SeriesNotation.Malformed) -> [Int64?] {
        var offsets: [Int64?] = []
        for item in text.split(whereSeparator: { $0 == " " || $0 == "\t" }) {
            try append(item, to: &offsets)
            guard offsets.count <= SeriesNotation.maximumPoints else {
                throw SeriesNotation.Malformed(
                    reason: "more than \(SeriesNotation.maximumPoints) start timestamps in one series")
            }
        }
        return offsets
    }

    private static func append(_ item: Substring, to offsets: inout [Int64?]) throws(SeriesNotation.Malformed) {
        let malformed = SeriesNotation.Malformed(reason: "invalid @st item \"\(item.prefix(64))\"")
        var rest = item
        var offset: Int64?
        var step: Int64 = 0
        var isGap = false
        if rest.hasPrefix("_") {
            isGap = true
            rest.removeFirst()
        } else if rest.hasPrefix("*") {
            offset = (offsets.last { $0 != nil } ?? 0) ?? 0
            rest.removeFirst()
        } else {
            guard let distance = length(&rest) else { throw malformed }
            offset = distance
            if rest.hasPrefix("+") || rest.hasPrefix("-") {
                guard let each = length(&rest), rest.hasPrefix("x") else { throw malformed }
                step = each
            }
        }
        guard !rest.isEmpty else { return offsets.append(offset) }
        guard rest.hasPrefix("x"), let count = Int(rest.dropFirst()), count >= (isGap ? 1 : 0),
            count < SeriesNotation.maximumPoints
        else { throw malformed }
        for _ in 0..<(isGap ? count : count + 1) {
            offsets.append(offset)
            offset = offset.map { $0 &+ step }
        }
    }

    /// A length with an optional sign, in milliseconds.
    private static func length(_ rest: inout Substring) -> Int64? {
        let isNegative = rest.hasPrefix("-")
        if isNegative || rest.hasPrefix("+") { rest.removeFirst() }
        let text = rest.prefix { $0.isNumber || ($0.isLetter && $0 != "x") }
        guard case .success(let milliseconds) = DurationText.milliseconds(String(text)) else { return nil }
        rest = rest[text.endIndex...]
        return isNegative ? -milliseconds : milliseconds
    }
}
