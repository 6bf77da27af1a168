extension RunLengthHybrid {
    /// Appends runs only: what a reader can search without expanding. Codes must fit into `width` bits.
    public static func encode(runs: [Run], width: Int, into bytes: inout [UInt8]) {
        precondition(width >= 0 && width <= 32)
        for run in runs where run.count > 0 { appendRun(run, width, &bytes) }
    }

    /// Appends `codes`: eight or more equal ones as a run, the others packed.
    public static func encode(_ codes: [UInt32], width: Int, into bytes: inout [UInt8]) {
        precondition(width >= 0 && width <= 32)
        codes.withUnsafeBufferPointer { codes in
            var packedFrom = 0  // codes from here to `i` wait to be packed
            var i = 0
            while i < codes.count {
                var end = i + 1
                while end < codes.count && codes[end] == codes[i] { end += 1 }
                // Packed stretches come in eights: the run lends what is missing.
                let missing = (8 - (i - packedFrom) % 8) % 8
                if end - i - missing >= 8 {
                    appendPacked(codes, packedFrom..<i + missing, width, &bytes)
                    appendRun(Run(value: codes[i], count: end - i - missing), width, &bytes)
                    packedFrom = end
                }
                i = end
            }
            appendPacked(codes, packedFrom..<codes.count, width, &bytes)
        }
    }

    private static func appendRun(_ run: Run, _ width: Int, _ bytes: inout [UInt8]) {
        precondition(width == 32 || run.value >> UInt32(width) == 0)
        // The header has 32 bits.
        var left = run.count
        while left > 0 {
            let count = min(left, Int(Int32.max))
            bytes.appendVarint(UInt64(count) << 1)
            for i in 0..<(width + 7) / 8 { bytes.append(UInt8(truncatingIfNeeded: run.value >> UInt32(8 * i))) }
            left -= count
        }
    }

    private static func appendPacked(
        _ codes: UnsafeBufferPointer<UInt32>, _ range: Range<Int>, _ width: Int, _ bytes: inout [UInt8]
    ) {
        guard !range.isEmpty else { return }
        let groups = (range.count + 7) / 8
        bytes.appendVarint(UInt64(groups) << 1 | 1)
        var word: UInt64 = 0
        var filled = 0  // bits of `word`, < 8 between codes
        for i in 0..<groups * 8 {
            let code = i < range.count ? codes[range.lowerBound + i] : 0
            precondition(width == 32 || code >> UInt32(width) == 0)
            word |= UInt64(code) << UInt64(filled)
            filled += width
            while filled >= 8 {
                bytes.append(UInt8(truncatingIfNeeded: word))
                word >>= 8
                filled -= 8
            }
        }
    }
}
