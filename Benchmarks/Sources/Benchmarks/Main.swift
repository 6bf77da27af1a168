/// One room per subcommand; each prints a line per figure, and what it is held against.
@main
enum Benchmarks {
    /// Add yours here.
    static let rooms: [(name: String, purpose: String, run: @Sendable ([String]) async throws -> Void)] = [
        ("wal", "appends against the bare disk, replay of known series", { try await WALBenchmark.run($0) })
    ]

    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard let name = arguments.first, let room = rooms.first(where: { $0.name == name }) else {
            print("varve-bench ROOM [OPTION…]")
            for room in rooms { print("  \(room.name): \(room.purpose)") }
            return
        }
        try await room.run(Array(arguments.dropFirst()))
    }
}
