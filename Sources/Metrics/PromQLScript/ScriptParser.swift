import MetricModel
import PromQL

/// Reads a script, both the old forms (`eval_fail`, `expected_fail_message`) and the new (`expect fail msg: …`).
///
/// - A command ends at an empty line, a comment counts as one; indentation means nothing.
/// - The rules, and where they surprise, are those of Prometheus's `promql/promqltest/test.go`.
extension Script {
    public init(_ text: String, name: String) throws(ScriptError) {
        var parser = ScriptParser(text, name)
        commands = try parser.commands()
        self.name = name
    }
}

struct ScriptParser {
    private let name: String
    private let lines: [String]
    private var index = 0

    init(_ text: String, _ name: String) {
        self.name = name
        lines = text.utf8.split(separator: 10, omittingEmptySubsequences: false).map { line in
            let trimmed = String(decoding: line, as: UTF8.self).trimmed
            return trimmed.hasPrefix("#") ? "" : trimmed
        }
    }

    private func failure(_ reason: String, line: Int? = nil) -> ScriptError {
        ScriptError(script: name, line: (line ?? index) + 1, reason: reason)
    }

    mutating func commands() throws(ScriptError) -> [Script.Command] {
        var commands: [Script.Command] = []
        while index < lines.count {
            let line = lines[index]
            if line.isEmpty {
                index += 1
                continue
            }
            let word = line.words(1)[0].lowercased()
            if word == "clear" {
                commands.append(.clear)
                index += 1
            } else if word.hasPrefix("load") {
                commands.append(.load(try load()))
            } else if word.hasPrefix("eval") {
                commands.append(.evaluate(try evaluation()))
            } else {
                throw failure("invalid command \"\(line.prefix(256))\"; use load, clear or eval")
            }
        }
        return commands
    }

    private func duration(_ text: String) throws(ScriptError) -> Int64 {
        switch DurationText.milliseconds(text) {
        case .success(let milliseconds): return milliseconds
        case .failure(let invalid): throw failure(invalid.reason)
        }
    }

    private mutating func load() throws(ScriptError) -> LoadCommand {
        let words = lines[index].words(2)
        guard words.count == 2, words[0] == "load" || words[0] == "load_with_nhcb" else {
            throw failure("invalid load command; use load[_with_nhcb] <step>")
        }
        var command = LoadCommand(
            interval: try duration(words[1]), addsNativeHistograms: words[0] == "load_with_nhcb", series: [])
        index += 1
        // `name@st …` says since when the points of the next line count; `@st …` alone is for all lines without.
        var starts: (labels: Labels, offsets: [Int64?], line: Int)?
        while index < lines.count, !lines[index].isEmpty {
            if let line = StartNotation.line(lines[index]) {
                if let starts { throw failure("@st line has no following sample line", line: starts.line) }
                let offsets = try startOffsets(line.offsets)
                if line.series.isEmpty {
                    command.defaultStartOffsets = offsets
                } else {
                    starts = (try series(line.series + " _").0, offsets, index)
                }
            } else {
                let (labels, points) = try series(lines[index])
                if let starts {
                    guard starts.labels == labels else {
                        throw failure("@st metric does not match the following sample line metric", line: starts.line)
                    }
                    guard starts.offsets.count == points.count else {
                        throw failure(
                            "@st line has \(starts.offsets.count) values but sample line has \(points.count)",
                            line: starts.line)
                    }
                }
                command.series.append(
                    LoadCommand.Series(labels: labels, points: points, startOffsets: starts?.offsets ?? []))
                starts = nil
            }
            index += 1
        }
        if let starts { throw failure("@st line has no following sample line", line: starts.line) }
        return command
    }

    private func startOffsets(_ text: String) throws(ScriptError) -> [Int64?] {
        do { return try StartNotation.offsets(text) } catch { throw failure(error.reason) }
    }

    private func series(_ line: String) throws(ScriptError) -> (Labels, [SeriesPoint]) {
        let labels: Labels
        let end: Int
        do {
            (labels, end) = try PromQLParser.parseSeriesLabels(line)
        } catch {
            throw failure("series description: \(error)")
        }
        do {
            return (labels, try SeriesNotation.points(String(decoding: line.utf8.dropFirst(end), as: UTF8.self)))
        } catch {
            throw failure(error.reason)
        }
    }

    // MARK: - eval

    private mutating func evaluation() throws(ScriptError) -> Evaluation {
        var evaluation = try evaluationHeader()
        let start = index
        defer { index += 1 }  // until then it is the line that errors name
        while index + 1 < lines.count, !lines[index + 1].isEmpty {
            index += 1
            let line = lines[index]
            if line.hasPrefix("expected_fail_message"), evaluation.failure != nil {
                evaluation.failure = .exactly(String(line.dropFirst(21)).trimmed)
                break
            }
            if line.hasPrefix("expected_fail_regexp"), evaluation.failure != nil {
                evaluation.failure = try pattern(String(line.dropFirst(20)).trimmed)
                break
            }
            if line.hasPrefix("expect range vector") {
                evaluation.rangeVector = try rangeVector(line)
                continue
            }
            if line.hasPrefix("expect string") {
                evaluation.string = try stringLiteral(String(line.dropFirst(13)))
                continue
            }
            if line.words(2)[0] == "expect" {
                try expectation(line, &evaluation)
                continue
            }
            if let number = ScriptNumber.parse(line) {
                evaluation.scalar = number
                break
            }
            let (labels, points) = try series(line)
            if case .instant = evaluation.time, points.count > 1, evaluation.rangeVector == nil {
                throw failure(
                    "expecting multiple values in instant evaluation not allowed; use 'expect range vector'")
            }
            evaluation.series.append(Evaluation.ExpectedSeries(labels: labels, points: points))
        }
        if evaluation.forbidsInfos && !evaluation.infos.isEmpty {
            throw failure("info and no_info cannot be used together", line: start)
        }
        if evaluation.forbidsWarnings && !evaluation.warnings.isEmpty {
            throw failure("warn and no_warn cannot be used together", line: start)
        }
        return evaluation
    }

    /// `eval[_fail|_warn|_ordered|_info] instant at <time> <query>`, `eval range from <a> to <b> step <c> <query>`.
    private func evaluationHeader() throws(ScriptError) -> Evaluation {
        let words = lines[index].words(9)
        let usage =
            "invalid evaluation command; use 'eval instant at <time> <query>' or 'eval range from <start> to <end> "
            + "step <step> <query>'"
        var evaluation: Evaluation
        if words.count > 4, words[1] == "instant", words[2] == "at" {
            evaluation = Evaluation(
                line: index + 1, query: lines[index].words(5)[4], time: .instant(try duration(words[3])))
        } else if words.count == 9, words[1] == "range", words[2] == "from", words[4] == "to", words[6] == "step" {
            let (start, end) = (try duration(words[3]), try duration(words[5]))
            guard start <= end else { throw failure("end timestamp is before start timestamp") }
            evaluation = Evaluation(
                line: index + 1, query: words[8],
                time: .range(start: start, end: end, step: try duration(words[7])))
        } else {
            throw failure(usage)
        }
        switch words[0] {
        case "eval": break
        case "eval_fail": evaluation.failure = .any
        case "eval_warn": evaluation.warnings = [.any]
        case "eval_info": evaluation.infos = [.any]
        case "eval_ordered": evaluation.isOrdered = true
        default: throw failure(usage)
        }
        return evaluation
    }

    private func rangeVector(_ line: String) throws(ScriptError) -> (start: Int64, end: Int64, step: Int64) {
        let words = line.words(9)
        guard words.count == 9, words[3] == "from", words[5] == "to", words[7] == "step" else {
            throw failure("invalid range vector definition; use 'expect range vector from <a> to <b> step <c>'")
        }
        return (try duration(words[4]), try duration(words[6]), try duration(words[8]))
    }

    private func stringLiteral(_ text: String) throws(ScriptError) -> String {
        let literal = text.trimmed
        guard !literal.isEmpty, case .string(let value, _)? = try? PromQLParser.parse(literal) else {
            throw failure("expected string literal not valid: check that the string is correctly quoted")
        }
        return value
    }

    private func pattern(_ text: String) throws(ScriptError) -> Evaluation.MessagePattern {
        do {
            // Found anywhere in the message, while `LabelRegex` matches the whole.
            return .containing(try LabelRegex("(?s:.*)(?:\(text))(?s:.*)"), text: text)
        } catch {
            throw failure("invalid pattern \(text): \(error)")
        }
    }

    /// `expect (fail|warn|no_warn|info|no_info|ordered) [(msg|regex):text]`.
    private func expectation(_ line: String, _ evaluation: inout Evaluation) throws(ScriptError) {
        let words = line.words(3)
        guard words.count >= 2 else { throw failure("invalid expect statement") }
        var message = Evaluation.MessagePattern.any
        if words.count == 3 {
            if words[2].hasPrefix("msg:") {
                message = .exactly(String(words[2].dropFirst(4)).trimmed)
            } else if words[2].hasPrefix("regex:") {
                message = try pattern(String(words[2].dropFirst(6)).trimmed)
            } else {
                throw failure("invalid expect statement; use 'expect <type> <msg|regex>: <text>'")
            }
        }
        switch words[1] {
        case "fail": evaluation.failure = message
        case "warn": evaluation.warnings.append(message)
        case "info": evaluation.infos.append(message)
        case "no_warn": evaluation.forbidsWarnings = true
        case "no_info": evaluation.forbidsInfos = true
        case "ordered": evaluation.isOrdered = true
        default: throw failure("invalid expected error/annotation type \(words[1])")
        }
    }
}

extension String {
    var trimmed: String {
        var bytes = utf8[...]
        while let first = bytes.first, first == 32 || (9...13).contains(first) { bytes = bytes.dropFirst() }
        while let last = bytes.last, last == 32 || (9...13).contains(last) { bytes = bytes.dropLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// At most `count` words; the last is the rest of the text. At least one.
    func words(_ count: Int) -> [String] {
        utf8.split(maxSplits: count - 1, omittingEmptySubsequences: true) { $0 == 32 || $0 == 9 }
            .map { String(decoding: $0, as: UTF8.self).trimmed } + (isEmpty ? [""] : [])
    }
}
