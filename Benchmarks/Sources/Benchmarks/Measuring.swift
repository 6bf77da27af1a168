#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Seconds of wall clock and of CPU that something took: CPU is what counts on a machine with other work.
struct Effort {
    var wall: Double
    /// User and system time of the whole process.
    var cpu: Double

    static func of(_ body: () async throws -> Void) async rethrows -> Effort {
        let (wall, cpu) = (now(), used())
        try await body()
        return Effort(wall: now() - wall, cpu: used() - cpu)
    }

    static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    private static func used() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)  // all threads, user and system: what getrusage says, finer
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    return sorted.isEmpty ? .nan : sorted[sorted.count / 2]
}

/// 1234567.8 → "1,234,568"; small ones keep digits.
func figure(_ value: Double, digits: Int = 0) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let rounded = (value * scale).rounded() / scale
    guard digits == 0 else { return "\(rounded)" }
    var text = ""
    for (i, digit) in String(Int(rounded)).reversed().enumerated() {
        if i > 0, i % 3 == 0, digit != "-" { text.append(",") }
        text.append(digit)
    }
    return String(text.reversed())
}
