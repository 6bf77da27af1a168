import ArgumentParser
import Platform
import PromQLScript

/// `varve promql-test`: runs Prometheus's test scripts; 1 when one fails.
struct PromQLTestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promql-test",
        abstract: "Run Prometheus's PromQL test scripts.",
        discussion: """
            Prints each failure with file and line and ends with `N passed, N failed, N skipped`.

            EXAMPLES
              varve promql-test conformance/promql/*.test
            """)

    /// Bytes of one script.
    private static let maximumSize: UInt64 = 64 << 20

    @Argument(help: ArgumentHelp("Test scripts.", valueName: "file"))
    var files: [String]

    @Flag(help: "Print what was skipped, and why.")
    var showSkipped = false

    func run() async throws {
        let runner = ScriptRunner()
        var total = ScriptReport()
        var unreadable = 0
        for file in files {
            do {
                let report = try await runner.run(try Script(try await Self.text(of: file), name: file))
                for failure in report.failures { Terminal.print(failure.description) }
                total = total + report
            } catch let error as ScriptError {
                // The script itself is wrong: one failure, and the others still run.
                Terminal.print(error.description)
                unreadable += 1
            }
        }
        if showSkipped {
            for skip in total.skips {
                Terminal.print("\(skip.script):\(skip.line): skipped, \(skip.reason): \(skip.query)")
            }
        }
        let failed = total.failed + unreadable
        Terminal.print("\(total.passed) passed, \(failed) failed, \(total.skipped) skipped")
        // The last line says it already.
        if failed > 0 { throw ExitCode(ExitStatus.failed.rawValue) }
    }

    private static func text(of path: String) async throws -> String {
        let environment = Environment.live
        let bytes = try await environment.blocking.run {
            let file = try environment.fileSystem.open(path, .read)
            let size = try file.size()
            guard size <= maximumSize else { throw CommandFailure(.failed, "\(path) is larger than 64 MiB") }
            return try file.read(at: 0, count: Int(size))
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
