public import Columnar

/// Distinct values in the order of their first occurrence, and a code per value.
///
/// - Doubles are told apart by their bits: -0.0 and every NaN keep theirs.
public enum DictionaryEncoding {
    static let name = "RLE_DICTIONARY"

    /// nil when there are more than `limit` distinct values.
    public static func encode(
        _ values: [Int64], limit: Int = Int(Int32.max)
    ) -> (dictionary: [Int64], codes: [UInt32])? {
        var table = CodeTable()
        var dictionary: [Int64] = []
        var codes: [UInt32] = []
        codes.reserveCapacity(values.count)
        for (i, value) in values.enumerated() {
            // Columns come sorted or in runs: most values are the one before.
            if i > 0 && value == values[i - 1] {
                codes.append(codes[i - 1])
                continue
            }
            var hasher = Hasher()
            hasher.combine(value)
            let (code, isNew) = table.code(hash: hasher.finalize()) { dictionary[Int($0)] == value }
            if isNew {
                guard dictionary.count < limit else { return nil }
                dictionary.append(value)
            }
            codes.append(code)
        }
        return (dictionary, codes)
    }

    public static func encode(
        _ values: [Double], limit: Int = Int(Int32.max)
    ) -> (dictionary: [Double], codes: [UInt32])? {
        let bits = values.map { Int64(bitPattern: $0.bitPattern) }
        guard let (dictionary, codes) = encode(bits, limit: limit) else { return nil }
        return (dictionary.map { Double(bitPattern: UInt64(bitPattern: $0)) }, codes)
    }

    public static func encode(
        _ values: BytesColumn, limit: Int = Int(Int32.max)
    ) -> (dictionary: BytesColumn, codes: [UInt32])? {
        var table = CodeTable()
        var dictionary = BytesColumn()
        var codes: [UInt32] = []
        codes.reserveCapacity(values.count)
        for i in 0..<values.count {
            if i > 0 && values.compare(i, with: values, i - 1) == 0 {
                codes.append(codes[i - 1])
                continue
            }
            var hasher = Hasher()
            values[i].withUnsafeBytes { hasher.combine(bytes: $0) }
            let (code, isNew) = table.code(hash: hasher.finalize()) {
                dictionary.compare(Int($0), with: values, i) == 0
            }
            if isNew {
                guard dictionary.count < limit else { return nil }
                dictionary.append(values[i])
            }
            codes.append(code)
        }
        return (dictionary, codes)
    }

    /// Appends dictionary[code] for each code. The codes come from a file: any value is possible.
    public static func gather(
        _ dictionary: [Int64], by codes: [UInt32], into values: inout [Int64]
    ) throws(EncodingError) { try gatherFixed(dictionary, codes, &values) }

    public static func gather(
        _ dictionary: [Double], by codes: [UInt32], into values: inout [Double]
    ) throws(EncodingError) { try gatherFixed(dictionary, codes, &values) }

    public static func gather(
        _ dictionary: [Int32], by codes: [UInt32], into values: inout [Int32]
    ) throws(EncodingError) { try gatherFixed(dictionary, codes, &values) }

    public static func gather(
        _ dictionary: [Float], by codes: [UInt32], into values: inout [Float]
    ) throws(EncodingError) { try gatherFixed(dictionary, codes, &values) }

    /// - Parameter limit: the most bytes that the values may have together: one long entry may be meant very often.
    public static func gather(
        _ dictionary: BytesColumn, by codes: [UInt32], limit: Int, into values: inout BytesColumn
    ) throws(EncodingError) {
        try check(codes, dictionary.count)
        var total = 0
        for code in codes {  // each code < dictionary.count
            total += dictionary.offsets[Int(code) + 1] - dictionary.offsets[Int(code)]
            guard total <= limit else { throw EncodingError(name, "more than \(limit) bytes of values") }
        }
        var offsets = values.offsets
        var content = values.bytes
        values = BytesColumn()  // one holder each: they grow in place
        offsets.reserveCapacity(offsets.count + codes.count)
        content.reserveCapacity(content.count + total)
        for code in codes {
            content.append(contentsOf: dictionary[Int(code)])
            offsets.append(content.count)
        }
        values = BytesColumn(offsets: offsets, bytes: content)
    }

    private static func check(_ codes: [UInt32], _ count: Int) throws(EncodingError) {
        var highest: UInt32 = 0
        for code in codes { highest = max(highest, code) }
        guard codes.isEmpty || Int(highest) < count else {
            throw EncodingError(name, "code \(highest) in a dictionary of \(count)")
        }
    }

    private static func gatherFixed<T: BitwiseCopyable>(
        _ dictionary: [T], _ codes: [UInt32], _ values: inout [T]
    ) throws(EncodingError) {
        try check(codes, dictionary.count)
        dictionary.withUnsafeBufferPointer { dictionary in
            values.append(addingCapacity: codes.count) { (span: inout OutputSpan<T>) in
                span.withUnsafeMutableBufferPointer { buffer, initialized in
                    for i in 0..<codes.count {  // each code < dictionary.count
                        buffer.initializeElement(at: i, to: dictionary[Int(codes[i])])
                    }
                    initialized = codes.count
                }
            }
        }
    }
}

/// Hash to code with open addressing; the hash is keyed per process (`Hasher`), so nobody can aim at its collisions.
private struct CodeTable {
    private static let free = UInt32.max
    private var slots = [UInt32](repeating: free, count: 64)
    private var hashes: [Int] = []  // by code

    /// The code for which `isSame` holds, or the next new one.
    mutating func code(hash: Int, isSame: (UInt32) -> Bool) -> (code: UInt32, isNew: Bool) {
        if hashes.count * 2 >= slots.count { grow() }
        var slot = hash & (slots.count - 1)
        while slots[slot] != Self.free {
            let code = slots[slot]
            if hashes[Int(code)] == hash && isSame(code) { return (code, false) }
            slot = (slot + 1) & (slots.count - 1)
        }
        let code = UInt32(hashes.count)
        slots[slot] = code
        hashes.append(hash)
        return (code, true)
    }

    private mutating func grow() {
        slots = [UInt32](repeating: Self.free, count: slots.count * 2)
        for (code, hash) in hashes.enumerated() {
            var slot = hash & (slots.count - 1)
            while slots[slot] != Self.free { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(code)
        }
    }
}
