public import ObjectStorage
public import Platform
import Synchronization

/// A store that fails by rule, before or after passing an operation on, and remembers what was asked.
public final class FaultyStore: ObjectStore {
    public enum Operation: Sendable, Hashable, CaseIterable { case put, get, read, metadata, list, delete }

    /// Which side of the operation's effect the fault is on.
    public enum Fault: Sendable, Hashable {
        /// It does not happen.
        case before(ObjectStoreError.Kind)
        /// It happens; the caller hears this instead of the answer.
        case after(ObjectStoreError.Kind)

        public static let beforeSuccess = Fault.before(.unavailable)
        public static let afterSuccess = Fault.after(.unanswered)
    }

    /// One operation that was asked for.
    public struct Request: Sendable, Hashable {
        public let operation: Operation
        /// Key or prefix.
        public let key: String
        public init(operation: Operation, key: String) {
            self.operation = operation
            self.key = key
        }
    }

    private struct Rule {
        var operations: Set<Operation>
        var prefix: String
        /// Matches that pass before the first one that fails.
        var passing: Int
        /// How many fail then; nil is all.
        var remaining: Int?
        var fault: Fault
    }

    fileprivate final class Gate: Sendable {
        struct State {
            var isOpen = false
            var held: [CheckedContinuation<Void, Never>] = []
            var arrivals: [CheckedContinuation<Void, Never>] = []
            var arrived = 0
        }
        let state = Mutex(State())
    }

    private struct State {
        var rules: [Rule] = []
        var gates: [(operation: Operation, prefix: String, gate: Gate)] = []
        var requests: [Request] = []
    }

    private let store: any ObjectStore
    private let state = Mutex(State())

    public init(_ store: any ObjectStore) { self.store = store }

    // MARK: Rules

    /// Lets the `occurrence`-th operation from now (1 is the next) under `prefix` fail, once or `times` times in a row;
    /// nil is for ever.
    public func fail(
        _ operation: Operation, under prefix: String = "", occurrence: Int = 1, times: Int? = 1, _ fault: Fault
    ) {
        fail([operation], under: prefix, occurrence: occurrence, times: times, fault)
    }

    /// The same for any of several operations, counted together.
    public func fail(
        _ operations: Set<Operation>, under prefix: String = "", occurrence: Int = 1, times: Int? = 1, _ fault: Fault
    ) {
        precondition(occurrence > 0)
        state.withLock {
            $0.rules.append(
                Rule(
                    operations: operations, prefix: prefix, passing: occurrence - 1, remaining: times, fault: fault))
        }
    }

    /// Takes all rules away.
    public func heal() { state.withLock { $0.rules = [] } }

    /// Everything asked for so far, in order of arrival.
    public var requests: [Request] { state.withLock { $0.requests } }

    public func forgetRequests() { state.withLock { $0.requests = [] } }

    // MARK: Gates

    /// Holds the next operation of that kind under `prefix` back, before it takes effect, until `release` of the handle.
    public func hold(_ operation: Operation, under prefix: String) -> HeldOperation {
        let gate = Gate()
        state.withLock { $0.gates.append((operation, prefix, gate)) }
        return HeldOperation(gate: gate)
    }

    public struct HeldOperation: Sendable {
        fileprivate let gate: Gate

        /// Returns when the operation is being held.
        public func arrival() async {
            await withCheckedContinuation { continuation in
                let isThere = gate.state.withLock { state in
                    if state.arrived > 0 { return true }
                    state.arrivals.append(continuation)
                    return false
                }
                if isThere { continuation.resume() }
            }
        }

        public func release() {
            let held = gate.state.withLock { state in
                state.isOpen = true
                defer { state.held = [] }
                return state.held
            }
            for continuation in held { continuation.resume() }
        }
    }

    private func pass(_ gate: Gate) async {
        await withCheckedContinuation { continuation in
            let (isOpen, waiting) = gate.state.withLock { state in
                state.arrived += 1
                defer { state.arrivals = [] }
                if !state.isOpen { state.held.append(continuation) }
                return (state.isOpen, state.arrivals)
            }
            for arrival in waiting { arrival.resume() }
            if isOpen { continuation.resume() }
        }
    }

    // MARK: Operations

    private func perform<Value: Sendable>(
        _ operation: Operation, _ key: String, _ body: () async throws(ObjectStoreError) -> Value
    ) async throws(ObjectStoreError) -> Value {
        let (fault, gate) = state.withLock { state -> (Fault?, Gate?) in
            state.requests.append(Request(operation: operation, key: key))
            var gate: Gate?
            if let index = state.gates.firstIndex(where: {
                $0.operation == operation && key.utf8.starts(with: $0.prefix.utf8)
            }) {
                gate = state.gates.remove(at: index).gate
            }
            var fault: Fault?
            for index in state.rules.indices {
                let rule = state.rules[index]
                guard rule.operations.contains(operation), key.utf8.starts(with: rule.prefix.utf8) else { continue }
                if rule.passing > 0 {
                    state.rules[index].passing -= 1
                } else if rule.remaining != 0 {
                    state.rules[index].remaining = rule.remaining.map { $0 - 1 }
                    fault = fault ?? rule.fault
                }
            }
            return (fault, gate)
        }
        if let gate { await pass(gate) }
        switch fault {
        case nil: return try await body()
        case .before(let kind): throw ObjectStoreError(kind, "\(operation)", key, "a planned fault before it")
        case .after(let kind):
            _ = try await body()
            throw ObjectStoreError(kind, "\(operation)", key, "a planned fault after it")
        }
    }

    @discardableResult
    public func put(
        _ bytes: Bytes, at key: ObjectKey, _ condition: PutCondition
    ) async throws(ObjectStoreError) -> ObjectTag {
        try await perform(.put, key.path) { () async throws(ObjectStoreError) in
            try await store.put(bytes, at: key, condition)
        }
    }

    public func get(_ key: ObjectKey) async throws(ObjectStoreError) -> TaggedBytes {
        try await perform(.get, key.path) { () async throws(ObjectStoreError) in try await store.get(key) }
    }

    public func read(_ key: ObjectKey, _ range: Range<UInt64>) async throws(ObjectStoreError) -> Bytes {
        try await perform(.read, key.path) { () async throws(ObjectStoreError) in try await store.read(key, range) }
    }

    public func metadata(of key: ObjectKey) async throws(ObjectStoreError) -> ObjectMetadata {
        try await perform(.metadata, key.path) { () async throws(ObjectStoreError) in
            try await store.metadata(of: key)
        }
    }

    public func list(
        under prefix: String, after start: ObjectKey?
    ) async throws(ObjectStoreError) -> [ObjectMetadata] {
        try await perform(.list, prefix) { () async throws(ObjectStoreError) in
            try await store.list(under: prefix, after: start)
        }
    }

    public func delete(_ key: ObjectKey) async throws(ObjectStoreError) {
        try await perform(.delete, key.path) { () async throws(ObjectStoreError) in try await store.delete(key) }
    }
}
