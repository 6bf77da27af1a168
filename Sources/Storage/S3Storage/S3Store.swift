import NIOCore
public import ObjectStorage
public import Platform
import Synchronization

/// A bucket, or a part of one, that speaks S3: Amazon's, Ceph's, MinIO's, Garage's…
///
/// - Every attempt is signed, counted and has a deadline; attempts are repeated under a budget that all share.
/// - A put that may have taken effect is asked for (`putIfAbsent`), or is `.unanswered`: never taken for lost (rule R3).
/// - `prepare` comes first: it learns how this server wants its tags, and refuses a store that ignores conditions (R8).
public final class S3Store: ObjectStore {
    /// One put carries at most so much; more goes by parts.
    static let largestPut = 64 << 20
    static let largestAnswer = 1 << 30
    static let largestText = 8 << 20

    let configuration: S3Configuration
    let environment: Environment
    let transport: S3Transport
    let endpoint: S3Endpoint
    public let tally: StoreTally
    private let budget = RetryBudget()
    private let quotesTags = Atomic<Bool>(true)
    /// Milliseconds that the server's clock is ahead; learnt when it complains.
    private let clockOffset = Atomic<Int64>(0)
    private let lastOperation = Atomic<UInt64>(0)

    /// Connects to nothing yet.
    public init(
        _ configuration: S3Configuration, environment: Environment, tally: StoreTally = StoreTally()
    ) throws(ObjectStoreProblem) {
        self.configuration = configuration
        self.environment = environment
        self.tally = tally
        endpoint = try S3Endpoint(configuration)
        transport = try S3Transport(
            host: endpoint.host, port: endpoint.port, isSecure: endpoint.isSecure,
            authorities: configuration.authorities, time: environment.time)
    }

    public var isRemote: Bool { true }

    /// For whoever will write: tries conditions out, quoted tags first, then bare ones (Ceph's RGW wants those).
    /// - Throws: `.refused`, saying what the store does not do.
    public func prepare() async throws(ObjectStoreError) {
        var problems: [String] = []
        for isQuoted in [true, false] {
            quotesTags.store(isQuoted, ordering: .relaxed)
            problems = try await ConditionalPutProbe.run(self, name: environment.random.next()).problems()
            if problems.isEmpty { return }
        }
        throw ObjectStoreError(
            .refused, "use", configuration.location.description,
            "\(endpoint.hostHeader) cannot hold a database: \(problems.joined(separator: "; ")). "
                + "Two writers could not be told apart there. Use a server with conditional writes")
    }

    /// For whoever only reads: whether the bucket can be listed with these credentials.
    public func check() async throws(ObjectStoreError) { _ = try await list(under: "", after: nil) }

    // MARK: requests

    func fullKey(_ key: String) -> String {
        configuration.location.prefix.isEmpty ? key : "\(configuration.location.prefix)/\(key)"
    }

    func request(_ method: HTTPVerb, _ key: ObjectKey) -> S3Request {
        S3Request(
            method, path: endpoint.root + "/" + S3Request.encoded(fullKey(key.path), keepsSlashes: true))
    }

    /// What an operation is, for its attempts and messages.
    struct Operation {
        var kind: RequestKind
        /// A verb: `cannot put object …`.
        var name: String
        var key: String
        var success: Set<Int> = [200]
        var limit = S3Store.largestText
        /// A second time does the same as one: it is repeated whatever became of the first.
        var isRepeatable = true
        /// Answers of success have a body that may be an error all the same.
        var mayHideError = false
        /// What it is when it may have happened.
        var doubt = ObjectStoreError.Kind.unanswered
    }

    /// Sends until there is a definite answer, the budget is spent or the operation's time is over.
    /// - Parameter inspect: what is wrong with a successful answer; nil: nothing. Then it counts as none.
    func perform(
        _ request: S3Request, _ operation: Operation, inspect: (S3Answer) -> String? = { _ in nil }
    ) async throws(ObjectStoreError) -> S3Answer {
        noteOperation()
        let options = configuration.retry
        let began = environment.time.monotonic()
        let deadline = began &+ options.operationTimeout.nanoseconds
        var wasDoubtful = false
        var last = ""
        var attempt = 0
        while true {
            let (outcome, answer) = await attemptOnce(request, operation, deadline: deadline, inspect)
            switch outcome {
            case .done:
                transport.note(throttled: false)
                if let answer { return answer }
            case .failed(let kind, let reason):
                throw ObjectStoreError(kind, operation.name, shown(operation.key), reason)
            case .notDone(let reason, let isThrottle):
                if isThrottle { noteThrottle() }
                last = reason
            case .doubtful(let reason, let isThrottle):
                if isThrottle { noteThrottle() }
                wasDoubtful = true
                last = reason
                if !operation.isRepeatable { throw failure(operation, wasDoubtful, last) }
            }
            attempt += 1
            guard attempt < options.attempts, !Task.isCancelled, await mayRepeat(attempt, deadline) else {
                throw failure(operation, wasDoubtful, last)
            }
            tally.countRetry()
        }
    }

    private func failure(_ operation: Operation, _ wasDoubtful: Bool, _ reason: String) -> ObjectStoreError {
        tally.countFailure()
        return ObjectStoreError(
            wasDoubtful ? operation.doubt : .unavailable, operation.name, shown(operation.key), reason)
    }

    private func noteThrottle() {
        tally.countThrottle()
        transport.note(throttled: true)
    }

    /// Time without requests refills the budget.
    private func noteOperation() {
        budget.noteFirstAttempt()
        let now = environment.time.monotonic()
        let last = lastOperation.exchange(now, ordering: .relaxed)
        if last > 0, now > last { budget.noteQuietTime(seconds: Double(now - last) / 1e9) }
    }

    /// Waits with full jitter; false when the budget or the time is spent.
    private func mayRepeat(_ attempt: Int, _ deadline: UInt64) async -> Bool {
        let bound = configuration.retry.bound(before: attempt).nanoseconds
        let pause = bound == 0 ? 0 : environment.random.next() % (bound + 1)
        guard environment.time.monotonic() &+ pause < deadline else { return false }
        do { try await environment.time.sleep(for: .nanoseconds(Int64(clamping: pause))) } catch { return false }
        // A pause has passed: with nobody else asking, that alone earns the next attempt before long.
        budget.noteQuietTime(seconds: Double(pause) / 1e9)
        return budget.take()
    }

    private func attemptOnce(
        _ request: S3Request, _ operation: Operation, deadline: UInt64, _ inspect: (S3Answer) -> String?
    ) async -> (AttemptOutcome, S3Answer?) {
        var signed = request
        let now = environment.time.now() &+ clockOffset.load(ordering: .relaxed)
        S3Signature(credentials: configuration.credentials, region: configuration.region)
            .sign(&signed, host: endpoint.hostHeader, at: now)
        let bytes = request.body.count + (operation.kind == .get ? min(operation.limit, 64 << 20) : 0)
        let own =
            configuration.retry.attemptTimeout
            + .milliseconds(Int64(bytes) * 1_000 / Int64(max(configuration.retry.bytesPerSecond, 1)))
        let left = deadline > environment.time.monotonic() ? deadline - environment.time.monotonic() : 1
        let timeout = min(own.nanoseconds, max(left, 1_000_000))
        let answer: S3Answer
        do throws(TransportFailure) {
            answer = try await transport.send(
                signed, host: endpoint.hostHeader, limit: operation.limit,
                timeout: .nanoseconds(Int64(clamping: timeout)))
        } catch {
            tally.count(operation.kind, sent: request.body.count, received: 0)
            switch error {
            case .notSent(let reason): return (.notDone(reason, isThrottle: false), nil)
            case .untrusted(let reason): return (.failed(.refused, reason), nil)
            case .noAnswer(let reason): return (.doubtful(reason, isThrottle: false), nil)
            }
        }
        tally.count(operation.kind, sent: request.body.count, received: answer.body.count)
        return (outcome(of: answer, operation, inspect), answer)
    }

    private func outcome(
        of answer: S3Answer, _ operation: Operation, _ inspect: (S3Answer) -> String?
    ) -> AttemptOutcome {
        var (code, message) = ("", "")
        let isSuccess = operation.success.contains(answer.status)
        if !isSuccess || operation.mayHideError, !answer.body.isEmpty, let xml = try? S3XML.parse(answer.body),
            xml.name == "Error"
        {
            (code, message) = (xml.text("Code") ?? "an error", xml.text("Message") ?? "")
        }
        let outcome = AnswerVerdict.outcome(
            status: answer.status, code: code, message: message, success: operation.success)
        if code == "RequestTimeTooSkewed" || code == "RequestExpired", clockOffset.load(ordering: .relaxed) == 0,
            let theirs = answer.header("date").flatMap({ CivilTime(http: $0) })
        {
            // Once: signatures go by the store's clock from here on.
            clockOffset.store(theirs.milliseconds - environment.time.now(), ordering: .relaxed)
            return .notDone(message, isThrottle: false)
        }
        if case .done = outcome, let problem = inspect(answer) { return .doubtful(problem, isThrottle: false) }
        return outcome
    }

    func shown(_ key: String) -> String {
        "s3://\(configuration.location.bucket)/\(fullKey(key))"
    }

    func condition(_ tag: ObjectTag) -> String { quotesTags.load(ordering: .relaxed) ? "\"\(tag.text)\"" : tag.text }
}

extension Duration {
    var nanoseconds: UInt64 {
        let (seconds, rest) = components
        let product = UInt64(clamping: seconds).multipliedReportingOverflow(by: 1_000_000_000)
        return product.overflow ? .max : product.partialValue &+ UInt64(clamping: rest / 1_000_000_000)
    }
    var milliseconds: Int64 { Int64(clamping: nanoseconds / 1_000_000) }
}
