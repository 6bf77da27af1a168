import ObjectStorage
import Testing

@testable import S3Storage

/// What an answer means, as a table.
struct AnswerVerdictTests {
    private func kind(_ status: Int, _ code: String = "", success: Set<Int> = [200]) -> String {
        switch AnswerVerdict.outcome(status: status, code: code, message: "", success: success) {
        case .done: "done"
        case .failed(let kind, _): "\(kind)"
        case .notDone(_, let isThrottle): isThrottle ? "throttled" : "not done"
        case .doubtful(_, let isThrottle): isThrottle ? "doubtful, throttled" : "doubtful"
        }
    }

    @Test func statusAndCodeSayWhatBecameOfIt() {
        #expect(kind(200) == "done")
        #expect(kind(204) == "doubtful")
        #expect(kind(200, "InternalError") == "doubtful")
        #expect(kind(200, "SlowDown") == "doubtful, throttled")
        #expect(kind(304, success: [200, 304]) == "done")
        #expect(kind(404, "NoSuchKey") == "absent")
        #expect(kind(404, "NoSuchBucket") == "refused")
        #expect(kind(412, "PreconditionFailed") == "conditionFailed")
        // AWS to the loser of a race, Ceph's RGW likewise: nobody says who won.
        #expect(kind(409, "ConditionalRequestConflict") == "doubtful")
        #expect(kind(500, "InternalError") == "doubtful")
        #expect(kind(503, "SlowDown") == "doubtful, throttled")
        #expect(kind(429) == "throttled")
        #expect(kind(403, "SignatureDoesNotMatch") == "refused")
        #expect(kind(403, "QuotaExceeded") == "full")
        #expect(kind(507) == "full")
        #expect(kind(301, "PermanentRedirect") == "refused")
        #expect(kind(400, "InvalidRequest") == "refused")
        #expect(kind(100) == "refused")
    }

    @Test(arguments: [
        "SignatureDoesNotMatch", "InvalidAccessKeyId", "ExpiredToken", "RequestTimeTooSkewed", "AccessDenied",
    ])
    func aDenialSaysWhatToLookAt(code: String) {
        guard
            case .failed(.refused, let text) = AnswerVerdict.outcome(status: 403, code: code, message: "m", success: [])
        else {
            Issue.record("no refusal")
            return
        }
        #expect(text.contains(code) && text.contains("403"))
        #expect(text.contains("check") || text.contains("renew") || text.contains("clocks"))
    }

    @Test func pausesDoubleUpToTheirBound() {
        var options = S3RetryOptions()
        options.firstPause = .milliseconds(100)
        options.longestPause = .seconds(5)
        #expect(
            (1...8).map { options.bound(before: $0).milliseconds } == [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000])
        #expect(options.bound(before: .max).milliseconds == 5_000)
    }

    @Test func retriesAreAFifthOfWhatIsAskedOnceTheStoreIsSpent() {
        let budget = RetryBudget()
        var spent = 0
        while budget.take() { spent += 1 }
        #expect(spent == 60)
        for _ in 0..<100 { budget.noteFirstAttempt() }
        spent = 0
        while budget.take() { spent += 1 }
        #expect((19...20).contains(spent))
        budget.noteQuietTime(seconds: 3)
        #expect(budget.take() && budget.take())
    }
}
