import Synchronization

/// Chance, injected.
public protocol RandomSource: Sendable {
    func next() -> UInt64
}

/// The operating system's generator.
public struct LiveRandomSource: RandomSource {
    public init() {}
    public func next() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}

/// SplitMix64: the same seed, the same numbers.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64
    public init(seed: UInt64) { state = seed }
    public mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

/// A seeded source that tasks can share.
public final class SeededRandomSource: RandomSource {
    private let generator: Mutex<SeededGenerator>
    public init(seed: UInt64) { generator = Mutex(SeededGenerator(seed: seed)) }
    public func next() -> UInt64 { generator.withLock { $0.next() } }
}
