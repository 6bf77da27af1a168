import Platform
import Synchronization

/// How long, how often.
public struct S3RetryOptions: Sendable, Equatable {
    /// One attempt: this, and a second for each `bytesPerSecond`. Default 30 s.
    public var attemptTimeout = Duration.seconds(30)
    public var bytesPerSecond = 1_000_000
    /// All attempts of one operation. Default 5 min.
    public var operationTimeout = Duration.seconds(300)
    /// The first pause is drawn from 0 … this; the bound doubles each time (full jitter)…
    public var firstPause = Duration.milliseconds(100)
    /// …up to this. Default 5 s: a store that is back is found within it.
    public var longestPause = Duration.seconds(5)
    /// Attempts of one operation. Default 12.
    public var attempts = 12
    public init() {}

    /// Upper bound of the pause before attempt `number` (the second is 1).
    func bound(before number: Int) -> Duration {
        let factor = 1 << min(max(number - 1, 0), 20)
        let milliseconds = firstPause.milliseconds.multipliedReportingOverflow(by: Int64(factor))
        return min(longestPause, .milliseconds(milliseconds.overflow ? .max / 2 : milliseconds.partialValue))
    }
}

/// Retries all operations share: a fifth of what is asked may be asked again, and a store of them for bad moments.
final class RetryBudget: Sendable {
    static let most = 60.0
    static let share = 0.2
    private let tokens = Mutex(RetryBudget.most)

    func noteFirstAttempt() { tokens.withLock { $0 = min(Self.most, $0 + Self.share) } }
    /// False: too much is being asked again already.
    func take() -> Bool {
        tokens.withLock { tokens in
            guard tokens >= 1 else { return false }
            tokens -= 1
            return true
        }
    }
    /// While a store is away nobody is hurt by being asked now and then.
    func noteQuietTime(seconds: Double) { tokens.withLock { $0 = min(Self.most, $0 + seconds) } }
}
