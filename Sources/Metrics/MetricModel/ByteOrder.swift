#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Label texts are bytes: two spellings of one character are two labels, and order is byte order. Swift's own `==` and
/// `<` compare by canonical equivalence.
extension String {
    public func hasSameBytes(as other: String) -> Bool {
        let (count, others) = (utf8.count, other.utf8.count)
        guard count == others else { return false }
        let answer = utf8.withContiguousStorageIfAvailable { a in
            other.utf8.withContiguousStorageIfAvailable { b in
                guard let x = a.baseAddress, let y = b.baseAddress else { return true }
                return memcmp(x, y, count) == 0
            }
        }
        if case .some(.some(let same)) = answer { return same }
        return utf8.elementsEqual(other.utf8)
    }
    public func precedesByBytes(_ other: String) -> Bool {
        let (count, others) = (utf8.count, other.utf8.count)
        let answer = utf8.withContiguousStorageIfAvailable { a in
            other.utf8.withContiguousStorageIfAvailable { b in
                guard let x = a.baseAddress, let y = b.baseAddress else { return count < others }
                let order = memcmp(x, y, min(count, others))
                return order == 0 ? count < others : order < 0
            }
        }
        if case .some(.some(let precedes)) = answer { return precedes }
        return utf8.lexicographicallyPrecedes(other.utf8)
    }
}
