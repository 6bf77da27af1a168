/// Text that JSON takes as it is: without quotes, backslashes and control characters. Hardly any label is another.
enum PlainText {
    /// Copies eight bytes at a time and looks at them meanwhile.
    /// - Parameters:
    ///   - text: any bytes.
    ///   - out: room for as many.
    /// - Returns: whether all of it is plain.
    @inline(__always)
    static func copy(_ text: UnsafeRawBufferPointer, to out: UnsafeMutableRawPointer) -> Bool {
        guard let from = text.baseAddress else { return true }
        let count = text.count
        var marks: UInt64 = 0
        if count >= 8 {
            var at = 0
            // The last eight may overlap those before.
            while at < count {
                let place = min(at, count &- 8)
                let word = from.loadUnaligned(fromByteOffset: place, as: UInt64.self)
                out.storeBytes(of: word, toByteOffset: place, as: UInt64.self)
                marks |= self.marks(word)
                at &+= 8
            }
        } else if count >= 4 {
            let first = from.loadUnaligned(as: UInt32.self)
            let last = from.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
            out.storeBytes(of: first, as: UInt32.self)
            out.storeBytes(of: last, toByteOffset: count &- 4, as: UInt32.self)
            marks = self.marks(UInt64(first) | UInt64(last) << 32)
        } else {
            for at in 0..<count {
                let byte = from.load(fromByteOffset: at, as: UInt8.self)
                out.storeBytes(of: byte, toByteOffset: at, as: UInt8.self)
                marks |= self.marks(UInt64(byte) | 0x2020_2020_2020_2000)
            }
        }
        return marks == 0
    }

    /// 0 when none of the eight bytes is special; else not.
    @inline(__always)
    private static func marks(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quotes = word ^ (ones &* 0x22)
        let backslashes = word ^ (ones &* 0x5c)
        let below = (word &- ones &* 0x20) & ~word
        return (below | (quotes &- ones) & ~quotes | (backslashes &- ones) & ~backslashes) & (ones &* 0x80)
    }
}
