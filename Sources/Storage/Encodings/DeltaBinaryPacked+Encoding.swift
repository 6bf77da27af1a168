extension DeltaBinaryPacked {
    /// Appends `values` in the given form; see `Form` for which to choose.
    public static func encode(_ values: [Int64], form: Form, into bytes: inout [UInt8]) {
        values.withUnsafeBufferPointer { encode($0, form: form, into: &bytes) }
    }

    public static func encode(_ values: UnsafeBufferPointer<Int64>, form: Form, into bytes: inout [UInt8]) {
        bytes.appendVarint(UInt64(form.blockSize))
        bytes.appendVarint(UInt64(form.blockSize / group))
        bytes.appendVarint(UInt64(values.count))
        bytes.appendZigzag(values.first ?? 0)
        guard values.count > 1 else { return }
        let pageReference = form == .byte ? byteReference(of: values) : 0
        let differences = values.count - 1
        let most = form.blockSize
        withUnsafeTemporaryAllocation(of: Int64.self, capacity: 2 * most) { scratch in
            let block = UnsafeMutableBufferPointer(rebasing: scratch[..<most])
            let packed = UnsafeMutableBufferPointer(rebasing: scratch[most...])
            var start = 0
            while start < differences {
                let count = min(most, differences - start)
                for i in 0..<count {  // start + count ≤ differences < values.count
                    block[i] = values[start &+ i &+ 1] &- values[start &+ i]
                }
                encode(block, count, form, pageReference, packed, into: &bytes)
                start += count
            }
        }
    }

    /// One block of `count` differences. `block` and `packed` have room for the block size.
    private static func encode(
        _ block: UnsafeMutableBufferPointer<Int64>, _ count: Int, _ form: Form, _ pageReference: Int64,
        _ packed: UnsafeMutableBufferPointer<Int64>, into bytes: inout [UInt8]
    ) {
        let used = (count + group - 1) / group
        withUnsafeTemporaryAllocation(of: Extent.self, capacity: used) { extents in
            for miniblock in 0..<used {
                let start = miniblock * group
                extents.initializeElement(at: miniblock, to: Extent(of: block, start..<min(start + group, count)))
            }
            let all = UnsafeBufferPointer(extents)
            let reference = form == .byte ? pageReference : tightReference(all)
            // Padding packs as zeros.
            for i in count..<used * group { block[i] = reference }

            bytes.appendZigzag(reference)
            guard let out = packed.baseAddress.map({ UnsafeMutableRawPointer($0) }) else { return }
            var size = 0
            for miniblock in 0..<form.blockSize / group {
                guard miniblock < used else {
                    bytes.append(0)
                    continue
                }
                let exact = all[miniblock].width(from: reference)
                let width = form == .byte ? wholeBytes(exact) : exact
                bytes.append(UInt8(truncatingIfNeeded: width))
                // 32 · 64 bits at most: the room of its values.
                pack(block, from: miniblock * group, reference, width, out + size)
                size += 4 * width
            }
            bytes.append(
                contentsOf: UnsafeBufferPointer(start: out.assumingMemoryBound(to: UInt8.self), count: size))
        }
    }

    /// The least and the largest difference of a miniblock.
    private struct Extent {
        var least: Int64
        var largest: Int64

        init(of block: UnsafeMutableBufferPointer<Int64>, _ range: Range<Int>) {
            least = .max
            largest = .min
            for i in range {
                let difference = block[i]
                least = min(least, difference)
                largest = max(largest, difference)
            }
        }
        init(least: Int64, largest: Int64) {
            self.least = least
            self.largest = largest
        }

        /// Bits per value; a difference below the reference wraps, which takes all 64.
        @inline(__always) func width(from reference: Int64) -> Int {
            if least < reference { return 64 }
            return 64 - UInt64(bitPattern: largest &- reference).leadingZeroBitCount
        }
    }

    @inline(__always) private static func wholeBytes(_ width: Int) -> Int {
        width <= 32 ? (width + 7) & ~7 : 64
    }

    /// The miniblock minimum with the least total width.
    private static func tightReference(_ extents: UnsafeBufferPointer<Extent>) -> Int64 {
        var best = extents[0].least
        var bestWidth = Int.max
        var tried: Int64?
        for candidate in extents where candidate.least != tried {
            tried = candidate.least
            var total = 0
            for extent in extents { total &+= extent.width(from: candidate.least) }
            if total < bestWidth {
                bestWidth = total
                best = candidate.least
            }
        }
        return best
    }

    /// Of 24 quantiles of the page's miniblock minima the one with the least total width in whole bytes.
    private static func byteReference(of values: UnsafeBufferPointer<Int64>) -> Int64 {
        let differences = values.count - 1
        let used = (differences + group - 1) / group
        return withUnsafeTemporaryAllocation(of: Extent.self, capacity: used) { extents in
            for miniblock in 0..<used {
                let start = miniblock * group
                var extent = Extent(least: .max, largest: .min)
                for i in start..<min(start + group, differences) {
                    let difference = values[i &+ 1] &- values[i]
                    extent.least = min(extent.least, difference)
                    extent.largest = max(extent.largest, difference)
                }
                extents.initializeElement(at: miniblock, to: extent)
            }
            let minima = extents.map(\.least).sorted()
            var best = minima[0]
            var bestWidth = Int.max
            var tried: Int64?
            for quantile in 0..<24 {
                let candidate = minima[quantile * (used - 1) / 23]
                if candidate == tried { continue }
                tried = candidate
                var total = 0
                for extent in extents {
                    total &+= wholeBytes(extent.width(from: candidate))
                    if total >= bestWidth { break }
                }
                if total < bestWidth {
                    bestWidth = total
                    best = candidate
                }
            }
            return best
        }
    }

    /// 32 fields of `width` bits at `out`, least significant bit first. `out` is 4-aligned and has room for 4 · width bytes.
    private static func pack(
        _ block: UnsafeMutableBufferPointer<Int64>, from start: Int, _ reference: Int64, _ width: Int,
        _ out: UnsafeMutableRawPointer
    ) {
        guard let source = block.baseAddress.map({ $0 + start }) else { return }
        switch width {
        case 0: return
        case 8:
            for i in 0..<group {
                out.storeBytes(of: UInt8(truncatingIfNeeded: source[i] &- reference), toByteOffset: i, as: UInt8.self)
            }
        case 16:
            for i in 0..<group {
                out.storeBytes(
                    of: UInt16(truncatingIfNeeded: source[i] &- reference), toByteOffset: 2 &* i, as: UInt16.self)
            }
        case 32:
            for i in 0..<group {
                out.storeBytes(
                    of: UInt32(truncatingIfNeeded: source[i] &- reference), toByteOffset: 4 &* i, as: UInt32.self)
            }
        case 64:
            for i in 0..<group {
                out.storeBytes(of: source[i] &- reference, toByteOffset: 8 &* i, as: Int64.self)
            }
        default:
            var word: UInt64 = 0
            var filled = 0  // bits of `word`, < 64
            var offset = 0
            for i in 0..<group {
                let field = UInt64(bitPattern: source[i] &- reference)
                word |= field &<< UInt64(truncatingIfNeeded: filled)
                filled &+= width
                if filled >= 64 {
                    out.storeBytes(of: word, toByteOffset: offset, as: UInt64.self)
                    offset &+= 8
                    filled &-= 64
                    // The field's bits that did not fit; width < 64, so 1 ≤ shift when there are any.
                    word = filled == 0 ? 0 : field &>> UInt64(truncatingIfNeeded: width &- filled)
                }
            }
            // 32 · width bits are 4 · width bytes: half a word is left when width is odd.
            if filled > 0 {
                out.storeBytes(of: UInt32(truncatingIfNeeded: word), toByteOffset: offset, as: UInt32.self)
            }
        }
    }
}
