import ArgumentParser
import MetricModel
import PromQL
import VarveServer

/// `varve series`: the label sets that selectors match.
struct SeriesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "series",
        abstract: "List the series that selectors match.",
        discussion: """
            Of a directory that no server has open, or of a server with --url.

            EXAMPLES
              varve series up
              varve series '{job="node"}' --url http://127.0.0.1:9490 --limit 20
              varve series 'http_requests_total{code=~"5.."}' --format json
            """)

    @Argument(help: "Selectors: a series is listed when it matches one of them.")
    var matchers: [String]
    @OptionGroup var source: SourceOption
    @OptionGroup var range: SeriesRange
    @Option(help: "How the answer is printed.")
    var format: AnswerFormat = .table

    func run() async throws {
        let selectors = try Selectors.parse(matchers)
        let found = try await source.ask { server in
            try await server.series(matchers, start: range.first, end: range.last, limit: range.limit)
        } directory: { database in
            try await database.series(
                matchers: selectors, start: range.first ?? TimeText.earliest, end: range.last ?? TimeText.latest,
                limit: range.limit
            ).series
        }
        switch format {
        case .table: for labels in found { Terminal.print(QuotedText.series(labels)) }
        case .csv: ResultCSV.write(found)
        case .json: Terminal.print(QueryAnswerJSON.text(of: found))
        }
    }
}

/// `varve labels`: names of labels, or the values of one.
struct LabelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "labels",
        abstract: "List the names of labels, or the values of one.",
        discussion: """
            Of a directory that no server has open, or of a server with --url.

            EXAMPLES
              varve labels                                  the names
              varve labels __name__                         the metrics
              varve labels instance --match up --url http://127.0.0.1:9490
            """)

    @Argument(help: "The label whose values are listed; without, the names of labels.")
    var name: String?
    @Option(help: ArgumentHelp("Only of series that match; may be repeated.", valueName: "selector"))
    var match: [String] = []
    @OptionGroup var source: SourceOption
    @OptionGroup var range: SeriesRange
    @Option(help: "How the answer is printed.")
    var format: AnswerFormat = .table

    func validate() throws {
        if name?.isEmpty == true { throw ValidationError("a label's name is not empty") }
    }

    func run() async throws {
        let selectors = try Selectors.parse(match)
        let found = try await source.ask { server in
            if let name {
                return try await server.labelValues(
                    name, match, start: range.first, end: range.last, limit: range.limit)
            }
            return try await server.labelNames(match, start: range.first, end: range.last, limit: range.limit)
        } directory: { database in
            let (first, last) = (range.first ?? TimeText.earliest, range.last ?? TimeText.latest)
            if let name {
                return try await database.labelValues(
                    name, matchers: selectors, start: first, end: last, limit: range.limit
                ).names
            }
            return try await database.labelNames(matchers: selectors, start: first, end: last, limit: range.limit).names
        }
        switch format {
        case .table: for text in found { Terminal.print(QuotedText.escape(text)) }
        case .csv: ResultCSV.write(column: name ?? "name", found)
        case .json: Terminal.print(QueryAnswerJSON.text(of: found))
        }
    }
}

private enum Selectors {
    /// Checked here, whoever is asked: the complaint is the same.
    static func parse(_ texts: [String]) throws -> [[LabelMatcher]] {
        try texts.map { text in
            do { return try PromQLParser.parseSelector(text).matchers } catch {
                throw CommandFailure(.usage, "\(QuotedText.quote(text)) is no selector: \(error)")
            }
        }
    }
}
