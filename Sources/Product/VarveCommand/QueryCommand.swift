import ArgumentParser
import MetricModel
import Platform
import PromQL
import VarveServer

/// `varve query`: PromQL over a data directory, or asked of a server.
struct QueryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query",
        abstract: "Evaluate PromQL over a data directory, or on a server.",
        discussion: """
            A directory is read as it is at that moment, beside a server or without one, and nothing in it is changed. \
            Times are RFC 3339 or Unix seconds, lengths are 5m, 1h30m or seconds.

            EXAMPLES
              varve query up
              varve query 'sum by (job) (rate(http_requests_total[5m]))' --time 2026-01-01T12:00:00Z
              varve query up --start 1767225600 --end 1767229200 --step 1m --format csv
              varve query up --url http://127.0.0.1:9490
            """)

    @Argument(help: "The PromQL expression.")
    var expression: String
    @OptionGroup var source: SourceOption
    @Option(help: ArgumentHelp("Evaluate at this time. (default: now)", valueName: "time"))
    var time: String?
    @Option(help: ArgumentHelp("First step of a range query.", valueName: "time"))
    var start: String?
    @Option(help: ArgumentHelp("Last step of a range query. (default: now)", valueName: "time"))
    var end: String?
    @Option(help: ArgumentHelp("Distance of the steps of a range query.", valueName: "duration"))
    var step: String?
    @Option(help: "How the answer is printed.")
    var format: AnswerFormat = .table

    func validate() throws {
        let isRange = start != nil || end != nil || step != nil
        if isRange && time != nil {
            throw ValidationError("--time is of instant queries, --start, --end and --step of range queries")
        }
        if isRange && (start == nil || step == nil) { throw ValidationError("a range query needs --start and --step") }
        for (name, text) in [("time", time), ("start", start), ("end", end)] {
            if let text, TimeText.parse(text) == nil {
                throw ValidationError("--\(name) is \"\(text)\"; use RFC 3339 or Unix seconds")
            }
        }
        if let step, DurationParameter.parse(step).map({ $0 > 0 }) != true {
            throw ValidationError("--step is \"\(step)\"; use a length of time as in 30s, 5m, 1h")
        }
    }

    func run() async throws {
        let now = Environment.live.time.now()
        let result = try await source.ask { server in
            switch try moments(now) {
            case .instant(let time): try await server.query(expression, at: time)
            case .range(let start, let end, let step):
                try await server.queryRange(expression, start: start, end: end, step: step)
            }
        } directory: { database in
            switch try moments(now) {
            case .instant(let time): try await database.query(expression, at: time, options: QueryOptions())
            case .range(let start, let end, let step):
                try await database.queryRange(
                    expression, start: start, end: end, step: step, options: QueryOptions())
            }
        }
        for remark in result.warnings + result.infos {
            Terminal.printError("varve: \(QuotedText.escape(remark, quotes: false))")
        }
        switch format {
        case .json:
            QueryAnswerJSON.write(result) { Terminal.write($0) }
            Terminal.print("")
        case .csv: ResultCSV.write(result.value)
        case .table: ResultTable.write(result.value)
        }
    }

    private enum Moments {
        case instant(Int64)
        case range(start: Int64, end: Int64, step: Int64)
    }

    private func moments(_ now: Int64) throws -> Moments {
        guard let start = start.flatMap(TimeText.parse), let step = step.flatMap(DurationParameter.parse) else {
            return .instant(time.flatMap(TimeText.parse) ?? now)
        }
        let end = end.flatMap(TimeText.parse) ?? now
        guard end >= start else { throw CommandFailure(.usage, "--end is before --start") }
        return .range(start: start, end: end, step: step)
    }
}
