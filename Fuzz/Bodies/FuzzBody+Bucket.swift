import ObjectStorage

@testable import S3Storage

extension FuzzBody {
    /// An answer's body as a bucket may send it: read as XML, as a listing and as an error, within the bounds of each.
    @Sendable public static func bucket(_ bytes: [UInt8]) {
        let listing = try? S3Listing(bytes, below: "db/", "s3://bucket/db")
        guard let root = try? S3XML.parse(bytes) else {
            precondition(listing == nil && S3Listing.problem(in: bytes) != nil)
            return
        }
        precondition((S3Listing.problem(in: bytes) == nil) == (root.name == "ListBucketResult"))
        var left = S3XML.maximumElements
        check(root, depth: 1, &left)
        precondition((listing?.objects.count ?? 0) <= S3XML.maximumElements)
        for object in listing?.objects ?? [] { precondition(ObjectKey(object.key.path) == object.key) }
        for status in [200, 301, 403, 404, 409, 412, 500, 503] {
            let outcome = AnswerVerdict.outcome(
                status: status, code: root.text("Code") ?? "", message: root.text("Message") ?? "", success: [204])
            precondition(outcome != .done)
        }
    }

    private static func check(_ element: S3XML, depth: Int, _ left: inout Int) {
        left -= 1
        precondition(depth <= S3XML.maximumDepth && left >= 0)
        for child in element.children { check(child, depth: depth + 1, &left) }
    }
}
