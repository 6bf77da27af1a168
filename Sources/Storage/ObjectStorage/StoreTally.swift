import Synchronization

/// What a request to a store is made for. Set around a piece of work; whatever it asks of a store counts there.
public enum StorePurpose: String, Sendable, CaseIterable {
    case flush, compaction, query, manifest, garbage, opening, other

    private static let local = TaskLocal<StorePurpose>(wrappedValue: .other)
    public static var current: StorePurpose { local.get() }

    /// Runs `work` with its requests counted under `purpose`. An outer purpose that is not `other` stays when `isWeak`.
    public static func during<Value: Sendable, Failure: Error>(
        _ purpose: StorePurpose, isWeak: Bool = false, _ work: () async throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        if isWeak, current != .other { return try await work() }
        let outcome = await local.withValue(purpose) { () async -> Result<Value, Failure> in
            do throws(Failure) { return .success(try await work()) } catch { return .failure(error) }
        }
        return try outcome.get()
    }
}

/// Requests as providers bill them, and what they were for.
public enum RequestKind: String, Sendable, CaseIterable {
    case put, get, head, list, delete, uploadPart, beginUpload, finishUpload, abandonUpload

    /// Billed at the dearer rate (PUT, COPY, POST, LIST).
    public var isPutClass: Bool {
        switch self {
        case .put, .list, .uploadPart, .beginUpload, .finishUpload: true
        case .get, .head, .delete, .abandonUpload: false
        }
    }
    /// Not billed.
    public var isFree: Bool {
        switch self {
        case .delete, .abandonUpload: true
        case .put, .get, .head, .list, .uploadPart, .beginUpload, .finishUpload: false
        }
    }
    /// As metrics name it.
    public var name: String {
        switch self {
        case .put, .get, .head, .list, .delete: rawValue
        case .uploadPart: "upload_part"
        case .beginUpload: "begin_upload"
        case .finishUpload: "finish_upload"
        case .abandonUpload: "abandon_upload"
        }
    }
}

/// Counts of what was asked of a bucket: every attempt is a request, as the bill has it.
public final class StoreTally: Sendable {
    public struct Entry: Sendable, Equatable {
        public var kind: RequestKind
        public var purpose: StorePurpose
        public var requests: UInt64 = 0
        public var bytesSent: UInt64 = 0
        public var bytesReceived: UInt64 = 0
    }
    public struct Totals: Sendable, Equatable {
        /// Those with any request, in order of kind and purpose.
        public var entries: [Entry] = []
        public var retries: UInt64 = 0
        public var throttles: UInt64 = 0
        /// Operations that ended without success or a definite answer.
        public var failures: UInt64 = 0
        public init() {}

        public var requests: UInt64 { entries.reduce(0) { $0 + $1.requests } }
        public var putClass: UInt64 { entries.filter(\.kind.isPutClass).reduce(0) { $0 + $1.requests } }
    }
    private struct State {
        var counts: [RequestKind: [StorePurpose: Entry]] = [:]
        var totals = Totals()
    }
    private let state = Mutex(State())

    public init() {}

    public func count(_ kind: RequestKind, sent: Int, received: Int) {
        let purpose = StorePurpose.current
        state.withLock { state in
            var entry = state.counts[kind]?[purpose] ?? Entry(kind: kind, purpose: purpose)
            entry.requests += 1
            entry.bytesSent += UInt64(max(sent, 0))
            entry.bytesReceived += UInt64(max(received, 0))
            state.counts[kind, default: [:]][purpose] = entry
        }
    }
    public func countRetry() { state.withLock { $0.totals.retries += 1 } }
    public func countThrottle() { state.withLock { $0.totals.throttles += 1 } }
    public func countFailure() { state.withLock { $0.totals.failures += 1 } }

    public var totals: Totals {
        state.withLock { state in
            var totals = state.totals
            for kind in RequestKind.allCases {
                for purpose in StorePurpose.allCases {
                    if let entry = state.counts[kind]?[purpose] { totals.entries.append(entry) }
                }
            }
            return totals
        }
    }
}
