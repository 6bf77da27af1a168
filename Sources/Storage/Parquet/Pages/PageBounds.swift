public import Columnar

/// Least and greatest value of a page, as statistics hold them: 8 bytes little-endian, or the bytes themselves.
///
/// The rules for doubles are the specification's: NaN counts for nothing, a least zero is written -0.0, a greatest zero
/// +0.0, so that a reader who compares either way finds both.
public struct PageBounds: Sendable, Hashable {
    public var minimum: [UInt8]
    public var maximum: [UInt8]
    public init(minimum: [UInt8], maximum: [UInt8]) {
        self.minimum = minimum
        self.maximum = maximum
    }

    public init(_ minimum: Int64, _ maximum: Int64) {
        self.init(minimum: minimum.plainBytes, maximum: maximum.plainBytes)
    }
    public init(_ minimum: Bool, _ maximum: Bool) {
        self.init(minimum: [minimum ? 1 : 0], maximum: [maximum ? 1 : 0])
    }
    public init(_ minimum: ArraySlice<UInt8>, _ maximum: ArraySlice<UInt8>) {
        self.init(minimum: Array(minimum), maximum: Array(maximum))
    }

    /// nil for no values.
    public init?(of values: ArraySlice<Int64>) {
        guard let first = values.first else { return nil }
        var low = first
        var high = first
        values.withUnsafeBufferPointer { values in
            // Four pairs side by side: one would wait for itself.
            var (l0, l1, l2, l3) = (first, first, first, first)
            var (h0, h1, h2, h3) = (first, first, first, first)
            var i = 0
            while i &+ 4 <= values.count {
                let (a, b, c, d) = (values[i], values[i &+ 1], values[i &+ 2], values[i &+ 3])
                l0 = min(l0, a)
                l1 = min(l1, b)
                l2 = min(l2, c)
                l3 = min(l3, d)
                h0 = max(h0, a)
                h1 = max(h1, b)
                h2 = max(h2, c)
                h3 = max(h3, d)
                i &+= 4
            }
            low = min(l0, l1, l2, l3)
            high = max(h0, h1, h2, h3)
            for value in values[i...] {
                low = min(low, value)
                high = max(high, value)
            }
        }
        self.init(low, high)
    }

    /// nil for no values.
    public init?(of values: ArraySlice<Int32>) {
        guard let low = values.min(), let high = values.max() else { return nil }
        self.init(minimum: low.plainBytes, maximum: high.plainBytes)
    }

    /// nil for no values, or nothing but NaN.
    public init?(of values: ArraySlice<Float>) {
        let numbers = values.lazy.filter { !$0.isNaN }
        guard let low = numbers.min(), let high = numbers.max() else { return nil }
        self.init(
            minimum: Int32(bitPattern: (low == 0 ? -0.0 : low).bitPattern).plainBytes,
            maximum: Int32(bitPattern: (high == 0 ? 0.0 : high).bitPattern).plainBytes)
    }

    /// nil for no values, or nothing but NaN.
    public init?(of values: ArraySlice<Double>) {
        var low = Double.infinity
        var high = -Double.infinity
        var isEmpty = true
        values.withUnsafeBufferPointer { values in
            for value in values where !value.isNaN {
                isEmpty = false
                low = min(low, value)
                high = max(high, value)
            }
        }
        guard !isEmpty else { return nil }
        self.init(low, high)
    }

    /// Neither is NaN.
    public init(_ minimum: Double, _ maximum: Double) {
        let low = minimum == 0 ? -0.0 : minimum
        let high = maximum == 0 ? 0.0 : maximum
        self.init(
            Int64(bitPattern: low.bitPattern), Int64(bitPattern: high.bitPattern))
    }

    /// nil for no values. Byte order, as STRING columns are compared.
    public init?(of values: BytesColumn, in range: Range<Int>) {
        guard var low = range.first else { return nil }
        var high = low
        for i in range.dropFirst() {
            if values.compare(i, with: values, low) < 0 { low = i }
            if values.compare(i, with: values, high) > 0 { high = i }
        }
        self.init(values[low], values[high])
    }
}

/// Bounds with the longest texts cut off, so that a page index stays small.
struct ShortenedBounds {
    /// Longer bounds are cut to at most this many bytes.
    static let longest = 64

    var minimum: [UInt8]
    var maximum: [UInt8]
    var isMinimumExact = true
    var isMaximumExact = true

    init(_ bounds: PageBounds) {
        minimum = bounds.minimum
        maximum = bounds.maximum
        if minimum.count > Self.longest {
            minimum = Self.prefix(of: minimum)
            isMinimumExact = false
        }
        if maximum.count > Self.longest, let shorter = Self.successor(of: Self.prefix(of: maximum)) {
            maximum = shorter
            isMaximumExact = false
        }
    }

    /// At most `longest` bytes, never half a UTF-8 character (of what is UTF-8).
    private static func prefix(of bytes: [UInt8]) -> [UInt8] {
        var end = longest
        while end > longest - 4, bytes[end] & 0xc0 == 0x80 { end -= 1 }
        return Array(bytes[..<end])
    }

    /// The next greater bytes of at most the same length that are still UTF-8: the last ASCII character below DEL is
    /// raised and what follows it dropped; nil where there is none.
    private static func successor(of bytes: [UInt8]) -> [UInt8]? {
        guard let last = bytes.lastIndex(where: { $0 < 0x7e }) else { return nil }
        return Array(bytes[..<last]) + [bytes[last] + 1]
    }
}
