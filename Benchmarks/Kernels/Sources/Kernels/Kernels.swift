import CKernels
import Columnar
import Encodings
import Glibc
import Platform

/// Each kernel beside the same in C: interleaved, thread CPU time, medians. Prints one line a kernel: millions of values
/// (checksums: megabytes) a second in C, in ours, and ours in per cent of C. Results are compared bit for bit first.
@main
struct Kernels {
    static let count = 64 * 1024
    static let rounds = 41

    static func main() throws {
        print("kernel | C | ours | %")
        try deltas()
        try codes()
        try doubles()
        try decimals()
        checksums()
    }

    // MARK: measuring

    static func nanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    static func compare(_ name: String, per units: Int = count, _ c: () -> Void, _ ours: () throws -> Void) rethrows {
        var times: (c: [UInt64], ours: [UInt64]) = ([], [])
        for _ in 0..<rounds {
            let start = nanoseconds()
            for _ in 0..<8 { c() }
            let middle = nanoseconds()
            for _ in 0..<8 { try ours() }
            times.ours.append(nanoseconds() - middle)
            times.c.append(middle - start)
        }
        func speed(_ times: [UInt64]) -> Double { Double(units * 8) * 1_000 / Double(times.sorted()[times.count / 2]) }
        let (c, ours) = (speed(times.c), speed(times.ours))
        print("\(name) | \(Int(c)) | \(Int(ours)) | \(Int(ours / c * 100))")
    }

    static func room<T>(_ type: T.Type, _ count: Int = count) -> UnsafeMutablePointer<T> {
        let bytes = UnsafeMutableRawPointer.allocate(byteCount: count * MemoryLayout<T>.stride + 64, alignment: 64)
        memset(bytes, 0, count * MemoryLayout<T>.stride + 64)
        return bytes.bindMemory(to: T.self, capacity: count)
    }

    static func check(_ isSame: Bool, _ what: String) {
        if !isSame { print("DIFFERENT: \(what)") }
    }

    // MARK: kernels

    /// Counters with two decimals as integers; times with 3 ms of noise.
    static func deltas() throws {
        var random = SeededGenerator(seed: 1)
        var counter: Int64 = 1 << 40
        var time: Int64 = 1_700_000_000_000
        let counters = (0..<count).map { _ in
            counter += Int64.random(in: 0...1500, using: &random)
            return counter
        }
        let times = (0..<count).map { _ in
            time += 15_000
            return time + Int64.random(in: -3...3, using: &random)
        }
        let out = room(Int64.self)
        let bytes = room(UInt8.self, count * 9)
        for (name, values) in [("counters", counters), ("times", times)] {
            for form in [DeltaBinaryPacked.Form.tight, .byte] {
                var encoded: [UInt8] = []
                DeltaBinaryPacked.encode(values, form: form, into: &encoded)
                let size = values.withUnsafeBufferPointer {
                    c_delta_encode($0.baseAddress, count, form == .tight ? 1 : 0, bytes)
                }
                check(encoded.elementsEqual(UnsafeBufferPointer(start: bytes, count: size)), "encode \(name) \(form)")
                compare("delta encode, \(name), \(form)") {
                    values.withUnsafeBufferPointer {
                        _ = c_delta_encode($0.baseAddress, count, form == .tight ? 1 : 0, bytes)
                    }
                } _: {
                    encoded.removeAll(keepingCapacity: true)
                    DeltaBinaryPacked.encode(values, form: form, into: &encoded)
                }
                var decoded: [Int64] = []
                _ = c_delta_decode(bytes, count, out)
                check(values.elementsEqual(UnsafeBufferPointer(start: out, count: count)), "C decode \(name) \(form)")
                try compare("delta decode, \(name), \(form)") {
                    _ = c_delta_decode(bytes, count, out)
                } _: {
                    decoded.removeAll(keepingCapacity: true)
                    try encoded.withUnsafeBytes { _ = try DeltaBinaryPacked.decode($0, count: count, into: &decoded) }
                }
                check(decoded == values, "decode \(name) \(form)")
            }
        }
    }

    static func codes() throws {
        var random = SeededGenerator(seed: 2)
        let out = room(UInt32.self)
        for width in [1, 3, 7, 12, 20, 31] {
            let values = (0..<count).map { _ in UInt32.random(in: 0..<1 << UInt32(width), using: &random) }
            var encoded: [UInt8] = []
            RunLengthHybrid.encode(values, width: width, into: &encoded)
            var packed: [UInt8] = []
            // One packed stretch, as C gets it: header of 3 bytes for 64 Ki values.
            packed = [UInt8](repeating: 0, count: count * width / 8 + 64)
            for (i, value) in values.enumerated() {
                for bit in 0..<width where value >> UInt32(bit) & 1 == 1 {
                    packed[(i * width + bit) / 8] |= 1 << UInt8((i * width + bit) % 8)
                }
            }
            let stretch = varint(UInt64(count / 8) << 1 | 1) + packed
            var decoded: [UInt32] = []
            try compare("unpack \(width) bits") {
                packed.withUnsafeBufferPointer { c_unpack($0.baseAddress, CInt(width), count, out) }
            } _: {
                decoded.removeAll(keepingCapacity: true)
                try stretch.withUnsafeBytes {
                    _ = try RunLengthHybrid.decode($0, width: width, count: count, into: &decoded)
                }
            }
            check(decoded == values, "unpack \(width)")
        }
        let entries = (0..<1000).map { Double($0) / 10 }
        let values = (0..<count).map { _ in UInt32.random(in: 0..<1000, using: &random) }
        let target = room(Double.self)
        var gathered: [Double] = []
        var bad: CInt = 0
        try compare("dictionary gather, 1,000 doubles") {
            values.withUnsafeBufferPointer { codes in
                entries.withUnsafeBufferPointer {
                    c_gather($0.baseAddress, 1000, codes.baseAddress, count, target, &bad)
                }
            }
        } _: {
            gathered.removeAll(keepingCapacity: true)
            try DictionaryEncoding.gather(entries, by: values, into: &gathered)
        }
        check(gathered.elementsEqual(UnsafeBufferPointer(start: target, count: count)), "gather")
    }

    static func varint(_ value: UInt64) -> [UInt8] {
        var rest = value
        var bytes: [UInt8] = []
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }

    static func doubles() throws {
        var random = SeededGenerator(seed: 3)
        let values = (0..<count).map { _ in Double.random(in: 0...1e6, using: &random) }
        let bytes = room(UInt8.self, count * 8)
        let out = room(Double.self)
        var encoded: [UInt8] = []
        var decoded: [Double] = []
        compare("byte-stream split, doubles") {
            values.withUnsafeBufferPointer { c_split($0.baseAddress, count, bytes) }
        } _: {
            encoded.removeAll(keepingCapacity: true)
            ByteStreamSplit.encode(values, into: &encoded)
        }
        check(encoded.elementsEqual(UnsafeBufferPointer(start: bytes, count: count * 8)), "split")
        try compare("byte-stream join, doubles") {
            c_join(bytes, count, out)
        } _: {
            decoded.removeAll(keepingCapacity: true)
            try encoded.withUnsafeBytes { _ = try ByteStreamSplit.decode($0, count: count, into: &decoded) }
        }
        check(decoded == values, "join")
        encoded.removeAll(keepingCapacity: true)
        PlainEncoding.encode(values, into: &encoded)
        try compare("plain doubles") {
            encoded.withUnsafeBufferPointer { c_copy($0.baseAddress, count, out) }
        } _: {
            decoded.removeAll(keepingCapacity: true)
            try encoded.withUnsafeBytes { _ = try PlainEncoding.decode($0, count: count, into: &decoded) }
        }
    }

    /// Two decimals.
    static func decimals() throws {
        var random = SeededGenerator(seed: 4)
        let values = (0..<count).map { _ in Double(Int.random(in: 0...10_000_000, using: &random)) / 100 }
        let integers = room(Int64.self)
        let out = room(Double.self)
        var scaled: [Int64] = []
        compare("doubles to integers over 100") {
            values.withUnsafeBufferPointer { _ = c_scale($0.baseAddress, count, 100, integers) }
        } _: {
            scaled.removeAll(keepingCapacity: true)
            values.withUnsafeBufferPointer { _ = DecimalScaling.append($0, to: &scaled) }
        }
        check(scaled.elementsEqual(UnsafeBufferPointer(start: integers, count: count)), "scale")
        var restored: [Double] = []
        compare("integers over 100 to doubles") {
            c_restore(integers, count, 100, out)
        } _: {
            restored.removeAll(keepingCapacity: true)
            DecimalScaling.restore(
                UnsafeBufferPointer(start: integers, count: count), divisor: 100, into: &restored)
        }
        check(restored == values, "restore")
    }

    static func checksums() {
        var random = SeededGenerator(seed: 5)
        for size in [4096, 65536] {
            let bytes = (0..<size).map { _ in UInt8.random(in: 0 ... .max, using: &random) }
            var (a, b): (UInt32, UInt32) = (0, 0)
            compare("CRC-32 of \(size) bytes, MB/s", per: size) {
                bytes.withUnsafeBufferPointer { a = c_crc32($0.baseAddress, size) }
            } _: {
                b = CRC32.checksum(bytes)
            }
            check(a == b, "CRC-32")
            compare("CRC-32C of \(size) bytes, MB/s", per: size) {
                bytes.withUnsafeBufferPointer { a = c_crc32c($0.baseAddress, size) }
            } _: {
                b = CRC32C.checksum(bytes)
            }
            check(a == b, "CRC-32C")
        }
    }
}
