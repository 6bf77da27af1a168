import Platform
import Testing

/// The inputs that the fuzzers start from and what they once found, as plain tests: nothing traps.
@Suite struct FuzzCorpusTests {
    static let folder = #filePath.split(separator: "/").dropLast(2).reduce(into: "") { $0 += "/" + $1 } + "/Corpus"

    @Test(arguments: FuzzBody.all.map(\.name))
    func everyInputIsReadOrRefused(name: String) throws {
        let body = try #require(FuzzBody.all.first { $0.name == name })
        let files = LiveFileSystem()
        let names = try files.list("\(Self.folder)/\(name)")
        #expect(!names.isEmpty)
        for input in names {
            let handle = try files.open("\(Self.folder)/\(name)/\(input)", .read)
            body.run(try handle.read(at: 0, count: Int(try handle.size())))
        }
    }
}
