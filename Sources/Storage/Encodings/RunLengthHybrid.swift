/// Parquet's RLE / bit-packing hybrid: levels and dictionary codes of `width` bits (0 … 32), as runs of one value and
/// stretches of packed fields. Without the length or width that the page puts before it.
public enum RunLengthHybrid {
    static let name = "RLE"

    /// One value, `count` times.
    public struct Run: Hashable, Sendable {
        public var value: UInt32
        public var count: Int
        public init(value: UInt32, count: Int) {
            self.value = value
            self.count = count
        }
    }

    /// Bits needed for codes up to `largest`.
    public static func width(forLargest largest: UInt32) -> Int { 32 - largest.leadingZeroBitCount }

    /// Appends exactly `count` codes; returns the bytes consumed.
    @discardableResult
    public static func decode(
        _ bytes: UnsafeRawBufferPointer, width: Int, count: Int, into codes: inout [UInt32]
    ) throws(EncodingError) -> Int {
        var cursor = BorrowedCursor(bytes, name)
        try check(width, count)
        try codes.append(addingCapacity: count) { (span: inout OutputSpan<UInt32>) throws(EncodingError) in
            try span.withUnsafeMutableBufferPointer { (buffer, initialized) throws(EncodingError) in
                guard let out = buffer.baseAddress else { return }
                var done = 0
                while done < count {
                    switch try stretch(&cursor, width, left: count - done) {
                    case .run(let run):
                        (out + done).initialize(repeating: run.value, count: run.count)
                        done += run.count
                    case .packed(let offset, let fields):
                        unpack(bytes, offset, width, fields, out + done)
                        done += fields
                    }
                }
                initialized = count
            }
        }
        return cursor.offset
    }

    /// `count` codes as runs, neighbours unequal: nothing is expanded that the writer did not pack.
    public static func decodeRuns(
        _ bytes: UnsafeRawBufferPointer, width: Int, count: Int
    ) throws(EncodingError) -> [Run] {
        try measuredRuns(bytes, width: width, count: count).runs
    }

    /// The same, and how many bytes they take.
    public static func measuredRuns(
        _ bytes: UnsafeRawBufferPointer, width: Int, count: Int
    ) throws(EncodingError) -> (runs: [Run], size: Int) {
        var cursor = BorrowedCursor(bytes, name)
        try check(width, count)
        var runs: [Run] = []
        var done = 0
        while done < count {
            switch try stretch(&cursor, width, left: count - done) {
            case .run(let run):
                append(run, to: &runs)
                done += run.count
            case .packed(let offset, let fields):
                withUnsafeTemporaryAllocation(of: UInt32.self, capacity: fields) { scratch in
                    guard let out = scratch.baseAddress else { return }
                    unpack(bytes, offset, width, fields, out)
                    for i in 0..<fields { append(Run(value: out[i], count: 1), to: &runs) }
                }
                done += fields
            }
        }
        return (runs, cursor.offset)
    }

    private static func append(_ run: Run, to runs: inout [Run]) {
        if let last = runs.indices.last, runs[last].value == run.value {
            runs[last].count += run.count
        } else if run.count > 0 {
            runs.append(run)
        }
    }

    private static func check(_ width: Int, _ count: Int) throws(EncodingError) {
        guard width >= 0 && width <= 32 else { throw EncodingError(name, "codes of \(width) bits") }
        guard count >= 0 else { throw EncodingError(name, "\(count) codes") }
    }

    private enum Stretch {
        case run(Run)
        /// So many fields from this byte on; they are there.
        case packed(offset: Int, fields: Int)
    }

    /// The next run or packed stretch, cut to what is `left`.
    private static func stretch(
        _ cursor: inout BorrowedCursor, _ width: Int, left: Int
    ) throws(EncodingError) -> Stretch {
        let header = try cursor.varint("header of a run")
        if header & 1 == 0 {
            let size = (width + 7) / 8
            let offset = try cursor.take(size, "the value of a run")
            var value: UInt32 = 0
            for i in 0..<size { value |= UInt32(cursor.bytes[offset + i]) &<< UInt32(8 * i) }
            guard width == 32 || value >> UInt32(width) == 0 else {
                throw EncodingError(name, "the value \(value) in \(width) bits")
            }
            return .run(Run(value: value, count: Int(min(header >> 1, UInt64(left)))))
        }
        // Compared before multiplying: the header may claim anything.
        let fields = header >> 1 >= UInt64(left) / 8 + 1 ? left : min(left, Int(header >> 1) * 8)
        let offset = cursor.offset
        guard (fields * width + 7) / 8 <= cursor.remaining else {
            throw EncodingError(name, "it ends inside packed codes at byte \(cursor.bytes.count)")
        }
        let size = (header >> 1).multipliedReportingOverflow(by: UInt64(width))
        cursor.skip(atMost: size.overflow ? .max : Int(clamping: size.partialValue))
        return .packed(offset: offset, fields: fields)
    }

    /// `fields` codes from `offset` on; the bytes that hold them were checked to be there.
    private static func unpack(
        _ bytes: UnsafeRawBufferPointer, _ offset: Int, _ width: Int, _ fields: Int, _ out: UnsafeMutablePointer<UInt32>
    ) {
        guard width > 0, let start = bytes.baseAddress else {
            out.initialize(repeating: 0, count: fields)
            return
        }
        var done = 0
        var at = offset
        // A step reads at most 8 bytes beyond its group.
        while fields - done >= 32 && at + 4 * width + 8 <= bytes.count {
            unpackCodes(width, start + at, out + done)
            done += 32
            at += 4 * width
        }
        while done < fields {
            let wanted = min(32, fields - done)
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 34 + 32) { scratch in
                guard let copy = scratch.baseAddress else { return }
                scratch.initialize(repeating: 0)
                UnsafeMutableRawPointer(copy).copyMemory(
                    from: start + at, byteCount: min(4 * width, bytes.count - at))
                unpackCodes(width, UnsafeRawPointer(copy), copy + 34)
                (out + done).initialize(from: copy + 34, count: wanted)
            }
            done += wanted
            at += 4 * width
        }
    }
}
