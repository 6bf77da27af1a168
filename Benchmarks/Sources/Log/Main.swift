@main
enum Main {
    static func main() async throws { try await WALBenchmark.run(Array(CommandLine.arguments.dropFirst())) }
}
