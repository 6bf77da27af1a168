import ObjectStorage

/// What one attempt came to, by what follows from it.
enum AttemptOutcome: Equatable {
    /// As asked.
    case done
    /// A definite no.
    case failed(ObjectStoreError.Kind, String)
    /// It surely did not take effect, and may the next time.
    case notDone(String, isThrottle: Bool)
    /// It may have taken effect.
    case doubtful(String, isThrottle: Bool)
}

/// What the answers of S3 mean: status and code to outcome. Pure.
enum AnswerVerdict {
    /// - Parameters:
    ///   - success: the statuses that mean it was done.
    ///   - code, message: of the error in the body; empty without one.
    static func outcome(status: Int, code: String, message: String, success: Set<Int>) -> AttemptOutcome {
        let said = [code, message].filter { !$0.isEmpty }.joined(separator: ": ")
        let shown = "\(status)\(said.isEmpty ? "" : " \(said.prefix(300))")"
        if success.contains(status), code.isEmpty { return .done }
        switch status {
        case 200...299: return .doubtful("a success with an error in it: \(shown)", isThrottle: code == "SlowDown")
        case 404 where code == "NoSuchBucket": return .failed(.refused, "there is no such bucket: \(shown)")
        case 404: return .failed(.absent, shown)
        case 412: return .failed(.conditionFailed, "")
        // 409 by AWS: a conditional write met another one; nobody says which of them took effect.
        case 408, 409, 425: return .doubtful(shown, isThrottle: false)
        case 429: return .notDone(shown, isThrottle: true)
        case 403 where code == "QuotaExceeded": return .failed(.full, shown)
        case 507: return .failed(.full, shown)
        case 301, 302, 307, 308: return .failed(.refused, "another region or endpoint has the bucket: \(shown)")
        case 401, 403: return .failed(.refused, denied(code, message, shown))
        case 500...599: return .doubtful(shown, isThrottle: status == 503 || code == "SlowDown")
        default: return .failed(.refused, shown)
        }
    }

    private static func denied(_ code: String, _ message: String, _ shown: String) -> String {
        switch code {
        case "SignatureDoesNotMatch":
            "the secret key does not belong to the access key (or the region is another): check AWS_SECRET_ACCESS_KEY; "
                + shown
        case "InvalidAccessKeyId": "the server does not know the access key: check AWS_ACCESS_KEY_ID; \(shown)"
        case "ExpiredToken": "the session token has expired: renew AWS_SESSION_TOKEN; \(shown)"
        case "RequestTimeTooSkewed": "the clocks of this node and of the store are too far apart; \(shown)"
        case "AccessDenied", "": "these credentials may not do that: check the bucket's policy; \(shown)"
        default: shown
        }
    }
}
