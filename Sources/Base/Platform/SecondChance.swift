/// Values within a bound of memory: the oldest goes first, but one that was used since it was last looked at is passed over
/// once. No search, whatever their number.
///
/// - Not for several threads: whoever shares it holds a lock.
/// - Names of what is gone are not kept without bound.
public struct SecondChance<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Entry: Sendable {
        let value: Value
        let size: Int
        var wasUsed = false
    }
    private var entries: [Key: Entry] = [:]
    /// In order of arrival, from `head` on; keys that were forgotten stay until their turn, or until they are many.
    private var queue: [Key] = []
    private var head = 0
    /// Of all values, as they were given.
    public private(set) var totalSize = 0
    private static var fewNames: Int { 64 }

    public init() {}

    /// The value, which counts as used; nil: it is not here.
    public mutating func use(_ key: Key) -> Value? {
        guard let entry = entries[key] else { return nil }
        if !entry.wasUsed { entries[key]?.wasUsed = true }
        return entry.value
    }

    /// Keeps a value unless the key has one; others go until all sizes together are at most `limit`.
    public mutating func keep(_ value: Value, at key: Key, size: Int, limit: Int) {
        guard entries[key] == nil else { return }
        entries[key] = Entry(value: value, size: size)
        queue.append(key)
        totalSize += size
        evict(to: limit)
    }

    public mutating func forget(_ key: Key) {
        guard let gone = entries.removeValue(forKey: key) else { return }
        totalSize -= gone.size
        sweepNames()
    }

    public mutating func forget(where isGone: (Key) -> Bool) {
        for (key, entry) in entries where isGone(key) {
            entries[key] = nil
            totalSize -= entry.size
        }
        sweepNames()
    }

    private mutating func evict(to limit: Int) {
        while totalSize > limit, head < queue.count {
            let key = queue[head]
            head += 1
            guard let entry = entries[key] else { continue }
            if entry.wasUsed {
                entries[key]?.wasUsed = false
                queue.append(key)
            } else {
                entries[key] = nil
                totalSize -= entry.size
            }
        }
        if head > Self.fewNames, head > queue.count / 2 {
            queue.removeFirst(head)
            head = 0
        }
    }

    private mutating func sweepNames() {
        guard queue.count > Self.fewNames, queue.count > 2 * entries.count else { return }
        queue = queue[head...].filter { entries[$0] != nil }
        head = 0
    }
}
