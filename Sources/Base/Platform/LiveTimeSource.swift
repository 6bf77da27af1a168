#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The real clocks.
public struct LiveTimeSource: TimeSource {
    public init() {}
    public func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
    public func monotonic() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
    public func sleep(for duration: Duration) async throws {
        try await Task.sleep(for: duration)
    }
}
