import Platform
import Columnar

extension Region {
    /// Rows before `now - retention` are invisible from now on. Their files go with a later merge or expiry.
    func updateRetention() {
        guard let retention = options.retention else { return }
        let (seconds, attoseconds) = retention.components
        let length = seconds.multipliedReportingOverflow(by: 1_000).partialValue + attoseconds / 1_000_000_000_000_000
        let oldest = environment.time.now().addingSaturating(-length)
        let old = introducer.introduce { parts in
            // Once a minute is often enough for a window of hours.
            guard oldest >= parts.oldestTime.addingSaturating(60_000) else { return false }
            parts.oldestTime = oldest
            return true
        }
        withExtendedLifetime(old) {}
    }
}
