import Glibc
import PromQL
import PromQLScript
import Testing

/// Prometheus's own scripts, when they lie beside the repository.
@Suite struct ConformanceTests {
    /// `shared/conformance/promql`, beside the worktree or its parent.
    static let folder: String? = {
        var parts = #filePath.split(separator: "/").dropLast(3).map(String.init)
        while !parts.isEmpty {
            let candidate = "/" + (parts + ["shared", "conformance", "promql"]).joined(separator: "/")
            if access(candidate, R_OK) == 0 { return candidate }
            parts.removeLast()
        }
        return nil
    }()

    static let files: [String] = {
        guard let folder, let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".test") { names.append(name) }
        }
        return names.sorted()
    }()

    private func text(_ name: String) throws -> String {
        let folder = try #require(Self.folder)
        let file = try #require(fopen("\(folder)/\(name)", "r"))
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&buffer, 1, buffer.count, file)
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Evaluations that need native histograms, which Varve does not store: so many per file, and no more.
    private static let needNativeHistograms = [
        "functions.test": 98, "histograms.test": 92, "native_histograms.test": 519, "operators.test": 72,
    ]

    @Test(arguments: files)
    func prometheusScriptsPass(name: String) async throws {
        let script = try Script(try text(name), name: name)
        let report = try await ScriptRunner().run(script)
        #expect(report.failed == 0, "\(report)")
        #expect(report.skipped == Self.needNativeHistograms[name, default: 0])
        #expect(report.passed > 0)
    }
}
