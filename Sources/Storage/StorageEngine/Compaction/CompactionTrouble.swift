import ManifestLog
import Platform

/// Inputs that merges have failed on because of their bytes, and what keeps merges from starting.
///
/// - After three failures an input is in quarantine: left alone for an hour, then tried once more.
struct CompactionTrouble: Sendable {
    static let patience = 3

    private struct Case {
        var failures = 0
        /// Monotonic nanoseconds; 0: not in quarantine.
        var until: UInt64 = 0
        var reason = ""
    }
    private var cases: [SSTID: Case] = [:]
    /// Why the last merge that was due did not start; nil: it did.
    var hindrance: String?

    mutating func note(_ inputs: [SSTID], _ cause: StorageError, at now: UInt64, for duration: Duration) {
        let nanoseconds = UInt64(clamping: duration.components.seconds).multipliedReportingOverflow(by: 1_000_000_000)
        let length = nanoseconds.overflow ? UInt64.max : nanoseconds.partialValue
        for id in inputs {
            var found = cases[id] ?? Case()
            found.failures += 1
            found.reason = cause.text
            if found.failures >= Self.patience { found.until = now.saturating(length) }
            cases[id] = found
        }
    }

    /// They were merged, or are gone.
    mutating func forget(_ inputs: [SSTID]) { for id in inputs { cases[id] = nil } }

    /// Those left alone at this time.
    func quarantined(at now: UInt64) -> Set<SSTID> { Set(cases.filter { $0.value.until > now }.keys) }

    /// What the operator is told: object and reason.
    func reports(at now: UInt64) -> [QuarantinedInput] {
        cases.filter { $0.value.until > now }.sorted { $0.key < $1.key }
            .map { QuarantinedInput(id: $0.key.description, failures: $0.value.failures, reason: $0.value.reason) }
    }
}

/// An object that merges leave alone, because they failed on it.
public struct QuarantinedInput: Sendable, Equatable {
    /// As in its object's name.
    public let id: String
    public let failures: Int
    public let reason: String
}
