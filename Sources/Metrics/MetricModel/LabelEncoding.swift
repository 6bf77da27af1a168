public import Platform

/// Canonical bytes of a series' labels: one label set, one byte string. The metric's name (`__name__`) is not in them; it
/// has a column of its own.
///
///     for each label, sorted by name in byte order:
///         varint length, name, varint length, value
///
/// - Names are unique, not empty and never `__name__`; values are not empty; both are UTF-8.
/// - Varints are LEB128 in their shortest form.
public enum LabelEncoding {
    /// Appends one label. The caller keeps the order and leaves out `__name__` and empty values.
    @inlinable
    public static func append(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>, to bytes: inout [UInt8]) {
        append(length: name.count, to: &bytes)
        bytes.append(contentsOf: name)
        append(length: value.count, to: &bytes)
        bytes.append(contentsOf: value)
    }

    /// Appends one label. The caller keeps the order and leaves out `__name__` and empty values.
    public static func append(
        name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, to bytes: inout [UInt8]
    ) {
        append(length: name.count, to: &bytes)
        bytes.append(contentsOf: name)
        append(length: value.count, to: &bytes)
        bytes.append(contentsOf: value)
    }

    @usableFromInline
    static func append(length: Int, to bytes: inout [UInt8]) {
        var rest = UInt64(length)
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// Every label but `__name__`.
    public static func encode(_ labels: Labels) -> [UInt8] {
        var bytes: [UInt8] = []
        for label in labels.labels where label.name != Labels.metricNameLabel {
            append(name: Array(label.name.utf8)[...], value: Array(label.value.utf8)[...], to: &bytes)
        }
        return bytes
    }

    /// Where each label's name and value lie, as indices into `bytes`, in order.
    /// - Throws: when lengths leave the bytes. Order and content are not checked: `validate` does that.
    public static func forEach(
        in bytes: ArraySlice<UInt8>, _ body: (_ name: Range<Int>, _ value: Range<Int>) -> Void
    ) throws(MalformedBytes) {
        var at = bytes.startIndex
        while at < bytes.endIndex {
            let name = try lengthPrefixed(bytes, &at)
            let value = try lengthPrefixed(bytes, &at)
            body(name, value)
        }
    }

    /// The same with the texts themselves, which are valid within `body` only.
    public static func forEach(
        in bytes: UnsafeRawBufferPointer,
        _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Void
    ) throws(MalformedBytes) {
        var at = bytes.startIndex
        while at < bytes.endIndex {
            let name = try lengthPrefixed(bytes, &at)
            let value = try lengthPrefixed(bytes, &at)
            body(UnsafeRawBufferPointer(rebasing: bytes[name]), UnsafeRawBufferPointer(rebasing: bytes[value]))
        }
    }

    @inline(__always)
    private static func lengthPrefixed<Buffer: RandomAccessCollection>(
        _ bytes: Buffer, _ at: inout Int
    ) throws(MalformedBytes) -> Range<Int> where Buffer.Element == UInt8, Buffer.Index == Int {
        let start = at
        var length: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            guard at < bytes.endIndex, shift < 35 else {
                throw MalformedBytes(offset: start - bytes.startIndex, expected: "the length of a label")
            }
            let byte = bytes[at]
            at += 1
            length |= UInt64(byte & 0x7f) << shift
            shift += 7
            if byte < 0x80 { break }
        }
        guard length <= UInt64(bytes.endIndex - at) else {
            throw MalformedBytes(
                offset: start - bytes.startIndex,
                expected: "a label text of \(length) bytes, \(bytes.endIndex - at) left")
        }
        let text = at..<at + Int(length)
        at = text.upperBound
        return text
    }

    /// Throws unless the bytes are canonical: what every reader of a stored file may ask before it trusts them.
    public static func validate(_ bytes: ArraySlice<UInt8>) throws(MalformedBytes) {
        var previous: Range<Int>?
        var problem: MalformedBytes?
        var encoded = 0
        try forEach(in: bytes) { name, value in
            encoded += shortestLength(name.count) + name.count + shortestLength(value.count) + value.count
            guard problem == nil else { return }
            func complain(_ expected: String) {
                problem = MalformedBytes(offset: name.lowerBound - bytes.startIndex, expected: expected)
            }
            do throws(MalformedBytes) {
                try validate(name: bytes[name], value: bytes[value])
            } catch { complain(error.expected) }
            if let previous, !bytes[previous].lexicographicallyPrecedes(bytes[name]) {
                complain("label names in byte order, each once")
            }
            previous = name
        }
        if let problem { throw problem }
        guard encoded == bytes.count else {
            throw MalformedBytes(offset: 0, expected: "lengths in their shortest form")
        }
    }

    /// Throws unless the label may stand in canonical bytes.
    public static func validate(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>) throws(MalformedBytes) {
        func complain(_ expected: String) -> MalformedBytes { MalformedBytes(offset: 0, expected: expected) }
        if name.isEmpty { throw complain("a label name that is not empty") }
        if value.isEmpty { throw complain("a label value that is not empty") }
        if name.elementsEqual(Labels.metricNameLabel.utf8) { throw complain("no __name__ among the labels") }
        if !isUTF8(name) || !isUTF8(value) { throw complain("a label in UTF-8") }
    }

    private static func shortestLength(_ value: Int) -> Int {
        var length = 1
        var rest = value >> 7
        while rest > 0 {
            length += 1
            rest >>= 7
        }
        return length
    }

    private static func isUTF8(_ bytes: ArraySlice<UInt8>) -> Bool {
        // Nearly every label is ASCII: settled without making a string.
        bytes.allSatisfy { $0 < 0x80 } || String(validating: bytes, as: UTF8.self) != nil
    }

    /// The label set of a metric name and canonical bytes.
    /// - Throws: when the bytes are not canonical.
    public static func decode(
        metric: ArraySlice<UInt8>, labels bytes: ArraySlice<UInt8>
    ) throws(MalformedBytes) -> Labels {
        try validate(bytes)
        guard let name = String(validating: metric, as: UTF8.self) else {
            throw MalformedBytes(offset: 0, expected: "a metric name in UTF-8")
        }
        var labels: [Labels.Label] = []
        var nameIsIn = name.isEmpty
        try forEach(in: bytes) { label, value in
            if !nameIsIn, Labels.metricNameLabel.utf8.lexicographicallyPrecedes(bytes[label]) {
                labels.append(Labels.Label(Labels.metricNameLabel, name))
                nameIsIn = true
            }
            labels.append(
                Labels.Label(
                    String(decoding: bytes[label], as: UTF8.self), String(decoding: bytes[value], as: UTF8.self)))
        }
        if !nameIsIn { labels.append(Labels.Label(Labels.metricNameLabel, name)) }
        return Labels(sorted: labels)
    }
}

/// A walk over canonical label bytes that are trusted to be well-formed: made here, or validated at the door.
@frozen public struct LabelCursor {
    @usableFromInline let base: UnsafeRawBufferPointer
    @usableFromInline var at = 0

    /// - Parameter labels: must outlive the cursor.
    @inlinable public init(_ labels: UnsafeRawBufferPointer) { base = labels }

    /// Name and value of the next label, as ranges of the bytes; nil at the end.
    @inlinable public mutating func next() -> (name: Range<Int>, value: Range<Int>)? {
        guard at < base.count else { return nil }
        return (text(), text())
    }

    @inlinable mutating func text() -> Range<Int> {
        var length = 0
        var shift = 0
        while true {
            precondition(at < base.count && shift < 35, "label bytes that are not canonical")
            let byte = base[at]
            at += 1
            length |= Int(byte & 0x7f) << shift
            if byte < 0x80 { break }
            shift += 7
        }
        precondition(length <= base.count - at, "label bytes that are not canonical")
        defer { at += length }
        return at..<at + length
    }
}
