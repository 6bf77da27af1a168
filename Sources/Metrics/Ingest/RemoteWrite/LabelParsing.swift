import Columnar
import MetricModel

/// Labels as sent, taken apart: only when nobody knows their spelling.
struct LabelParser {
    private struct Pair {
        var name: Range<Int>
        var value: Range<Int>
    }
    private var pairs: [Pair] = []
    private(set) var metric: Range<Int>?
    /// Canonical bytes of what `parse` accepted.
    private(set) var canonical: [UInt8] = []

    /// What is wrong with a label set in a well-formed message; nil: `metric` and `canonical` are set.
    /// - Parameter fields: of the label fields only, each a key 0x0a, a length and a message.
    mutating func parse(_ base: UnsafeRawBufferPointer, _ fields: Range<Int>) throws(MalformedMessage) -> SampleRefusal?
    {
        pairs.removeAll(keepingCapacity: true)
        metric = nil
        var cursor = ProtobufCursor(base, fields)
        while !cursor.isAtEnd {
            _ = try cursor.key()
            pairs.append(try Self.pair(base, try cursor.lengthDelimited()))
        }
        if !isSorted(base) { sort(base) }
        return assemble(base)
    }

    private static func pair(_ base: UnsafeRawBufferPointer, _ message: Range<Int>) throws(MalformedMessage) -> Pair {
        var pair = Pair(name: message.lowerBound..<message.lowerBound, value: message.lowerBound..<message.lowerBound)
        var cursor = ProtobufCursor(base, message)
        while !cursor.isAtEnd {
            let (field, type) = try cursor.key()
            switch field {
            case 1:
                try cursor.expect(type, .length)
                pair.name = try cursor.lengthDelimited()
            case 2:
                try cursor.expect(type, .length)
                pair.value = try cursor.lengthDelimited()
            default: try cursor.skip(type)
            }
        }
        return pair
    }

    private func isSorted(_ base: UnsafeRawBufferPointer) -> Bool {
        for i in pairs.indices.dropFirst() where compare(base, pairs[i - 1].name, pairs[i].name) > 0 { return false }
        return true
    }

    private mutating func sort(_ base: UnsafeRawBufferPointer) {
        let unsorted = pairs
        pairs = unsorted.sorted { compare(base, $0.name, $1.name) < 0 }
    }

    private func compare(_ base: UnsafeRawBufferPointer, _ a: Range<Int>, _ b: Range<Int>) -> Int {
        let shared = min(a.count, b.count)
        for i in 0..<shared {
            let x = base[a.lowerBound + i]
            let y = base[b.lowerBound + i]
            if x != y { return x < y ? -1 : 1 }
        }
        return a.count - b.count
    }

    /// Sorted pairs to canonical bytes.
    private mutating func assemble(_ base: UnsafeRawBufferPointer) -> SampleRefusal? {
        canonical.removeAll(keepingCapacity: true)
        for (i, pair) in pairs.enumerated() {
            if pair.name.isEmpty { return .emptyLabelName }
            if i > 0, compare(base, pairs[i - 1].name, pair.name) == 0 { return .duplicateLabel }
            guard Self.isUTF8(base, pair.name), Self.isUTF8(base, pair.value) else { return .notUTF8 }
            // An empty value means: no such label.
            if pair.value.isEmpty { continue }
            if Self.isMetricName(base, pair.name) {
                metric = pair.value
                continue
            }
            LabelEncoding.append(
                name: UnsafeRawBufferPointer(rebasing: base[pair.name]),
                value: UnsafeRawBufferPointer(rebasing: base[pair.value]), to: &canonical)
        }
        return metric == nil ? .noMetricName : nil
    }

    /// `__name__`, as a number.
    private static let metricName: UInt64 = 0x5f5f_6e61_6d65_5f5f

    private static func isMetricName(_ base: UnsafeRawBufferPointer, _ name: Range<Int>) -> Bool {
        name.count == 8
            && UInt64(bigEndian: base.loadUnaligned(fromByteOffset: name.lowerBound, as: UInt64.self)) == metricName
    }

    private static func isUTF8(_ base: UnsafeRawBufferPointer, _ range: Range<Int>) -> Bool {
        var all: UInt8 = 0
        for i in range { all |= base[i] }
        return all < 0x80 || String(validating: base[range], as: UTF8.self) != nil
    }

    /// The label set in words, whatever is wrong with it.
    func describe(_ base: UnsafeRawBufferPointer) -> String {
        var name: ArraySlice<UInt8> = []
        var others: [(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>)] = []
        for pair in pairs.prefix(64) {
            let value = Array(base[pair.value].prefix(512))[...]
            if Self.isMetricName(base, pair.name), name.isEmpty {
                name = value
            } else {
                others.append((Array(base[pair.name].prefix(512))[...], value))
            }
        }
        return SeriesText.describe(metric: name, pairs: others)
    }
}
