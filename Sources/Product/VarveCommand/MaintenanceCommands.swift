import ArgumentParser
import Platform
import VarveServer

/// `varve verify`: reads and checks every stored byte; 3 when one is not what was written.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Read every stored byte and check it.",
        discussion: """
            EXAMPLES
              varve verify
              varve verify --data /srv/varve && echo sound
            """)

    @OptionGroup var location: LocationOption

    func run() async throws {
        let found = try await OpenDatabase.verify(location, .live)
        for remark in found.remarks { Terminal.print(QuotedText.escape(remark)) }
        Terminal.print("Sound: \(found.objects) objects, \(ByteCount(found.bytes)), \(found.rows) rows.")
    }
}

/// `varve compact`: flushes and merges a directory that no server has open.
struct CompactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact",
        abstract: "Flush and merge a data directory that no server has open.",
        discussion: """
            Leaves one run per segment. A running server does this by itself; with --enable-admin-api also on \
            POST /api/v1/admin/compact.

            EXAMPLES
              varve compact --data /srv/varve
            """)

    @OptionGroup var location: LocationOption

    func run() async throws {
        let database = try await OpenDatabase.forMaintenance(location, .live)
        do {
            try await database.flush()
            try await database.compact()
            try await database.collectGarbage()
        } catch {
            try? await database.close()
            throw error
        }
        try await database.close()
        Terminal.print("Compacted.")
    }
}

/// `varve inspect`: what a data directory holds.
struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Show what a data directory holds.",
        discussion: """
            EXAMPLES
              varve inspect
              varve inspect --files                         the live objects
              varve inspect --files | head -3               in a pipe: their keys alone, one per line
            """)

    @OptionGroup var location: LocationOption
    @Flag(help: "Print the live objects.")
    var files = false

    func run() async throws {
        let found = try await OpenDatabase.inspect(location, .live)
        if files {
            guard Terminal.isInteractive else {
                // For scripts: the keys, and nothing that they would have to skip.
                for file in found.files { Terminal.print(file.key) }
                return
            }
            ResultTable.write(
                [["segment", "rows", "size", "object"]]
                    + found.files.map { file in
                        [
                            TimeText.rfc3339(file.segmentStart), "\(file.rows)", "\(ByteCount(file.bytes))", file.key,
                        ]
                    })
            return
        }
        if !found.facts.isEmpty {
            ResultTable.write(found.facts.map { [$0.name, $0.value] })
            Terminal.print("")
        }
        ResultTable.write(
            [["table", "segments", "objects", "rows", "size"]]
                + found.tables.map {
                    [$0.name, "\($0.segments)", "\($0.objects)", "\($0.rows)", "\(ByteCount($0.bytes))"]
                })
    }
}
