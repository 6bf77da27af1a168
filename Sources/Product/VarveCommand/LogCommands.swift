import ArgumentParser
import Platform
import Synchronization
import Varve
import VarveServer

/// `varve wal …`: the write-ahead log. Whatever state it is in, nothing is written to it but by `salvage --in-place`.
struct LogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wal", abstract: "Look into the write-ahead log, save what is good of it, send it elsewhere.",
        subcommands: [Inspect.self, Salvage.self, Replay.self])

    struct Inspect: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect",
            abstract: "Show the log's segments and what is in them; changes nothing.",
            discussion: """
                The directory may be one of data or the log's own; a server may have it open. Ends with 3 when the log is \
                damaged, with 1 when it is not one of this version's.

                EXAMPLES
                  varve wal inspect --data /srv/varve
                  varve wal inspect --data /mnt/other-node/wal/main
                """)

        @OptionGroup var location: DataOption

        func run() async throws {
            let log = try await OpenDatabase.inspectLog(location.directory, .live)
            let names = [UInt16(1): "samples", 2: "series", 3: "metadata"]
            ResultTable.write(
                [["file", "size", "batches", "records", "sequences", "tables", "state"]]
                    + log.segments.map { segment in
                        let tables = segment.tables.sorted { $0.key < $1.key }.map { number, table in
                            "\(names[number] ?? "table \(number)") \(table.entries)"
                        }
                        let sequences = segment.first.flatMap { first in segment.last.map { "\(first) … \($0)" } }
                        return [
                            segment.path, "\(ByteCount(Int(clamping: segment.bytes)))", "\(segment.batches)",
                            "\(segment.records)", sequences ?? "", tables.joined(separator: ", "), segment.state,
                        ]
                    })
            if log.tornBytes > 0, log.damage == nil {
                Terminal.print("Torn: \(log.tornBytes) bytes, never acknowledged; opening moves them to quarantine.")
            }
            for name in log.foreignNames { Terminal.print("Not ours: \(QuotedText.escape(name))") }
            if let damage = log.damage { throw CommandFailure(.damage, damage) }
            if let refusal = log.refusal { throw CommandFailure(.failed, refusal) }
        }
    }

    struct Salvage: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "salvage",
            abstract: "Keep what is good of a damaged log, and say what is lost.",
            discussion: """
                Reads on behind every bad place. The sound records go into a new log: in another directory, or, with \
                --in-place, where the old one was, which moves to quarantine/ as it is. Stop the server first.

                EXAMPLES
                  varve wal salvage --data /srv/varve --output /tmp/saved     look first
                  varve wal salvage --data /srv/varve --in-place              then repair
                """)

        @OptionGroup var location: DataOption
        @Option(help: ArgumentHelp("Directory for the new log; absent or empty.", valueName: "dir"))
        var output: String?
        @Flag(help: "Put the new log in the old one's place; the old one moves to quarantine/.")
        var inPlace = false

        func validate() throws {
            if (output == nil) != inPlace {
                throw ValidationError("give --output DIR for the new log, or --in-place")
            }
        }

        func run() async throws {
            let report = try await OpenDatabase.salvageLog(location.directory, into: output, .live)
            for loss in report.losses { Terminal.print(QuotedText.escape(loss, quotes: false)) }
            for name in report.foreignNames { Terminal.print("Not ours, left out: \(QuotedText.escape(name))") }
            let numbers = report.first.flatMap { first in report.last.map { ", sequence numbers \(first) … \($0)" } }
            Terminal.print("Kept \(report.records) records\(numbers ?? "") in \(report.log).")
            if let place = report.quarantined { Terminal.print("The old log is in \(place).") }
            Terminal.print(
                report.damaged == 0
                    ? "Nothing was damaged."
                    : "\(report.damaged) damaged stretches, named above, are lost: send again what senders still have.")
        }
    }

    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "replay",
            abstract: "Send a log's samples to a running server; changes nothing.",
            discussion: """
                For the log of a node that was superseded, of a disk that was saved, of a log that is damaged: every \
                sample that can be read is sent by remote write, its series told by labels. What is in objects already is \
                left out.

                A server that took the database over from the log's node takes the samples in under the numbers that they \
                had: older than all it was sent itself, newer than all before. For any other server they count as new: \
                where it has a value for the same series and time, the log's takes its place.

                EXAMPLES
                  varve wal replay --data /mnt/old-node --url http://127.0.0.1:9490
                """)

        @OptionGroup var location: LocationOption
        @Option(help: ArgumentHelp("The server to send to.", valueName: "http://host:port"))
        var url: String
        @OptionGroup var remote: RemoteOption

        func run() async throws {
            var writer = try RemoteWriter(url: url, credentials: try await remote.credentials(), environment: .live)
            let cut = try await writer.begin(logOf: try await OpenDatabase.claimants(location, .live))
            let sender = ReplaySender(writer)
            let report = try await OpenDatabase.readLog(location, after: cut, .live) { series in
                try await sender.add(series)
            }
            try await sender.finish()
            let refusals = await sender.refusals
            for loss in report.losses { Terminal.print(QuotedText.escape(loss, quotes: false)) }
            if report.flushedRecords > 0 {
                Terminal.print("\(report.flushedRecords) records are in objects already: not sent.")
            }
            Terminal.print(
                "Sent \(report.samples) samples of \(report.records) records to \(url), "
                    + (cut == nil ? "as new ones." : "older than what it was sent itself."))
            if report.namelessSamples > 0 {
                throw CommandFailure(
                    .damage,
                    "\(report.namelessSamples) samples of \(report.namelessSeries) series were not sent: their labels are "
                        + "neither in the log nor in objects beside it")
            }
            if let first = refusals.first {
                throw CommandFailure(
                    .failed,
                    "\(url) refused some of \(refusals.count) bodies; the first: \(QuotedText.escape(first, quotes: false))"
                )
            }
            if report.losses.contains(where: { $0.contains(" damaged: ") }) {
                throw CommandFailure(.damage, "the log is damaged at the places above; everything else was sent")
            }
        }
    }
}

/// Gathers samples to bodies of a size that a server likes, and shows a person how far it is. A body holds whole records:
/// a server may take one whose numbers it has seen for a repeat.
private actor ReplaySender {
    private static let samplesPerBody = 10_000

    private let writer: RemoteWriter
    private var waiting: [LoggedSeries] = []
    private var count = 0
    private var sent = 0
    private(set) var refusals: [String] = []

    init(_ writer: RemoteWriter) { self.writer = writer }

    func add(_ series: [LoggedSeries]) async throws {
        if count >= Self.samplesPerBody, waiting.last?.sequence != series.first?.sequence { try await send() }
        waiting += series
        count += series.reduce(0) { $0 + $1.timestamps.count }
    }

    func finish() async throws {
        if count > 0 { try await send() }
        if Terminal.isInteractive { Terminal.write(Array("\r\u{1b}[K".utf8)) }
    }

    private func send() async throws {
        let (body, samples) = (waiting, count)
        waiting = []
        count = 0
        if let refusal = try await writer.send(body) { refusals.append(refusal) }
        sent += samples
        if Terminal.isInteractive { Terminal.write(Array("\r\(sent) samples sent".utf8)) }
    }
}
