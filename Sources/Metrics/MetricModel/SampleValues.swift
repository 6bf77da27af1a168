/// Values of a run of samples: there already, or decoded whenever somebody looks at them.
///
/// - A query that looks at everything once needs the values of one series at a time: decoded where they are used they stay in
///   the cache, and take no memory for longer than a moment.
/// - A wide query holds and moves one of these for each series: a copy counts one reference.
public struct SampleValues: Sendable {
    /// Rows that lie in `source`, in its own numbers.
    private struct Stored {
        let source: any EncodedValues
        let first: UInt32
        let length: UInt32
        let divisor: Double
    }
    private enum Content {
        case ready([Double])
        case stored(Stored)
        /// One after the other; none of them is itself such a list.
        case several([SampleValues])
    }
    private var content: Content
    public private(set) var count: Int

    public static let none = ready([])

    public static func ready(_ values: [Double]) -> SampleValues {
        SampleValues(content: .ready(values), count: values.count)
    }

    /// - Parameters:
    ///   - rows: below 2^32.
    ///   - divisor: see `EncodedValues`.
    public static func encoded(_ source: any EncodedValues, _ rows: Range<Int>, divisor: Double = 1) -> SampleValues {
        let stored = Stored(
            source: source, first: UInt32(rows.lowerBound), length: UInt32(rows.count), divisor: divisor)
        return SampleValues(content: .stored(stored), count: rows.count)
    }

    /// The values, where all are there already.
    public var ready: [Double]? { if case .ready(let values) = content { values } else { nil } }

    /// All values; each call decodes them anew where they are not there.
    public var decoded: [Double] { ready ?? decoded(0..<count) }

    /// - Parameter range: within 0 ..< `count`.
    public func decoded(_ range: Range<Int>) -> [Double] {
        if case .ready(let values) = content {
            return range.count == values.count ? values : Array(values[range])
        }
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return [Double](unsafeUninitializedCapacity: range.count) { buffer, filled in
            if let out = buffer.baseAddress, !range.isEmpty { decode(range, to: out) }
            filled = range.count
        }
    }

    private func decode(_ range: Range<Int>, to out: UnsafeMutablePointer<Double>) {
        switch content {
        case .ready(let values):
            values.withUnsafeBufferPointer { values in
                if let base = values.baseAddress {
                    out.initialize(from: base + range.lowerBound, count: range.count)
                }
            }
        case .stored(let stored):
            let first = Int(stored.first)
            stored.source.decode(first + range.lowerBound..<first + range.upperBound, divisor: stored.divisor, to: out)
        case .several(let parts):
            var start = 0
            for part in parts {
                let wanted = range.clamped(to: start..<start + part.count)
                if !wanted.isEmpty {
                    part.decode(
                        wanted.lowerBound - start..<wanted.upperBound - start,
                        to: out + (wanted.lowerBound - range.lowerBound))
                }
                start += part.count
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
        let total = count + more.count
        var parts: [SampleValues]
        if case .several(let known) = content { parts = known } else { parts = [self] }
        self = .none
        if case .several(let others) = more.content { parts += others } else { parts.append(more) }
        content = .several(parts)
        count = total
    }
}

/// Values as they are stored, which many runs share. Whoever made this has checked the bytes: decoding cannot fail.
public protocol EncodedValues: AnyObject, Sendable {
    /// - Parameters:
    ///   - range: of those that a run was made of, not empty.
    ///   - divisor: of the integers that are stored, where values are.
    ///   - out: room for as many.
    func decode(_ range: Range<Int>, divisor: Double, to out: UnsafeMutablePointer<Double>)
}
