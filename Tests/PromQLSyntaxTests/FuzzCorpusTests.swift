import Platform
import PromQL
import Testing

/// What the fuzzer starts from and what it once found, as `Fuzz/Sources/FuzzPromQL` checks it.
@Suite struct FuzzCorpusTests {
    @Test func everyInputIsParsedAndPrintedOrRefused() throws {
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let folder = root + "/Fuzz/Corpus/promql"
        var options = QueryOptions()
        options.enableExperimentalFunctions = true
        let fileSystem = LiveFileSystem()
        let names = try fileSystem.list(folder)
        var parsed = 0
        for name in names {
            let file = try fileSystem.open("\(folder)/\(name)", .read)
            let bytes = try file.read(at: 0, count: Int(try file.size()))
            let text = String(decoding: bytes, as: UTF8.self)
            guard let tree = try? PromQLParser.parse(text, options: options) else { continue }
            parsed += 1
            let printed = PromQLPrinter.print(tree)
            var unbounded = options
            unbounded.maximumQueryLength = 1 << 30
            unbounded.maximumTokens = 1 << 30
            let again = PromQLPrinter.print(try PromQLParser.parse(printed, options: unbounded))
            #expect(again == printed, "\(name)")
        }
        #expect(parsed * 2 > names.count && parsed < names.count)
    }
}
