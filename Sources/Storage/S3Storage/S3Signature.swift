import NIOHTTP1
import Platform

/// AWS Signature Version 4 of one request, in its `Authorization` header.
///
/// - Source: AWS, "Create a signed AWS API request"; the examples there are the tests.
/// - Every `x-amz-` header and `host` is signed; the body by its SHA-256.
struct S3Signature {
    let credentials: S3Credentials
    let region: String
    var service = "s3"

    /// Adds `x-amz-date`, `x-amz-content-sha256`, `x-amz-security-token` and `authorization`.
    /// - Parameters:
    ///   - time: milliseconds since the epoch.
    ///   - host: with the port, as the `Host` header has it.
    func sign(_ request: inout S3Request, host: String, at time: Int64) {
        let stamp = Self.stamp(time)
        let day = String(stamp.prefix(8))
        let bodyHash = Digests.hexadecimal(Digests.sha256(request.body))
        request.headers.append(("x-amz-content-sha256", bodyHash))
        request.headers.append(("x-amz-date", stamp))
        if let token = credentials.sessionToken { request.headers.append(("x-amz-security-token", token)) }
        let signed =
            ([("host", host)] + request.headers.filter { $0.name.hasPrefix("x-amz-") }).sorted { $0.0 < $1.0 }
        let names = signed.map(\.0).joined(separator: ";")
        let canonical = [
            request.method.rawValue, request.path, request.queryText,
            signed.map { "\($0.0):\($0.1)\n" }.joined(), names, bodyHash,
        ].joined(separator: "\n")
        let scope = "\(day)/\(region)/\(service)/aws4_request"
        let toSign = [
            "AWS4-HMAC-SHA256", stamp, scope, Digests.hexadecimal(Digests.sha256(Bytes(text: canonical))),
        ].joined(separator: "\n")
        var key = Bytes(text: "AWS4" + credentials.secretKey)
        for part in [day, region, service, "aws4_request"] { key = Digests.hmacSHA256(key: key, Bytes(text: part)) }
        let signature = Digests.hexadecimal(Digests.hmacSHA256(key: key, Bytes(text: toSign)))
        request.headers.append(
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=\(credentials.accessKey)/\(scope), SignedHeaders=\(names), "
                    + "Signature=\(signature)"
            ))
    }

    /// `20130524T000000Z`.
    static func stamp(_ time: Int64) -> String {
        let date = CivilTime(milliseconds: time)
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let year = String(repeating: "0", count: max(0, 4 - "\(date.year)".count)) + "\(date.year)"
        return "\(year)\(two(date.month))\(two(date.day))T\(two(date.hour))\(two(date.minute))\(two(date.second))Z"
    }
}
