public import ObjectStorage
import Platform
import Synchronization

/// An object that arrives in pieces: put whole while it is small, by parts from `partSize` on.
///
/// - Nothing is visible before the completion. A completion whose answer is lost, or is an error in a 200, is sent again;
///   when the server has forgotten the upload by then, the object is looked at.
/// - What is there under the key before a completion is somebody else's: it fails.
/// - What is not finished is abandoned; what cannot be abandoned now goes at a writer's next start (`abandonUploads`).
final class S3Upload: ObjectUpload {
    private struct State {
        var waiting: Bytes = []
        var uploadID: String?
        var tags: [String] = []
        var size: UInt64 = 0
    }
    private let store: S3Store
    private let key: ObjectKey
    private let state = Mutex(State())

    init(_ store: S3Store, _ key: ObjectKey) {
        self.store = store
        self.key = key
    }

    func append(_ bytes: Bytes) async throws(ObjectStoreError) {
        let limit = store.configuration.partSize.bytes
        let part = state.withLock { state -> Bytes? in
            state.waiting += bytes
            state.size += UInt64(bytes.count)
            guard state.waiting.count >= limit else { return nil }
            defer { state.waiting = [] }
            return state.waiting
        }
        if let part { try await send(part) }
    }

    private func send(_ part: Bytes) async throws(ObjectStoreError) {
        let id: String
        if let known = state.withLock({ $0.uploadID }) {
            id = known
        } else {
            id = try await store.beginUpload(key)
            state.withLock { $0.uploadID = id }
        }
        let number = state.withLock { $0.tags.count + 1 }
        let tag = try await store.uploadPart(part, number: number, of: id, key)
        state.withLock { $0.tags.append(tag) }
    }

    func finish() async throws(ObjectStoreError) {
        let (rest, id) = state.withLock { state in
            defer { state.waiting = [] }
            return (state.waiting, state.uploadID)
        }
        guard let id else {
            try await store.put(rest, at: key, .ifAbsent)
            return
        }
        do throws(ObjectStoreError) {
            if !rest.isEmpty { try await send(rest) }
            let (tags, size) = state.withLock { ($0.tags, $0.size) }
            try await store.finishUpload(id, tags, size: size, key)
        } catch {
            // Doubt deletes nothing: the completion may have taken effect, or may yet.
            if error.kind != .unanswered { await store.abandonUpload(id, key) }
            throw error
        }
        state.withLock { $0.uploadID = nil }
    }

    func abandon() async {
        let id = state.withLock { state in
            defer { state = State() }
            return state.uploadID
        }
        if let id { await store.abandonUpload(id, key) }
    }
}

extension S3Store {
    public func upload(to key: ObjectKey) async throws(ObjectStoreError) -> any ObjectUpload { S3Upload(self, key) }

    func beginUpload(_ key: ObjectKey) async throws(ObjectStoreError) -> String {
        var request = request(.post, key)
        request.query = [("uploads", "")]
        var operation = Operation(kind: .beginUpload, name: "begin the upload of", key: key.path)
        operation.mayHideError = true
        // One more that nobody finishes harms nobody.
        operation.doubt = .unavailable
        func id(_ answer: S3Answer) -> String? {
            (try? S3XML.parse(answer.body))?.text("UploadId").flatMap { $0.isEmpty || $0.utf8.count > 1_024 ? nil : $0 }
        }
        let answer = try await perform(request, operation) { id($0) == nil ? "the answer has no UploadId" : nil }
        return id(answer) ?? ""
    }

    func uploadPart(
        _ part: Bytes, number: Int, of id: String, _ key: ObjectKey
    ) async throws(ObjectStoreError) -> String {
        var request = request(.put, key)
        request.query = [("partNumber", "\(number)"), ("uploadId", id)]
        request.body = part
        var operation = Operation(kind: .uploadPart, name: "put part \(number) of", key: key.path)
        operation.doubt = .unavailable
        let answer = try await perform(request, operation) { $0.tag == nil ? "the answer has no ETag" : nil }
        return answer.tag ?? ""
    }

    func finishUpload(
        _ id: String, _ tags: [String], size: UInt64, _ key: ObjectKey
    ) async throws(ObjectStoreError) {
        // Not every server takes a condition here.
        do throws(ObjectStoreError) {
            _ = try await metadata(of: key)
            throw ObjectStoreError(.conditionFailed, "put", shown(key.path), "it is there already")
        } catch { if error.kind != .absent { throw error } }
        var request = request(.post, key)
        request.query = [("uploadId", id)]
        request.headers.append(("if-none-match", "*"))
        request.headers.append(("content-type", "application/xml"))
        let parts = tags.enumerated().map { number, tag in
            "<Part><PartNumber>\(number + 1)</PartNumber><ETag>&quot;\(tag)&quot;</ETag></Part>"
        }
        request.body = Bytes(text: "<CompleteMultipartUpload>\(parts.joined())</CompleteMultipartUpload>")
        var operation = Operation(kind: .finishUpload, name: "finish the upload of", key: key.path)
        operation.mayHideError = true
        do throws(ObjectStoreError) {
            _ = try await perform(request, operation) { answer in
                (try? S3XML.parse(answer.body))?.name == "CompleteMultipartUploadResult"
                    ? nil : "the answer is not the result of a completion"
            }
        } catch {
            // An earlier try may have taken effect: then the upload is forgotten, or the condition fails.
            guard error.kind == .absent || error.kind == .conditionFailed || error.kind == .unanswered else {
                throw error
            }
            guard try await isThere(key, size, orElse: error) else { throw error }
            return
        }
        guard try await isThere(key, size, orElse: nil) else {
            throw ObjectStoreError(.unanswered, "put", shown(key.path), "it is not there after its completion")
        }
    }

    /// The object under a name that is ours alone, whole.
    private func isThere(
        _ key: ObjectKey, _ size: UInt64, orElse doubt: ObjectStoreError?
    ) async throws(ObjectStoreError) -> Bool {
        do throws(ObjectStoreError) {
            return try await metadata(of: key).size == size
        } catch {
            if error.kind == .absent { return false }
            throw doubt ?? ObjectStoreError(.unanswered, "put", shown(key.path), error.reason)
        }
    }

    /// Never fails: what is left goes at a writer's next start.
    func abandonUpload(_ id: String, _ key: ObjectKey) async {
        var request = request(.delete, key)
        request.query = [("uploadId", id)]
        var operation = Operation(kind: .abandonUpload, name: "abandon the upload of", key: key.path)
        operation.success = [204, 404]
        _ = try? await perform(request, operation)
    }

    public func abandonUploads(
        under prefix: String, where isOver: @Sendable (ObjectKey) -> Bool
    ) async throws(ObjectStoreError) -> Int {
        var request = S3Request(.get, path: endpoint.root + "/")
        request.query = [("uploads", ""), ("prefix", fullKey(prefix)), ("max-uploads", "1000")]
        var operation = Operation(kind: .list, name: "list uploads under", key: prefix)
        operation.doubt = .unavailable
        operation.mayHideError = true
        let answer = try await perform(request, operation) { answer in
            (try? S3XML.parse(answer.body))?.name == "ListMultipartUploadsResult" ? nil : "the answer is no such list"
        }
        let own = configuration.location.prefix.isEmpty ? "" : configuration.location.prefix + "/"
        var count = 0
        for entry in (try? S3XML.parse(answer.body))?.all("Upload") ?? [] {
            guard let whole = entry.text("Key"), whole.hasPrefix(own), let id = entry.text("UploadId"),
                let key = ObjectKey(String(whole.dropFirst(own.count))), isOver(key)
            else { continue }
            await abandonUpload(id, key)
            count += 1
        }
        return count
    }
}
