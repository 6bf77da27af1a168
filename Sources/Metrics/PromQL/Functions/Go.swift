import Glibc

/// Arithmetic where Go's standard library and C's differ in the corner cases.
enum Go {
    /// `math.Max`: NaN wins, except against +Inf; +0 above −0.
    static func maximum(_ a: Double, _ b: Double) -> Double {
        if a == .infinity || b == .infinity { return .infinity }
        if a.isNaN || b.isNaN { return .nan }
        if a == 0 && b == 0 { return a.sign == .minus ? b : a }
        return a > b ? a : b
    }

    /// `math.Min`: NaN wins, except against −Inf; −0 below +0.
    static func minimum(_ a: Double, _ b: Double) -> Double {
        if a == -.infinity || b == -.infinity { return -.infinity }
        if a.isNaN || b.isNaN { return .nan }
        if a == 0 && b == 0 { return a.sign == .minus ? a : b }
        return a < b ? a : b
    }

    /// `int64(x)` on amd64: towards zero, the lowest integer for what does not fit.
    static func integer(_ value: Double) -> Int64 {
        value >= -9_223_372_036_854_775_808 && value < 9_223_372_036_854_775_808 ? Int64(value) : .min
    }

    /// `time.Duration.Seconds()`.
    static func seconds(milliseconds: Int64) -> Double {
        Double(milliseconds / 1_000) + Double(milliseconds % 1_000 * 1_000_000) / 1e9
    }

    /// Up to so many elements Go sorts by insertion.
    static let stableCount = 12

    /// `sort.Sort` for up to 12 elements, which is insertion sort: the order of elements that its `less` does not
    /// tell apart, and of NaN, follows. Above that Go's order of equals is nobody's promise; a stable one is taken.
    static func sort<Element>(_ elements: inout [Element], by less: (Element, Element) -> Bool) {
        guard elements.count <= stableCount else {
            elements.sort(by: less)
            return
        }
        for i in elements.indices.dropFirst() {
            var j = i
            while j > 0, less(elements[j], elements[j - 1]) {
                elements.swapAt(j, j - 1)
                j -= 1
            }
        }
    }
}
