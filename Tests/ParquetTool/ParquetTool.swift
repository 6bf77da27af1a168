import Glibc
import Parquet
import Platform

/// For Tests/EndToEnd/test_parquet.py: our reader and writer beside those of others.
///
///     ParquetTool dump FILE…            what each file holds, as text (see `FileText`)
///     ParquetTool make DIR SEED COUNT   COUNT random files and, beside each, the same text from the values in memory
///     ParquetTool lies                  of each lying file: its bytes, by how many KiB the process grew over it at its
///                                       peak, `read` or `refused`, and the error
@main
struct ParquetTool {
    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        switch arguments.first {
        case "dump":
            for path in arguments.dropFirst() {
                print("file \(path)")
                do {
                    print(try await FileText.read(name: path, bytes: try bytes(of: path)).text, terminator: "")
                } catch let error as ParquetError {
                    print("error \(error)")
                }
            }
        case "make":
            guard arguments.count == 4, let seed = UInt64(arguments[2]), let count = UInt64(arguments[3]) else {
                throw Usage()
            }
            for seed in seed..<seed + count {
                var random = SeededGenerator(seed: seed)
                let made = try RandomFile.make(random: &random)
                try write(made.bytes, to: "\(arguments[1])/\(seed).parquet")
                try write(Array(made.text.utf8), to: "\(arguments[1])/\(seed).txt")
            }
        case "lies":
            let honest = try await ParquetVerify.verify(name: "honest", source: MemoryByteSource(LyingFiles.honest()))
            print("0 0 \(honest.problems.isEmpty ? "read" : "refused") honest \(honest.problems)")
            for file in try LyingFiles.all() {
                let before = peakKilobytes()
                let found = try await ParquetVerify.verify(name: file.name, source: MemoryByteSource(file.bytes))
                let verdict = found.problems.isEmpty ? "read" : "refused"
                print(
                    "\(file.bytes.count) \(peakKilobytes() - before) \(verdict) \(found.problems.first?.description ?? file.name)"
                )
            }
        default: throw Usage()
        }
    }

    struct Usage: Error {}

    private static func bytes(of path: String) throws -> [UInt8] {
        let handle = try LiveFileSystem().open(path, .read)
        return try handle.read(at: 0, count: Int(try handle.size()))
    }

    private static func write(_ bytes: [UInt8], to path: String) throws {
        guard let file = fopen(path, "w") else { throw Usage() }
        defer { fclose(file) }
        guard bytes.withUnsafeBytes({ fwrite($0.baseAddress, 1, $0.count, file) }) == bytes.count else { throw Usage() }
    }

    /// The most memory that the process ever held.
    private static func peakKilobytes() -> Int {
        var usage = rusage()
        getrusage(0, &usage)  // RUSAGE_SELF
        return usage.ru_maxrss
    }
}
