import Varve

@main
struct Embedded {
    static func main() async throws {
        let database = try await Database.open(at: CommandLine.arguments.dropFirst().first ?? "metrics")
        let now = Int64.now()
        let readings = (0..<60).map { i in
            Sample("room_temperature", ["room": "attic"], 20 + Double(i % 5) / 2, at: now - Int64(59 - i) * 1_000)
        }
        try await database.append(readings)
        let answer = try await database.query("max_over_time(room_temperature[1m])", at: now)
        print(answer.value)
        try await database.close()
    }
}
