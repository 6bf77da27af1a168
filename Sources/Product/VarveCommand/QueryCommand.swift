import ArgumentParser
import MetricModel
import Platform
import PromQL
import VarveServer

/// `varve query`: PromQL over a data directory, opened for reading only.
struct QueryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query",
        abstract: "Evaluate PromQL over a data directory.",
        discussion: """
            The directory is only read; a running server does not mind. Times are RFC 3339 or Unix seconds, lengths \
            are 5m, 1h30m or seconds.

            EXAMPLES
              varve query up
              varve query 'sum by (job) (rate(http_requests_total[5m]))' --time 2026-01-01T12:00:00Z
              varve query up --start 1767225600 --end 1767229200 --step 1m --format csv
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case table, csv, json
    }

    @Argument(help: "The PromQL expression.")
    var expression: String
    @OptionGroup var location: DataOption
    @Option(help: ArgumentHelp("Evaluate at this time. (default: now)", valueName: "time"))
    var time: String?
    @Option(help: ArgumentHelp("First step of a range query.", valueName: "time"))
    var start: String?
    @Option(help: ArgumentHelp("Last step of a range query. (default: now)", valueName: "time"))
    var end: String?
    @Option(help: ArgumentHelp("Distance of the steps of a range query.", valueName: "duration"))
    var step: String?
    @Option(help: "How the answer is printed.")
    var format: Format = .table

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
        let environment = Environment.live
        let database = try await OpenDatabase.forReading(location.directory, environment)
        let result: QueryResult
        do {
            result = try await evaluate(database, now: environment.time.now())
        } catch {
            try? await database.close()
            throw error
        }
        try await database.close()
        for remark in result.warnings + result.infos { Terminal.printError("varve: \(QuotedText.escape(remark))") }
        switch format {
        case .json:
            QueryAnswerJSON.write(result) { Terminal.write($0) }
            Terminal.print("")
        case .csv: ResultCSV.write(result.value)
        case .table: ResultTable.write(result.value)
        }
    }

    private func evaluate(_ database: any OpenedDatabase, now: Int64) async throws -> QueryResult {
        let options = QueryOptions()
        guard let start = start.flatMap(TimeText.parse), let step = step.flatMap(DurationParameter.parse) else {
            return try await database.query(expression, at: time.flatMap(TimeText.parse) ?? now, options: options)
        }
        let end = end.flatMap(TimeText.parse) ?? now
        guard end >= start else { throw CommandFailure(.usage, "--end is before --start") }
        return try await database.queryRange(expression, start: start, end: end, step: step, options: options)
    }
}
