import NIOCore
import ObjectStorage
import Platform
import Testing

@testable import S3Storage

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Every verb, every fault of the proxy before a real gateway, before and after it was passed on: what is said to have
/// happened has happened, what is said not to have happened has not, and doubt is said only where the caller resolves it.
/// Needs `Tests/EndToEnd/buckets.py run`.
@Suite(.enabled(if: FaultyBucket.isThere, "for want of a bucket: run by Tests/EndToEnd/buckets.py"))
struct S3FaultTests {
    static let faults = ["500", "503", "reset", "timeout", "truncated", "wrong-length", "200-error", "slow"]
    static let places = ["before", "after"]

    struct Case: Sendable, CustomStringConvertible {
        var fault: String
        var when: String
        var description: String { "\(fault) \(when)" }
    }
    /// The least that a part may have. Made once and by filling: made byte by byte for each case it kept the threads of all
    /// tests in the process for minutes.
    static let piece = Bytes(repeating: 7, count: (5 << 20) - 2) + [8, 9]

    static let cases = faults.flatMap { fault in places.map { Case(fault: fault, when: $0) } }

    /// Runs `body` with a store of its own and a key; `arm` adds the case's fault for the next request that fits.
    private func attempt(
        _ one: Case,
        _ body: (S3Store, ObjectKey, (_ method: String, _ mark: String) async throws -> Void) async throws -> Void
    ) async throws {
        // Whoever is not answered waits for the whole of it, and nobody else does.
        let isUnanswered = one.fault == "timeout" || one.fault == "stuck"
        let store = try await FaultyBucket.store(attemptTimeout: isUnanswered ? .milliseconds(500) : .seconds(5))
        let key = ObjectKey(trusted: "object-\(hexadecimal(LiveRandomSource().next()))")
        try await body(store, key) { method, mark in
            try await FaultyBucket.control(
                "fault=\(one.fault)&when=\(one.when)&method=\(method)&contains=\(key)\(mark)")
        }
    }

    @Test(arguments: cases) func aPutTakesEffect(_ one: Case) async throws {
        try await attempt(one) { store, key, arm in
            try await arm("PUT", "")
            let tag = try await store.put([1, 2, 3], at: key, .always)
            #expect(try await store.get(key) == TaggedBytes(bytes: [1, 2, 3], tag: tag))
        }
    }

    @Test(arguments: cases) func aPutIfAbsentTakesEffectOnce(_ one: Case) async throws {
        try await attempt(one) { store, key, arm in
            try await arm("PUT", "")
            let tag = try await store.put([1, 2, 3], at: key, .ifAbsent)
            #expect(try await store.get(key) == TaggedBytes(bytes: [1, 2, 3], tag: tag))
            try await arm("PUT", "")
            // Another's bytes are another's, whatever became of the answer.
            await #expect(throws: ObjectStoreError.self) { try await store.put([4], at: key, .ifAbsent) }
            #expect(try await store.get(key).bytes == [1, 2, 3])
        }
    }

    @Test(arguments: cases) func aSwapTellsTheTruthOrSaysThatItDoesNotKnow(_ one: Case) async throws {
        try await attempt(one) { store, key, arm in
            let first = try await store.put([1], at: key, .ifAbsent)
            try await arm("PUT", "")
            var outcome: ObjectStoreError?
            do throws(ObjectStoreError) {
                _ = try await store.put([2], at: key, .ifMatches(first))
            } catch { outcome = error }
            // A swap that nobody waits for any more may still take place.
            try await FaultyBucket.control("settle=\(key)")
            let now = try await store.get(key).bytes
            switch outcome?.kind {
            case nil: #expect(now == [2])
            case .unanswered: #expect(one.fault != "slow" && (one.when == "before" ? now == [1] : now == [2]))
            case .some(let kind): Issue.record("\(one): \(kind)")
            }
            // A tag of the past is refused, or nobody knows; it never takes effect.
            try await arm("PUT", "")
            do throws(ObjectStoreError) {
                _ = try await store.put([3], at: key, .ifMatches(ObjectTag("0123456789abcdef0123456789abcdef")))
                Issue.record("\(one): a swap from a tag of the past took place")
            } catch { #expect(error.kind == .conditionFailed || error.kind == .unanswered) }
            #expect(try await store.get(key).bytes == now)
        }
    }

    @Test(arguments: cases) func whatIsReadIsWhatIsThere(_ one: Case) async throws {
        try await attempt(one) { store, key, arm in
            let bytes = Bytes((0..<5_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
            let tag = try await store.put(bytes, at: key, .always)
            try await arm("GET", "")
            #expect(try await store.get(key) == TaggedBytes(bytes: bytes, tag: tag))
            try await arm("GET", "")
            #expect(try await store.get(key, unless: tag) == nil)
            try await arm("GET", "")
            #expect(try await store.read(key, 100..<4_000) == Bytes(bytes[100..<4_000]))
            try await arm("HEAD", "")
            #expect(try await store.metadata(of: key).size == 5_000)
            try await arm("GET", "")
            #expect(try await store.list(under: key.path, after: nil).map(\.key) == [key])
        }
    }

    @Test(arguments: cases) func whatIsDeletedIsGone(_ one: Case) async throws {
        try await attempt(one) { store, key, arm in
            try await store.put([1], at: key, .always)
            try await arm("DELETE", "")
            try await store.delete(key)
            await #expect(throws: ObjectStoreError.self) { try await store.get(key) }
        }
    }

    @Test(arguments: cases, ["POST?uploads", "PUT?partNumber", "POST?uploadId", "HEAD"])
    func anUploadIsWholeOrAbsent(_ one: Case, request: String) async throws {
        try await attempt(one) { store, key, arm in
            let parts = request.split(separator: "?").map { String($0) }
            try await arm(parts[0], parts.count > 1 ? "?\(parts[1])" : "")
            let upload = try await store.upload(to: key)
            try await upload.append(Self.piece)
            try await upload.append([1, 2, 3])
            try await upload.finish()
            #expect(try await store.metadata(of: key).size == 5 << 20 + 3)
            #expect(try await store.read(key, (5 << 20) - 2..<(5 << 20) + 3) == [8, 9, 1, 2, 3])
        }
    }

    /// The gateway never answers it: without a deadline this would wait until the end of the test.
    @Test(.timeLimit(.minutes(3))) func anAttemptThatIsStuckForEverEndsAtItsDeadline() async throws {
        let one = Case(fault: "stuck", when: "before")
        try await attempt(one) { store, key, arm in
            try await arm("PUT", "")
            try await store.put([1], at: key, .always)
            try await arm("PUT", "")
            await #expect(throws: ObjectStoreError.self) {
                try await store.put([2], at: key, .ifMatches(ObjectTag("0123456789abcdef0123456789abcdef")))
            }
        }
    }

    @Test func aWrongSecretIsRefusedInSoManyWords() async throws {
        let store = try await FaultyBucket.store(secret: "WRONG", isPrepared: false)
        do throws(ObjectStoreError) {
            try await store.check()
            Issue.record("it was accepted")
        } catch {
            #expect(error.kind == .refused)
            #expect(error.description.contains("AWS_SECRET_ACCESS_KEY"))
            #expect(error.description.contains("SignatureDoesNotMatch"))
        }
    }

    @Test func uploadsOfWritersThatAreGoneAreAbandoned() async throws {
        let store = try await FaultyBucket.store()
        let (mine, other) = (ObjectKey(trusted: "up/1-1.parquet"), ObjectKey(trusted: "up/2-1.parquet"))
        for key in [mine, other] {
            let upload = try await store.upload(to: key)
            try await upload.append(Bytes(repeating: 1, count: 5 << 20))
        }
        #expect(try await store.abandonUploads(under: "up/") { $0 == mine } == 1)
        #expect(try await store.abandonUploads(under: "up/") { _ in true } == 1)
        #expect(try await store.abandonUploads(under: "up/") { _ in true } == 0)
        await #expect(throws: ObjectStoreError.self) { try await store.metadata(of: mine) }
    }
}

/// The bucket that tests were given, behind the proxy, with short deadlines.
enum FaultyBucket {
    static var variables: [String: String] { ProcessInfo.processInfo.environment }
    static var isThere: Bool { variables["VARVE_TEST_FAULTS"] != nil }

    static func configuration(
        secret: String? = nil, prefix: String, attemptTimeout: Duration = .seconds(5)
    ) throws -> S3Configuration {
        let profiles = try S3Profiles(variables: variables, in: LiveFileSystem())
        guard let location = S3Location("\(variables["VARVE_TEST_S3"] ?? "")/\(prefix)") else {
            throw ObjectStoreProblem("VARVE_TEST_S3 names no bucket")
        }
        var configuration = S3Configuration(
            location: location, region: profiles.region ?? "us-east-1", credentials: try profiles.credentials())
        if let secret { configuration.credentials.secretKey = secret }
        configuration.endpoint = variables["VARVE_TEST_FAULTS"]
        configuration.partSize = .mebibytes(5)
        configuration.retry.attemptTimeout = attemptTimeout
        configuration.retry.bytesPerSecond = 2_000_000
        configuration.retry.firstPause = .milliseconds(20)
        return configuration
    }

    static func store(
        secret: String? = nil, isPrepared: Bool = true, attemptTimeout: Duration = .seconds(5)
    ) async throws -> S3Store {
        let prefix = "faults/\(hexadecimal(LiveRandomSource().next()))"
        let store = try S3Store(
            try configuration(secret: secret, prefix: prefix, attemptTimeout: attemptTimeout), environment: .live)
        if isPrepared { try await store.prepare() }
        return store
    }

    /// A word with the proxy itself.
    static func control(_ query: String) async throws {
        guard let endpoint = variables["VARVE_TEST_FAULTS"] else { return }
        var configuration = try configuration(prefix: "control")
        configuration.endpoint = endpoint
        let place = try S3Endpoint(configuration)
        let transport = try S3Transport(
            host: place.host, port: place.port, isSecure: false, authorities: nil, time: LiveTimeSource())
        let answer = try await transport.send(
            S3Request(.post, path: "/__faults?\(query)"), host: place.hostHeader, limit: 1_024, timeout: .seconds(70))
        #expect(answer.status == 200)
    }
}

private func hexadecimal(_ value: UInt64) -> String { String(value, radix: 16) }
