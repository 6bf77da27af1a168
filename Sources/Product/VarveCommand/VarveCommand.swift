import ArgumentParser
import Platform
import VarveServer

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

@main
enum Main {
    /// ArgumentParser's own `main` would end with 64 on wrong usage; ours is 2.
    static func main() async {
        FreedMemory.returnLargeBlocks()
        do {
            var command = try VarveCommand.parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            exit(ExitStatus.report(error).rawValue)
        }
    }
}

struct VarveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "varve",
        abstract: "A time-series database for metrics that speaks Prometheus.",
        discussion: """
            EXAMPLES
              varve serve                       a server on 127.0.0.1:9490
              varve query 'sum by (job) (up)'   ask the data, no server needed
              varve verify --data /srv/varve    check every stored byte

            EXIT STATUS
              0 done, 1 failed, 2 wrong usage or configuration, 3 damage found
            """,
        version: "varve \(VarveVersion.current)",
        subcommands: [
            ServeCommand.self, QueryCommand.self, SeriesCommand.self, LabelsCommand.self, VerifyCommand.self,
            RebuildCommand.self, CompactCommand.self, InspectCommand.self, LogCommand.self, PromQLTestCommand.self,
            VersionCommand.self,
        ])
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    func run() { Terminal.print("varve \(VarveVersion.current)") }
}
