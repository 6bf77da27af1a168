/// Many texts as one: their bytes back to back. Strings are made of those that somebody reads as strings.
public struct TextList: Sendable, Equatable {
    private var bytes: [UInt8] = []
    /// Where each ends in `bytes`.
    private var ends: [Int] = []

    public init() {}

    public init(_ texts: some Sequence<String>) {
        for var text in texts { text.withUTF8 { append(UnsafeRawBufferPointer($0)) } }
    }

    public var count: Int { ends.count }
    /// Of all of them.
    public var bytesHeld: Int { bytes.count }
    public var strings: [String] {
        var strings: [String] = []
        strings.reserveCapacity(count)
        visit { strings.append(String(decoding: $0, as: UTF8.self)) }
        return strings
    }

    public mutating func reserve(_ texts: Int) { ends.reserveCapacity(texts) }

    public mutating func append(_ text: UnsafeRawBufferPointer) {
        bytes.append(contentsOf: text)
        ends.append(bytes.count)
    }

    /// The first ones.
    public func prefix(_ most: Int) -> TextList {
        guard most < count else { return self }
        var some = TextList()
        some.ends = Array(ends.prefix(max(most, 0)))
        some.bytes = Array(bytes.prefix(some.ends.last ?? 0))
        return some
    }

    /// The bytes of each, in order.
    public func visit(_ body: (UnsafeRawBufferPointer) -> Void) {
        bytes.withUnsafeBytes { bytes in
            var start = 0
            for end in ends {
                body(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                start = end
            }
        }
    }
}
