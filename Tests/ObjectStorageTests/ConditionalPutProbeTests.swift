import ObjectStorage
import Platform
import Testing

struct ConditionalPutProbeTests {
    /// A store that overlooks some conditions, as some buckets do.
    struct Careless: ObjectStore {
        enum Habit: CaseIterable { case ignoresIfAbsent, ignoresIfMatches, refusesEverySwap }
        let habit: Habit
        let store = MemoryStore()

        func put(_ bytes: Bytes, at key: ObjectKey, _ condition: PutCondition) async throws(ObjectStoreError)
            -> ObjectTag
        {
            switch (habit, condition) {
            case (.ignoresIfAbsent, .ifAbsent), (.ignoresIfMatches, .ifMatches):
                return try await store.put(bytes, at: key, .always)
            case (.refusesEverySwap, .ifMatches): throw ObjectStoreError(.conditionFailed, "put", key.path)
            default: return try await store.put(bytes, at: key, condition)
            }
        }
        func get(_ key: ObjectKey) async throws(ObjectStoreError) -> TaggedBytes { try await store.get(key) }
        func read(_ key: ObjectKey, _ range: Range<UInt64>) async throws(ObjectStoreError) -> Bytes {
            try await store.read(key, range)
        }
        func metadata(of key: ObjectKey) async throws(ObjectStoreError) -> ObjectMetadata {
            try await store.metadata(of: key)
        }
        func list(under prefix: String, after start: ObjectKey?) async throws(ObjectStoreError) -> [ObjectMetadata] {
            try await store.list(under: prefix, after: start)
        }
        func delete(_ key: ObjectKey) async throws(ObjectStoreError) { try await store.delete(key) }
    }

    @Test(arguments: Careless.Habit.allCases)
    func aStoreThatOverlooksAConditionIsFoundOut(_ habit: Careless.Habit) async throws {
        let probe = try await ConditionalPutProbe.run(Careless(habit: habit), name: 1)
        let expected =
            switch habit {
            case .ignoresIfAbsent: "it lets a put-if-absent replace an object"
            case .ignoresIfMatches: "it lets a put replace an object that has changed (If-Match is ignored)"
            case .refusesEverySwap: "it refuses a put that names the right tag (If-Match does not work)"
            }
        #expect(probe.problems() == [expected])
    }
}
