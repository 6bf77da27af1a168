public import ObjectStorage
public import Platform

/// The verbs of a store. How each ends when answers are lost stands beside it.
extension S3Store {
    /// `.ifAbsent`, a lost answer: sent again; refused then, the object is looked at: our bytes mean that the first try took
    /// effect. (Whoever leans on `.ifAbsent` writes bytes that only it would write: names and contents carry its claim.)
    /// `.ifMatches`, a lost answer: `.unanswered` at once; the caller reads what is there (rule R3).
    @discardableResult
    public func put(
        _ bytes: Bytes, at key: ObjectKey, _ condition: PutCondition
    ) async throws(ObjectStoreError) -> ObjectTag {
        var request = request(.put, key)
        request.body = bytes
        request.headers.append(("content-type", "application/octet-stream"))
        request.headers.append((Self.digestHeader, Digests.hexadecimal(Digests.sha256(bytes))))
        var operation = Operation(kind: .put, name: "put", key: key.path)
        operation.mayHideError = true
        switch condition {
        case .always: break
        case .ifAbsent: return try await putIfAbsent(request, operation, key)
        case .ifMatches(let tag):
            request.headers.append(("if-match", self.condition(tag)))
            operation.isRepeatable = false
            do throws(ObjectStoreError) {
                return try self.tag(of: try await perform(request, operation, inspect: Self.lacksTag), operation)
            } catch {
                // What is gone has no tag; some servers say so with 404.
                guard error.kind == .absent else { throw error }
                throw ObjectStoreError(.conditionFailed, error.operation, error.key, "it is gone")
            }
        }
        return try tag(of: try await perform(request, operation, inspect: Self.lacksTag), operation)
    }

    private func putIfAbsent(
        _ wanted: S3Request, _ operation: Operation, _ key: ObjectKey
    ) async throws(ObjectStoreError) -> ObjectTag {
        var request = wanted
        request.headers.append(("if-none-match", "*"))
        var once = operation
        once.isRepeatable = false
        var doubt: ObjectStoreError?
        for _ in 0..<configuration.retry.attempts {
            do throws(ObjectStoreError) {
                return try tag(of: try await perform(request, once, inspect: Self.lacksTag), operation)
            } catch {
                switch error.kind {
                case .unanswered: doubt = error
                case .conditionFailed where doubt != nil: break
                case .conditionFailed, .absent, .unavailable, .full, .refused: throw doubt ?? error
                }
            }
            // It may be there: whose is it?
            do throws(ObjectStoreError) {
                let there = try await get(key)
                guard there.bytes == request.body else {
                    throw ObjectStoreError(.conditionFailed, operation.name, shown(key.path), "another is there")
                }
                return there.tag
            } catch {
                guard error.kind == .absent else {
                    throw error.kind == .conditionFailed ? error : doubt ?? error
                }
                // Not there, or not yet: again, with the same bytes.
                await pause()
            }
        }
        throw doubt ?? ObjectStoreError(.unavailable, operation.name, shown(key.path))
    }

    /// Between an attempt that left doubt and the next one.
    func pause() async {
        let bound = configuration.retry.firstPause.nanoseconds
        guard bound > 0 else { return }
        let pause = environment.random.next() % (bound + 1)
        try? await environment.time.sleep(for: .nanoseconds(Int64(clamping: pause)))
    }

    /// Ours, kept by the server beside the object: a body that lost its end on the way has no other witness.
    private static let digestHeader = "x-amz-meta-varve-sha256"

    private static func isWhole(_ answer: S3Answer) -> String? {
        if let problem = lacksTag(answer) { return problem }
        guard let digest = answer.header(digestHeader) else { return nil }
        return digest == Digests.hexadecimal(Digests.sha256(answer.body)) ? nil : "the body is not what was put"
    }

    private static func lacksTag(_ answer: S3Answer) -> String? { answer.tag == nil ? "the answer has no ETag" : nil }

    private func tag(of answer: S3Answer, _ operation: Operation) throws(ObjectStoreError) -> ObjectTag {
        guard let tag = answer.tag else {
            throw ObjectStoreError(.unanswered, operation.name, shown(operation.key), "the answer has no ETag")
        }
        return ObjectTag(tag)
    }

    public func get(_ key: ObjectKey) async throws(ObjectStoreError) -> TaggedBytes {
        var operation = Operation(kind: .get, name: "get", key: key.path)
        operation.limit = Self.largestAnswer
        operation.doubt = .unavailable
        let answer = try await perform(request(.get, key), operation, inspect: Self.isWhole)
        return TaggedBytes(bytes: answer.body, tag: try tag(of: answer, operation))
    }

    public func get(_ key: ObjectKey, unless tag: ObjectTag) async throws(ObjectStoreError) -> TaggedBytes? {
        var operation = Operation(kind: .get, name: "get", key: key.path)
        operation.limit = Self.largestAnswer
        operation.doubt = .unavailable
        operation.success = [200, 304]
        var request = request(.get, key)
        request.headers.append(("if-none-match", condition(tag)))
        let answer = try await perform(
            request, operation, inspect: { $0.status == 304 ? nil : Self.isWhole($0) })
        if answer.status == 304 { return nil }
        let found = TaggedBytes(bytes: answer.body, tag: try self.tag(of: answer, operation))
        return found.tag == tag ? nil : found
    }

    public func read(_ key: ObjectKey, _ range: Range<UInt64>) async throws(ObjectStoreError) -> Bytes {
        guard !range.isEmpty else {
            // Absent is absent, whatever is asked of it.
            _ = try await metadata(of: key)
            return []
        }
        var operation = Operation(kind: .get, name: "read", key: key.path)
        operation.doubt = .unavailable
        operation.success = [200, 206, 416]
        // A server that ignores ranges answers 200 and the whole object.
        let wanted = min(range.upperBound - range.lowerBound, UInt64(Self.largestAnswer))
        operation.limit = Int(wanted) + (1 << 16)
        var request = request(.get, key)
        request.headers.append(("range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)"))
        let answer = try await perform(request, operation) { answer in
            switch answer.status {
            case 206: Self.rangeProblem(answer, range)
            case 200: Self.isWhole(answer)
            default: nil
            }
        }
        switch answer.status {
        case 416: return []
        case 200:
            guard range.lowerBound < UInt64(answer.body.count) else { return [] }
            let end = min(range.upperBound, UInt64(answer.body.count))
            return Bytes(answer.body[Int(range.lowerBound)..<Int(end)])
        default: return answer.body
        }
    }

    /// nil when the answer is the part that was asked for, or what of it there is.
    private static func rangeProblem(_ answer: S3Answer, _ range: Range<UInt64>) -> String? {
        guard let text = answer.header("content-range"), text.hasPrefix("bytes ") else { return "no Content-Range" }
        let parts = text.dropFirst(6).split(whereSeparator: { $0 == "-" || $0 == "/" })
        guard parts.count == 3, let first = UInt64(parts[0]), let last = UInt64(parts[1]), first == range.lowerBound,
            last >= first, last < range.upperBound, last - first == UInt64(answer.body.count) - 1
        else { return "asked for bytes \(range), got \(text.prefix(64)) and \(answer.body.count) bytes" }
        // Shorter than asked for: only at the object's end.
        if last + 1 < range.upperBound, let size = UInt64(parts[2]), size != last + 1 {
            return "only bytes \(first)-\(last) of \(range)"
        }
        return nil
    }

    public func metadata(of key: ObjectKey) async throws(ObjectStoreError) -> ObjectMetadata {
        var operation = Operation(kind: .head, name: "look at", key: key.path)
        operation.doubt = .unavailable
        let answer = try await perform(request(.head, key), operation) { answer in
            answer.header("content-length").flatMap { UInt64($0) } == nil ? "no Content-Length" : Self.lacksTag(answer)
        }
        return ObjectMetadata(
            key: key, size: answer.header("content-length").flatMap { UInt64($0) } ?? 0,
            modified: answer.header("last-modified").flatMap { CivilTime(http: $0) }?.milliseconds ?? 0)
    }

    public func list(
        under prefix: String, after start: ObjectKey?
    ) async throws(ObjectStoreError) -> [ObjectMetadata] {
        var request = S3Request(.get, path: endpoint.root + "/")
        request.query = [("list-type", "2"), ("prefix", fullKey(prefix)), ("max-keys", "1000")]
        if let start { request.query.append(("start-after", fullKey(start.path))) }
        var operation = Operation(kind: .list, name: "list", key: prefix)
        operation.doubt = .unavailable
        operation.mayHideError = true
        let answer = try await perform(request, operation) { S3Listing.problem(in: $0.body) }
        let own = configuration.location.prefix.isEmpty ? "" : configuration.location.prefix + "/"
        let listing = try S3Listing(answer.body, below: own, shown(prefix))
        // A page of names that are none of ours is not the end of the listing.
        if listing.objects.isEmpty, listing.isTruncated, let last = listing.lastKey.flatMap({ ObjectKey($0) }) {
            return try await list(under: prefix, after: last)
        }
        return listing.objects
    }

    /// A lost answer: sent again; what is gone already is a success.
    public func delete(_ key: ObjectKey) async throws(ObjectStoreError) {
        var operation = Operation(kind: .delete, name: "delete", key: key.path)
        // A 200 is not what a server says to this: it is somebody between.
        operation.success = [204]
        do throws(ObjectStoreError) {
            _ = try await perform(request(.delete, key), operation)
        } catch { if error.kind != .absent { throw error } }
    }
}
