import CPlatform

/// 128 bits that stand for a byte string while this process lives.
@frozen public struct Hash128: Hashable, Sendable {
    public let low: UInt64
    public let high: UInt64
    @inlinable public init(low: UInt64, high: UInt64) {
        self.low = low
        self.high = high
    }
}

/// Identity of outside bytes under a key drawn at random per process, so that nobody outside can aim at a collision.
public struct KeyedHash128: Sendable {
    private let key: (UInt64, UInt64, UInt64, UInt64)

    public init(random: any RandomSource) {
        key = (random.next(), random.next(), random.next(), random.next())
    }

    public func hash(_ bytes: UnsafeRawBufferPointer) -> Hash128 {
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 2) { out in
            guard let result = out.baseAddress else { return Hash128(low: 0, high: 0) }
            withUnsafeBytes(of: key) { keyBytes in
                let words = keyBytes.bindMemory(to: UInt64.self)
                varve_hash128(words.baseAddress, bytes.baseAddress ?? keyBytes.baseAddress, bytes.count, result)
            }
            return Hash128(low: result[0], high: result[1])
        }
    }
}
