import ArgumentParser
import Platform
import VarveServer

/// `varve rebuild`: the manifest made again from the objects; 3 when an object could not be read.
struct RebuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild",
        abstract: "Make a lost or damaged manifest again from the data files.",
        discussion: """
            Every data file says of itself what it holds and what it replaced. Nothing is deleted: the old manifest, and \
            files that cannot be read, go to quarantine/ in the data directory. No server may have the directory open.

            EXAMPLES
              varve rebuild --data /srv/varve && varve verify --data /srv/varve
            """)

    @OptionGroup var location: LocationOption
    @Flag(help: "Make it again although it is whole.")
    var force = false

    func run() async throws {
        let found = try await OpenDatabase.rebuild(location, force: force, .live)
        guard found.wasNeeded else {
            Terminal.print("The manifest is whole: nothing was done.")
            return
        }
        for line in found.remarks { Terminal.print(QuotedText.escape(line)) }
        Terminal.print(
            "Rebuilt: \(found.objects) objects, \(found.rows) rows. The old manifest is in \(found.quarantine).")
        guard found.damaged.isEmpty else {
            throw CommandFailure(
                .damage,
                found.damaged.map { QuotedText.escape($0) }.joined(separator: "\n")
                    + "\n\(found.damaged.count) objects could not be read and were moved to \(found.quarantine).")
        }
    }
}
