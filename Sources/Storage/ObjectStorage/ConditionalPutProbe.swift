import Platform

/// What a store does with conditions (rule R8): the manifest is safe only where all of them hold.
public struct ConditionalPutProbe: Sendable, Equatable {
    /// A second put-if-absent failed, and left the first one's bytes.
    public var refusesSecondIfAbsent = false
    /// A swap with a wrong tag failed, and left the bytes.
    public var refusesWrongTag = false
    /// A swap with the right tag took place.
    public var acceptsRightTag = false

    public init() {}

    /// Tries it with an object of its own, which is deleted afterwards.
    ///
    /// - Parameter name: drawn at random by the caller, so that two probes never meet.
    /// - Throws: what stopped the probe: nothing is known of the store then.
    public static func run(_ store: any ObjectStore, name: UInt64) async throws(ObjectStoreError) -> Self {
        let key = ObjectKey(trusted: "probe/\(hexadecimal(name))")
        var result = Self()
        let first = try await store.put(Bytes(text: "first"), at: key, .ifAbsent)

        let second = try await refused { () async throws(ObjectStoreError) in
            try await store.put(Bytes(text: "second"), at: key, .ifAbsent)
        }
        let afterSecond = try await store.get(key)
        result.refusesSecondIfAbsent = second && afterSecond.bytes == Bytes(text: "first")

        let wrong = try await store.put(Bytes(text: "third"), at: key, .always)
        let outdated = try await refused { () async throws(ObjectStoreError) in
            try await store.put(Bytes(text: "fourth"), at: key, .ifMatches(first))
        }
        let afterWrong = try await store.get(key)
        result.refusesWrongTag = outdated && wrong != first && afterWrong.bytes == Bytes(text: "third")

        let right = try await refused { () async throws(ObjectStoreError) in
            try await store.put(Bytes(text: "fifth"), at: key, .ifMatches(afterWrong.tag))
        }
        let afterRight = try await store.get(key)
        result.acceptsRightTag = !right && afterRight.bytes == Bytes(text: "fifth")

        try await store.delete(key)
        return result
    }

    /// True when `put` was refused for its condition, false when it took place.
    private static func refused(
        _ put: () async throws(ObjectStoreError) -> ObjectTag
    ) async throws(ObjectStoreError) -> Bool {
        do {
            _ = try await put()
            return false
        } catch {
            guard error.kind == .conditionFailed else { throw error }
            return true
        }
    }

    /// Why the store cannot hold a manifest; empty when it can.
    public func problems() -> [String] {
        var found: [String] = []
        if !refusesSecondIfAbsent { found.append("it lets a put-if-absent replace an object") }
        if !refusesWrongTag { found.append("it lets a put replace an object that has changed (If-Match is ignored)") }
        if !acceptsRightTag { found.append("it refuses a put that names the right tag (If-Match does not work)") }
        return found
    }
}
