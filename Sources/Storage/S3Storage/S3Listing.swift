import ObjectStorage
import Platform

/// One page of a listing.
struct S3Listing {
    var objects: [ObjectMetadata] = []
    var isTruncated = false
    /// The last key of the page, ours or not, below the store's own prefix.
    var lastKey: String?

    /// nil when the body is a listing.
    static func problem(in body: Bytes) -> String? {
        do throws(MalformedBytes) {
            let root = try S3XML.parse(body)
            return root.name == "ListBucketResult" ? nil : "the answer is a \(root.name.prefix(64)), no listing"
        } catch { return "the listing cannot be read \(error)" }
    }

    /// - Parameter own: what is before every key of the store; ends with a slash, or is empty.
    init(_ body: Bytes, below own: String, _ shown: String) throws(ObjectStoreError) {
        let root: S3XML
        do throws(MalformedBytes) { root = try S3XML.parse(body) } catch {
            throw ObjectStoreError(.unavailable, "list", shown, "the listing cannot be read \(error)")
        }
        isTruncated = root.text("IsTruncated") == "true"
        for entry in root.all("Contents") {
            guard let whole = entry.text("Key"), whole.hasPrefix(own) else { continue }
            let path = String(whole.dropFirst(own.count))
            lastKey = path
            // Names that no key of ours can have are nobody's here.
            guard let key = ObjectKey(path), let size = entry.text("Size").flatMap({ UInt64($0) }) else { continue }
            let modified = entry.text("LastModified").flatMap { CivilTime(iso: $0) }?.milliseconds ?? 0
            objects.append(ObjectMetadata(key: key, size: size, modified: modified))
        }
    }
}
