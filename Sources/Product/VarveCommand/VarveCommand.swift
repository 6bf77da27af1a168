import ArgumentParser
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
              varve serve                                   a server on 127.0.0.1:9490, data in ./varve-data
              varve query 'sum by (job) (up)'               ask the data directory, no server needed
              varve query 'rate(x_total[5m])' --start 2026-01-01T00:00:00Z --end 2026-01-02T00:00:00Z --step 5m
              varve verify --data /srv/varve                read every stored byte and check it

            EXIT STATUS
              0 done, 1 failed, 2 wrong usage or configuration, 3 damage found
            """,
        version: "varve \(VarveVersion.current)",
        subcommands: [
            ServeCommand.self, QueryCommand.self, VerifyCommand.self, CompactCommand.self, InspectCommand.self,
            LogCommand.self, PromQLTestCommand.self, VersionCommand.self,
        ])
}

struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "version", abstract: "Print the version.")

    func run() { Terminal.print("varve \(VarveVersion.current)") }
}
