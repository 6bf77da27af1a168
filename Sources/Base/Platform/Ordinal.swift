/// A counter that only grows and only compares with its own kind: the compiler finds the swap.
@frozen public struct Ordinal<Kind>: Hashable, Comparable, Sendable {
    public let rawValue: UInt64
    @inlinable public init(_ rawValue: UInt64) { self.rawValue = rawValue }
    public static var zero: Self { Self(0) }
    /// The one after this; nil when the counter is spent (it came from a file, so it may be).
    @inlinable public var next: Self? { rawValue < .max ? Self(rawValue + 1) : nil }
    @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

extension Ordinal: CustomStringConvertible {
    public var description: String { String(rawValue) }
}
