import Testing

@testable import S3Storage

/// The examples of AWS's own documentation ("Signature Calculations for the Authorization Header").
struct S3SignatureTests {
    private let signature = S3Signature(
        credentials: S3Credentials(
            accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        region: "us-east-1")

    private func signed(_ request: S3Request) -> String {
        var request = request
        // 2013-05-24T00:00:00Z
        signature.sign(&request, host: "examplebucket.s3.amazonaws.com", at: 1_369_353_600_000)
        let header = request.headers.first { $0.name == "authorization" }?.value ?? ""
        return header.split(separator: "=").last.map { String($0) } ?? ""
    }

    @Test func listingsAreSignedAsInTheExample() {
        var request = S3Request(.get, path: "/")
        request.query = [("prefix", "J"), ("max-keys", "2")]
        #expect(signed(request) == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
    }

    @Test func aQueryWithoutAValueIsSignedAsInTheExample() {
        var request = S3Request(.get, path: "/")
        request.query = [("lifecycle", "")]
        #expect(signed(request) == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")
    }

    @Test(arguments: [
        (Int64(0), "19700101T000000Z"), (1_369_353_600_000, "20130524T000000Z"), (951_827_696_000, "20000229T123456Z"),
        (-1_000, "19691231T235959Z"), (Int64.max, "99991231T235959Z"), (Int64.min, "00000101T000000Z"),
    ])
    func timesAreWrittenAsTheCalendarHasThem(time: Int64, text: String) {
        #expect(S3Signature.stamp(time) == text)
    }

    @Test func timesOfListingsAndHeadersAreRead() {
        #expect(CivilTime(iso: "2013-05-24T00:00:00.000Z")?.milliseconds == 1_369_353_600_000)
        #expect(CivilTime(http: "Fri, 24 May 2013 00:00:00 GMT")?.milliseconds == 1_369_353_600_000)
        #expect(CivilTime(iso: "2013-15-24T00:00:00.000Z") == nil)
        #expect(CivilTime(iso: "yesterday") == nil)
        #expect(CivilTime(http: "Fri, 24 May") == nil)
    }
}
