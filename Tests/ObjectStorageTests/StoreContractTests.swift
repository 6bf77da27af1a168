import ObjectStorage
import Platform
import Testing

/// What every store promises, tried on all of them.
struct StoreContractTests {
    private let key = ObjectKey(trusted: "a/b/c.bin")

    private func kind(_ body: () async throws -> Void) async -> ObjectStoreError.Kind? {
        do {
            try await body()
            return nil
        } catch {
            return (error as? ObjectStoreError)?.kind
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func whatIsPutCanBeReadWholeAndInParts(_ kind: StoreUnderTest) async throws {
        try await kind.with { store in
            let bytes = Bytes((0..<10_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
            let tag = try await store.put(bytes, at: key, .always)
            #expect(try await store.get(key) == TaggedBytes(bytes: bytes, tag: tag))
            #expect(try await store.read(key, 0..<10) == Bytes(bytes[0..<10]))
            #expect(try await store.read(key, 9_990..<20_000) == Bytes(bytes[9_990...]))
            #expect(try await store.read(key, 10_000..<UInt64.max) == [])
            #expect(try await store.read(key, UInt64.max..<UInt64.max) == [])
            #expect(try await store.read(key, 5..<5) == [])
            #expect(try await store.metadata(of: key).size == 10_000)
            #expect(try await store.metadata(of: key).key == key)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func anEmptyObjectIsAnObject(_ kind: StoreUnderTest) async throws {
        try await kind.with { store in
            try await store.put([], at: key, .ifAbsent)
            #expect(try await store.get(key).bytes == [])
            #expect(try await store.read(key, 0..<1) == [])
            #expect(try await store.list(under: "", after: nil).map(\.key) == [key])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func whatIsAbsentIsSaidToBeAbsent(_ store: StoreUnderTest) async throws {
        try await store.with { store in
            #expect(await kind { _ = try await store.get(key) } == .absent)
            #expect(await kind { _ = try await store.read(key, 0..<1) } == .absent)
            #expect(await kind { _ = try await store.metadata(of: key) } == .absent)
            #expect(await kind { try await store.put([1], at: key, .ifMatches(ObjectTag("1"))) } == .conditionFailed)
            #expect(try await store.list(under: "", after: nil).isEmpty)
            try await store.delete(key)
            // A directory on the way is no object, and what lies below an object is absent.
            try await store.put([1], at: key, .always)
            let above = ObjectKey(trusted: "a/b")
            #expect(await kind { _ = try await store.get(above) } == .absent)
            #expect(await kind { _ = try await store.metadata(of: above) } == .absent)
            try await store.delete(above)
            #expect(await kind { _ = try await store.get(ObjectKey(trusted: "a/b/c.bin/d")) } == .absent)
            try await store.delete(ObjectKey(trusted: "a/b/c.bin/d"))
            #expect(try await store.get(key).bytes == [1])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func onlyTheFirstPutIfAbsentSucceedsUntilTheKeyIsDeleted(_ store: StoreUnderTest) async throws {
        try await store.with { store in
            try await store.put([1], at: key, .ifAbsent)
            #expect(await kind { try await store.put([2], at: key, .ifAbsent) } == .conditionFailed)
            #expect(try await store.get(key).bytes == [1])
            try await store.delete(key)
            try await store.put([3], at: key, .ifAbsent)
            #expect(try await store.get(key).bytes == [3])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func aSwapNeedsTheTagOfNow(_ store: StoreUnderTest) async throws {
        try await store.with { store in
            let first = try await store.put([1], at: key, .always)
            let second = try await store.put([2], at: key, .ifMatches(first))
            #expect(first != second)
            #expect(await kind { try await store.put([3], at: key, .ifMatches(first)) } == .conditionFailed)
            #expect(try await store.get(key) == TaggedBytes(bytes: [2], tag: second))
            try await store.put([3], at: key, .always)
            #expect(await kind { try await store.put([4], at: key, .ifMatches(second)) } == .conditionFailed)
            let third = try await store.get(key).tag
            try await store.put([5], at: key, .ifMatches(third))
            #expect(try await store.get(key).bytes == [5])
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func ofManySwapsFromOneTagOneTakesPlace(_ store: StoreUnderTest) async throws {
        try await store.with { store in
            let tag = try await store.put([0], at: key, .always)
            let winners = await withTaskGroup(of: UInt8?.self) { group in
                for value in UInt8(1)...16 {
                    group.addTask {
                        do {
                            try await store.put([value], at: key, .ifMatches(tag))
                            return value
                        } catch {
                            return nil
                        }
                    }
                }
                return await group.reduce(into: Bytes()) { if let winner = $1 { $0.append(winner) } }
            }
            #expect(winners.count == 1)
            #expect(try await store.get(key).bytes == winners)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func listingsAreInByteOrderOfWholeKeys(_ store: StoreUnderTest) async throws {
        try await store.with { store in
            let paths = [
                "B", "a-b", "a.b", "a/x", "a/x-", "a/y/z", "a0", "aa/1", "b", "b=", "delta/0001-1", "delta/0002-1",
            ]
            for path in paths.reversed() { try await store.put([1], at: ObjectKey(trusted: path), .always) }
            let all = try await store.list(under: "", after: nil).map(\.key.path)
            #expect(all == paths)
            for (i, path) in paths.enumerated() {
                let rest = try await store.list(under: "", after: ObjectKey(trusted: path)).map(\.key.path)
                #expect(rest == Array(paths[(i + 1)...]), "after \(path)")
            }
            for prefix in ["a", "a/", "a/x", "a-", "delta/", "delta/0002", "zz", "a/y/", "aa", "../", "~", "a//", "b"] {
                let found = try await store.list(under: prefix, after: nil).map(\.key.path)
                #expect(found == paths.filter { $0.hasPrefix(prefix) }, "under \(prefix)")
            }
            let between = try await store.list(under: "a", after: ObjectKey(trusted: "a/x0")).map(\.key.path)
            #expect(between == ["a/y/z", "a0", "aa/1"])
        }
    }

    @Test(arguments: [StoreUnderTest.memory, .simulatedDirectory, .prefixedMemory])
    func longListingsComeInPages(_ store: StoreUnderTest) async throws {
        try await store.with { store in
            for i in 0..<2_345 {
                try await store.put([], at: ObjectKey(trusted: "many/\(i % 7)/\(i)"), .always)
            }
            #expect(try await store.list(under: "many/", after: nil).count == 1_000)
            let all = try await store.listAll(under: "many/").map(\.key)
            #expect(all.count == 2_345)
            #expect(all == all.sorted())
            #expect(Set(all).count == 2_345)
        }
    }

    @Test(arguments: StoreUnderTest.allCases)
    func theProbeFindsEveryStoreFit(_ store: StoreUnderTest) async throws {
        try await store.with { store in
            let probe = try await ConditionalPutProbe.run(store, name: 42)
            #expect(probe.problems().isEmpty)
            #expect(try await store.list(under: "", after: nil).isEmpty)
        }
    }
}
