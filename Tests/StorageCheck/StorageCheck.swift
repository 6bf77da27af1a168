import Columnar
import ObjectStorage
import Platform
import StorageEngine

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Large runs of the engine on a real disk, for people and for `Tests/EndToEnd/test_tables.py`.
///
///     StorageCheck rows DIR ROWS SEED     random rows, a fifth of them overwriting others, a tenth late; written, flushed
///                                         and merged in random order; leaves the files and the engine's own answer
///     StorageCheck scan DIR ROWS PARTS    that many rows into overlapping parts
///     StorageCheck scan DIR 0 0           scans them; prints the memory that the process took
@main
struct StorageCheck {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 5, let rows = Int(arguments[3]), let last = Int(arguments[4]) else {
            print("StorageCheck rows DIR ROWS SEED | StorageCheck scan DIR ROWS PARTS")
            exit(2)
        }
        switch arguments[1] {
        case "rows": try await RandomRows.run(arguments[2], rows: rows, seed: UInt64(last))
        case "scan": try await WideScan.run(arguments[2], rows: rows, parts: last)
        default: exit(2)
        }
    }

    /// Resident bytes now and at most: `VmRSS`, `VmHWM`.
    static func memory() -> (now: Int, most: Int) {
        var now = 0
        var most = 0
        guard let file = fopen("/proc/self/status", "r") else { return (0, 0) }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, 256, file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let number = text.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0
            if text.hasPrefix("VmRSS") { now = number << 10 }
            if text.hasPrefix("VmHWM") { most = number << 10 }
        }
        return (now, most)
    }
}
