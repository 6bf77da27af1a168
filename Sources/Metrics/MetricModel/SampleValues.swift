/// Values of a run of samples: there already, or decoded whenever somebody looks at them.
///
/// - A query that looks at everything once needs the values of one series at a time: decoded where they are used they stay in
///   the cache, and take no memory for longer than a moment.
public enum SampleValues: Sendable {
    case ready([Double])
    case encoded(any EncodedValues)
    /// One after the other; none of them is itself such a list.
    indirect case several([SampleValues])

    public static var none: SampleValues { .ready([]) }

    public var count: Int {
        switch self {
        case .ready(let values): values.count
        case .encoded(let values): values.count
        case .several(let parts): parts.reduce(0) { $0 + $1.count }
        }
    }

    /// All values; each call decodes them anew where they are not there.
    public var decoded: [Double] {
        if case .ready(let values) = self { return values }
        return decoded(0..<count)
    }

    /// - Parameter range: within 0 ..< `count`.
    public func decoded(_ range: Range<Int>) -> [Double] {
        if case .ready(let values) = self {
            return range.count == values.count ? values : Array(values[range])
        }
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return [Double](unsafeUninitializedCapacity: range.count) { buffer, filled in
            if let out = buffer.baseAddress, !range.isEmpty { decode(range, to: out) }
            filled = range.count
        }
    }

    private func decode(_ range: Range<Int>, to out: UnsafeMutablePointer<Double>) {
        switch self {
        case .ready(let values):
            values.withUnsafeBufferPointer { values in
                if let base = values.baseAddress {
                    out.initialize(from: base + range.lowerBound, count: range.count)
                }
            }
        case .encoded(let values): values.decode(range, to: out)
        case .several(let parts):
            var start = 0
            for part in parts {
                let count = part.count
                let wanted = range.clamped(to: start..<start + count)
                if !wanted.isEmpty {
                    part.decode(
                        wanted.lowerBound - start..<wanted.upperBound - start,
                        to: out + (wanted.lowerBound - range.lowerBound))
                }
                start += count
            }
        }
    }

    /// Those of `more` follow.
    public mutating func append(_ more: SampleValues) {
        if more.count == 0 { return }
        if count == 0 {
            self = more
            return
        }
        var parts: [SampleValues]
        if case .several(let known) = self { parts = known } else { parts = [self] }
        self = .none
        if case .several(let others) = more { parts += others } else { parts.append(more) }
        self = .several(parts)
    }

    /// Those of `more` follow; what is there already is moved as little as can be.
    public mutating func append(_ more: ArraySlice<Double>) {
        if more.isEmpty { return }
        switch self {
        case .ready(var values):
            self = .several([])
            values.append(contentsOf: more)
            self = .ready(values)
        case .encoded: append(.ready(Array(more)))
        case .several(var parts):
            self = .none
            if let last = parts.popLast() {
                if case .ready(var values) = last {
                    values.append(contentsOf: more)
                    parts.append(.ready(values))
                } else {
                    parts.append(last)
                    parts.append(.ready(Array(more)))
                }
            } else {
                parts.append(.ready(Array(more)))
            }
            self = .several(parts)
        }
    }
}

/// Values as they are stored. Whoever made this has checked the bytes: decoding cannot fail.
public protocol EncodedValues: Sendable {
    var count: Int { get }
    /// - Parameters:
    ///   - range: within 0 ..< `count`, not empty.
    ///   - out: room for as many.
    func decode(_ range: Range<Int>, to out: UnsafeMutablePointer<Double>)
}
