import ArgumentParser
import Platform

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

    func run() async throws {
        var passed = 0
        var failed = 0
        var skipped = 0
        for file in files {
            let outcome = try await OpenDatabase.runScript(try await Self.text(of: file), named: file)
            for failure in outcome.failures {
                Terminal.print("\(file):\(failure.line): \(QuotedText.escape(failure.text))")
            }
            passed += outcome.passed
            failed += outcome.failures.count
            skipped += outcome.skipped
        }
        Terminal.print("\(passed) passed, \(failed) failed, \(skipped) skipped")
        if failed > 0 { throw CommandFailure(.failed, "\(failed) of \(passed + failed) tests failed") }
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
