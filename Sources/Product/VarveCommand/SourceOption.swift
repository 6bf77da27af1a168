import ArgumentParser
import Platform
import PromQL
import VarveServer

/// What a question is asked of: a server (`--url`), or a directory (`--data`), beside a server that has it or not.
struct SourceOption: ParsableArguments {
    @OptionGroup var location: LocationOption
    @Option(
        help: ArgumentHelp("Ask the server at this address instead of a directory.", valueName: "http://host:port"))
    var url: String?
    @OptionGroup var remote: RemoteOption

    func validate() throws {
        if url != nil && (location.location.data != nil || location.bucket.objectStore != nil) {
            throw ValidationError("--url asks a server, --data a directory, --object-store a bucket: give one")
        }
    }

    /// Runs one of the two.
    func ask<Answer>(
        server: (RemoteDatabase) async throws -> Answer, directory: (any OpenedDatabase) async throws -> Answer
    ) async throws -> Answer {
        if let url { return try await server(RemoteDatabase(url: url, credentials: remote.credentials())) }
        do {
            return try await directory(try await OpenDatabase.forReading(location, .live))
        } catch QueryError.storage(let reason) {
            // A server may have merged away what was just to be read: once more with what there is now.
            do {
                return try await directory(try await OpenDatabase.forReading(location, .live))
            } catch QueryError.storage {
                throw QueryError.storage(reason)
            }
        }
    }
}

/// How an answer is printed.
enum AnswerFormat: String, ExpressibleByArgument, CaseIterable {
    case table, csv, json
}

/// Which series, and when they were alive.
struct SeriesRange: ParsableArguments {
    @Option(help: ArgumentHelp("Only series with samples at or after this time.", valueName: "time"))
    var start: String?
    @Option(help: ArgumentHelp("Only series with samples at or before this time.", valueName: "time"))
    var end: String?
    @Option(help: ArgumentHelp("At most so many; 0 is no limit.", valueName: "count"))
    var limit: Int = 0

    func validate() throws {
        for (name, text) in [("start", start), ("end", end)] {
            if let text, TimeText.parse(text) == nil {
                throw ValidationError("--\(name) is \"\(text)\"; use RFC 3339 or Unix seconds")
            }
        }
        if limit < 0 { throw ValidationError("--limit is \(limit); use 0 or more") }
    }

    var first: Int64? { start.flatMap(TimeText.parse) }
    var last: Int64? { end.flatMap(TimeText.parse) }
}
